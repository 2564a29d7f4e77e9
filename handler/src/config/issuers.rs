//! Whose tokens are believed: one issuer in settings of its own, more in `JWT_ISSUERS`.

use super::DEV_ISSUER;
use pool::token::KeyUrl;
use serde::Deserialize;
use std::path::PathBuf;

/// An issuer of tokens.
#[derive(Clone, Debug)]
pub struct IssuerConfig {
    /// The exact `iss`.
    pub issuer: String,
    /// Our `aud`.
    pub audience: String,
    /// The `aud` of operators of the platform.
    pub platform_audience: Option<String>,
    /// The claim that names the tenant.
    pub tenant_claim: String,
    /// The tenants that it may name; none: any.
    pub tenants: Vec<String>,
    /// Where its keys are.
    pub keys: KeysAt,
}

/// Where an issuer's keys are.
#[derive(Clone, Debug)]
pub enum KeysAt {
    /// In the JWK Set that a discovery document names.
    Discovery(KeyUrl),
    /// In a JWK Set.
    Jwks(KeyUrl),
    /// In a file with a JWK Set.
    File(PathBuf),
}

/// A member of `JWT_ISSUERS`.
#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Entry {
    issuer: String,
    audience: String,
    platform_audience: String,
    tenant_claim: String,
    tenants: Vec<String>,
    discovery_url: String,
    jwks_url: String,
    jwks_file: String,
}

/// What each member of an [`Entry`] is called where it is set.
struct Names {
    issuer: String,
    audience: String,
    discovery_url: String,
    jwks_file: String,
    jwks_url: String,
}

