//! Who asks, at the managed-identity endpoint of App Service. What the SDK reads of it is the process's environment, so
//! each test runs in a child that has it.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use azure::{Identities, Tenants, Who, transport, transport_trusting};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use doubles::{
    Audit, Ca, Identity,
    faults::{FAULTS, Fault, Faults},
};
use futures::future::join_all;
use pool::{TenantRecord, conformance::memory::MemoryDirectory, testing::tenant};
use std::{
    collections::BTreeMap,
    sync::Arc,
    time::{Duration, Instant},
};
use tokio::process::Command;

/// Tenants, and the identity that does their work; the last two share the app's.
const TENANTS: [(&str, Option<&str>); 5] = [
    ("conf-a", Some("id-a")),
    ("conf-b", Some("id-b")),
    ("conf-twin", Some("id-b")),
    ("conf-c", None),
    ("conf-d", None),
];
const APP: &str = "id-of-the-app";
const AUDIENCES: [&str; 5] = [
    "https://cosmos.azure.com",
    "https://storage.azure.com",
    "https://search.azure.com",
    "https://ai.azure.com",
    "https://vault.azure.net",
];
/// The longest that a token is waited for under a fault.
const LONGEST: Duration = Duration::from_secs(70);

fn identities(client: reqwest::Client) -> Identities {
    let records = TENANTS.map(|(name, identity)| TenantRecord {
        managed_identity_client_id: identity.map(str::to_owned),
        ..TenantRecord::new(name, name)
    });
    let tenants = Tenants::new(Arc::new(MemoryDirectory::new(records)));
    Identities::new(Some(APP.to_owned()), tenants, Who::ManagedIdentity.maker(client))
}

/// Runs an ignored test of this file with the endpoint in its environment.
async fn child(test: &str, environment: impl IntoIterator<Item = (&'static str, String)>) {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", test, "--ignored", "--nocapture"]).envs(environment).kill_on_drop(true);
    let done = command.output().await.unwrap();
    let said = String::from_utf8_lossy(&done.stdout);
    assert!(
        done.status.success() && said.contains("1 passed"),
        "{said}{}",
        String::from_utf8_lossy(&done.stderr)
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_thousand_at_once_are_each_given_their_own() {
    let audit = Audit::default();
    let identity = Identity::start(&[APP, "id-a", "id-b"], &audit).await;
    child("a_thousand", identity.environment()).await;
    let mut asked = BTreeMap::new();
    for asking in audit.all() {
        *asked.entry((asking.identity, asking.audience)).or_insert(0) += 1;
    }
    // One question for each tenant and audience, and one for the app itself: caches are of one tenant, and are used.
    let expected = [("id-a", 1), ("id-b", 2), (APP, 3)];
    let expected: BTreeMap<_, _> = expected
        .iter()
        .flat_map(|(id, times)| AUDIENCES.map(|audience| (((*id).to_owned(), audience.to_owned()), *times)))
        .collect();
    assert_eq!(asked, expected);
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "run by the test above, which gives it an endpoint"]
async fn a_thousand() {
    let identities = Arc::new(identities(transport().unwrap()));
    let asking = (0..1_000).map(|n| {
        let identities = identities.clone();
        tokio::spawn(async move {
            // Each pair of tenant (or the app) and audience comes up again and again, in no order of theirs.
            let (who, audience) = (n * 7 % (TENANTS.len() + 1), AUDIENCES[n * 11 / 6 % AUDIENCES.len()]);
            let scope = format!("{audience}/.default");
            let (expected, token) = match TENANTS.get(who) {
                Some((name, own)) => (own.unwrap_or(APP), identities.token(&tenant(name), &scope).await),
                None => (APP, identities.app_token(&scope).await),
            };
            let token = token.unwrap();
            let claims = URL_SAFE_NO_PAD.decode(token.expose().split('.').nth(1).unwrap()).unwrap();
            let claims: serde_json::Value = serde_json::from_slice(&claims).unwrap();
            assert_eq!((&claims["appid"], &claims["aud"]), (&expected.into(), &audience.into()));
            (who, audience)
        })
    });
    let pairs: Vec<_> = join_all(asking).await.into_iter().map(Result::unwrap).collect();
    let distinct: std::collections::BTreeSet<_> = pairs.iter().collect();
    assert_eq!((pairs.len(), distinct.len()), (1_000, (TENANTS.len() + 1) * AUDIENCES.len()));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_endpoint_that_fails_is_given_up_in_time() {
    let (ca, audit) = (Arc::new(Ca::new()), Audit::default());
    let tests = FAULTS.into_iter().enumerate().flat_map(|(n, fault)| [(n, fault, 1), (n, fault, usize::MAX)]);
    let tests = tests.map(|(n, fault, times)| {
        let (ca, audit) = (ca.clone(), audit.clone());
        tokio::spawn(async move {
            let identity = Identity::over_tls(&ca, &[APP, "id-a", "id-b"], &audit).await;
            let proxy = Faults::start(&ca, identity.address()).await;
            proxy.plan(fault, times);
            let [(_, endpoint), header] = identity.environment();
            let endpoint = endpoint.replace(&identity.address().to_string(), &proxy.address().to_string());
            let told = [
                ("IDENTITY_ENDPOINT", endpoint),
                header,
                ("CA", ca.file().display().to_string()),
                ("FAULT", format!("{n} {}", if times == 1 { "once" } else { "always" })),
            ];
            child("a_failing_endpoint", told).await;
            assert!(proxy.seen().len() <= 12, "{fault:?}: {} questions", proxy.seen().len());
        })
    });
    for test in tests.collect::<Vec<_>>() {
        test.await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "run by the test above, which gives it an endpoint"]
#[expect(clippy::disallowed_methods, reason = "a child is told by its environment")]
async fn a_failing_endpoint() {
    let fault = std::env::var("FAULT").unwrap();
    let (n, times) = fault.split_once(' ').unwrap();
    let fault = FAULTS[n.parse::<usize>().unwrap()];
    let root = std::fs::read(std::env::var("CA").unwrap()).unwrap();
    let root = reqwest::Certificate::from_pem(&root).unwrap();
    let identities = identities(transport_trusting([root]).unwrap());
    let begun = Instant::now();
    let asked = identities.token(&tenant("conf-a"), "https://storage.azure.com/.default").await;
    assert!(begun.elapsed() < LONGEST, "{fault:?} {times}: {:?}", begun.elapsed());
    if let Err(error) = asked {
        assert!(error.transient(), "{fault:?} {times}: {error:?}");
        assert!(!error.to_string().contains("eyJ"), "{error}");
    } else {
        let survives = times == "once" || fault == Fault::Slow;
        assert!(survives, "{fault:?} {times} gave a token");
    }
}
