//! What we sign: jobs that pass through a queue, cursors that pass through a client.
//!
//! A sealed text is `kid.payload.mac`: the key's id, canonical JSON in unpadded base64url, and HMAC-SHA-256 over
//! `purpose ‖ 0x00 ‖ kid ‖ 0x00 ‖ payload` in unpadded base64url. The MAC covers the bytes that travel, so that no
//! other spelling of the same text passes.

use crate::ports::SealedJob;
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD as BASE64};
use hmac::{Hmac, KeyInit, Mac};
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use sha2::Sha256;
use std::collections::BTreeMap;

/// How long a job is good. Longer than a queue keeps it (seven days).
const JOB_LIFETIME_S: i64 = 14 * 24 * 3600;

/// Keys for sealing. The current one seals; any of them opens, so that keys can be rotated.
#[derive(Clone)]
pub struct SealKeys {
    current: String,
    keys: BTreeMap<String, [u8; 32]>,
    names: [u8; 32],
}

impl SealKeys {
    /// Takes keys by their ids; `current` must be among them, and ids are `[A-Za-z0-9_-]`. `names` is the key of
    /// derived names: it is never rotated, because names are stored.
    pub fn new(current: &str, keys: BTreeMap<String, [u8; 32]>, names: [u8; 32]) -> Option<Self> {
        let named = |id: &String| {
            !id.is_empty() && id.bytes().all(|b| b.is_ascii_alphanumeric() || b"_-".contains(&b))
        };
        (keys.contains_key(current) && keys.keys().all(named)).then(|| Self {
            current: current.to_owned(),
            keys,
            names,
        })
    }
}

/// What a job asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Operation {
    /// Make the index agree with a file.
    Ingest,
    /// Drive a run.
    DriveRun,
}

/// A job that a door has opened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Job {
    /// What is asked.
    pub operation: Operation,
    /// Of which file or run.
    pub target: String,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Envelope {
    v: u8,
    tenant: String,
    operation: Operation,
    target: String,
    issued_at: i64,
    expires_at: i64,
}

/// Seals and opens.
pub(crate) struct Sealer(SealKeys);

impl Sealer {
    pub(crate) fn new(keys: SealKeys) -> Self {
        Self(keys)
    }

    pub(crate) fn seal<T: Serialize>(&self, purpose: &str, value: &T) -> Result<String, serde_json::Error> {
        let payload = BASE64.encode(serde_json::to_vec(value)?);
        let kid = &self.0.current;
        let mac = self.mac(purpose, kid, &payload).map(|mac| BASE64.encode(mac.finalize().into_bytes()));
        Ok(format!("{kid}.{payload}.{}", mac.unwrap_or_default()))
    }

    pub(crate) fn open<T: DeserializeOwned>(&self, purpose: &str, sealed: &str) -> Option<T> {
        let mut parts = sealed.split('.');
        let (kid, payload, mac) = (parts.next()?, parts.next()?, parts.next()?);
        if parts.next().is_some() {
            return None;
        }
        self.mac(purpose, kid, payload)?.verify_slice(&BASE64.decode(mac).ok()?).ok()?;
        serde_json::from_slice(&BASE64.decode(payload).ok()?).ok()
    }

    pub(crate) fn job(&self, tenant: &str, job: &Job, now: i64) -> Result<SealedJob, serde_json::Error> {
        let envelope = Envelope {
            v: 1,
            tenant: tenant.to_owned(),
            operation: job.operation,
            target: job.target.clone(),
            issued_at: now,
            expires_at: now + JOB_LIFETIME_S,
        };
        self.seal("job", &envelope).map(SealedJob)
    }

    /// The name of the tenant whose job it is, and the job.
    pub(crate) fn open_job(&self, sealed: &str, operation: Operation, now: i64) -> Option<(String, Job)> {
        let envelope: Envelope = self.open("job", sealed)?;
        let good = envelope.v == 1
            && envelope.operation == operation
            && envelope.issued_at <= now + 60
            && now < envelope.expires_at;
        good.then_some((envelope.tenant, Job { operation, target: envelope.target }))
    }

