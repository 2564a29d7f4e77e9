//! What is another user's, or another tenant's, is not there.

use crate::support::*;
use futures::StreamExt;
use pool::{
    Error, Operation, Owned, PageRequest, Scope, SweepReason, TenantRecord, TenantStatus,
    messages::NewMessage,
    ports::{Directory, Kind, QueueName},
    runs::ToolOutputs,
    threads::{NewThread, ThreadChange},
};
use serde_json::json;

/// One of everything that a user can have: agent, thread, run, file.
struct Things {
    agent: String,
    thread: String,
    run: String,
    file: String,
}

async fn things(world: &World, user: &Scope) -> Things {
    let run = queued(world, user, json!([])).await;
    let file = indexed(world, user, "plan.txt", "the plan of the owner").await;
    Things { agent: run.agent_id, thread: run.thread_id, run: run.id, file: file.id }
}

/// Everything that can be asked of a user's things. All answers, by name.
async fn everything(scope: &Scope, t: &Things) -> Vec<(&'static str, Result<(), Error>)> {
    let page = PageRequest::default();
    let change = ThreadChange { metadata: None };
    let outputs = ToolOutputs { tool_outputs: Vec::new(), tool_approvals: Vec::new(), stream: false };
    let attached: NewMessage =
        serde_json::from_value(json!({"content": "x", "attachments": [{"file_id": t.file}]})).unwrap();
    let own = scope.threads().create(NewThread::default()).await.unwrap().value.id;
    vec![
        ("thread", scope.threads().get(&t.thread).await.map(drop)),
        ("thread update", scope.threads().update(&t.thread, change, None).await.map(drop)),
        ("thread delete", scope.threads().delete(&t.thread, None).await),
        ("messages", scope.messages().list(&t.thread, &page).await.map(drop)),
        ("message", scope.messages().create(&t.thread, new_message("hello")).await.map(drop)),
        ("attachment", scope.messages().create(&own, attached).await.map(drop)),
        ("new run", scope.runs().create(&t.thread, new_run(&t.agent), false).await.map(drop)),
        ("runs", scope.runs().list(&t.thread, &page).await.map(drop)),
        ("run", scope.runs().get(&t.thread, &t.run).await.map(drop)),
        ("run of own thread", scope.runs().get(&own, &t.run).await.map(drop)),
        ("steps", scope.runs().steps(&t.thread, &t.run, &page).await.map(drop)),
        ("steps by own thread", scope.runs().steps(&own, &t.run, &page).await.map(drop)),
        ("events", scope.runs().events(&t.thread, &t.run, None).await.map(drop)),
        ("events by own thread", scope.runs().events(&own, &t.run, None).await.map(drop)),
        ("submit", scope.runs().submit(&t.thread, &t.run, outputs.clone(), false).await.map(drop)),
        ("submit by own thread", scope.runs().submit(&own, &t.run, outputs, false).await.map(drop)),
        ("cancel", scope.runs().cancel(&t.thread, &t.run).await.map(drop)),
        ("cancel by own thread", scope.runs().cancel(&own, &t.run).await.map(drop)),
        ("file", scope.files().get(&t.file).await.map(drop)),
        ("content", scope.files().content(&t.file).await.map(drop)),
        ("file delete", scope.files().delete(&t.file, None).await),
    ]
}

/// The victim's documents, byte for byte.
fn snapshot(world: &World, owner: &str) -> Vec<String> {
    let rows = world.records.rows().into_iter().filter(|row| row.row.body.contains(owner));
    rows.map(|row| format!("{row:?}")).collect()
}

#[tokio::test]
async fn another_users_things_are_not_there() {
    let world = World::new();
    let alice = world.user("contoso", "alice-victim").await;
    let things = things(&world, &alice).await;
    let before = snapshot(&world, "alice-victim");
    let bob = world.user("contoso", "bob").await;
    for (name, answer) in everything(&bob, &things).await {
        assert!(matches!(answer, Err(Error::NotFound)), "{name}: {answer:?}");
    }
    assert_eq!(snapshot(&world, "alice-victim"), before);
    let lists =
        (bob.threads().list(&PageRequest::default()).await, bob.files().list(&PageRequest::default()).await);
    assert!(lists.0.unwrap().items.iter().all(|thread| thread.user_id == "bob"));
    assert!(lists.1.unwrap().items.is_empty());
}

