#![expect(clippy::unwrap_used, reason = "a conformance suite fails by panicking")]

use crate::{
    ports::{DataKey, Keys, PortError, WrappedKey},
    testing::tenant,
};

/// The law of [`Keys`]: a tenant's key unwraps what it wrapped, whole and unaltered, and nothing that another's did.
/// The tenants `conf-a` and `conf-a-eu` have keys.
///
/// # Panics
/// Where the law is broken.
pub async fn keys(keys: &dyn Keys) {
    let [a, b] = ["conf-a", "conf-a-eu"].map(tenant);
    let key = DataKey([7; 32]);
    let (ours, theirs) = (keys.wrap(&a, &key).await.unwrap(), keys.wrap(&b, &key).await.unwrap());
    assert_ne!(ours, theirs);
    assert_eq!(keys.unwrap(&a, &ours).await.unwrap(), key);
    assert_eq!(keys.unwrap(&b, &theirs).await.unwrap(), key);
    assert_eq!(
        keys.unwrap(&a, &WrappedKey::new(ours.as_str())).await.unwrap(),
        key,
        "it can be stored as text"
    );
    for (tenant, foreign) in [(&a, &theirs), (&b, &ours)] {
        let unwrapped = keys.unwrap(tenant, foreign).await;
        assert!(matches!(unwrapped, Err(PortError::Refused(_))), "a foreign key was unwrapped");
    }
    let text = ours.as_str();
    for at in (0..text.len()).filter(|at| text.is_char_boundary(*at) && text.is_char_boundary(at + 1)) {
        let letter = if text.as_bytes()[at] == b'A' { "B" } else { "A" };
        let altered = format!("{}{letter}{}", &text[..at], &text[at + 1..]);
        if altered.eq_ignore_ascii_case(text) {
            continue;
        }
        let unwrapped = keys.unwrap(&a, &WrappedKey::new(altered)).await;
        assert!(matches!(unwrapped, Err(PortError::Refused(_))), "byte {at} does not matter");
    }
    for text in
        ["", " ", ".", "x", &text[..text.len() / 2], &format!("{text}A"), "\0", "https://x/keys/y/z A"]
    {
        let unwrapped = keys.unwrap(&a, &WrappedKey::new(text)).await;
        assert!(matches!(unwrapped, Err(PortError::Refused(_))), "{text:?} is no wrapped key");
    }
    let spoken = format!("{key:?}");
    assert!(!spoken.contains('7'), "a key shows: {spoken}");
}
