//! The first answer is the only one, and what it speaks of was made once.

use crate::support::*;
use pool::{
    Error, Scope,
    idempotency::{Answer, Begun, Ticket},
    ports::Kind,
    threads::NewThread,
};
use serde_json::json;

fn answer(body: &str) -> Answer {
    Answer { status: 200, headers: vec![("etag".into(), "1".into())], body: body.into(), body_hash: None }
}

async fn begin(scope: &Scope, key: &str) -> Result<(Scope, Ticket), Error> {
    match scope.idempotency().begin(key, "threads_create", "hash", 15).await? {
        Begun::Go(scope, ticket) => Ok((scope, ticket)),
        Begun::Replay(answer) => panic!("replayed: {answer:?}"),
    }
}

async fn replayed(scope: &Scope, key: &str) -> Answer {
    match scope.idempotency().begin(key, "threads_create", "hash", 15).await.unwrap() {
        Begun::Replay(answer) => answer,
        Begun::Go(..) => panic!("begun again"),
    }
}

#[tokio::test]
async fn the_first_answer_is_given_again_for_a_day() {
    let world = World::new();
    let user = world.user("contoso", "alice").await;
    let (_, ticket) = begin(&user, "key").await.unwrap();
    conflict(begin(&user, "key").await.map(drop));
    user.idempotency().end(ticket, Some(answer("one"))).await.unwrap();
    for _ in 0..3 {
        assert_eq!(replayed(&user, "key").await, answer("one"));
    }
    let other = user.idempotency().begin("key", "threads_create", "another hash", 15).await;
    assert!(matches!(other, Err(Error::KeyReused)));
    world.pass(24 * 3600 - 1);
    assert_eq!(replayed(&user, "key").await, answer("one"));
    world.pass(1);
    assert!(begin(&user, "key").await.is_ok());
}

#[tokio::test]
async fn a_key_is_its_users_and_its_routes() {
    let world = World::new();
    let user = world.user("contoso", "alice").await;
    let (_, ticket) = begin(&user, "key").await.unwrap();
    user.idempotency().end(ticket, Some(answer("alice's"))).await.unwrap();
    for scope in [
        world.user("contoso", "bob").await,
        world.admin("contoso").await,
        world.user("fabrikam", "alice").await,
        world.system("contoso").await,
    ] {
        assert!(begin(&scope, "key").await.is_ok(), "{:?}", scope.user());
    }
    let other_route = user.idempotency().begin("key", "runs_create", "hash", 15).await.unwrap();
    assert!(matches!(other_route, Begun::Go(..)));
    for key in ["", "Key", "key ", "threads_create", &"x".repeat(255), "\u{0}", "a/b"] {
        assert!(begin(&user, key).await.is_ok(), "{key}");
    }
}

/// A ticket is good where it was issued.
#[tokio::test]
async fn a_ticket_of_another_scope_writes_nothing() {
    let world = World::new();
    let (alice, eve) = (world.user("contoso", "alice").await, world.user("fabrikam", "eve").await);
    let (_, ticket) = begin(&alice, "key").await.unwrap();
    drop(begin(&eve, "key").await.unwrap());
    let before = world.records.rows();
    drop(eve.idempotency().end(ticket, Some(answer("alice's"))).await);
    assert_eq!(world.records.rows(), before);
    conflict(begin(&eve, "key").await.map(drop));
}

#[tokio::test]
async fn a_claim_that_is_given_up_or_abandoned_is_taken_over() {
    let world = World::new();
    let user = world.user("contoso", "alice").await;
    let (_, ticket) = begin(&user, "key").await.unwrap();
    user.idempotency().end(ticket, None).await.unwrap();
    let (_, abandoned) = begin(&user, "key").await.unwrap();
    world.pass(14);
    conflict(begin(&user, "key").await.map(drop));
    world.pass(1);
    let (_, ticket) = begin(&user, "key").await.unwrap();
    user.idempotency().end(abandoned, Some(answer("late"))).await.unwrap();
    conflict(begin(&user, "key").await.map(drop));
    user.idempotency().end(ticket, Some(answer("second"))).await.unwrap();
    assert_eq!(replayed(&user, "key").await, answer("second"));
}

#[tokio::test]
async fn two_that_begin_at_once_are_one() {
    let world = World::new();
    let user = world.user("contoso", "alice").await;
    let other = user.clone();
    world.fuse.at("records.commit", false, move || {
        Box::pin(async move { drop(begin(&other, "key").await.unwrap()) })
    });
    conflict(begin(&user, "key").await.map(drop));
    assert_eq!(world.rows("contoso", Kind::Idempotency).len(), 1);
}

/// Makes one of each; answers their ids.
async fn make(scope: &Scope, agent: &str) -> Result<Vec<String>, Error> {
    let new = NewThread { messages: vec![new_message("a"), new_message("b")], ..NewThread::default() };
    let thread = scope.threads().create(new).await?.value.id;
    let message = scope.messages().create(&thread, new_message("c")).await?.value.id;
    let made = scope.agents().create(new_agent(json!([]))).await?.value.id;
    let file = scope.files().upload(new_file("a.txt"), bytes("one")).await?.value.id;
    let body = json!({"a": 1}).as_object().unwrap().clone();
    let record = scope.records().create("items", body).await?.value.id;
    let run = scope.runs().create(&thread, new_run(agent), false).await?.value.id;
    Ok(vec![thread, message, made, file, record, run])
}

/// The process dies at every write; the second try finds what the first made, and makes nothing twice.
#[tokio::test(start_paused = true)]
async fn a_second_try_finds_what_the_first_made() {
    let mut deaths = 0;
    for death in Death::each(16) {
        let world = World::new();
        let user = world.user("contoso", "alice").await;
        let agent =
            world.admin("contoso").await.agents().create(new_agent(json!([]))).await.unwrap().value.id;
        let (scope, ticket) = begin(&user, "key").await.unwrap();
        world.fuse.dies(death);
        let first = make(&scope, &agent).await;
        if let Ok(ids) = &first {
            drop(user.idempotency().end(ticket, Some(answer(&ids.join(" ")))).await);
        }
        deaths += usize::from(world.fuse.revive());
        world.pass(61);
        let ids = match user.idempotency().begin("key", "threads_create", "hash", 15).await.unwrap() {
            Begun::Replay(answer) => answer.body.split(' ').map(str::to_owned).collect(),
            Begun::Go(scope, ticket) => {
                let ids = make(&scope, &agent).await.unwrap();
                user.idempotency().end(ticket, Some(answer(&ids.join(" ")))).await.unwrap();
                ids
            }
        };
        if let Ok(first) = first {
            assert_eq!(first, ids, "{death:?}");
        }
        assert_eq!(replayed(&user, "key").await.body, ids.join(" "));
        world.sweep(3).await;
        let counts = [
            (Kind::Thread, 1),
            (Kind::Message, 4),
            (Kind::Agent, 2),
            (Kind::File, 1),
            (Kind::Record, 1),
            (Kind::Run, 1),
            (Kind::Outbox, 0),
        ];
        for (kind, count) in counts {
            assert_eq!(world.rows("contoso", kind).len(), count, "{kind:?}: {death:?}");
        }
        assert_eq!(world.blobs.all().len(), 1, "{death:?}");
    }
    assert!(deaths >= 20, "{deaths}");
}