pub(super) fn read(
    text: &impl Fn(&'static str) -> String,
    in_azure: bool,
    faults: &mut Vec<String>,
) -> Vec<IssuerConfig> {
    let more: Vec<Entry> = match text("JWT_ISSUERS").as_str() {
        "" => Vec::new(),
        list => serde_json::from_str(list).unwrap_or_else(|fault| {
            faults.push(format!("JWT_ISSUERS must be a JSON array of issuers: {fault}"));
            Vec::new()
        }),
    };
    let first = Entry {
        issuer: text("JWT_ISSUER"),
        audience: text("JWT_AUDIENCE"),
        platform_audience: text("JWT_PLATFORM_AUDIENCE"),
        discovery_url: text("JWT_DISCOVERY_URL"),
        jwks_file: text("JWT_JWKS_FILE"),
        ..Entry::default()
    };
    let set = [&first.issuer, &first.audience, &first.discovery_url, &first.jwks_file];
    let first = (more.is_empty() || set.iter().any(|value| !value.is_empty())).then(|| {
        let name = |member: &str| format!("JWT_{member}");
        let names = Names {
            issuer: name("ISSUER"),
            audience: name("AUDIENCE"),
            discovery_url: name("DISCOVERY_URL"),
            jwks_file: name("JWKS_FILE"),
            jwks_url: String::new(),
        };
        (names, first)
    });
    let more = more.into_iter().enumerate().map(|(n, entry)| {
        let name = |member: &str| format!("JWT_ISSUERS: /{n}/{member}");
        let names = Names {
            issuer: name("issuer"),
            audience: name("audience"),
            discovery_url: name("discovery_url"),
            jwks_file: name("jwks_file"),
            jwks_url: name("jwks_url"),
        };
        (names, entry)
    });
    let claim = text("JWT_TENANT_CLAIM");
    first
        .into_iter()
        .chain(more)
        .filter_map(|(names, entry)| checked(&names, entry, &claim, in_azure, faults))
        .collect()
}

fn checked(
    names: &Names,
    entry: Entry,
    claim: &str,
    in_azure: bool,
    faults: &mut Vec<String>,
) -> Option<IssuerConfig> {
    for (name, value) in [(&names.issuer, &entry.issuer), (&names.audience, &entry.audience)] {
        if value.is_empty() {
            faults.push(format!("{name} is needed"));
        }
    }
    if in_azure && entry.issuer == DEV_ISSUER {
        let why = "anyone who has its key could be anyone";
        faults.push(format!("{} must not be the development issuer in Azure: {why}", names.issuer));
    }
    let keys = keys(names, &entry, in_azure).map_err(|fault| faults.push(fault)).ok()?;
    let or = |value: String, other: &str| if value.is_empty() { other.to_owned() } else { value };
    Some(IssuerConfig {
        issuer: entry.issuer,
        audience: entry.audience,
        platform_audience: Some(entry.platform_audience).filter(|audience| !audience.is_empty()),
        tenant_claim: or(entry.tenant_claim, claim),
        tenants: entry.tenants,
        keys,
    })
}

/// One of the ways to an issuer's keys. Plain `http` is for servers on a developer's machine.
fn keys(names: &Names, entry: &Entry, in_azure: bool) -> Result<KeysAt, String> {
    let url =
        |name: &str, text: &str| KeyUrl::parse(text, !in_azure).map_err(|rule| format!("{name} {rule}"));
    match (&*entry.discovery_url, &*entry.jwks_url, &*entry.jwks_file) {
        (text, "", "") if !text.is_empty() => Ok(KeysAt::Discovery(url(&names.discovery_url, text)?)),
        ("", text, "") if !text.is_empty() => Ok(KeysAt::Jwks(url(&names.jwks_url, text)?)),
        ("", "", path) if !path.is_empty() => Ok(KeysAt::File(path.into())),
        ("", "", "") => Err(format!("{} or {} is needed", names.discovery_url, names.jwks_file)),
        _ => Err(format!("{}: an issuer's keys must be in one place", names.discovery_url)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;

    fn read(set: &[(&str, &str)], in_azure: bool) -> Result<Vec<IssuerConfig>, Vec<String>> {
        let set: BTreeMap<_, _> = set.iter().copied().collect();
        let mut faults = Vec::new();
        let issuers =
            super::read(&|name| set.get(name).copied().unwrap_or_default().to_owned(), in_azure, &mut faults);
        if faults.is_empty() { Ok(issuers) } else { Err(faults) }
    }

    const FIRST: [(&str, &str); 3] =
        [("JWT_ISSUER", "https://a.example"), ("JWT_AUDIENCE", "api"), ("JWT_TENANT_CLAIM", "t")];

    #[test]
    fn one_issuer_or_many() {
        let from = ("JWT_DISCOVERY_URL", "https://a.example/.well-known/openid-configuration");
        let one = read(&[&FIRST[..], &[from]].concat(), true).unwrap();
        assert!(matches!(
            &one[..],
            [IssuerConfig { keys: KeysAt::Discovery(_), platform_audience: None, .. }]
        ));
        let list = r#"[{"issuer": "https://b.example", "audience": "api", "jwks_url": "https://b.example/keys",
            "tenant_claim": "tid", "tenants": ["contoso"], "platform_audience": "ops"},
            {"issuer": "https://c.example", "audience": "api", "jwks_file": "c.json"}]"#;
        let two = read(&[("JWT_ISSUERS", list), FIRST[2]], true).unwrap();
        let said: Vec<_> =
            two.iter().map(|one| (&*one.issuer, &*one.tenant_claim, one.tenants.len())).collect();
        assert_eq!(said, [("https://b.example", "tid", 1), ("https://c.example", "t", 0)]);
        assert_eq!(two[0].platform_audience.as_deref(), Some("ops"));
        let three = read(&[&FIRST[..], &[from, ("JWT_ISSUERS", list)]].concat(), true).unwrap();
        assert_eq!(three.len(), 3);
    }

    #[test]
    fn every_fault_says_where_it_is() {
        let told = |set: &[(&str, &str)], in_azure, words: &str| {
            let faults = read(set, in_azure).unwrap_err().join("\n");
            assert!(faults.contains(words), "{faults}");
        };
        told(&[], false, "JWT_ISSUER is needed");
        told(&FIRST, false, "JWT_DISCOVERY_URL or JWT_JWKS_FILE is needed");
        let both =
            [&FIRST[..], &[("JWT_DISCOVERY_URL", "https://a.example/x"), ("JWT_JWKS_FILE", "f")]].concat();
        told(&both, false, "one place");
        let plain = [&FIRST[..], &[("JWT_DISCOVERY_URL", "http://127.0.0.1:8080/x")]].concat();
        assert!(read(&plain, false).is_ok());
        told(&plain, true, "JWT_DISCOVERY_URL must be https");
        told(&[("JWT_ISSUERS", "{}")], false, "JWT_ISSUERS must be a JSON array");
        told(&[("JWT_ISSUERS", r#"[{"issuer": "x", "secret": 1}]"#)], false, "unknown field");
        told(
            &[("JWT_ISSUERS", r#"[{"issuer": "x", "jwks_file": "f"}]"#)],
            false,
            "JWT_ISSUERS: /0/audience is needed",
        );
        let dev = format!(r#"[{{"issuer": "{DEV_ISSUER}", "audience": "a", "jwks_file": "f"}}]"#);
        assert!(read(&[("JWT_ISSUERS", &dev)], false).is_ok());
        told(&[("JWT_ISSUERS", &dev)], true, "JWT_ISSUERS: /0/issuer must not be the development issuer");
    }
}
