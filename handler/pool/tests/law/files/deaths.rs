//! TM-46: the process dies at every write there is. What was acknowledged is so after two sweeps, and nothing is left over.

use super::*;
use pool::{Scope, ports::Blobs};

/// Does it in a fresh world, once for each death; answers how many deaths there were.
async fn each_death(
    prepare: impl AsyncFn(&World, &Scope) -> String,
    act: impl AsyncFn(&World, &Scope, &str) -> bool,
    check: impl AsyncFn(&World, &Scope, &str, bool, &str),
) -> usize {
    let mut deaths = 0;
    for death in Death::each(12) {
        let world = World::new();
        let user = world.user("contoso", "alice").await;
        let id = prepare(&world, &user).await;
        world.fuse.dies(death);
        let acknowledged = act(&world, &user, &id).await;
        deaths += usize::from(world.fuse.revive());
        world.pass(3_700);
        world.sweep(2).await;
        check(&world, &user, &id, acknowledged, &format!("{death:?}, acknowledged: {acknowledged}")).await;
    }
    deaths
}

#[tokio::test]
async fn of_an_upload() {
    let deaths = each_death(
        async |_, _| String::new(),
        async |_, user, _| user.files().upload(new_file("a.txt"), bytes("one\ntwo")).await.is_ok(),
        async |world, user, _, acknowledged, why| {
            let files = user.files().list(&Default::default()).await.unwrap().items;
            match files.as_slice() {
                [] => {
                    assert!(!acknowledged, "{why}");
                    assert_no_residue(world, why);
                }
                [file] => assert_indexed(world, user, &file.id, "one\ntwo", why).await,
                more => panic!("{} files: {why}", more.len()),
            }
        },
    );
    assert!(deaths.await >= 8);
}

#[tokio::test]
async fn of_an_ingestion() {
    let deaths = each_death(
        async |_, user| user.files().upload(new_file("a.txt"), bytes("one\ntwo")).await.unwrap().value.id,
        async |_, user, id| user.files().ingest(id).await.is_ok(),
        async |world, user, id, _, why| assert_indexed(world, user, id, "one\ntwo", why).await,
    );
    assert!(deaths.await >= 8);
}

#[tokio::test]
async fn of_a_reading_of_a_shorter_version() {
    let deaths = each_death(
        async |world, _| {
            let system = world.system("contoso").await;
            let id = system.files().take_in("a.txt", None, bytes("one\ntwo\nthree")).await.unwrap().value.id;
            world.work().await;
            id
        },
        async |world, _, id| {
            let system = world.system("contoso").await;
            let taken = system.files().take_in("a.txt", None, bytes("four")).await.is_ok();
            drop(system.files().ingest(id).await);
            taken
        },
        async |world, user, id, acknowledged, why| {
            // The bytes may have come before the death: then whoever looks next indexes them.
            drop(world.system("contoso").await.files().ingest(id).await);
            let left = world.blobs.all()[0].2.clone();
            let text = std::str::from_utf8(&left).unwrap();
            assert!(text == "four" || !acknowledged);
            assert_indexed(world, user, id, text, why).await;
        },
    );
    assert!(deaths.await >= 12);
}

#[tokio::test]
async fn of_a_quarantine() {
    let deaths = each_death(
        async |world, _| {
            let system = world.system("contoso").await;
            let id = system.files().take_in("a.txt", None, bytes("one\ntwo")).await.unwrap().value.id;
            world.work().await;
            system.files().take_in("a.txt", None, bytes("BAD")).await.unwrap();
            id
        },
        async |_, user, id| user.files().ingest(id).await.is_ok(),
        async |world, user, id, _, why| {
            let file = user.files().get(id).await.unwrap().value;
            assert_eq!((file.status, file.chunks), (pool::files::FileStatus::Quarantined, 0), "{why}");
            assert_eq!(entries(world), [""; 0], "{why}");
        },
    );
    assert!(deaths.await >= 6);
}

#[tokio::test]
async fn of_a_refusal_of_what_is_too_large() {
    let deaths = each_death(
        async |world, user| {
            let id = indexed(world, user, "a.txt", "one\ntwo").await.id;
            let name = pool::testing::blob(&format!("files/{id}"));
            let long = "x".repeat(1_001);
            world.blobs.put(user.tenant(), &name, "text/plain", 1 << 20, bytes(&long)).await.unwrap();
            user.files().changed(&id).await.unwrap();
            id
        },
        async |_, user, id| user.files().ingest(id).await.is_ok(),
        async |world, user, id, _, why| {
            let file = user.files().get(id).await.unwrap().value;
            assert_eq!((file.status, file.chunks), (pool::files::FileStatus::Quarantined, 0), "{why}");
            assert_eq!(entries(world), [""; 0], "{why}");
            assert!(world.blobs.all().is_empty(), "{why}");
            assert!(world.rows("contoso", pool::ports::Kind::Outbox).is_empty(), "{why}");
        },
    );
    assert!(deaths.await >= 8);
}

#[tokio::test]
async fn of_a_deletion() {
    let deaths = each_death(
        async |world, user| indexed(world, user, "a.txt", "one\ntwo").await.id,
        async |_, user, id| user.files().delete(id, None).await.is_ok(),
        async |world, user, id, acknowledged, why| match user.files().get(id).await {
            Ok(_) => {
                assert!(!acknowledged, "{why}");
                assert_indexed(world, user, id, "one\ntwo", why).await;
            }
            Err(_) => assert_no_residue(world, why),
        },
    );
    assert!(deaths.await >= 8);
}
