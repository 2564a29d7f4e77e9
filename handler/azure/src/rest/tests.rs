mod heads;
mod tenants;

use super::*;
use crate::Tenants;
use azure_core::{
    credentials::{AccessToken, TokenCredential, TokenRequestOptions},
    time::OffsetDateTime,
};
use futures::{FutureExt, StreamExt, TryStreamExt, stream};
use pool::{
    TenantId, TenantRecord,
    conformance::memory::{MemoryDirectory, SeededEntropy},
    testing::tenant,
};
use reqwest::{Body, Method};
use std::sync::Mutex;

/// Tells in its token whose it is and for what.
#[derive(Debug)]
struct Named(String);

#[async_trait::async_trait]
impl TokenCredential for Named {
    async fn get_token(
        &self,
        scopes: &[&str],
        _: Option<TokenRequestOptions<'_>>,
    ) -> azure_core::Result<AccessToken> {
        Ok(AccessToken::new(format!("{} {scopes:?}", self.0), OffsetDateTime::now_utc()))
    }
}

#[derive(Clone)]
enum Say {
    Status(u16, Vec<(&'static str, String)>, &'static str),
    Slowly(Vec<&'static str>, Duration),
    Nothing,
    /// The body breaks off.
    Cut,
}

fn say(status: u16) -> Say {
    Say::Status(status, Vec::new(), "{}")
}

fn after(status: u16, name: &'static str, value: impl ToString) -> Say {
    Say::Status(status, vec![(name, value.to_string())], "{}")
}

struct Service {
    rest: Rest,
    seen: Arc<Mutex<Vec<(Instant, Request)>>>,
}

/// A service that says these things in turn, and the last of them for ever.
fn service(script: Vec<Say>) -> Service {
    let directory = MemoryDirectory::new(["one", "two"].map(|id| TenantRecord {
        managed_identity_client_id: (id == "two").then(|| "id-of-two".into()),
        ..TenantRecord::new(id, id)
    }));
    let maker = |id: Option<&str>| Ok(Arc::new(Named(format!("{id:?}"))) as Arc<dyn TokenCredential>);
    let identities = Identities::new(None, Tenants::new(Arc::new(directory)), Arc::new(maker));
    let base = Url::parse("https://service.example/api/").unwrap();
    let client = crate::transport().unwrap();
    let scope = "https://service.example/.default";
    let mut rest = Rest::new(client, Arc::new(identities), base, scope, Arc::new(SeededEntropy::new(1)));
    let seen = Arc::new(Mutex::new(Vec::new()));
    let noted = seen.clone();
    rest.wire = Arc::new(move |request| {
        let mut noted = noted.lock().unwrap();
        let next = script[noted.len().min(script.len() - 1)].clone();
        noted.push((Instant::now(), request));
        async move { Ok(answer(next).await) }.boxed()
    });
    Service { rest, seen }
}

async fn answer(next: Say) -> Response {
    let (status, headers, body) = match next {
        Say::Status(status, headers, body) => (status, headers, Body::from(body)),
        Say::Nothing => std::future::pending().await,
        Say::Cut => {
            let pieces = [Ok("{\"a\""), Err(std::io::Error::other("reset"))];
            (200, Vec::new(), Body::wrap_stream(stream::iter(pieces)))
        }
        Say::Slowly(pieces, pause) => {
            let pieces = stream::iter(pieces).then(move |piece| async move {
                sleep(pause).await;
                Ok::<_, std::io::Error>(piece)
            });
            (200, Vec::new(), Body::wrap_stream(pieces))
        }
    };
    let mut answer = http::Response::builder().status(status);
    for (name, value) in headers {
        answer = answer.header(name, value);
    }
    answer.body(body).unwrap().into()
}

impl Service {
    fn call<'a>(&self, tenant: &'a TenantId, method: Method) -> Call<'a> {
        Call::new(tenant, method, self.rest.url(&["things", "a/b?c"]))
    }

    async fn send(&self, method: Method) -> PortResult<Option<Answer>> {
        self.rest.send(self.call(&tenant("one"), method)).await
    }

