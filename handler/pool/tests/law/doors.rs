//! Four doors, and nothing else lets anybody in.

use crate::support::*;
use futures::StreamExt;
use pool::{
    Doors, Error, Operation, Owned, Settings, SweepReason, TenantRecord, TenantStatus,
    conformance::memory::{MemoryDirectory, MemoryKeys},
    ports::{Directory, Ports, QueueName},
};
use std::sync::Arc;

fn refused<T>(result: Result<T, Error>, with: &str) {
    match result {
        Err(fault @ Error::Unauthenticated { check, presented: true }) => {
            assert_eq!(check, with);
            assert_eq!(fault.to_string(), "a valid bearer token is required");
        }
        other => panic!("{with}: {:?}", other.err()),
    }
}

async fn status(world: &World, tenant: &str, status: TenantStatus) {
    let record = TenantRecord { status, ..TenantRecord::new(tenant, tenant) };
    world.directory.put(&record).await.unwrap();
}

#[tokio::test]
async fn a_good_token_opens_its_own_tenant_and_no_other() {
    let world = World::new();
    let scope = world.user("contoso", "alice").await;
    assert_eq!((scope.tenant().as_str(), scope.user()), ("contoso", Some("alice")));
    for name in [
        "fabrikam",
        "ghost",
        "Contoso",
        "contoso ",
        " contoso",
        "contoso\0",
        "contosо",
        "contoso--",
        "*",
        "../contoso",
    ] {
        let known = name == "fabrikam";
        let entered = world.enter(&Token::of(name, "alice")).await;
        if known {
            assert_eq!(entered.unwrap().tenant().as_str(), "fabrikam");
        } else {
            refused(entered, "unknown_tenant");
        }
    }
}

#[tokio::test]
async fn the_header_is_read_as_the_rfc_says() {
    let world = World::new();
    let good = world.credential("contoso", "alice");
    let token = good.strip_prefix("Bearer ").unwrap();
    let enter = async |headers: &[&str]| {
        let headers: Vec<&[u8]> = headers.iter().map(|header| header.as_bytes()).collect();
        world.doors.authenticate(&headers, &[]).await
    };
    for scheme in ["Bearer", "bearer", "BEARER", "bEaReR"] {
        assert!(enter(&[&format!("{scheme} {token}")]).await.is_ok(), "{scheme}");
    }
    assert!(matches!(enter(&[]).await, Err(Error::Unauthenticated { check: "no_token", presented: false })));
    refused(enter(&[&good, &good]).await, "two_tokens");
    refused(enter(&[&good, "Bearer x"]).await, "two_tokens");
    refused(enter(&["Basic YTpi", &good]).await, "two_tokens");
    let others = [
        "",
        "Bearer",
        "Bearer ",
        token,
        &format!("Bearer  {token}"),
        &format!(" Bearer {token}"),
        &format!("{good} "),
        &format!("{good},{good}"),
        &format!("{good} x"),
        &format!("Bearer\t{token}"),
        &format!("Bearer={token}"),
        &format!("Basic {token}"),
        &format!("DPoP {token}"),
        "Bearer ü",
    ];
    for header in others {
        refused(enter(&[header]).await, "scheme");
    }
    let latin: &[u8] = b"Bearer \xff";
    refused(world.doors.authenticate(&[latin], &[]).await, "scheme");
    refused(enter(&["Bearer a.b.c"]).await, "base64");
    refused(enter(&[&format!("Bearer {}", "a".repeat(8_193))]).await, "scheme");
}

/// TM-05: what the request says beside its token is compared, never believed.
#[tokio::test]
async fn another_tenant_presented_is_forbidden() {
    let world = World::new();
    let good = world.credential("contoso", "alice");
    let present = async |names: &[&[u8]]| world.doors.authenticate(&[good.as_bytes()], names).await;
    assert_eq!(present(&[b"contoso"]).await.unwrap().tenant().as_str(), "contoso");
    assert!(present(&[b"contoso", b"contoso"]).await.is_ok());
    let others: [&[&[u8]]; 9] = [
        &[b"fabrikam"],
        &[b"ghost"],
        &[b""],
        &[b"Contoso"],
        &[b"contoso "],
        &[b"contoso,fabrikam"],
        &[b"contoso", b"fabrikam"],
        &[b"fabrikam", b"contoso"],
        &[b"\xff"],
    ];
    for names in others {
        forbidden(present(names).await);
    }
    let scope = present(&[]).await.unwrap();
    assert!(scope.named("contoso", "path").is_ok());
    forbidden(scope.named("fabrikam", "path"));
}

