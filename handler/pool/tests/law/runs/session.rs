//! What a model wants to be given at its next step: kept with the step, and with no other.

use super::*;
use pool::ports::{ModelEvent, PortError};
use serde_json::json;

fn session(text: &str) -> pool::ports::PortResult<ModelEvent> {
    Ok(ModelEvent::Session(text.to_owned()))
}

fn given(world: &World) -> Vec<Option<String>> {
    world.model.asked().into_iter().map(|(_, request)| request.session).collect()
}

#[tokio::test(start_paused = true)]
async fn a_session_goes_from_step_to_step_and_from_run_to_run() {
    let world = World::new();
    let user = world.user("contoso", "alice").await;
    let run = queued(&world, &user, json!([{"type": "file_search"}])).await;
    world.model.does(|_, n| match n {
        0 => done(vec![session("one"), call("file_search", "{\"query\":\"days\"}")]),
        1 => done(vec![said("20 days."), session("lost"), session("two")]),
        2 => done(vec![said("As I said.")]),
        _ => says("Yes."),
    });
    world.work().await;
    for _ in 0..2 {
        user.runs().create(&run.thread_id, new_run(&run.agent_id), false).await.unwrap();
        world.work().await;
    }
    let text = |text: &str| Some(text.to_owned());
    assert_eq!(given(&world), [None, text("one"), text("two"), text("two")]);
    let (_, first) = world.model.asked().remove(0);
    let agent = (first.agent.id.as_str(), first.agent.version, first.agent.instructions.as_str());
    assert_eq!(agent, (run.agent_id.as_str(), 1, "Help."));
    assert_eq!((first.user.as_str(), first.thread.as_str()), ("alice", run.thread_id.as_str()));
    let other = queued(&world, &user, json!([])).await;
    world.work().await;
    assert_ended(&world, &user, &other, Status::Completed).await;
    assert_eq!(given(&world).last(), Some(&None), "another thread has another session");
}

#[tokio::test(start_paused = true)]
async fn a_step_that_fails_leaves_no_session() {
    let world = World::new();
    let user = world.user("contoso", "alice").await;
    let run = queued(&world, &user, json!([])).await;
    world.model.does(|_, n| match n {
        0 => done(vec![session("one"), Err(PortError::unavailable("cut off"))]),
        1 => cut_off("some words"),
        _ => says("20 days."),
    });
    world.work().await;
    assert_ended(&world, &user, &run, Status::Completed).await;
    assert_eq!(given(&world), [None, None, None]);
}

#[tokio::test(start_paused = true)]
async fn an_agents_own_instructions_are_told_from_what_a_run_adds() {
    let world = World::new();
    let user = world.user("contoso", "alice").await;
    let first = queued(&world, &user, json!([])).await;
    world.work().await;
    let more = json!({"agent_id": first.agent_id, "additional_instructions": "Be brief."});
    user.runs().create(&first.thread_id, serde_json::from_value(more).unwrap(), false).await.unwrap();
    world.work().await;
    let (_, asked) = world.model.asked().pop().unwrap();
    assert_eq!(
        (asked.agent.instructions.as_str(), asked.instructions.as_str()),
        ("Help.", "Help.\n\nBe brief.")
    );
}