    fn attempts(&self) -> usize {
        self.seen.lock().unwrap().len()
    }
}

#[tokio::test(start_paused = true)]
async fn a_call_carries_its_tenants_token_and_an_id() {
    let service = service(vec![say(200)]);
    for name in ["one", "two"] {
        let tenant = tenant(name);
        let call = service.call(&tenant, Method::POST).json(&serde_json::json!({"x": 1})).unwrap();
        service.rest.send(call.header("prefer", "minimal").unwrap()).await.unwrap().unwrap();
    }
    let seen = service.seen.lock().unwrap();
    let header = |at: usize, name: &str| seen[at].1.headers()[name].to_str().unwrap().to_owned();
    let scope = "[\"https://service.example/.default\"]";
    assert_eq!(header(0, "authorization"), format!("Bearer None {scope}"));
    assert_eq!(header(1, "authorization"), format!("Bearer Some(\"id-of-two\") {scope}"));
    assert!(seen[0].1.headers()["authorization"].is_sensitive());
    assert_ne!(header(0, "x-ms-client-request-id"), header(1, "x-ms-client-request-id"));
    assert_eq!(header(0, "prefer"), "minimal");
    assert_eq!(header(0, "content-type"), "application/json");
    assert_eq!(seen[0].1.url().as_str(), "https://service.example/api/things/a%2Fb%3Fc");
    assert_eq!(seen[0].1.body().and_then(Body::as_bytes), Some(&b"{\"x\":1}"[..]));
}

#[tokio::test(start_paused = true)]
async fn what_no_tenant_may_do_is_done_by_the_app() {
    let service = service(vec![say(200)]);
    let tenant = tenant("two");
    service.rest.send(service.call(&tenant, Method::PUT).as_app()).await.unwrap().unwrap();
    service.rest.send(service.call(&tenant, Method::PUT)).await.unwrap().unwrap();
    let seen = service.seen.lock().unwrap();
    let token = |at: usize| seen[at].1.headers()["authorization"].to_str().unwrap().to_owned();
    assert!(token(0).starts_with("Bearer None "), "{}", token(0));
    assert!(token(1).starts_with("Bearer Some(\"id-of-two\") "), "{}", token(1));
}

#[tokio::test(start_paused = true)]
async fn a_token_goes_to_its_service_alone() {
    let service = service(vec![say(200)]);
    for elsewhere in
        ["https://other.example/", "http://service.example/", "https://service.example:444/", "data:x"]
    {
        let tenant = tenant("one");
        let call = Call::new(&tenant, Method::GET, elsewhere.parse().unwrap());
        assert!(matches!(service.rest.send(call).await, Err(PortError::Refused(_))), "{elsewhere}");
    }
    assert_eq!(service.attempts(), 0);
}

#[tokio::test(start_paused = true)]
async fn only_404_is_absence() {
    for status in [200_u16, 201, 204, 207, 301, 302, 400, 401, 403, 404, 408, 409, 412, 422, 429, 500, 503] {
        let service = service(vec![say(status)]);
        let result = service.send(Method::GET).await;
        let expected = match status {
            200..=299 => matches!(&result, Ok(Some(answer)) if answer.status == status),
            404 => matches!(result, Ok(None)),
            409 | 412 => matches!(result, Err(PortError::Conflict)),
            429 => matches!(result, Err(PortError::Exhausted { .. })),
            401 | 403 | 408 | 500 | 503 => matches!(result, Err(PortError::Unavailable(_))),
            _ => matches!(result, Err(PortError::Refused(_))),
        };
        assert!(expected, "{status}: {result:?}");
        let expected = if matches!(status, 408 | 429 | 500 | 503) { 5 } else { 1 };
        assert_eq!(service.attempts(), expected, "{status}");
    }
}