#[tokio::test]
async fn a_suspension_is_felt_in_five_seconds_and_so_is_its_end() {
    let world = World::new();
    let token = Token::of("contoso", "alice");
    assert!(world.enter(&token).await.is_ok());
    status(&world, "contoso", TenantStatus::Suspended).await;
    world.pass(5);
    forbidden(world.enter(&token).await);
    forbidden(world.doors.claim(Owned::Container("contoso")).await);
    forbidden(world.doors.claim(Owned::DropFolder("contoso")).await);
    let named =
        world.doors.authenticate(&[world.credential("contoso", "alice").as_bytes()], &[b"fabrikam"]).await;
    forbidden(named);
    assert!(world.enter(&Token::of("fabrikam", "bob")).await.is_ok(), "others are served");
    status(&world, "contoso", TenantStatus::Active).await;
    world.pass(5);
    assert!(world.enter(&token).await.is_ok());
    world.clock.set(jiff::Timestamp::from_second(world.clock.seconds() - 3_600).unwrap());
    status(&world, "contoso", TenantStatus::Suspended).await;
    forbidden(world.enter(&token).await);
}

/// TM-11.
#[tokio::test]
async fn a_token_that_was_verified_is_known_by_all_of_it() {
    let world = World::new();
    let good = world.credential("contoso", "alice");
    let enter = async |header: &str| world.doors.authenticate(&[header.as_bytes()], &[]).await;
    assert!(enter(&good).await.is_ok());
    let dot = good.rfind('.').unwrap();
    for at in [dot + 1, dot + 100, good.len() - 2] {
        let mut altered = good.clone().into_bytes();
        altered[at] = if altered[at] == b'A' { b'B' } else { b'A' };
        refused(enter(std::str::from_utf8(&altered).unwrap()).await, "signature");
    }
    assert!(enter(&good).await.is_ok());
}

#[tokio::test]
async fn a_token_expires_while_it_is_known() {
    let world = World::new();
    let token = Token::of("contoso", "alice").lives(10).at(&world.clock);
    let enter = async || world.doors.authenticate(&[token.as_bytes()], &[]).await;
    assert!(enter().await.is_ok());
    world.pass(40);
    assert!(enter().await.is_ok(), "verified anew within the leeway");
    world.pass(29);
    assert!(enter().await.is_ok(), "one second before the leeway ends");
    world.pass(1);
    refused(enter().await, "expired");
}

/// A pool whose issuer publishes its keys.
fn published() -> (World, Arc<MemoryKeys>) {
    let keys = Arc::new(MemoryKeys::default());
    (World::trusting(rules_by(&keys), Settings::default(), |_| {}), keys)
}

/// TM-06: an hour at most for a key that is gone, one fetch for a key that is new.
#[tokio::test]
async fn keys_that_are_replaced_are_trusted_no_more() {
    let (world, keys) = published();
    let enter = async |header: &str| world.doors.authenticate(&[header.as_bytes()], &[]).await;
    let old = Token::of("contoso", "alice").lives(7_200).at(&world.clock);
    assert!(enter(&old).await.is_ok(), "the first token fetches the first set");
    let new = Token::of("contoso", "alice").lives(7_200).by_key_b().at(&world.clock);
    refused(enter(&new).await, "unknown_kid");
    roll_over(&keys);
    world.pass(299);
    refused(enter(&new).await, "unknown_kid");
    assert!(enter(&old).await.is_ok() && keys.asked(KEY_SET) == 1);
    world.pass(1);
    assert!(enter(&new).await.is_ok());
    assert_eq!(keys.asked(KEY_SET), 2);
    refused(enter(&old).await, "unknown_kid");
}

#[tokio::test]
async fn what_was_verified_is_forgotten_when_keys_change() {
    let (world, keys) = published();
    let enter = async |header: &str| world.doors.authenticate(&[header.as_bytes()], &[]).await;
    world.doors.refresh_keys().await;
    world.pass(3_590);
    let old = world.credential("contoso", "alice");
    assert!(enter(&old).await.is_ok());
    roll_over(&keys);
    world.pass(10);
    assert!(enter(&old).await.is_ok(), "known for a minute");
    world.doors.refresh_keys().await;
    refused(enter(&old).await, "unknown_kid");
}

