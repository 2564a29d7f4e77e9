//! Calls of MCP servers' tools: none is made without the client's word, and only servers that the operator knows exist.

use super::*;
use pool::{
    Settings,
    ports::{Item, ModelEvent, PortResult, ToolCall},
    runs::ToolOutputs,
};
use serde_json::json;

fn world() -> World {
    World::built(Settings { mcp_servers: vec!["tickets".into()], ..Settings::default() }, |_| {})
}

fn mcp(server: &str, name: &str) -> PortResult<ModelEvent> {
    let call = ToolCall {
        id: "mcpr_x".into(),
        name: name.into(),
        arguments: "{\"n\":1}".into(),
        ..ToolCall::default()
    };
    Ok(ModelEvent::Call(ToolCall { server: Some(server.into()), ..call }))
}

fn tools() -> Value {
    json!([{"type": "mcp", "server_label": "tickets"}, {"type": "function", "function": {"name": "weather"}}])
}

#[tokio::test(start_paused = true)]
async fn a_call_waits_for_an_approval() {
    for (approve, functions) in [(true, false), (false, false), (true, true)] {
        let world = world();
        let user = world.user("contoso", "alice").await;
        let run = queued(&world, &user, tools()).await;
        world.model.does(move |_, n| match n {
            0 if functions => done(vec![mcp("tickets", "close"), call("weather", "{}")]),
            0 => done(vec![mcp("tickets", "close")]),
            _ => says("Done."),
        });
        world.work().await;
        assert_eq!(world.model.asked()[0].1.servers, ["tickets"]);
        let waiting = read(&user, &run).await;
        assert_eq!(waiting.status, Status::RequiresAction);
        let action = json!(waiting.required_action);
        let asked = json!([{"id": "call_1", "type": "mcp", "server_label": "tickets", "name": "close",
            "arguments": "{\"n\":1}"}]);
        assert_eq!(action["submit_tool_approval"]["tool_calls"], asked);
        let kind = if functions { "submit_tool_outputs" } else { "submit_tool_approval" };
        assert_eq!((&action["type"], action.get("submit_tool_outputs").is_some()), (&json!(kind), functions));

        let submit = async |body: Value| {
            let outputs: ToolOutputs = serde_json::from_value(body).unwrap();
            user.runs().submit(&run.thread_id, &run.id, outputs, false).await
        };
        let output = json!([{"tool_call_id": "call_1", "output": "{\"approve\":true}"}]);
        let refused = ["/tool_outputs/0/tool_call_id", "/tool_approvals"];
        invalid(submit(json!({"tool_outputs": output})).await, &refused);
        let outputs =
            if functions { json!([{"tool_call_id": "call_2", "output": "sunny"}]) } else { json!([]) };
        let wrong = json!([{"tool_call_id": "call_9", "approve": true}]);
        invalid(
            submit(json!({"tool_outputs": outputs, "tool_approvals": wrong})).await,
            &["/tool_approvals/0/tool_call_id"],
        );
        let given = json!([{"tool_call_id": "call_1", "approve": approve}]);
        submit(json!({"tool_outputs": outputs, "tool_approvals": given})).await.unwrap();
        world.work().await;
        assert_ended(&world, &user, &run, Status::Completed).await;
        let items = &world.model.asked()[1].1.items;
        let output =
            Item::Output { call_id: "call_1".into(), output: json!({"approve": approve}).to_string() };
        assert!(items.contains(&output), "{items:?}");
        let steps = world.bodies("contoso", Kind::Step);
        let step = steps.iter().find(|step| step["type"] == "tool_calls").unwrap();
        assert_eq!(
            step["step_details"]["tool_calls"][0]["type"], "mcp",
            "who approved what is on record: {step}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn a_server_that_the_agent_does_not_have_is_not_asked_for() {
    let world = world();
    let user = world.user("contoso", "alice").await;
    let run = queued(&world, &user, tools()).await;
    world.model.does(|_, n| match n {
        // The name of a tool of ours makes no difference.
        0 => done(vec![mcp("elsewhere", "weather"), mcp("elsewhere", "file_search")]),
        _ => says("No."),
    });
    world.work().await;
    assert_ended(&world, &user, &run, Status::Completed).await;
    let outputs = world.model.asked()[1]
        .1
        .items
        .iter()
        .filter(|item| matches!(item, Item::Output { output, .. } if output.contains("no such tool")))
        .count();
    assert_eq!(outputs, 2);
}

#[tokio::test]
async fn agents_get_servers_that_the_operator_knows() {
    for (servers, label, good) in
        [(vec!["tickets"], "tickets", true), (vec!["tickets"], "other", false), (vec![], "tickets", false)]
    {
        let mcp_servers = servers.into_iter().map(str::to_owned).collect();
        let world = World::built(Settings { mcp_servers, ..Settings::default() }, |_| {});
        let tools = json!([{"type": "mcp", "server_label": label}]);
        let made = world.admin("contoso").await.agents().create(new_agent(tools)).await;
        if good {
            made.unwrap();
        } else {
            invalid(made, &["/tools/0/server_label"]);
        }
    }
    let url = json!({"type": "mcp", "server_label": "tickets", "server_url": "https://evil.example"});
    assert!(serde_json::from_value::<pool::agents::Tool>(url).is_err(), "no address is taken from an agent");
}