#[tokio::test(start_paused = true)]
async fn what_may_not_be_repeated_is_repeated_only_if_it_was_not_done() {
    let wait = |status| after(status, "retry-after", 1);
    for (first, attempts) in [
        (say(429), 2),
        (wait(503), 2),
        (say(503), 1),
        (wait(500), 1),
        (say(500), 1),
        (say(408), 1),
        (say(504), 1),
        (Say::Cut, 1),
        (Say::Nothing, 1),
    ] {
        let once = service(vec![first.clone(), say(200)]);
        assert_eq!(once.send(Method::POST).await.is_ok(), attempts == 2);
        assert_eq!(once.attempts(), attempts);
        let safe = service(vec![first, say(200)]);
        let one = tenant("one");
        let call = safe.call(&one, Method::POST).repeat(Repeat::Safe);
        safe.rest.send(call).await.unwrap().unwrap();
        assert_eq!(safe.attempts(), 2);
    }
}

#[tokio::test(start_paused = true)]
async fn waits_are_honoured_and_capped() {
    let date = "Wed, 25 Nov 2026 10:00:00 GMT".to_owned();
    let at = |time: &str| {
        let headers = vec![("date", date.clone()), ("retry-after", format!("Wed, 25 Nov 2026 {time} GMT"))];
        Say::Status(503, headers, "")
    };
    for (first, least, most) in [
        (say(503), 0, 200),
        (after(503, "retry-after", 7), 7_000, 7_200),
        (after(429, "retry-after-ms", 1_500), 1_500, 1_700),
        (after(429, "x-ms-retry-after-ms", 2_500), 2_500, 2_700),
        (after(503, "retry-after", "soon"), 0, 200),
        (after(503, "retry-after", "-1"), 0, 200),
        (after(503, "retry-after", "0"), 0, 200),
        (after(503, "retry-after", "99999999999999999999999"), 30_000, 30_200),
        (at("10:00:09"), 9_000, 9_200),
        (at("09:00:00"), 0, 200),
        (at("23:00:00"), 30_000, 30_200),
    ] {
        let service = service(vec![first, say(200)]);
        let one = tenant("one");
        let call = service.call(&one, Method::GET).by(Instant::now() + Duration::from_secs(60));
        service.rest.send(call).await.unwrap().unwrap();
        let seen = service.seen.lock().unwrap();
        let waited = (seen[1].0 - seen[0].0).as_millis();
        // The timer's step is a millisecond.
        assert!((least..=most + 1).contains(&waited), "{waited}");
    }
}

#[tokio::test(start_paused = true)]
async fn pauses_grow_and_are_random() {
    let chance = SeededEntropy::new(7);
    for (attempt, most) in [(0, 200), (1, 400), (2, 800), (3, 1_600)] {
        let pause = |_| {
            let mut random = [0; 4];
            chance.fill(&mut random);
            retry::pause(attempt, None, random).as_millis()
        };
        let pauses: Vec<u128> = (0..1_000).map(pause).collect();
        assert!(pauses.iter().all(|pause| *pause <= most));
        assert!(pauses.iter().any(|pause| *pause < most / 20), "from nothing");
        assert!(pauses.iter().any(|pause| *pause > most * 19 / 20), "to the most");
    }
}

#[tokio::test(start_paused = true)]
async fn the_deadline_is_the_whole_calls() {
    for script in [Say::Nothing, say(503), after(429, "retry-after", 4), Say::Slowly(vec!["x"; 100], ATTEMPT)]
    {
        let service = service(vec![script]);
        let (begun, one) = (Instant::now(), tenant("one"));
        let call = service.call(&one, Method::GET).by(begun + Duration::from_secs(10));
        let error = service.rest.send(call).await.unwrap_err();
        assert!(error.transient());
        assert!(begun.elapsed() <= Duration::from_millis(10_001), "{:?}", begun.elapsed());
    }
    let service = service(vec![Say::Nothing, say(200)]);
    let begun = Instant::now();
    service.send(Method::GET).await.unwrap().unwrap();
    assert!(begun.elapsed() >= ATTEMPT, "an attempt that hangs is given up, and there is another");
    assert_eq!(service.attempts(), 2);
}

#[tokio::test(start_paused = true)]
async fn an_outage_costs_a_tenth_more() {
    let service = service(vec![say(500)]);
    for _ in 0..1_000 {
        service.send(Method::GET).await.unwrap_err();
    }
    let attempts = service.attempts();
    assert!((1_090..=1_110).contains(&attempts), "{attempts}");
}

