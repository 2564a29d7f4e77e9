//! Runs: the client's functions, cancellation, one at a time, streams that are resumed.

use crate::world::{agent, ended, thread};
use reqwest::Method;
use serde_json::{Value, json};
use std::sync::Arc;
use tests::{Caller, Dev, Event, run};

pub(crate) fn weather() -> Value {
    let function =
        json!({"name": "weather", "description": "The weather.", "parameters": {"type": "object"}});
    json!({"instructions": "version one", "tools": [{"type": "function", "function": function}]})
}

/// A thread, and a run in it that waits for the client's function.
pub(crate) async fn waiting(dev: &Arc<Dev>, user: &Caller) -> (String, String, Value) {
    let agent = agent(&dev.as_admin("contoso"), weather()).await;
    let thread = thread(user, "/tool weather {\"city\": \"Oslo\"}").await;
    let run = user.post_json(&format!("threads/{thread}/runs"), json!({"agent_id": agent})).await.id();
    let run = ended(user, &thread, &run).await;
    assert_eq!(run["status"], "requires_action", "{run}");
    (agent, thread, run)
}

fn outputs(run: &Value) -> Value {
    let call = &run["required_action"]["submit_tool_outputs"]["tool_calls"][0];
    assert_eq!(
        (&call["function"]["name"], call["function"]["arguments"].as_str()),
        (&json!("weather"), Some("{\"city\": \"Oslo\"}"))
    );
    json!([{"tool_call_id": call["id"], "output": "rain and more rain"}])
}

fn path(thread: &str, run: &Value) -> String {
    format!("threads/{thread}/runs/{}", run["id"].as_str().unwrap())
}

async fn last_words(user: &Caller, thread: &str) -> String {
    let messages = user.get(&format!("threads/{thread}/messages")).await.list();
    messages[0]["content"][0]["text"]["value"].as_str().unwrap().to_owned()
}

#[test]
fn a_function_of_the_client_is_asked_for_and_its_output_used() {
    run(async |dev| {
        let alice = dev.as_user("contoso", "alice");
        for stream in [false, true] {
            let (agent, thread, run) = waiting(&dev, &alice).await;
            let submit = format!("{}/submit_tool_outputs", path(&thread, &run));
            // The agent changes meanwhile; the run keeps the version that it began with.
            dev.as_admin("contoso")
                .patch_json(&format!("agents/{agent}"), json!({"instructions": "version two"}))
                .await
                .is(200);
            alice.post_json(&submit, json!({"tool_outputs": []})).await.invalid("/tool_outputs");
            let wrong = json!([{"tool_call_id": "call_9", "output": "x"}]);
            alice
                .post_json(&submit, json!({"tool_outputs": wrong}))
                .await
                .invalid("/tool_outputs/0/tool_call_id");
            let body = json!({"tool_outputs": outputs(&run), "stream": stream});
            if stream {
                let events = alice.post_events(&submit, body.clone()).await;
                let names: Vec<_> = events.iter().map(|event| event.name.as_str()).collect();
                assert_eq!(
                    (names[0], names[names.len() - 2]),
                    ("thread.run.queued", "thread.run.completed"),
                    "{names:?}"
                );
            } else {
                alice.post_json(&submit, body.clone()).await.is(200);
            }
            let done = ended(&alice, &thread, run["id"].as_str().unwrap()).await;
            assert_eq!(
                (done["status"].as_str(), done["agent_version"].as_u64()),
                (Some("completed"), Some(1))
            );
            assert!(
                done["instructions"].as_str().unwrap().contains("version one")
                    && done["required_action"].is_null()
            );
            assert!(last_words(&alice, &thread).await.contains("rain and more rain"));
            alice.post_json(&submit, body).await.problem(409, "conflict");
            let steps = alice.get(&format!("{}/steps?order=asc", path(&thread, &run))).await.list();
            let kinds: Vec<_> = steps
                .iter()
                .map(|step| (step["type"].as_str().unwrap(), step["status"].as_str().unwrap()))
                .collect();
            assert_eq!(kinds, [("tool_calls", "completed"), ("message_creation", "completed")]);
            assert_eq!(steps[0]["step_details"]["outputs"][0]["output"], "rain and more rain");
            alice
                .post_json(&format!("threads/{thread}/messages"), json!({"content": "And now?"}))
                .await
                .is(200);
            let next =
                alice.post_json(&format!("threads/{thread}/runs"), json!({"agent_id": agent})).await.ok();
            assert_eq!(
                (next["agent_version"].as_u64(), next["instructions"].as_str()),
                (Some(2), Some("version two"))
            );
        }
    });
}