#[tokio::test]
async fn without_keys_nothing_is_said_of_a_token() {
    let (world, keys) = published();
    keys.fail();
    let enter =
        async || world.doors.authenticate(&[world.credential("contoso", "alice").as_bytes()], &[]).await;
    assert!(matches!(enter().await, Err(Error::Unavailable(_))));
    let ready =
        async || world.doors.probe().await.into_iter().find(|(name, _)| *name == "keys").unwrap().1.is_ok();
    assert!(!ready().await);
    rules_by(&keys);
    world.doors.refresh_keys().await;
    assert!(enter().await.is_ok() && ready().await);
}

/// TM-10: an operator's token opens no tenant, and no tenant's token opens the platform.
#[tokio::test]
async fn operators_have_a_door_of_their_own() {
    let world = World::new();
    let operator = |token: Token| token.audience("api://platform".into()).role("platform");
    let enter = async |token: &Token| world.doors.operator(&[token.at(&world.clock).as_bytes()]).await;
    let olga = operator(Token::of("contoso", "olga"));
    assert_eq!(enter(&olga).await.unwrap().operator(), "olga");
    refused(world.enter(&olga).await, "aud");
    refused(enter(&Token::of("contoso", "alice").role("platform")).await, "aud");
    refused(enter(&Token::of("contoso", "root").role("admin")).await, "aud");
    let both =
        Token::of("contoso", "olga").role("platform").audience(["api://pool", "api://platform"].into());
    refused(enter(&both).await, "aud");
    refused(world.enter(&both).await, "aud");
    for role in ["admin", "Platform", "user", "platform "] {
        refused(enter(&olga.clone().role(role)).await, "roles");
    }
    refused(enter(&olga.clone().lives(-61)).await, "expired");
    assert!(matches!(world.doors.operator(&[]).await, Err(Error::Unauthenticated { presented: false, .. })));
}

#[tokio::test]
async fn roles_are_the_tokens_own() {
    let world = World::new();
    let create = pool::Permission(pool::Action::Create, pool::Resource::Agents);
    assert!(world.admin("contoso").await.permit(create).is_ok());
    for role in ["user", "Admin", "platform", "admin "] {
        let scope = world.enter(&Token::of("contoso", "alice").role(role)).await.unwrap();
        forbidden(scope.permit(create));
    }
}

/// Door 2.
#[tokio::test]
async fn a_job_opens_for_its_own_operation_unaltered() {
    let world = World::new();
    let user = world.user("contoso", "alice").await;
    let file = user.files().upload(new_file("a.txt"), bytes("a")).await.unwrap().value;
    let job = world.queue.take(QueueName::Ingest).unwrap();
    let (scope, opened) = world.doors.open(job.as_str(), Operation::Ingest).await.unwrap();
    assert_eq!(
        (scope.tenant().as_str(), scope.user(), opened.target.as_str()),
        ("contoso", None, file.id.as_str())
    );
    refused(world.doors.open(job.as_str(), Operation::DriveRun).await, "job_seal");
    for text in ["", "k1", "k1..", "{}", r#"{"tenant":"contoso","operation":"ingest","target":"file_1"}"#] {
        refused(world.doors.open(text, Operation::Ingest).await, "job_seal");
    }
    for at in 0..job.as_str().len() {
        let mut altered = job.as_str().as_bytes().to_vec();
        altered[at] = if altered[at] == b'A' { b'B' } else { b'A' };
        refused(
            world.doors.open(std::str::from_utf8(&altered).unwrap(), Operation::Ingest).await,
            "job_seal",
        );
    }
    refused(
        world.doors.open(pool::testing::job("k1.e30.AAAA").as_str(), Operation::Ingest).await,
        "job_seal",
    );
    world.pass(14 * 86_400);
    refused(world.doors.open(job.as_str(), Operation::Ingest).await, "job_seal");
}

#[tokio::test]
async fn a_cursor_is_no_job() {
    let world = World::new();
    let user = world.user("contoso", "alice").await;
    for name in ["a", "b"] {
        user.files().upload(new_file(name), bytes(name)).await.unwrap();
    }
    let page = pool::PageRequest { limit: 1, ..pool::PageRequest::default() };
    let cursor = user.files().list(&page).await.unwrap().next.unwrap();
    refused(world.doors.open(&cursor, Operation::Ingest).await, "job_seal");
}

