//! Runs that go as they should.

use super::*;
use pool::{
    PageRequest,
    ports::{Item, Role},
    runs::ToolOutputs,
};
use serde_json::json;

#[tokio::test(start_paused = true)]
async fn a_run_answers_from_what_was_said() {
    let world = World::new();
    let user = world.user("contoso", "alice").await;
    let run = queued(&world, &user, json!([])).await;
    assert_eq!((run.status, run.user_id.as_str()), (Status::Queued, "alice"));
    world.model.does(|_, _| done(vec![said("There are "), said("20 days.")]));
    world.work().await;
    assert_ended(&world, &user, &run, Status::Completed).await;
    assert_eq!(answers(&world, &run), ["There are 20 days."]);
    let (tenant, asked) = world.model.asked().remove(0);
    assert_eq!((tenant.as_str(), asked.instructions.as_str(), asked.tools.len()), ("contoso", "Help.", 0));
    assert_eq!(asked.items, [Item::Message { role: Role::User, text: "How many days?".into() }]);
    let ended = read(&user, &run).await;
    assert_eq!((ended.usage.prompt_tokens, ended.usage.completion_tokens), (10, 2));
    let expected = [
        "thread.run.created",
        "thread.run.in_progress",
        "thread.message.created",
        "thread.message.delta",
        "thread.message.completed",
        "thread.run.step.completed",
        "thread.run.completed",
    ];
    assert_eq!(names(&user, &run).await, expected);
    assert!(world.queue.take(pool::ports::QueueName::Runs).is_none());
}

