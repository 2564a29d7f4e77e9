//! Runs that end otherwise: cancelled, expired, failed, cut.

use super::*;
use futures::{StreamExt, stream};
use pool::{
    Error, Operation, TenantRecord, TenantStatus,
    ports::{Directory, ModelEvent, PortError, QueueName, Usage},
};
use serde_json::json;
use std::time::Duration;

const FUNCTION: &str = r#"[{"type": "function", "function": {"name": "weather"}}]"#;

fn function() -> Value {
    serde_json::from_str(FUNCTION).unwrap()
}

#[tokio::test(start_paused = true)]
async fn a_run_is_cancelled_while_it_waits() {
    let world = World::new();
    let user = world.user("contoso", "alice").await;
    let run = queued(&world, &user, function()).await;
    user.runs().cancel(&run.thread_id, &run.id).await.unwrap();
    assert_ended(&world, &user, &run, Status::Cancelled).await;
    world.work().await;
    assert!(world.model.asked().is_empty(), "nobody is asked");

    let run = user.runs().create(&run.thread_id, new_run(&run.agent_id), false).await.unwrap().value;
    world.model.does(|_, _| done(vec![call("weather", "{}")]));
    world.work().await;
    assert_eq!(read(&user, &run).await.status, Status::RequiresAction);
    user.runs().cancel(&run.thread_id, &run.id).await.unwrap();
    assert_ended(&world, &user, &run, Status::Cancelled).await;
    let steps = user.runs().steps(&run.thread_id, &run.id, &Default::default()).await.unwrap().items;
    assert_eq!(steps[0].status, "cancelled");
}

#[tokio::test(start_paused = true)]
async fn a_run_is_cancelled_while_the_model_speaks() {
    let world = World::new();
    let user = world.user("contoso", "alice").await;
    let run = queued(&world, &user, json!([])).await;
    world.model.does(|_, _| {
        let slowly = stream::iter(0..1_000).then(async |n| {
            tokio::time::sleep(Duration::from_millis(100)).await;
            said(&format!("{n} "))
        });
        Ok(slowly.boxed())
    });
    let driver = world.system("contoso").await;
    let id = run.id.clone();
    let driving = tokio::spawn(async move { driver.runs().drive(&id).await });
    tokio::time::sleep(Duration::from_secs(3)).await;
    assert_eq!(read(&user, &run).await.status, Status::InProgress);
    let cancelling = user.runs().cancel(&run.thread_id, &run.id).await.unwrap().value;
    assert_eq!(cancelling.status, Status::Cancelling);
    driving.await.unwrap().unwrap();
    assert_ended(&world, &user, &run, Status::Cancelled).await;
    assert_eq!(answers(&world, &run), [""; 0]);
}

#[tokio::test(start_paused = true)]
async fn a_run_whose_driver_died_is_cancelled_at_once() {
    let world = World::new();
    let user = world.user("contoso", "alice").await;
    let run = queued(&world, &user, json!([])).await;
    world.fuse.dies(Death::After(0));
    assert!(user.runs().drive(&run.id).await.is_err());
    world.fuse.revive();
    assert_eq!(user.runs().cancel(&run.thread_id, &run.id).await.unwrap().value.status, Status::Cancelling);
    world.pass(20);
    assert_eq!(user.runs().cancel(&run.thread_id, &run.id).await.unwrap().value.status, Status::Cancelled);
    assert_ended(&world, &user, &run, Status::Cancelled).await;
}

#[tokio::test(start_paused = true)]
async fn a_run_that_takes_too_long_expires_wherever_it_stands() {
    for step in 0..4 {
        let world = World::new();
        let user = world.user("contoso", "alice").await;
        let run = queued(&world, &user, function()).await;
        if step == 1 {
            world.model.does(|_, _| done(vec![call("weather", "{}")]));
            world.work().await;
        } else if step == 2 {
            world.fuse.dies(Death::After(0));
            assert!(user.runs().drive(&run.id).await.is_err());
            world.fuse.revive();
        }
        world.pass(600);
        if step == 3 {
            world.work().await;
        } else {
            world.queue.take(QueueName::Runs);
            world.sweep(1).await;
        }
        assert_ended(&world, &user, &run, Status::Expired).await;
    }
}