#[tokio::test]
async fn a_job_of_a_tenant_that_is_gone_or_suspended_does_not_open() {
    let world = World::new();
    let user = world.user("contoso", "alice").await;
    user.files().upload(new_file("a.txt"), bytes("a")).await.unwrap();
    let job = world.queue.take(QueueName::Ingest).unwrap();
    status(&world, "contoso", TenantStatus::Suspended).await;
    world.pass(5);
    forbidden(world.doors.open(job.as_str(), Operation::Ingest).await);
    let elsewhere = World::with(|ports| {
        ports.directory = Arc::new(MemoryDirectory::new([TenantRecord::new("fabrikam", "")]));
    });
    refused(elsewhere.doors.open(job.as_str(), Operation::Ingest).await, "job_tenant");
}

/// Door 3.
#[tokio::test]
async fn a_container_is_its_owners_and_a_message_is_not_believed() {
    let world = World::new();
    let own = TenantRecord { storage_container: "c-adatum".into(), ..TenantRecord::new("adatum", "") };
    world.directory.put(&own).await.unwrap();
    let scope = world.doors.claim(Owned::Container("c-adatum")).await.unwrap();
    assert_eq!((scope.tenant().as_str(), scope.user()), ("adatum", None));
    for name in ["adatum", "C-adatum", "c-adatum ", "c-adatu", "", "$root", "..", "c-adatum/x", "ghost"] {
        not_found(world.doors.claim(Owned::Container(name)).await);
    }
    assert_eq!(world.doors.claim(Owned::DropFolder("adatum")).await.unwrap().tenant().as_str(), "adatum");
    for name in ["c-adatum", "Adatum", "adatum/", "", "ghost", "../adatum"] {
        not_found(world.doors.claim(Owned::DropFolder(name)).await);
    }
}

/// A directory that answers with another tenant than it was asked for.
struct Muddled(MemoryDirectory);

#[async_trait::async_trait]
impl Directory for Muddled {
    async fn get(&self, id: &str) -> pool::ports::PortResult<Option<TenantRecord>> {
        self.0.get(&id.to_lowercase().replace("fabrikam", "contoso")).await
    }
    async fn by_container(&self, _: &str) -> pool::ports::PortResult<Option<TenantRecord>> {
        self.0.get("contoso").await
    }
    async fn list(&self, after: Option<&str>, limit: usize) -> pool::ports::PortResult<Vec<TenantRecord>> {
        self.0.list(after, limit).await
    }
    async fn put(&self, record: &TenantRecord) -> pool::ports::PortResult<()> {
        self.0.put(record).await
    }
}

#[tokio::test]
async fn a_directory_that_answers_loosely_opens_nothing() {
    let records = [TenantRecord::new("contoso", ""), TenantRecord::new("Bad_Name", "")];
    let world =
        World::with(|ports: &mut Ports| ports.directory = Arc::new(Muddled(MemoryDirectory::new(records))));
    assert!(world.enter(&Token::of("contoso", "alice")).await.is_ok());
    refused(world.enter(&Token::of("fabrikam", "alice")).await, "unknown_tenant");
    refused(world.enter(&Token::of("CONTOSO", "alice")).await, "unknown_tenant");
    refused(world.enter(&Token::of("Bad_Name", "alice")).await, "unknown_tenant");
    not_found(world.doors.claim(Owned::Container("fabrikam")).await);
    assert_eq!(names(&world.doors).await, ["contoso"]);
}

async fn names(doors: &Doors) -> Vec<String> {
    doors.every_tenant(SweepReason("test")).map(|scope| scope.unwrap().tenant().to_string()).collect().await
}

/// Door 4.
#[tokio::test]
async fn a_sweep_goes_to_every_tenant_that_is_served() {
    let all = (0..250).map(|n| {
        let status = if n % 7 == 3 { TenantStatus::Suspended } else { TenantStatus::Active };
        TenantRecord { status, ..TenantRecord::new(&format!("t{n:03}"), "") }
    });
    let served: Vec<String> =
        all.clone().filter(|t| t.status == TenantStatus::Active).map(|t| t.id).collect();
    let directory = Arc::new(MemoryDirectory::new(all));
    let world = World::built(Settings::default(), |ports| ports.directory = directory);
    assert_eq!(names(&world.doors).await, served);
}
