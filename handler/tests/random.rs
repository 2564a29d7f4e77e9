//! Requests and payloads by chance: whatever is sent, nothing panics, and nothing but the client is at fault. The
//! fuzzers of `fuzz/` look further; this is what every run of the tests looks at.
#![expect(clippy::expect_used, reason = "a test fails by panicking")]

#[path = "random/service.rs"]
mod service;

use axum::{
    body::Body,
    http::{Method, Request},
};
use handler::functions::{FUNCTIONS, Trigger};
use pool::{conformance::memory::SeededEntropy, ports::Entropy};
use serde_json::{Value, json};
use service::{NOW, RUNTIME, claims, credential, header, rules, service, signed};

const COUNT: usize = 10_000;

/// Chance that repeats itself.
struct Dice(SeededEntropy);

impl Dice {
    fn below(&self, limit: usize) -> usize {
        let mut bytes = [0; 8];
        self.0.fill(&mut bytes);
        (u64::from_le_bytes(bytes) % limit as u64) as usize
    }

    fn pick<T: Copy>(&self, all: &[T]) -> T {
        all[self.below(all.len())]
    }

    /// Pieces that parsers trip over, and bytes that are any.
    fn bytes(&self, pieces: &[&str]) -> Vec<u8> {
        let mut all = Vec::new();
        for _ in 0..self.below(12) {
            match self.below(4) {
                0 => all.push(self.below(256) as u8),
                _ => all.extend_from_slice(self.pick(pieces).as_bytes()),
            }
        }
        all
    }

    fn text(&self, pieces: &[&str]) -> String {
        String::from_utf8_lossy(&self.bytes(pieces)).into_owned()
    }
}

const PIECES: [&str; 44] = [
    "{",
    "}",
    "[",
    "]",
    "\"",
    ":",
    ",",
    "null",
    "true",
    "-1",
    "1e999",
    "0.1",
    "\"a\"",
    "\\u0000",
    "\\ud800",
    "é",
    "\u{202e}",
    "{\"name\":\"x\",\"instructions\":\"y\"}",
    "{\"content\":\"x\"}",
    "\"metadata\":{",
    "\"filter\":",
    "{\"and\":[",
    "{\"not\":",
    "{\"field\":\"year\",\"op\":\"gt\",\"value\":1}",
    "{\"query\":\"x\",\"top\":3}",
    "[{\"id\":\"a\",\"content\":\"b\"}]",
    "{\"agent_id\":\"agent_01890000000070008000000000000000\"}",
    "--x\r\n",
    "--x--\r\n",
    "\r\n\r\n",
    "content-disposition: form-data; name=\"file\"; filename=\"a.txt\"\r\n",
    "%00",
    "%ff",
    "..",
    "/",
    "&",
    "=",
    "limit=",
    "cursor=",
    "where=a:b",
    "order=asc",
    "' or '1'='1",
    "\0",
    " ",
];
const KINDS: [&str; 4] =
    ["application/json", "multipart/form-data; boundary=x", "text/plain", "application/octet-stream"];

#[test]
fn no_request_is_the_services_fault() {
    let (dice, app) = (Dice(SeededEntropy::new(1)), service());
    let route = |function: &'static handler::functions::Function| match &function.trigger {
        Trigger::Http(http) => Some((&http.method, http.route)),
        _ => None,
    };
    let routes: Vec<(&Method, &str)> = FUNCTIONS.iter().filter_map(route).collect();
    let mut answered = 0;
    for _ in 0..COUNT {
        let (method, route) = dice.pick(&routes);
        let slot = |part: &str| match part {
            "{collection}" => "items".to_owned(),
            part if part.starts_with('{') => {
                dice.text(&["agent_", "01890000000070008000000000000000", "%00", "rec_", "x"])
            }
            part => part.to_owned(),
        };
        let path = route.split('/').map(slot).collect::<Vec<_>>().join("/");
        let request = Request::builder()
            .method(method)
            .uri(format!("/api/{path}?{}", dice.text(&PIECES)))
            .header("authorization", credential())
            .header("content-type", dice.pick(&KINDS))
            .body(Body::from(dice.bytes(&PIECES)));
        // What is no URI never comes this far.
        let Ok(request) = request else { continue };
        let seen = format!("{} {}", request.method(), request.uri());
        let answer = RUNTIME.block_on(app.clone().answer(request));
        assert_ne!(answer.status().as_u16(), 500, "{seen}");
        answered += 1;
    }
    assert!(answered > COUNT / 20, "{answered}");
}

