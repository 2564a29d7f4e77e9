use super::Refused;
use serde_json::{Map, Value};

const LEEWAY_S: f64 = 60.0;
const MAX_LIFETIME_S: f64 = 24.0 * 3600.0;
const MAX_SUBJECT: usize = 255;

/// What a good token says.
#[derive(Clone, Debug, PartialEq)]
pub struct Claims {
    /// The tenant it names. A name, not yet a tenant.
    pub tenant: String,
    /// The user: `sub`.
    pub subject: String,
    /// `roles`, or none.
    pub roles: Vec<String>,
    /// The Unix second from which it is refused, leeway included.
    pub refused_from: i64,
}

impl Claims {
    pub(super) fn read(
        claims: &Map<String, Value>,
        audience: &str,
        tenant_claim: &str,
        now: i64,
    ) -> Result<Self, Refused> {
        if !is_for(claims.get("aud"), audience) {
            return Err(Refused("aud"));
        }
        let subject = text(claims, "sub", Refused("sub"))?;
        if subject.len() > MAX_SUBJECT {
            return Err(Refused("sub"));
        }
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
        Ok(Self {
            tenant: text(claims, tenant_claim, Refused("tenant"))?.to_owned(),
            subject: subject.to_owned(),
            roles: roles(claims.get("roles"))?,
            refused_from: (expires + LEEWAY_S).ceil() as i64,
        })
    }
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

fn roles(claim: Option<&Value>) -> Result<Vec<String>, Refused> {
    match claim {
        None => Ok(Vec::new()),
        Some(Value::Array(roles)) => {
            roles.iter().map(|role| role.as_str().map(str::to_owned).ok_or(Refused("roles"))).collect()
        }
        Some(_) => Err(Refused("roles")),
    }
}