/// A model that holds the line without a word is no reason to hold the run.
#[tokio::test(start_paused = true)]
async fn a_model_that_never_ends_does_not_keep_its_run() {
    for silent in [true, false] {
        let world = World::new();
        let user = world.user("contoso", "alice").await;
        let run = queued(&world, &user, json!([])).await;
        let clock = world.clock.clone();
        world.model.does(move |_, _| {
            let clock = clock.clone();
            let forever = stream::unfold(0, move |n| {
                let clock = clock.clone();
                async move {
                    tokio::time::sleep(Duration::from_secs(5)).await;
                    clock.advance(Duration::from_secs(5));
                    Some((said(if silent { "" } else { "word " }), n + 1))
                }
            });
            Ok(forever.boxed())
        });
        let runs = user.runs();
        let drive = tokio::time::timeout(Duration::from_secs(3_600), runs.drive(&run.id));
        drive.await.expect("the run ends").unwrap();
        assert_ended(&world, &user, &run, Status::Expired).await;
    }
}

/// The model is slow to begin: the lease is kept, and nobody else begins the run meanwhile.
#[tokio::test(start_paused = true)]
async fn a_model_that_is_slow_to_begin_keeps_its_driver() {
    let world = World::new();
    let user = world.user("contoso", "alice").await;
    let run = queued(&world, &user, json!([])).await;
    let clock = world.clock.clone();
    world.model.slow(move || {
        let clock = clock.clone();
        Box::pin(async move {
            for _ in 0..60 {
                tokio::time::sleep(Duration::from_secs(1)).await;
                clock.advance(Duration::from_secs(1));
            }
        })
    });
    let driver = world.system("contoso").await;
    let id = run.id.clone();
    let driving = tokio::spawn(async move { driver.runs().drive(&id).await });
    tokio::time::sleep(Duration::from_secs(30)).await;
    let other = user.runs().drive(&run.id).await.unwrap();
    assert!(matches!(other, pool::runs::Progress::Busy(_)), "{other:?}");
    driving.await.unwrap().unwrap();
    assert_ended(&world, &user, &run, Status::Completed).await;
    assert_eq!(world.model.asked().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_model_that_fails_is_asked_three_times() {
    type Fault = fn() -> PortError;
    let faults: [(Fault, usize, &str); 3] = [
        (|| PortError::unavailable("down"), 3, "model_unavailable"),
        (|| PortError::Exhausted { retry_after: Duration::from_secs(3600) }, 3, "rate_limit_exceeded"),
        (|| PortError::refused("no"), 1, "model_refused"),
    ];
    for (fault, tries, code) in faults {
        let world = World::new();
        let user = world.user("contoso", "alice").await;
        let run = queued(&world, &user, json!([])).await;
        world.model.does(move |_, _| Err(fault()));
        world.work().await;
        assert_ended(&world, &user, &run, Status::Failed).await;
        assert_eq!(world.model.asked().len(), tries);
        assert_eq!(read(&user, &run).await.last_error.unwrap().code, code);
    }
}

#[tokio::test(start_paused = true)]
async fn a_stream_that_is_cut_off_is_begun_again() {
    let world = World::new();
    let user = world.user("contoso", "alice").await;
    let run = queued(&world, &user, json!([])).await;
    world.model.does(|_, n| match n {
        0 => cut_off("There are 3"),
        1 => Ok(stream::iter(vec![said("There "), Err(PortError::unavailable("reset"))]).boxed()),
        2 => says("There are 20 days."),
        _ => says("again"),
    });
    world.work().await;
    assert_ended(&world, &user, &run, Status::Completed).await;
    assert_eq!(answers(&world, &run), ["There are 20 days."]);
}

#[tokio::test(start_paused = true)]
async fn words_that_were_told_and_not_kept_are_taken_back() {
    let world = World::new();
    let user = world.user("contoso", "alice").await;
    let run = queued(&world, &user, json!([])).await;
    world.model.does(|_, n| {
        let fault = async move {
            tokio::time::sleep(Duration::from_secs(1)).await;
            if n < 2 { Err(PortError::unavailable("reset")) } else { Err(PortError::refused("no")) }
        };
        Ok(stream::once(async { said("There are 3") }).chain(stream::once(fault)).boxed())
    });
    world.work().await;
    assert_ended(&world, &user, &run, Status::Failed).await;
    let taken_back =
        names(&user, &run).await.iter().filter(|name| *name == "thread.message.discarded").count();
    assert_eq!(taken_back, 3);
}

#[tokio::test(start_paused = true)]
async fn limits_cut_a_run_and_say_so() {
    type Step = fn() -> Vec<pool::ports::PortResult<ModelEvent>>;
    let steps: [(Step, &str, usize); 3] = [
        (|| (0..33).map(|_| call("file_search", "{\"query\":\"x\"}")).collect(), "max_tool_calls", 1),
        (|| vec![call("file_search", "{\"query\":\"x\"}")], "max_tool_calls", 33),
        (|| (0..20).map(|_| said(&"x".repeat(64 * 1024))).collect(), "max_answer", 1),
    ];
    for (step, reason, asked) in steps {
        let world = World::new();
        let user = world.user("contoso", "alice").await;
        let run = queued(&world, &user, json!([{"type": "file_search"}])).await;
        world.model.does(move |_, _| done(step()));
        world.work().await;
        assert_ended(&world, &user, &run, Status::Incomplete).await;
        assert_eq!(read(&user, &run).await.incomplete_details.unwrap().reason, reason);
        assert_eq!(world.model.asked().len(), asked);
    }
    let world = World::new();
    let user = world.user("contoso", "alice").await;
    let run = queued(&world, &user, json!([])).await;
    world.model.does(|_, _| {
        let truncated = Ok(ModelEvent::Done { usage: Usage::default(), truncated: true });
        Ok(stream::iter(vec![said("There"), truncated]).boxed())
    });
    world.work().await;
    assert_ended(&world, &user, &run, Status::Incomplete).await;
    assert_eq!(answers(&world, &run), ["There"], "what was said is kept");
}

/// TM-07, TM-42: the tenant is suspended while its run is under way; the run waits, and goes on afterwards.
#[tokio::test(start_paused = true)]
async fn a_suspended_tenants_run_stops_and_goes_on() {
    let world = World::new();
    let user = world.user("contoso", "alice").await;
    let run = queued(&world, &user, json!([])).await;
    let suspended = TenantRecord { status: TenantStatus::Suspended, ..TenantRecord::new("contoso", "") };
    let job = world.queue.take(QueueName::Runs).unwrap();
    let (scope, job) = world.doors.open(job.as_str(), Operation::DriveRun).await.unwrap();
    let mut reader = user.runs().follow(&run.thread_id, &run.id, None).await.unwrap();
    world.directory.put(&suspended).await.unwrap();
    assert!(reader.next().await.is_ok());
    world.pass(5);
    forbidden(reader.next().await);
    forbidden(scope.runs().drive(&job.target).await);
    assert!(world.model.asked().is_empty());
    world.directory.put(&TenantRecord::new("contoso", "")).await.unwrap();
    world.sweep(1).await;
    assert_ended(&world, &user, &run, Status::Completed).await;
}

/// TM-07: whoever follows a run does so as long as the token is good.
#[tokio::test(start_paused = true)]
async fn a_run_is_not_followed_with_an_expired_token() {
    let world = World::new();
    let user = world.user("contoso", "alice").await;
    let run = queued(&world, &user, json!([])).await;
    let mut reader = user.runs().follow(&run.thread_id, &run.id, None).await.unwrap();
    world.pass(3659);
    assert!(reader.next().await.is_ok());
    world.pass(5);
    assert!(matches!(reader.next().await, Err(Error::Unauthenticated { check: "expired", .. })));
}