#[tokio::test(start_paused = true)]
async fn events_resume_where_they_were_left() {
    let world = World::new();
    let user = world.user("contoso", "alice").await;
    let run = queued(&world, &user, json!([])).await;
    let (first, ended) = user.runs().events(&run.thread_id, &run.id, None).await.unwrap();
    assert_eq!((first.len(), ended), (1, false));
    world.work().await;
    let all = events(&user, &run).await;
    for after in &all {
        let (rest, ended) = user.runs().events(&run.thread_id, &run.id, Some(after.seq)).await.unwrap();
        assert_eq!((rest.as_slice(), ended), (&all[after.seq as usize + 1..], true));
    }
    assert_eq!(
        user.runs().events(&run.thread_id, &run.id, Some(u64::MAX)).await.unwrap(),
        (Vec::new(), true)
    );
    world.pass(25 * 3600);
    assert_eq!(user.sweep().expired().await.unwrap(), all.len());
    assert!(world.rows("contoso", Kind::Event).is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_thread_has_one_active_run() {
    let world = World::new();
    let user = world.user("contoso", "alice").await;
    let run = queued(&world, &user, json!([])).await;
    conflict(user.runs().create(&run.thread_id, new_run(&run.agent_id), false).await);
    conflict(user.messages().create(&run.thread_id, new_message("and?")).await);
    world.work().await;
    let second = user.runs().create(&run.thread_id, new_run(&run.agent_id), false).await.unwrap().value;
    world.work().await;
    assert_ended(&world, &user, &second, Status::Completed).await;
    let page = PageRequest::default();
    let listed: Vec<_> =
        user.runs().list(&run.thread_id, &page).await.unwrap().items.into_iter().map(|r| r.id).collect();
    assert_eq!(listed, [second.id, run.id]);
}

#[tokio::test]
async fn two_runs_that_begin_at_once_are_one() {
    let world = World::new();
    let user = world.user("contoso", "alice").await;
    let first = queued(&world, &user, json!([])).await;
    world.work().await;
    let (other, thread, agent) = (user.clone(), first.thread_id.clone(), first.agent_id.clone());
    world.fuse.at("records.commit", false, move || {
        Box::pin(async move { drop(other.runs().create(&thread, new_run(&agent), false).await.unwrap()) })
    });
    conflict(user.runs().create(&first.thread_id, new_run(&first.agent_id), false).await);
    assert_eq!(world.rows("contoso", Kind::Run).len(), 2);
}

#[tokio::test]
async fn instructions_are_the_admins() {
    let world = World::new();
    let user = world.user("contoso", "alice").await;
    let run = queued(&world, &user, json!([])).await;
    world.work().await;
    let create = async |more: Value| {
        let mut new = json!({"agent_id": run.agent_id});
        new.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        user.runs().create(&run.thread_id, serde_json::from_value(new).unwrap(), false).await
    };
    invalid(create(json!({"instructions": "Obey me."})).await, &["/instructions"]);
    invalid(
        create(json!({"additional_instructions": "x".repeat(8_001)})).await,
        &["/additional_instructions"],
    );
    assert!(
        serde_json::from_value::<pool::runs::NewRun>(json!({"agent_id": "a", "model": "large"})).is_err()
    );
    assert!(serde_json::from_value::<pool::runs::NewRun>(json!({"agent_id": "a", "tools": []})).is_err());
    let run = create(json!({"additional_instructions": "Be brief."})).await.unwrap().value;
    assert_eq!(run.instructions, "Help.\n\nBe brief.");
}

#[tokio::test(start_paused = true)]
async fn a_clients_function_is_asked_for_and_answered() {
    let world = World::new();
    let user = world.user("contoso", "alice").await;
    let tools = json!([{"type": "file_search"}, {"type": "function", "function": {"name": "weather"}}]);
    let run = queued(&world, &user, tools).await;
    world.model.does(|request, _| match request.items.last() {
        Some(Item::Output { output, .. }) => says(&format!("It is {output}.")),
        _ => done(vec![
            said("Let me see."),
            call("weather", "{\"city\":\"Kyoto\"}"),
            call("file_search", "{\"query\":\"x\"}"),
        ]),
    });
    world.work().await;
    let waiting = read(&user, &run).await;
    assert_eq!(waiting.status, Status::RequiresAction);
    let calls = waiting.required_action.unwrap().submit_tool_outputs.tool_calls;
    assert_eq!(calls.iter().map(|c| c.function.name.as_str()).collect::<Vec<_>>(), ["weather"]);
    let outputs = |ids: &[&str]| {
        let outputs: Vec<_> = ids.iter().map(|id| json!({"tool_call_id": id, "output": "sunny"})).collect();
        serde_json::from_value::<ToolOutputs>(json!({"tool_outputs": outputs})).unwrap()
    };
    let submit = async |ids: &[&str]| user.runs().submit(&run.thread_id, &run.id, outputs(ids), false).await;
    invalid(submit(&[]).await, &["/tool_outputs"]);
    invalid(submit(&["call_2"]).await, &["/tool_outputs/0/tool_call_id"]);
    invalid(submit(&["call_1", "call_1"]).await, &["/tool_outputs/1/tool_call_id"]);
    invalid(submit(&["call_1", "call_9"]).await, &["/tool_outputs/1/tool_call_id"]);
    let mut long = outputs(&["call_1"]);
    long.tool_outputs[0].output = "x".repeat(256 * 1024 + 1);
    invalid(user.runs().submit(&run.thread_id, &run.id, long, false).await, &["/tool_outputs/0/output"]);
    assert_eq!(read(&user, &run).await.status, Status::RequiresAction);
    assert_eq!(submit(&["call_1"]).await.unwrap().run.value.status, Status::Queued);
    conflict(submit(&["call_1"]).await);
    world.work().await;
    assert_ended(&world, &user, &run, Status::Completed).await;
    assert_eq!(answers(&world, &run), ["Let me see.", "It is sunny."]);
    let steps = user.runs().steps(&run.thread_id, &run.id, &PageRequest::default()).await.unwrap().items;
    let kinds: Vec<_> = steps.iter().rev().map(|step| (step.r#type.as_str(), step.status.as_str())).collect();
    assert_eq!(
        kinds,
        [("message_creation", "completed"), ("tool_calls", "completed"), ("message_creation", "completed")]
    );
    let outputs = steps[1].step_details["outputs"].as_array().unwrap();
    let answered: Vec<_> = outputs.iter().map(|output| output["id"].as_str().unwrap()).collect();
    assert_eq!(answered, ["call_2", "call_1"], "our own tool's output is kept beside the client's");
    conflict(user.runs().cancel(&run.thread_id, &run.id).await);
}

#[tokio::test(start_paused = true)]
async fn a_run_that_its_caller_drives_is_left_to_it() {
    let world = World::new();
    let user = world.user("contoso", "alice").await;
    let first = queued(&world, &user, json!([])).await;
    world.work().await;
    let run = user.runs().create(&first.thread_id, new_run(&first.agent_id), true).await.unwrap().value;
    world.work().await;
    assert_eq!(read(&user, &run).await.status, Status::Queued, "the job is not due yet");
    user.runs().drive(&run.id).await.unwrap();
    assert_ended(&world, &user, &run, Status::Completed).await;
    let abandoned = user.runs().create(&first.thread_id, new_run(&first.agent_id), true).await.unwrap().value;
    world.pass(20);
    world.work().await;
    assert_ended(&world, &user, &abandoned, Status::Completed).await;
}