#[tokio::test]
async fn an_admin_sees_the_tenants_things_and_they_stay_their_owners() {
    let world = World::new();
    let alice = world.user("contoso", "alice").await;
    let things = things(&world, &alice).await;
    let admin = world.admin("contoso").await;
    let page = PageRequest::default();
    assert_eq!(admin.threads().list(&page).await.unwrap().items.len(), 1);
    assert_eq!(admin.files().list(&page).await.unwrap().items[0].id, things.file);
    assert_eq!(admin.runs().get(&things.thread, &things.run).await.unwrap().value.user_id, "alice");
    world.work().await;
    let message = admin.messages().create(&things.thread, new_message("from the admin")).await.unwrap().value;
    assert_eq!(message.user_id, "alice", "in alice's thread");
    assert!(
        alice.messages().list(&things.thread, &page).await.unwrap().items.iter().any(|m| m.id == message.id)
    );
}

/// TM-12, TM-51: and the stores are asked for nothing beyond the caller's own partition.
#[tokio::test]
async fn another_tenants_things_are_not_there() {
    let world = World::new();
    let alice = world.user("contoso", "alice-victim").await;
    let things = things(&world, &alice).await;
    let before = snapshot(&world, "alice-victim");
    for scope in [world.user("fabrikam", "alice-victim").await, world.admin("fabrikam").await] {
        world.fuse.calls();
        for (name, answer) in everything(&scope, &things).await {
            assert!(matches!(answer, Err(Error::NotFound)), "{name}: {answer:?}");
        }
        let page = PageRequest::default();
        let own = scope.threads().create(NewThread::default()).await.unwrap().value.id;
        not_found(scope.agents().get(&things.agent).await);
        not_found(scope.agents().versions(&things.agent, &page).await);
        not_found(scope.agents().delete(&things.agent, None).await);
        not_found(scope.runs().create(&own, new_run(&things.agent), false).await);
        assert!(scope.agents().list(&page).await.unwrap().items.is_empty());
        assert!(scope.files().list(&page).await.unwrap().items.is_empty());
        scope.files().changed(&things.file).await.unwrap();
        scope.files().ingest(&things.file).await.unwrap();
        scope.runs().drive(&things.run).await.unwrap();
        scope.sweep().promises().await.unwrap();
        for (tenant, call) in world.fuse.calls() {
            assert!(tenant == "fabrikam" || call == "queue.push", "{call} in the partition of {tenant}");
        }
    }
    let mine = snapshot(&world, "\"tenantId\":\"contoso\"");
    assert!(before.iter().all(|row| mine.contains(row)));
    assert!(
        world.blobs.all().iter().any(|(tenant, name, _)| tenant == "contoso" && name.ends_with(&things.file))
    );
}

#[tokio::test]
async fn ids_that_no_store_ever_held_are_not_asked_for() {
    let world = World::new();
    let user = world.user("contoso", "alice").await;
    world.fuse.calls();
    for id in ["", " ", "a b", "a/b", "../x", "a'b", "a\0", "ü", "a%20b", &"x".repeat(256)] {
        not_found(user.threads().get(id).await);
        not_found(user.agents().get(id).await);
        not_found(user.files().get(id).await);
        not_found(user.files().delete(id, None).await);
        user.files().changed(id).await.unwrap();
    }
    assert_eq!(world.fuse.calls(), []);
}

#[tokio::test]
async fn a_client_speaks_for_itself_alone() {
    let world = World::new();
    let user = world.user("contoso", "alice").await;
    let thread = user.threads().create(NewThread::default()).await.unwrap().value.id;
    let say = async |more: serde_json::Value| {
        let mut message = json!({"content": "x"});
        message.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        user.messages().create(&thread, serde_json::from_value(message).unwrap()).await
    };
    assert!(say(json!({"role": "user"})).await.is_ok());
    for role in ["assistant", "system", "tool", "developer", "User", ""] {
        invalid(say(json!({"role": role})).await, &["/role"]);
    }
    invalid(say(json!({"content": ""})).await, &["/content"]);
    invalid(say(json!({"content": "x".repeat(100_001)})).await, &["/content"]);
    let eleven: Vec<_> = (0..11).map(|_| json!({"file_id": "file_1"})).collect();
    invalid(say(json!({"attachments": eleven})).await, &["/attachments"]);
    not_found(say(json!({"attachments": [{"file_id": "file_1"}]})).await);
    let many = NewThread { messages: vec![new_message("x"); 33], ..NewThread::default() };
    invalid(user.threads().create(many).await, &["/messages"]);
    let one_bad = NewThread { messages: vec![new_message("x"), new_message("")], ..NewThread::default() };
    invalid(user.threads().create(one_bad).await, &["/messages/1/content"]);
    assert_eq!(
        (world.rows("contoso", Kind::Thread).len(), world.rows("contoso", Kind::Message).len()),
        (1, 1)
    );
}