#[test]
fn no_payload_of_a_trigger_is_answered_otherwise_than_the_host_expects() {
    let (dice, app) = (Dice(SeededEntropy::new(2)), service());
    let pieces = [
        "{",
        "}",
        "\"Data\":",
        "\"Metadata\":",
        "{\"message\":\"x\"}",
        "{}",
        ",",
        "k1.",
        "e30.",
        "[",
        "]",
        "\"eventType\":\"Microsoft.Storage.BlobCreated\"",
        "\"subject\":\"/blobServices/default/containers/contoso/blobs/files/f\"",
        "\"data\":{\"url\":\"https://acct.blob.core.windows.net/contoso/files/f\"}",
    ];
    for _ in 0..COUNT {
        let name = dice.pick(&["ingest_blob", "ingest_event", "ingest_document", "runs_step"]);
        let text = dice.text(&pieces);
        let good =
            json!({"Data": {"message": text, "blob": text}, "Metadata": {"tenant": "contoso", "name": text}});
        let body = if dice.below(2) == 0 { text } else { good.to_string() };
        let request = Request::post(format!("/{name}")).body(Body::from(body.clone())).unwrap();
        let status = RUNTIME.block_on(app.clone().answer(request)).status().as_u16();
        assert!([200, 500, 503].contains(&status), "{name} {status}: {body}");
    }
}

/// A token that is well signed is accepted only if a plain reading of it says what a token of ours must say.
#[test]
fn what_is_accepted_is_ours_by_a_plain_reading() {
    let (dice, rules, mut accepted) = (Dice(SeededEntropy::new(3)), rules(), 0);
    for _ in 0..COUNT / 5 {
        let spoil = |mut object: Value| {
            for _ in 0..dice.below(3) {
                let names: Vec<String> = object.as_object().unwrap().keys().cloned().collect();
                let name = &names[dice.below(names.len())];
                object[name] = match dice.below(6) {
                    0 => Value::Null,
                    1 => json!(NOW + dice.below(200_000) as i64 - 100_000),
                    2 => json!([object[name]]),
                    3 => json!(dice.text(&PIECES)),
                    4 => json!({"x": object[name]}),
                    _ => object[name].clone(),
                };
            }
            object
        };
        let (header, claims) = (spoil(header()), spoil(claims()));
        let token = signed(header.to_string().as_bytes(), claims.to_string().as_bytes());
        let Ok(said) = RUNTIME.block_on(rules.verify(&token, NOW)) else { continue };
        accepted += 1;
        assert!(header["alg"] == "RS256" && header["kid"] == "a", "{header}");
        let ours = |aud: &Value| aud == "api://pool";
        assert!(
            ours(&claims["aud"]) || claims["aud"].as_array().is_some_and(|all| all.iter().any(ours)),
            "{claims}"
        );
        let time = |name: &str| claims[name].as_f64().unwrap();
        assert!(time("exp") + 60.0 > NOW as f64 && time("iat") <= NOW as f64 + 60.0, "{claims}");
        assert!(
            time("exp") - time("iat") <= 86_400.0 && claims["iss"] == "https://issuer.example",
            "{claims}"
        );
        assert_eq!(claims["extension_tenantId"].as_str(), Some(&*said.tenant));
    }
    assert!(accepted > 100, "{accepted}");
}
