//! TM-40: events come twice and in any order, and what happens at once ends as if it had happened in some order.

use super::*;
use pool::{files::FileStatus, ports::Blobs};

const POINTS: [(&str, bool); 10] = [
    ("records.commit", false),
    ("records.commit", true),
    ("blobs.get", false),
    ("blobs.head", false),
    ("blobs.put", false),
    ("blobs.put", true),
    ("index.upsert", false),
    ("index.upsert", true),
    ("index.delete", false),
    ("index.delete", true),
];

#[tokio::test]
async fn the_same_event_five_times_is_one() {
    let world = World::new();
    let user = world.user("contoso", "alice").await;
    let file = user.files().upload(new_file("a.txt"), bytes("one\ntwo")).await.unwrap().value;
    for _ in 0..5 {
        user.files().changed(&file.id).await.unwrap();
    }
    world.work().await;
    assert_indexed(&world, &user, &file.id, "one\ntwo", "five times").await;
    let jobs = (0..5).map(async |_| user.files().ingest(&file.id).await);
    futures::future::join_all(jobs).await;
    assert_indexed(&world, &user, &file.id, "one\ntwo", "five more").await;
    user.files().delete(&file.id, None).await.unwrap();
    for _ in 0..5 {
        user.files().changed(&file.id).await.unwrap();
        user.files().ingest(&file.id).await.unwrap();
    }
    world.work().await;
    assert_no_residue(&world, "events of what is deleted");
}

/// The file is deleted at every point of its ingestion.
#[tokio::test]
async fn a_deletion_that_meets_an_ingestion() {
    for (call, after) in POINTS {
        for dies in [false, true] {
            let world = World::new();
            let user = world.user("contoso", "alice").await;
            let file = user.files().upload(new_file("a.txt"), bytes("one\ntwo\nthree")).await.unwrap().value;
            let (other, id, fuse) = (user.clone(), file.id.clone(), world.fuse.clone());
            world.fuse.at(call, after, move || {
                Box::pin(async move {
                    drop(other.files().delete(&id, None).await);
                    if dies {
                        fuse.dies(Death::After(0));
                    }
                })
            });
            let why = format!("deleted at {call}, after: {after}, and the next write is the last: {dies}");
            drop(user.files().ingest(&file.id).await);
            world.fuse.revive();
            world.pass(3_700);
            world.sweep(2).await;
            if user.files().get(&file.id).await.is_ok() {
                user.files().delete(&file.id, None).await.unwrap();
            }
            assert_eq!(finds(&user, "two").await, [""; 0], "{why}");
            assert_no_residue(&world, &why);
        }
    }
}

/// The file is replaced at every point of its ingestion, by one that is shorter, and by one that is longer.
#[tokio::test]
async fn a_replacement_that_meets_an_ingestion() {
    for (call, after) in POINTS {
        for (old, new) in [("one\ntwo\nthree", "four"), ("one", "four\nfive\nsix"), ("BAD", "four\nfive")] {
            let world = World::new();
            let system = world.system("contoso").await;
            let id = system.files().take_in("a.txt", None, bytes(old)).await.unwrap().value.id;
            let (other, same) = (system.clone(), id.clone());
            world.fuse.at(call, after, move || {
                Box::pin(async move {
                    // As the host does: an event that fails is delivered again.
                    for _ in 0..3 {
                        if other.files().take_in("a.txt", None, bytes(new)).await.is_ok() {
                            break;
                        }
                    }
                    drop(other.files().ingest(&same).await);
                })
            });
            drop(system.files().ingest(&id).await);
            world.pass(3_700);
            world.sweep(2).await;
            let expected = world.blobs.all()[0].2.clone();
            let expected = std::str::from_utf8(&expected).unwrap();
            if expected == "BAD" {
                assert_eq!(system.files().get(&id).await.unwrap().value.status, FileStatus::Quarantined);
                continue;
            }
            assert_indexed(
                &world,
                &system,
                &id,
                expected,
                &format!("{new:?} came at {call}, after: {after}"),
            )
            .await;
        }
    }
}

