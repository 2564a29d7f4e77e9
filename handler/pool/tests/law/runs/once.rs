//! TM-39: at least once delivered, exactly once done.

use super::*;
use pool::{
    Operation,
    ports::{Item, QueueName},
    runs::{Progress, ToolOutputs},
};
use serde_json::json;
use std::time::Duration;

fn tools() -> Value {
    json!([{"type": "file_search"}, {"type": "function", "function": {"name": "weather"}}])
}

/// Searches, says something, asks the client, and answers: every kind of step.
fn script(world: &World) {
    world.model.does(|request, _| {
        let outputs = request.items.iter().filter(|item| matches!(item, Item::Output { .. })).count();
        match outputs {
            0 => done(vec![call("file_search", "{\"query\":\"days\"}")]),
            1 => done(vec![said("Let me see."), call("weather", "{}")]),
            _ => says("It is sunny."),
        }
    });
}

async fn submit(user: &Scope, run: &Run) {
    let waiting = read(user, run).await;
    if waiting.status == Status::RequiresAction {
        let id = &waiting.required_action.unwrap().submit_tool_outputs.tool_calls[0].id;
        let outputs: ToolOutputs =
            serde_json::from_value(json!({"tool_outputs": [{"tool_call_id": id, "output": "sunny"}]}))
                .unwrap();
        drop(user.runs().submit(&run.thread_id, &run.id, outputs, false).await);
    }
}