#[tokio::test(start_paused = true)]
async fn a_stream_comes_as_it_comes_and_keeps_its_place() {
    let service = service(vec![say(503), Say::Slowly(vec!["a", "b", "c"], Duration::from_secs(3))]);
    let one = tenant("one");
    let open = || service.rest.open(service.call(&one, Method::GET));
    let mut opened = open().await.unwrap().unwrap();
    let begun = Instant::now();
    assert_eq!(opened.body.try_next().await.unwrap().unwrap(), "a");
    assert!(begun.elapsed() < Duration::from_millis(3_010));
    let rest: Vec<_> = opened.body.try_collect().await.unwrap();
    assert_eq!(rest, ["b", "c"]);

    let streams: Vec<_> =
        futures::future::join_all((0..bulkhead::UNDER_WAY).map(|_| open())).await.into_iter().collect();
    let begun = Instant::now();
    let late = service.call(&one, Method::GET).by(begun + Duration::from_secs(2));
    assert!(matches!(service.rest.send(late).await, Err(PortError::Exhausted { .. })));
    drop(streams);
    open().await.unwrap().unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_stream_has_an_end() {
    let pieces = Say::Slowly(vec!["0123456789"; 100], Duration::from_secs(1));
    let service = service(vec![pieces]);
    let one = tenant("one");
    let call = || service.call(&one, Method::GET);
    let late = || call().by(Instant::now() + Duration::from_millis(5_500));
    for bounded in [&|| call().at_most(50), &late as &dyn Fn() -> _] {
        let opened = service.rest.open(bounded()).await.unwrap().unwrap();
        let pieces: Vec<_> = opened.body.collect().await;
        assert_eq!(pieces.len(), 6);
        assert!(matches!(pieces[5], Err(PortError::Unavailable(_))));
    }
    assert!(service.rest.send(call().at_most(50)).await.is_err());
    assert_eq!(service.attempts(), 3, "an answer that is too long is not asked for again");
    assert!(service.rest.open(service.call(&one, Method::GET)).await.unwrap().is_some());
}

#[tokio::test(start_paused = true)]
async fn a_fault_tells_the_code_and_no_more() {
    let body = r#"{"error": {"code": "not found!\n<canary/>", "message": "canary", "type": "t"}}"#;
    let service = service(vec![Say::Status(400, Vec::new(), body)]);
    let error = service.send(Method::GET).await.unwrap_err();
    let fault = Fault::of(&error).unwrap();
    assert_eq!((fault.status, fault.code.as_str()), (400, "notfoundcanary"));
    let sent = service.seen.lock().unwrap()[0].1.headers()["x-ms-client-request-id"].clone();
    assert_eq!(sent, fault.request.to_string());
    assert!(!error::chain(&error).contains("message"));

    let garbage = self::service(vec![Say::Status(200, Vec::new(), r#"{"secret": "canary"}"#)]);
    let answer = garbage.send(Method::GET).await.unwrap().unwrap();
    let error = answer.json::<Vec<u8>>().unwrap_err();
    assert!(error.transient() && !error::chain(&error).contains("canary"));
}

#[tokio::test]
async fn a_connection_that_is_never_made_is_always_tried_again() {
    let mut service = service(vec![say(200)]);
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    service.rest.base = format!("http://{}/", listener.local_addr().unwrap()).parse().unwrap();
    drop(listener);
    let (client, tries) = (crate::transport().unwrap(), Arc::new(Mutex::new(0)));
    let counted = tries.clone();
    service.rest.wire = Arc::new(move |request| {
        *counted.lock().unwrap() += 1;
        client.execute(request).boxed()
    });
    let error = service.send(Method::POST).await.unwrap_err();
    assert!(matches!(error, PortError::Unavailable(_)));
    assert!(!error::chain(&error).contains("a%2Fb"), "no address in the error");
    assert_eq!(*tries.lock().unwrap(), 5);
}
