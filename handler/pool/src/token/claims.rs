use super::{
    Issuer, Refused,
    issuer::{FOREIGN, Trusted},
};
use serde_json::{Map, Value};

const LEEWAY_S: f64 = 60.0;
const MAX_LIFETIME_S: f64 = 24.0 * 3600.0;
const MAX_SUBJECT: usize = 255;
/// The role of an operator.
const PLATFORM: &str = "platform";

/// What a user's good token says.
#[derive(Clone, Debug, PartialEq)]
pub struct Claims {
    /// The tenant it names. A name, not yet a tenant.
    pub tenant: String,
    /// The user: `sub`, and before it, unless the issuer is the first, whose it is.
    pub subject: String,
    /// `roles`, or none.
    pub roles: Vec<String>,
    /// `scp`: words with spaces between, or an array. Or none.
    pub scopes: Vec<String>,
    /// The Unix second from which it is refused, leeway included.
    pub refused_from: i64,
}

impl Claims {
    pub(super) fn read(claims: &Map<String, Value>, trusted: &Trusted, now: i64) -> Result<Self, Refused> {
        let issuer = &trusted.issuer;
        let is_for = |audience: &str| is_for(claims.get("aud"), audience);
        if !is_for(&issuer.audience) || issuer.platform_audience.as_deref().is_some_and(is_for) {
            return Err(Refused("aud"));
        }
        let subject = subject(claims)?;
        if trusted.users.is_empty() && subject.starts_with(FOREIGN) {
            return Err(Refused("sub"));
        }
        let subject = format!("{}{subject}", trusted.users);
        let refused_from = times(claims, now)?;
        let tenant = text(claims, &issuer.tenant_claim, Refused("tenant"))?.to_owned();
        if !issuer.tenants.is_empty() && !issuer.tenants.contains(&tenant) {
            return Err(Refused("issuer_tenant"));
        }
        let roles = texts(claims.get("roles"), Refused("roles"))?;
        let scopes = match claims.get("scp") {
            Some(Value::String(words)) => words.split(' ').map(str::to_owned).collect(),
            other => texts(other, Refused("scp"))?,
        };
        Ok(Self { tenant, subject, roles, scopes, refused_from })
    }
}

/// What a good token of an operator of the platform says.
#[derive(Clone, Debug, PartialEq)]
pub struct Operator {
    /// Who: `sub`.
    pub subject: String,
}

impl Operator {
    pub(super) fn read(claims: &Map<String, Value>, issuer: &Issuer, now: i64) -> Result<Self, Refused> {
        let is_for = |audience: &str| is_for(claims.get("aud"), audience);
        if !issuer.platform_audience.as_deref().is_some_and(is_for) || is_for(&issuer.audience) {
            return Err(Refused("aud"));
        }
        let subject = subject(claims)?;
        times(claims, now)?;
        let roles = texts(claims.get("roles"), Refused("roles"))?;
        if !roles.iter().any(|role| role == PLATFORM) {
            return Err(Refused("roles"));
        }
        Ok(Self { subject })
    }
}

fn subject(claims: &Map<String, Value>) -> Result<String, Refused> {
    let subject = text(claims, "sub", Refused("sub"))?;
    if subject.len() > MAX_SUBJECT { Err(Refused("sub")) } else { Ok(subject.to_owned()) }
}

/// Checks all that is said of time, and tells when the token is refused from.
fn times(claims: &Map<String, Value>, now: i64) -> Result<i64, Refused> {
    let now = now as f64;
    let expires = time(claims, "exp").ok_or(Refused("exp"))?;
    let issued = time(claims, "iat").ok_or(Refused("iat"))?;
    if now >= expires + LEEWAY_S {
        return Err(Refused("expired"));
    }
    if issued > now + LEEWAY_S {
        return Err(Refused("iat"));
    }
    if expires - issued > MAX_LIFETIME_S {
        return Err(Refused("lifetime"));
    }
    if claims.contains_key("nbf") {
        let not_before = time(claims, "nbf").ok_or(Refused("nbf"))?;
        if not_before > now + LEEWAY_S {
            return Err(Refused("nbf"));
        }
    }
    Ok((expires + LEEWAY_S).ceil() as i64)
}

/// A claim that is a string, and not empty.
pub(super) fn text<'a>(
    claims: &'a Map<String, Value>,
    name: &str,
    fault: Refused,
) -> Result<&'a str, Refused> {
    claims.get(name).and_then(Value::as_str).filter(|text| !text.is_empty()).ok_or(fault)
}

fn time(claims: &Map<String, Value>, name: &str) -> Option<f64> {
    claims.get(name)?.as_f64().filter(|seconds| seconds.is_finite() && (0.0..1e11).contains(seconds))
}

fn is_for(claim: Option<&Value>, audience: &str) -> bool {
    match claim {
        Some(Value::String(one)) => one == audience,
        Some(Value::Array(many)) => {
            many.iter().all(Value::is_string) && many.iter().any(|one| one.as_str() == Some(audience))
        }
        _ => false,
    }
}

fn texts(claim: Option<&Value>, fault: Refused) -> Result<Vec<String>, Refused> {
    match claim {
        None => Ok(Vec::new()),
        Some(Value::Array(texts)) => {
            texts.iter().map(|text| text.as_str().map(str::to_owned).ok_or(fault)).collect()
        }
        Some(_) => Err(fault),
    }
}
