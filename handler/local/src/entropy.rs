use pool::ports::Entropy;

/// The operating system's random bytes.
///
/// Not the TLS library's generator, which takes 60 ms of CPU at its first use.
#[derive(Clone, Copy, Debug, Default)]
pub struct OsEntropy;

impl Entropy for OsEntropy {
    #[expect(clippy::panic, reason = "without random bytes nothing here is safe, and no caller could go on")]
    fn fill(&self, buffer: &mut [u8]) {
        if let Err(error) = getrandom::fill(buffer) {
            panic!("the operating system gives no random bytes: {error}");
        }
    }
}

/// 128 random bits as 22 letters of base64url: a version, a receipt or a file name that was never used before.
pub(crate) fn token(entropy: &dyn Entropy) -> String {
    use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
    let mut bytes = [0; 16];
    entropy.fill(&mut bytes);
    URL_SAFE_NO_PAD.encode(bytes)
}