    /// A keyed hash of parts, for names that must not be guessed.
    pub(crate) fn tag(&self, purpose: &str, parts: &[&str]) -> [u8; 32] {
        let mut hasher = blake3::Hasher::new_keyed(&blake3::derive_key(purpose, &self.0.names));
        for part in parts {
            hasher.update(&(part.len() as u64).to_le_bytes());
            hasher.update(part.as_bytes());
        }
        *hasher.finalize().as_bytes()
    }

    fn mac(&self, purpose: &str, kid: &str, payload: &str) -> Option<Hmac<Sha256>> {
        let mut mac = Hmac::<Sha256>::new_from_slice(self.0.keys.get(kid)?).ok()?;
        for part in [purpose, kid, payload] {
            mac.update(part.as_bytes());
            mac.update(&[0]);
        }
        Some(mac)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sealer(kid: &str, byte: u8) -> Sealer {
        Sealer::new(SealKeys::new(kid, BTreeMap::from([(kid.to_owned(), [byte; 32])]), [9; 32]).unwrap())
    }

    fn job() -> Job {
        Job { operation: Operation::Ingest, target: "file_1".into() }
    }

    #[test]
    fn a_job_opens_as_it_was_sealed() {
        let sealed = sealer("k1", 1).job("contoso", &job(), 1_000).unwrap();
        let opened = sealer("k1", 1).open_job(sealed.as_str(), Operation::Ingest, 1_000).unwrap();
        assert_eq!(opened, ("contoso".to_owned(), job()));
    }

    #[test]
    fn every_altered_byte_breaks_it() {
        let sealer = sealer("k1", 1);
        let sealed = sealer.job("contoso", &job(), 1_000).unwrap().0.into_bytes();
        for at in 0..sealed.len() {
            let mut shorter = sealed.clone();
            shorter.remove(at);
            let altered = (0..=255u8).filter(|byte| *byte != sealed[at]).map(|byte| {
                let mut other = sealed.clone();
                other[at] = byte;
                other
            });
            for other in altered.chain([shorter]) {
                if let Ok(text) = std::str::from_utf8(&other) {
                    assert!(sealer.open_job(text, Operation::Ingest, 1_000).is_none(), "byte {at}");
                }
            }
        }
    }

    #[test]
    fn a_job_is_bound_to_its_operation_time_key_and_purpose() {
        let sealer1 = sealer("k1", 1);
        let sealed = sealer1.job("contoso", &job(), 1_000).unwrap();
        let open =
            |sealer: &Sealer, operation, now| sealer.open_job(sealed.as_str(), operation, now).is_some();
        assert!(!open(&sealer1, Operation::DriveRun, 1_000));
        assert!(!open(&sealer1, Operation::Ingest, 1_000 + JOB_LIFETIME_S));
        assert!(!open(&sealer1, Operation::Ingest, 900));
        assert!(open(&sealer1, Operation::Ingest, 999 + JOB_LIFETIME_S));
        assert!(!open(&sealer("k1", 2), Operation::Ingest, 1_000));
        assert!(!open(&sealer("k2", 1), Operation::Ingest, 1_000));
        assert!(sealer1.open::<serde_json::Value>("cursor", sealed.as_str()).is_none());
        assert!(sealer1.open::<serde_json::Value>("job", sealed.as_str()).is_some());
    }

    #[test]
    fn a_rotated_key_still_opens() {
        let old = sealer("k1", 1).job("contoso", &job(), 1_000).unwrap();
        let keys = BTreeMap::from([("k1".to_owned(), [1; 32]), ("k2".to_owned(), [2; 32])]);
        let both = Sealer::new(SealKeys::new("k2", keys, [9; 32]).unwrap());
        assert!(both.open_job(old.as_str(), Operation::Ingest, 1_000).is_some());
        assert!(both.job("contoso", &job(), 1).unwrap().as_str().starts_with("k2."));
    }

    #[test]
    fn tags_do_not_join() {
        let sealer = sealer("k1", 1);
        assert_ne!(sealer.tag("p", &["contoso", "eu-key"]), sealer.tag("p", &["contoso-eu", "key"]));
        assert_ne!(sealer.tag("p", &["ab", "c"]), sealer.tag("p", &["a", "bc"]));
        assert_ne!(sealer.tag("p", &["a"]), sealer.tag("q", &["a"]));
    }
}