async fn assert_once(world: &World, user: &Scope, run: &Run) {
    assert_ended(world, user, run, Status::Completed).await;
    assert_eq!(answers(world, run), ["Let me see.", "It is sunny."]);
    let steps = user.runs().steps(&run.thread_id, &run.id, &Default::default()).await.unwrap().items;
    assert_eq!(steps.iter().filter(|step| step.r#type == "tool_calls").count(), 2);
    assert_eq!(steps.iter().filter(|step| step.r#type == "message_creation").count(), 2);
    assert_eq!(world.rows("contoso", Kind::Step).len(), 4);
    assert_eq!(world.rows("contoso", Kind::Run).len(), 1);
}

/// The process dies at every write there is, before and after it took effect.
#[tokio::test(start_paused = true)]
async fn a_run_survives_every_death() {
    let mut deaths = 0;
    for death in Death::each(12) {
        let world = World::new();
        let user = world.user("contoso", "alice").await;
        script(&world);
        let run = queued(&world, &user, tools()).await;
        world.fuse.dies(death);
        for _ in 0..4 {
            world.work().await;
            if user.runs().get(&run.thread_id, &run.id).await.is_ok() {
                submit(&user, &run).await;
            }
        }
        let died = world.fuse.revive();
        deaths += usize::from(died);
        for _ in 0..4 {
            world.sweep(1).await;
            submit(&user, &run).await;
        }
        world.work().await;
        assert_once(&world, &user, &run).await;
    }
    assert!(deaths >= 14, "{deaths}");
}

#[tokio::test(start_paused = true)]
async fn many_drivers_of_one_run_do_it_once() {
    for n in [2, 5, 16] {
        let world = World::new();
        let user = world.user("contoso", "alice").await;
        script(&world);
        let run = queued(&world, &user, tools()).await;
        for _ in 0..2 {
            let drivers =
                (0..n).map(async |_| world.system("contoso").await.runs().drive(&run.id).await.unwrap());
            let ends = futures::future::join_all(drivers).await;
            assert!(ends.contains(&Progress::Rests));
            submit(&user, &run).await;
        }
        world.system("contoso").await.runs().drive(&run.id).await.unwrap();
        assert_once(&world, &user, &run).await;
        assert_eq!(world.model.asked().len(), 3, "nobody is asked twice");
    }
}

/// Two drivers meet at every write: one begins while the other is about to write.
#[tokio::test(start_paused = true)]
async fn a_driver_that_is_overtaken_gives_way() {
    for after in [false, true] {
        for patience in [0, 30] {
            let world = World::new();
            let user = world.user("contoso", "alice").await;
            script(&world);
            let run = queued(&world, &user, tools()).await;
            let (other, id, clock) = (world.system("contoso").await, run.id.clone(), world.clock.clone());
            world.fuse.at("records.commit", after, move || {
                Box::pin(async move {
                    clock.advance(Duration::from_secs(patience));
                    drop(other.runs().drive(&id).await);
                })
            });
            user.runs().drive(&run.id).await.unwrap();
            for _ in 0..4 {
                world.sweep(1).await;
                submit(&user, &run).await;
            }
            world.work().await;
            assert_once(&world, &user, &run).await;
        }
    }
}

/// A driver that slept through its lease says only that it is alive; the run has ended meanwhile, and stays so.
#[tokio::test(start_paused = true)]
async fn a_sign_of_life_that_comes_late_changes_nothing() {
    let world = World::new();
    let user = world.user("contoso", "alice").await;
    let run = queued(&world, &user, json!([])).await;
    let first = std::sync::atomic::AtomicBool::new(true);
    world.model.slow(move || {
        let slow = first.swap(false, std::sync::atomic::Ordering::SeqCst);
        Box::pin(tokio::time::sleep(Duration::from_secs(if slow { 60 } else { 0 })))
    });
    let (driver, id) = (world.system("contoso").await, run.id.clone());
    let late = tokio::spawn(async move { driver.runs().drive(&id).await });
    tokio::time::sleep(Duration::from_secs(1)).await;
    let (other, id, clock) = (world.system("contoso").await, run.id.clone(), world.clock.clone());
    world.fuse.at("records.commit", false, move || {
        Box::pin(async move {
            clock.advance(Duration::from_secs(30));
            assert_eq!(other.runs().drive(&id).await.unwrap(), Progress::Rests);
        })
    });
    assert_eq!(late.await.unwrap().unwrap(), Progress::Rests);
    assert_ended(&world, &user, &run, Status::Completed).await;
    assert_eq!(answers(&world, &run).len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_job_that_is_delivered_again_does_nothing() {
    let world = World::new();
    let user = world.user("contoso", "alice").await;
    let run = queued(&world, &user, json!([])).await;
    let job = world.queue.take(QueueName::Runs).unwrap();
    for _ in 0..5 {
        let (scope, opened) = world.doors.open(job.as_str(), Operation::DriveRun).await.unwrap();
        assert_eq!(scope.runs().drive(&opened.target).await.unwrap(), Progress::Rests);
    }
    assert_ended(&world, &user, &run, Status::Completed).await;
    assert_eq!((answers(&world, &run).len(), world.model.asked().len()), (1, 1));
    world.pass(3 * 86_400);
    let (scope, opened) = world.doors.open(job.as_str(), Operation::DriveRun).await.unwrap();
    scope.runs().drive(&opened.target).await.unwrap();
    scope.runs().drive("run_of_nobody").await.unwrap();
    assert_eq!(answers(&world, &run).len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_driver_that_died_is_succeeded_when_its_lease_ends() {
    let world = World::new();
    let user = world.user("contoso", "alice").await;
    let run = queued(&world, &user, json!([])).await;
    world.fuse.dies(Death::After(0));
    assert!(user.runs().drive(&run.id).await.is_err());
    world.fuse.revive();
    world.pass(19);
    assert_eq!(user.runs().drive(&run.id).await.unwrap(), Progress::Busy(Duration::from_secs(1)));
    world.pass(1);
    assert_eq!(user.runs().drive(&run.id).await.unwrap(), Progress::Rests);
    assert_ended(&world, &user, &run, Status::Completed).await;
}

/// The queue loses every job: the sweep renews the promise.
#[tokio::test(start_paused = true)]
async fn a_job_that_the_queue_lost_is_renewed() {
    let world = World::new();
    let user = world.user("contoso", "alice").await;
    let run = queued(&world, &user, json!([])).await;
    assert!(world.queue.take(QueueName::Runs).is_some());
    world.work().await;
    assert_eq!(read(&user, &run).await.status, Status::Queued);
    world.sweep(1).await;
    assert_ended(&world, &user, &run, Status::Completed).await;
}