#[tokio::test]
async fn a_deleted_thread_takes_all_with_it() {
    let world = World::new();
    let user = world.user("contoso", "alice").await;
    for death in [None].into_iter().chain(Death::each(12).map(Some)) {
        let run = queued(&world, &user, json!([])).await;
        conflict(user.threads().delete(&run.thread_id, None).await);
        world.work().await;
        if let Some(death) = death {
            world.fuse.dies(death);
        }
        let deleted = user.threads().delete(&run.thread_id, None).await;
        let died = world.fuse.revive();
        assert!(deleted.is_ok() || died, "{death:?}");
        let gone = user.threads().get(&run.thread_id).await.is_err();
        assert!(gone || deleted.is_err(), "what was acknowledged is so: {death:?}");
        if !gone {
            user.threads().delete(&run.thread_id, None).await.unwrap();
        }
        world.sweep(2).await;
        for kind in [Kind::Thread, Kind::Message, Kind::Run, Kind::Step, Kind::Event, Kind::Outbox] {
            assert_eq!(world.rows("contoso", kind), [], "{death:?}");
        }
    }
}

/// Found by thinking of the two at once: the message must not outlive the thread.
#[tokio::test]
async fn a_message_that_meets_a_deletion_leaves_nothing() {
    let world = World::new();
    let user = world.user("contoso", "alice").await;
    let thread = user.threads().create(NewThread::default()).await.unwrap().value.id;
    let (other, id) = (user.clone(), thread.clone());
    world.fuse.at("records.commit", false, move || {
        Box::pin(async move { other.threads().delete(&id, None).await.unwrap() })
    });
    not_found(user.messages().create(&thread, new_message("late")).await);
    assert_eq!(world.rows("contoso", Kind::Message), []);
}

#[tokio::test]
async fn a_message_that_meets_a_run_waits() {
    let world = World::new();
    let user = world.user("contoso", "alice").await;
    let admin = world.admin("contoso").await;
    let agent = admin.agents().create(new_agent(json!([]))).await.unwrap().value.id;
    let thread = user.threads().create(NewThread::default()).await.unwrap().value.id;
    let (other, id) = (user.clone(), thread.clone());
    world.fuse.at("records.commit", false, move || {
        Box::pin(async move { drop(other.runs().create(&id, new_run(&agent), false).await.unwrap()) })
    });
    conflict(user.messages().create(&thread, new_message("late")).await);
    assert_eq!(world.rows("contoso", Kind::Message), []);
}

/// Telemetry knows a user by a word that is the user's own, and tells nobody who it is.
#[tokio::test]
async fn a_pseudonym_is_one_users_of_one_tenant() {
    let world = World::new();
    let pseudonym = async |tenant, user| world.user(tenant, user).await.pseudonym().unwrap();
    let alice = pseudonym("contoso", "alice").await;
    assert_eq!(alice, pseudonym("contoso", "alice").await);
    assert_ne!(alice, pseudonym("contoso", "bob").await);
    assert_ne!(alice, pseudonym("fabrikam", "alice").await);
    assert!(alice.len() == 16 && alice.bytes().all(|b| b.is_ascii_hexdigit()), "{alice}");
}

/// TM-47: what a removed tenant left opens to nobody, whoever has tokens of its name.
#[tokio::test]
async fn a_removed_tenant_is_unknown_at_every_door() {
    let world = World::new();
    let token = Token::of("contoso", "alice");
    let user = world.enter(&token).await.unwrap();
    queued(&world, &user, json!([])).await;
    let job = world.queue.take(QueueName::Runs).unwrap();
    let removed = TenantRecord { status: TenantStatus::Removed, ..TenantRecord::new("contoso", "") };
    world.directory.put(&removed).await.unwrap();
    world.pass(5);
    let refused = |fault| matches!(fault, Some(Error::Unauthenticated { presented: true, .. }));
    assert!(refused(world.enter(&token).await.err()));
    assert!(refused(world.doors.open(job.as_str(), Operation::DriveRun).await.err()));
    not_found(world.doors.claim(Owned::Container("contoso")).await);
    not_found(world.doors.claim(Owned::DropFolder("contoso")).await);
    let swept: Vec<_> = world.doors.every_tenant(SweepReason("test")).collect().await;
    assert!(
        swept.iter().all(|scope| scope.as_ref().unwrap().tenant().as_str() == "fabrikam")
            && !swept.is_empty()
    );
}
