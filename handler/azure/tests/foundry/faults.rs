//! A step whose every call meets every fault: it succeeds or says why not, in time; the conversation that is gone on with
//! is whole, and holds each word once.

use crate::{World, adapter, asks, assistant, tried, user};
use azure::FoundryModel;
use doubles::faults::{FAULTS, Fault, Faults};
use futures::StreamExt;
use pool::{
    ports::{Model, PortError, StepRequest},
    testing::tenant,
};
use std::time::{Duration, Instant};

const PATIENCE: Duration = Duration::from_secs(2);
/// The calls of a step that goes on, and of one that begins.
const CALLS: [(&str, &str); 5] = [
    ("GET", "/versions"),
    ("POST", "/agents"),
    ("POST", "/conversations"),
    ("GET", "/items"),
    ("POST", "/responses"),
];

/// An adapter that reaches the project by way of a proxy.
async fn behind_a_proxy(world: &World, patience: Duration) -> (Faults, FoundryModel) {
    let (project, address) = (world.foundry.url(), world.foundry.address());
    let proxy = Faults::start(&world.ca, address).await;
    let project = project.replace(&address.to_string(), &proxy.address().to_string());
    let ours = adapter(&world.ca, &world.identity, &project).within(patience);
    (proxy, ours)
}

#[tokio::test(flavor = "multi_thread")]
async fn every_call_survives_every_fault() {
    let tests = FAULTS.map(|fault| {
        tokio::spawn(async move {
            for (method, end) in CALLS {
                for times in [1, usize::MAX] {
                    let world = World::new().await;
                    let (proxy, ours) = behind_a_proxy(&world, PATIENCE).await;
                    let going_on = end == "/items";
                    let mut request = asks(vec![user("Hello")]);
                    if going_on {
                        let first = world.step(request.clone()).await;
                        let items = vec![user("Hello"), assistant(&first.text), user("Go on")];
                        request = StepRequest { session: first.session, ..asks(items) };
                    }
                    proxy.plan_for(fault, times, move |parts| {
                        parts.method == method && parts.uri.path().ends_with(end)
                    });
                    let begun = Instant::now();
                    let told = tokio::time::timeout(
                        Duration::from_secs(12),
                        tried(&ours, "conf-a", request.clone()),
                    );
                    // A response is waited for as long as a step may take; here nobody does.
                    let Ok(told) = told.await else {
                        assert_eq!(
                            end,
                            "/responses",
                            "{fault:?} × {method} {end} × {times}: {:?}",
                            begun.elapsed()
                        );
                        continue;
                    };
                    if let Err(error) = &told {
                        assert!(error.transient(), "{fault:?} × {method} {end} × {times}: {error:?}");
                    }
                    assert!(proxy.seen().len() < 40, "{fault:?} × {method} {end}: {}", proxy.seen().len());
                    proxy.heal();
                    let again = match told {
                        Ok(told) => told,
                        Err(_) => tried(&ours, "conf-a", request.clone()).await.unwrap(),
                    };
                    let session = again.session.unwrap();
                    let conversations = world.foundry.conversations();
                    let (_, _, items) = conversations.iter().find(|(id, ..)| session.contains(id)).unwrap();
                    assert_eq!(items.len(), request.items.len() + 1, "{fault:?} × {method} {end} × {times}");
                    assert_eq!(world.foundry.agents().len(), 1, "{fault:?} × {method} {end}");
                }
            }
        })
    });
    for test in tests {
        test.await.unwrap();
    }
}

/// As many as a tenant may have under way at a time.
const UNDER_WAY: usize = 32;

#[tokio::test(flavor = "multi_thread")]
async fn streams_that_are_cut_off_give_their_places_back_before_the_response_is_asked_for() {
    let world = World::new().await;
    let (proxy, ours) = behind_a_proxy(&world, Duration::from_secs(10)).await;
    proxy.plan_for(Fault::Truncated, usize::MAX, |parts| {
        parts.method == "POST" && parts.uri.path().ends_with("/responses")
    });
    let steps = (0..UNDER_WAY).map(|n| {
        let request = StepRequest { thread: format!("thread_{n}"), ..asks(vec![user("Hello")]) };
        tried(&ours, "conf-a", request)
    });
    for told in futures::future::join_all(steps).await {
        assert!(!told.expect("the response is asked for").text.is_empty());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wait_that_is_too_long_is_told() {
    for (method, end) in CALLS.into_iter().filter(|(_, end)| *end != "/items") {
        let world = World::new().await;
        let (proxy, ours) = behind_a_proxy(&world, PATIENCE).await;
        let busy = Fault::Status(429, Some(("retry-after", "20")));
        proxy.plan_for(busy, usize::MAX, move |parts| {
            parts.method == method && parts.uri.path().ends_with(end)
        });
        let begun = Instant::now();
        let told = tried(&ours, "conf-a", asks(vec![user("Hello")])).await.unwrap_err();
        let waits = matches!(told, PortError::Exhausted { retry_after } if retry_after.as_secs() == 20);
        assert!(waits, "{method} {end}: {told:?}");
        assert!(begun.elapsed() < PATIENCE, "{method} {end}: {:?}", begun.elapsed());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_step_that_nobody_waits_for_is_cancelled_past_a_fault() {
    let tests = FAULTS.into_iter().flat_map(|fault| [(fault, 1), (fault, usize::MAX)]);
    let tests = tests.map(|(fault, times)| {
        tokio::spawn(async move {
            let world = World::new().await;
            let (proxy, ours) = behind_a_proxy(&world, PATIENCE).await;
            proxy.plan_for(fault, times, |parts| parts.uri.path().ends_with("/cancel"));
            let a = tenant("conf-a");
            let mut stream = ours.step(&a, asks(vec![user("/wait")])).await.unwrap();
            assert!(tokio::time::timeout(Duration::from_secs(1), stream.next()).await.is_err());
            drop(stream);
            // Until it is cancelled, or given up.
            tokio::time::sleep(PATIENCE + Duration::from_secs(2)).await;
            let tries = proxy.seen().iter().filter(|line| line.contains("/cancel")).count();
            assert!((1..=5).contains(&tries), "{fault:?} × {times}: {tries} tries");
            let status = world.foundry.responses()[0]["status"].clone();
            // What the service has seen, it has done, whatever became of its answer.
            let kept = matches!(fault, Fault::Status(..) | Fault::Reset | Fault::HalfOpen);
            let patient = !matches!(fault, Fault::HalfOpen | Fault::Status(429, Some((_, "86400"))));
            if (times == 1 && patient) || !kept {
                assert_eq!(status, "cancelled", "{fault:?} × {times}");
            }
        })
    });
    for test in tests.collect::<Vec<_>>() {
        test.await.unwrap();
    }
}
