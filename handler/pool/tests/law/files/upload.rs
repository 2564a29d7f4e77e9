use super::*;
use futures::{StreamExt, stream};
use pool::{
    Error, Settings, TenantId,
    files::{FileStatus, NewFile},
    ports::{Embedder, PortError, PortResult, QueueName},
};
use std::{
    io,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

#[tokio::test]
async fn a_file_is_stored_indexed_found_and_deleted() {
    let world = World::new();
    let user = world.user("contoso", "alice").await;
    let file = user.files().upload(new_file("a.txt"), bytes("one plan\ntwo plans")).await.unwrap().value;
    assert_eq!((file.status, file.bytes, file.user_id.as_str()), (FileStatus::Queued, 18, "alice"));
    world.work().await;
    assert_indexed(&world, &user, &file.id, "one plan\ntwo plans", "uploaded").await;
    assert_eq!(finds(&user, "plan").await, ["one plan"]);
    let (_, len, body) = user.files().content(&file.id).await.unwrap();
    let parts: Vec<_> = body.map(|part| part.unwrap()).collect().await;
    assert_eq!((len, parts.concat().as_slice()), (18, b"one plan\ntwo plans".as_slice()));
    let stale_etag = pool::ports::Etag("x".into());
    stale(user.files().delete(&file.id, Some(&stale_etag)).await);
    user.files().delete(&file.id, None).await.unwrap();
    assert_no_residue(&world, "deleted");
    not_found(user.files().get(&file.id).await);
    not_found(user.files().content(&file.id).await);
    not_found(user.files().delete(&file.id, None).await);
    assert_eq!(finds(&user, "plan").await, [""; 0]);
}

#[tokio::test]
async fn an_upload_that_fails_leaves_nothing() {
    let world = World::new();
    let user = world.user("contoso", "alice").await;
    let over = user.files().upload(new_file("a.txt"), bytes(&"x".repeat(1_001))).await;
    assert!(matches!(over, Err(Error::TooLarge { limit: 1_000 })));
    assert_no_residue(&world, "over the limit");
    let broken = stream::iter(vec![Ok("one".into()), Err(io::Error::other("reset"))]).boxed();
    assert!(matches!(user.files().upload(new_file("a.txt"), broken).await, Err(Error::Invalid(_))));
    assert_no_residue(&world, "cut off");
    assert!(user.files().upload(new_file("a.txt"), bytes(&"x".repeat(1_000))).await.is_ok());
}

#[tokio::test]
async fn a_file_that_cannot_be_read_is_quarantined() {
    let world = World::new();
    let user = world.user("contoso", "alice").await;
    let file = indexed(&world, &user, "a.txt", "BAD").await;
    assert_eq!(
        (file.status, file.status_details.unwrap().code.as_str()),
        (FileStatus::Quarantined, "malformed")
    );
    assert_eq!((entries(&world), world.rows("contoso", Kind::Outbox)), (Vec::new(), Vec::new()));
    assert_eq!(world.blobs.all().len(), 1, "the bytes are the tenant's");
    let waiting = world.queue.take(QueueName::Ingest);
    user.files().ingest(&file.id).await.unwrap();
    world.fuse.calls();
    user.files().ingest(&file.id).await.unwrap();
    assert!(!world.fuse.calls().iter().any(|(_, call)| call == "blobs.get"), "it is not read again");
    drop(waiting);
}

#[tokio::test]
async fn a_file_that_cannot_be_read_now_is_tried_and_given_up() {
    let world = World::new();
    let user = world.user("contoso", "alice").await;
    let file = user.files().upload(new_file("a.txt"), bytes("TRY")).await.unwrap().value;
    for _ in 0..3 {
        assert!(matches!(user.files().ingest(&file.id).await, Err(Error::Unavailable(_))), "tried at once");
    }
    for _ in 0..21 {
        world.pass(3_600);
        world.sweep(1).await;
    }
    let file = user.files().get(&file.id).await.unwrap().value;
    assert_eq!(
        (file.status, file.status_details.unwrap().code.as_str()),
        (FileStatus::Failed, "unavailable")
    );
    assert_eq!(world.rows("contoso", Kind::Outbox), []);
}

#[tokio::test]
async fn rules_of_files() {
    let world = World::new();
    let user = world.user("contoso", "alice").await;
    let upload = async |new: serde_json::Value| {
        let new: NewFile = serde_json::from_value(new).unwrap();
        user.files().upload(new, bytes("x")).await
    };
    invalid(upload(json!({"filename": ""})).await, &["/filename"]);
    invalid(upload(json!({"filename": "a\nb"})).await, &["/filename"]);
    invalid(upload(json!({"filename": "x".repeat(256)})).await, &["/filename"]);
    invalid(upload(json!({"filename": "a", "content_type": "text/ü"})).await, &["/content_type"]);
    invalid(upload(json!({"filename": "a", "content_type": "a\r\nb"})).await, &["/content_type"]);
    invalid(upload(json!({"filename": "a", "metadata": {"tenantId": "x"}})).await, &["/metadata/tenantId"]);
    assert_no_residue(&world, "nothing was taken");
    invalid(user.files().link(new_file("a")).await, &[""]);
    for name in ["../../fabrikam/a.txt", "C:\\x", "a/b", "%2e%2e%2f", "files/file_1", "$root"] {
        upload(json!({"filename": name})).await.unwrap();
    }
    let legal = |name: &String| {
        name.strip_prefix("files/file_")
            .is_some_and(|id| id.len() == 32 && id.bytes().all(|b| b.is_ascii_hexdigit()))
    };
    assert!(world.blobs.all().iter().all(|(tenant, name, _)| tenant == "contoso" && legal(name)));
}

/// TM-55, TM-16: what is a user's is found by that user, and by the tenant's admin.
#[tokio::test]
async fn passages_are_found_by_those_who_may_see_their_file() {
    let world = World::new();
    let (alice, bob) = (world.user("contoso", "alice").await, world.user("contoso", "bob").await);
    indexed(&world, &alice, "a.txt", "plan of alice").await;
    indexed(&world, &bob, "b.txt", "plan of bob").await;
    let shared =
        world.system("contoso").await.files().take_in("c.txt", None, bytes("plan of all")).await.unwrap();
    world.work().await;
    assert_eq!(shared.value.user_id, "");
    indexed(&world, &world.user("fabrikam", "alice").await, "d.txt", "plan of others").await;
    let sorted = async |scope: &Scope| {
        let mut found = finds(scope, "plan").await;
        found.sort();
        found
    };
    assert_eq!(sorted(&alice).await, ["plan of alice", "plan of all"]);
    assert_eq!(sorted(&bob).await, ["plan of all", "plan of bob"]);
    assert_eq!(sorted(&world.admin("contoso").await).await, ["plan of alice", "plan of all", "plan of bob"]);
    assert_eq!(bob.files().get(&shared.value.id).await.unwrap().value.filename, "c.txt");
}

/// The index may lag behind: the record decides.
#[tokio::test]
async fn a_deleted_files_passages_are_not_found_while_the_index_still_holds_them() {
    let world = World::new();
    let user = world.user("contoso", "alice").await;
    let file = indexed(&world, &user, "a.txt", "plan").await;
    world.fuse.dies(Death::After(0));
    drop(user.files().delete(&file.id, None).await);
    world.fuse.revive();
    assert_eq!(entries(&world), ["plan"]);
    assert_eq!(finds(&user, "plan").await, [""; 0]);
    not_found(user.files().get(&file.id).await);
    assert!(user.files().list(&Default::default()).await.unwrap().items.is_empty());
    world.sweep(1).await;
    assert_no_residue(&world, "swept");
}

#[tokio::test]
async fn a_drop_folder_replaces_what_has_the_same_name() {
    let world = World::new();
    let system = world.system("contoso").await;
    let first = system.files().take_in("a.txt", None, bytes("one\ntwo\nthree")).await.unwrap().value;
    world.work().await;
    let second = system.files().take_in("a.txt", None, bytes("four")).await.unwrap().value;
    assert_eq!(first.id, second.id);
    world.work().await;
    assert_indexed(&world, &system, &first.id, "four", "replaced").await;
    let over = system.files().take_in("a.txt", None, bytes(&"x".repeat(1_001))).await;
    assert!(matches!(over, Err(Error::TooLarge { .. })));
    world.sweep(2).await;
    assert_indexed(&world, &system, &first.id, "four", "the old one stays").await;
    let user = world.user("contoso", "alice").await;
    assert!(user.files().content(&first.id).await.is_ok());
    forbidden(user.files().delete(&first.id, None).await);
    assert_indexed(&world, &system, &first.id, "four", "a user does not remove what is everybody's").await;
    let foreign =
        world.system("fabrikam").await.files().take_in("a.txt", None, bytes("x")).await.unwrap().value;
    assert_ne!(foreign.id, first.id, "the same name of another tenant is another file");
    world.admin("contoso").await.files().delete(&first.id, None).await.unwrap();
    world.sweep(2).await;
    not_found(system.files().get(&first.id).await);
}

/// Embeds when it likes to.
#[derive(Default)]
struct Moody(AtomicUsize);

#[async_trait::async_trait]
impl Embedder for Moody {
    fn dimensions(&self) -> usize {
        2
    }

    async fn embed(&self, _: &TenantId, texts: &[String]) -> PortResult<Vec<Vec<f32>>> {
        match self.0.fetch_add(1, Ordering::Relaxed) {
            0 => Err(PortError::unavailable("not now")),
            _ => Ok(vec![vec![1.0, 0.0]; texts.len()]),
        }
    }
}

#[tokio::test]
async fn a_file_that_cannot_be_embedded_now_is_let_go() {
    let world = World::with(|ports| ports.embedder = Some(Arc::new(Moody::default())));
    let user = world.user("contoso", "alice").await;
    let file = user.files().upload(new_file("a.txt"), bytes("one")).await.unwrap().value;
    assert!(matches!(user.files().ingest(&file.id).await, Err(Error::Unavailable(_))));
    user.files().ingest(&file.id).await.expect("the next try need not wait");
    assert_indexed(&world, &user, &file.id, "one", "embedded").await;
}

#[tokio::test]
async fn many_entries_are_forgotten_in_chunks_and_the_file_is_held_before_each() {
    let settings = Settings { max_file: 100_000, ..Settings::default() };
    let world = World::built(settings, |_| {});
    let system = world.system("contoso").await;
    let long = vec!["x"; 2_502].join("\n");
    let id = system.files().take_in("a.txt", None, bytes(&long)).await.unwrap().value.id;
    world.work().await;
    assert_eq!(entries(&world).len(), 2_502);
    system.files().take_in("a.txt", None, bytes("y")).await.unwrap();
    world.fuse.calls();
    system.files().ingest(&id).await.unwrap();
    let calls: Vec<String> = world.fuse.calls().into_iter().map(|(_, call)| call).collect();
    let deletes: Vec<usize> = (0..calls.len()).filter(|n| calls[*n] == "index.delete").collect();
    assert_eq!(deletes.len(), 3, "{calls:?}");
    assert!(deletes.iter().all(|n| calls[n - 1] == "records.commit"), "{calls:?}");
    assert_eq!(entries(&world), ["y"]);
}