/// A job that is delivered again while the first is at work, and to its last try, does not give the file up.
#[tokio::test]
async fn a_duplicate_does_not_give_up_what_is_being_read() {
    let world = World::new();
    let user = world.user("contoso", "alice").await;
    let file = user.files().upload(new_file("a.txt"), bytes("one\ntwo")).await.unwrap().value;
    let (other, id) = (user.clone(), file.id.clone());
    world.fuse.at("index.upsert", false, move || {
        Box::pin(async move {
            for _ in 0..5 {
                conflict(other.files().ingest(&id).await);
            }
            other.files().give_up(&id).await.unwrap();
        })
    });
    user.files().ingest(&file.id).await.unwrap();
    assert_indexed(&world, &user, &file.id, "one\ntwo", "read once").await;
}

/// The storage account is quicker than we are: its event is worked on before the upload is recorded.
#[tokio::test]
async fn an_event_that_overtakes_its_upload() {
    for point in [("blobs.put", true), ("records.commit", true)] {
        let world = World::new();
        let user = world.user("contoso", "alice").await;
        let other = user.clone();
        world.fuse.at(point.0, point.1, move || {
            Box::pin(async move {
                for file in other.files().list(&Default::default()).await.unwrap().items {
                    drop(other.files().ingest(&file.id).await);
                }
            })
        });
        let file =
            user.files().upload(new_file("a.txt"), bytes("one\ntwo")).await.expect("it is taken").value;
        world.work().await;
        assert_indexed(&world, &user, &file.id, "one\ntwo", point.0).await;
    }
}

#[tokio::test]
async fn a_deletion_that_meets_an_upload() {
    for point in [("blobs.put", false), ("blobs.put", true)] {
        let world = World::new();
        let user = world.user("contoso", "alice").await;
        let other = user.clone();
        world.fuse.at(point.0, point.1, move || {
            Box::pin(async move {
                let file = other.files().list(&Default::default()).await.unwrap().items.remove(0);
                other.files().delete(&file.id, None).await.unwrap();
            })
        });
        assert!(user.files().upload(new_file("a.txt"), bytes("one")).await.is_err());
        world.pass(3_700);
        world.sweep(2).await;
        assert_no_residue(&world, &format!("{point:?}"));
    }
}

/// Bytes that come by a link: never, in time, too many, or after the file was deleted.
#[tokio::test]
async fn bytes_that_come_by_a_link() {
    let world = World::with(|ports| ports.links = Some(std::sync::Arc::new(Links)));
    let user = world.user("contoso", "alice").await;
    let put = async |id: &str, text: &str| {
        let name = pool::testing::blob(&format!("files/{id}"));
        let blobs = &world.blobs;
        blobs.put(user.tenant(), &name, "text/plain", 1 << 20, bytes(text)).await.unwrap();
        user.files().changed(id).await.unwrap();
        world.work().await;
    };
    let (never, _) = user.files().link(new_file("never.txt")).await.unwrap();
    world.sweep(2).await;
    assert_eq!(user.files().get(&never.value.id).await.unwrap().value.status, FileStatus::Uploading);
    world.pass(3_700);
    world.sweep(2).await;
    assert_no_residue(&world, "nothing came");
    let (file, _) = user.files().link(new_file("a.txt")).await.unwrap();
    put(&file.value.id, "one\ntwo").await;
    assert_indexed(&world, &user, &file.value.id, "one\ntwo", "by link").await;
    put(&file.value.id, &"x".repeat(1_001)).await;
    let over = user.files().get(&file.value.id).await.unwrap().value;
    assert_eq!(
        (over.status, over.status_details.unwrap().code.as_str()),
        (FileStatus::Quarantined, "too_large")
    );
    not_found(user.files().content(&file.value.id).await.map(drop));
    assert!(world.blobs.all().is_empty(), "what is too large is not kept");
    user.files().changed(&file.value.id).await.unwrap();
    world.work().await;
    assert_eq!(user.files().get(&file.value.id).await.unwrap().value.status, FileStatus::Quarantined);
    put(&file.value.id, "three").await;
    assert_indexed(&world, &user, &file.value.id, "three", "by the same link").await;
    user.files().delete(&file.value.id, None).await.unwrap();
    assert_no_residue(&world, "deleted");
    put(&file.value.id, "late").await;
    assert_no_residue(&world, "bytes that came after the deletion");
}
