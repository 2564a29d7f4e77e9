//! An answer, and what is true of every one.

use crate::{canary, log::Log};
use reqwest::{StatusCode, header::HeaderMap};
use serde_json::Value;

/// What every answer of the handler carries.
pub const HEADERS: [(&str, &str); 6] = [
    ("x-content-type-options", "nosniff"),
    ("x-frame-options", "DENY"),
    ("strict-transport-security", "max-age=31536000; includeSubDomains"),
    ("content-security-policy", "default-src 'self'"),
    ("cache-control", "no-store"),
    ("x-xss-protection", "0"),
];

/// An answer.
#[derive(Clone, Debug)]
pub struct Answer {
    /// Its status.
    pub status: StatusCode,
    /// Its headers.
    pub headers: HeaderMap,
    /// Its body.
    pub body: Vec<u8>,
}

impl Answer {
    /// Fails unless the status is this one.
    ///
    /// # Panics
    /// If it is not.
    #[track_caller]
    pub fn is(self, status: u16) -> Self {
        assert_eq!(self.status.as_u16(), status, "{}", self.text());
        self
    }

    /// The JSON of a 200.
    ///
    /// # Panics
    /// If it is none.
    #[track_caller]
    pub fn ok(self) -> Value {
        let answer = self.is(200);
        serde_json::from_slice(&answer.body).expect("JSON")
    }

    /// The items of a list.
    ///
    /// # Panics
    /// If it is none.
    #[track_caller]
    pub fn list(self) -> Vec<Value> {
        match self.ok() {
            Value::Array(items) => items,
            other => panic!("no array: {other}"),
        }
    }

    /// The id of what was made.
    ///
    /// # Panics
    /// If there is none.
    #[track_caller]
    pub fn id(self) -> String {
        self.ok()["id"].as_str().expect("an id").to_owned()
    }

    /// A problem (RFC 9457) of this status and type.
    ///
    /// # Panics
    /// If it is none.
    #[track_caller]
    pub fn problem(self, status: u16, kind: &str) -> Value {
        let answer = self.is(status);
        assert_eq!(answer.header("content-type"), "application/problem+json");
        let problem = answer.value();
        assert_eq!(problem["type"], format!("urn:pooled-agents:problem:{kind}"));
        assert_eq!(problem["status"], status);
        assert_eq!(problem["instance"], answer.header("x-request-id"));
        assert!(["title", "detail"].iter().all(|member| problem[*member].is_string()), "{problem}");
        // A 413 names a member where it is one that is too much.
        assert!(status == 413 || problem.get("errors").is_some() == (status == 400), "{problem}");
        problem
    }

    /// A 400 that points to this member.
    ///
    /// # Panics
    /// If it is none.
    #[track_caller]
    pub fn invalid(self, pointer: &str) {
        let problem = self.problem(400, "invalid-request");
        let found = problem["errors"].as_array().expect("errors").iter().any(|error| {
            error["pointer"] == pointer && error["message"].as_str().is_some_and(|text| !text.is_empty())
        });
        assert!(found, "{pointer}: {problem}");
    }

    /// The body as JSON, if it is that.
    pub fn value(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_default()
    }

    /// The body as text.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// A header; empty if it is not there.
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
    }
}

/// What an answer is held against.
pub(crate) struct Scan {
    pub(crate) tenant: String,
    pub(crate) log: Log,
    pub(crate) lenient: bool,
}

impl Scan {
    pub(crate) fn pass(&self, answer: &Answer) {
        self.log.check();
        let mut bytes = format!("{}\n", answer.status).into_bytes();
        for (name, value) in &answer.headers {
            bytes.extend_from_slice(name.as_str().as_bytes());
            bytes.extend_from_slice(b": ");
            bytes.extend_from_slice(value.as_bytes());
            bytes.push(b'\n');
        }
        bytes.extend_from_slice(&answer.body);
        if let Some(victim) = canary::foreign(&bytes, Some(&self.tenant)) {
            panic!("LEAK: {} is shown what is {victim}'s: {}", self.tenant, String::from_utf8_lossy(&bytes));
        }
        assert!(self.lenient || !answer.status.is_server_error(), "{}: {}", answer.status, answer.text());
        if !answer.headers.contains_key("x-request-id") {
            return;
        }
        for (name, value) in HEADERS {
            assert_eq!(answer.header(name), value, "{name} of a {}", answer.status);
        }
        let fault = answer.status.is_client_error() || answer.status.is_server_error();
        let problem = answer.header("content-type") == "application/problem+json";
        assert_eq!(fault, problem, "{}: {}", answer.status, answer.text());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pass(tenant: &str, answer: &Answer) -> bool {
        let scan = Scan { tenant: tenant.into(), log: Log::default(), lenient: false };
        std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| scan.pass(answer))).is_ok()
    }

    #[test]
    fn a_leak_in_body_or_header_fails() {
        let word = canary::of("contoso");
        let plain = Answer { status: StatusCode::OK, headers: HeaderMap::new(), body: b"{}".to_vec() };
        let body = Answer { body: format!("{{\"a\":\"{word}\"}}").into_bytes(), ..plain.clone() };
        let mut header = plain.clone();
        header.headers.insert("link", word.parse().unwrap());
        assert!(pass("fabrikam", &plain));
        for leak in [&body, &header] {
            assert!(!pass("fabrikam", leak) && pass("contoso", leak));
        }
    }

    #[test]
    fn a_bare_error_of_the_handler_fails() {
        let mut bare =
            Answer { status: StatusCode::BAD_REQUEST, headers: HeaderMap::new(), body: Vec::new() };
        assert!(pass("contoso", &bare));
        bare.headers.insert("x-request-id", "1".parse().unwrap());
        assert!(!pass("contoso", &bare));
        let failed =
            Answer { status: StatusCode::INTERNAL_SERVER_ERROR, headers: HeaderMap::new(), body: Vec::new() };
        assert!(!pass("contoso", &failed));
    }
}