#[test]
fn outputs_that_cannot_be_stored_are_refused_and_the_run_waits_for_less() {
    run(async |dev| {
        let alice = dev.as_user("contoso", "alice");
        let (_, thread, run) = waiting(&dev, &alice).await;
        let submit = format!("{}/submit_tool_outputs", path(&thread, &run));
        // Each byte is six of JSON, and is written with the run and with its step.
        let mut outputs = outputs(&run);
        outputs[0]["output"] = "\u{1}".repeat(120_000).into();
        let refused = alice.post_json(&submit, json!({"tool_outputs": outputs})).await;
        let problem = refused.problem(413, "too-large");
        assert_eq!(problem["errors"][0]["pointer"], "/tool_outputs");
        assert!(problem["errors"][0]["message"].as_str().unwrap().contains("may take 1900000"), "{problem}");
        let waits = alice.get(&path(&thread, &run)).await.ok();
        assert_eq!((&waits["status"], &waits["required_action"]), (&run["status"], &run["required_action"]));
        outputs[0]["output"] = "\u{1}".repeat(80_000).into();
        alice.post_json(&submit, json!({"tool_outputs": outputs})).await.is(200);
        assert_eq!(ended(&alice, &thread, run["id"].as_str().unwrap()).await["status"], "completed");
    });
}

#[test]
fn a_thread_has_one_run_at_a_time_and_is_free_when_it_is_cancelled() {
    run(async |dev| {
        let alice = dev.as_user("contoso", "alice");
        let (agent, thread, run) = waiting(&dev, &alice).await;
        let runs = format!("threads/{thread}/runs");
        alice.post_json(&runs, json!({"agent_id": agent})).await.problem(409, "conflict");
        alice
            .post_json(&format!("threads/{thread}/messages"), json!({"content": "x"}))
            .await
            .problem(409, "conflict");
        alice.delete(&format!("threads/{thread}")).await.problem(409, "conflict");
        let cancel = format!("{}/cancel", path(&thread, &run));
        let cancelled = alice.request(Method::POST, &cancel).send().await.ok();
        assert_eq!(cancelled["status"], "cancelled");
        assert!(cancelled["cancelled_at"].is_i64());
        alice.request(Method::POST, &cancel).send().await.problem(409, "conflict");
        let submit = format!("{}/submit_tool_outputs", path(&thread, &run));
        alice.post_json(&submit, json!({"tool_outputs": []})).await.problem(409, "conflict");
        alice.post_json(&format!("threads/{thread}/messages"), json!({"content": "Hello?"})).await.is(200);
        let next = alice.post_json(&runs, json!({"agent_id": agent})).await.id();
        assert_eq!(ended(&alice, &thread, &next).await["status"], "completed");
        alice.delete(&format!("threads/{thread}")).await.is(204);
        alice.get(&path(&thread, &run)).await.is(404);
    });
}

#[test]
fn instructions_are_the_admins() {
    run(async |dev| {
        let alice = dev.as_user("contoso", "alice");
        let agent = agent(&dev.as_admin("contoso"), json!({"instructions": "Be brief."})).await;
        let thread = thread(&alice, "Hello?").await;
        let runs = format!("threads/{thread}/runs");
        let refused = alice.post_json(&runs, json!({"agent_id": agent, "instructions": "Be evil."})).await;
        let problem = refused.problem(400, "invalid-request");
        assert_eq!(problem["errors"][0]["pointer"], "/instructions");
        assert!(problem["errors"][0]["message"].as_str().unwrap().contains("additional_instructions"));
        let run = alice
            .post_json(&runs, json!({"agent_id": agent, "additional_instructions": "Be kind."}))
            .await
            .ok();
        assert_eq!(run["instructions"], "Be brief.\n\nBe kind.");
    });
}

async fn resumed(user: &Caller, path: &str, after: Option<&str>) -> Vec<Event> {
    let request = user.request(Method::GET, &format!("{path}/events"));
    let request = match after {
        Some(id) => request.header("last-event-id", id),
        None => request,
    };
    request.events(usize::MAX).await
}

#[test]
fn a_stream_is_resumed_after_any_event() {
    run(async |dev| {
        let alice = dev.as_user("contoso", "alice");
        let agent = agent(&dev.as_admin("contoso"), json!({})).await;
        let thread = thread(&alice, "Hello?").await;
        let body = json!({"agent_id": agent, "stream": true});
        let all = alice.post_events(&format!("threads/{thread}/runs"), body).await;
        let path = path(&thread, &all[0].data);
        assert_eq!(resumed(&alice, &path, None).await, all);
        for (n, event) in all.iter().enumerate().take(all.len() - 1) {
            assert_eq!(event.id, n.to_string());
            assert_eq!(resumed(&alice, &path, Some(&event.id)).await, all[n + 1..]);
        }
        for bad in ["x", "-1", "1.5", "99999999999999999999999"] {
            let request = alice.request(Method::GET, &format!("{path}/events")).header("last-event-id", bad);
            request.send().await.invalid("Last-Event-ID");
        }
        // A client that leaves does not end the run.
        let body = json!({"agent_id": agent, "stream": true});
        let left = alice.request(Method::POST, &format!("threads/{thread}/runs")).json(&body).events(1).await;
        assert_eq!(ended(&alice, &thread, left[0].data["id"].as_str().unwrap()).await["status"], "completed");
    });
}
