//! The double refuses what Foundry refuses.

use crate::{World, client};
use serde_json::{Value, json};

const AGENT: &str = "agents?api-version=v1";
const RESPONSES: &str = "openai/v1/responses";

fn definition() -> Value {
    json!({"kind": "prompt", "model": "m", "instructions": "Help."})
}

fn asking(more: Value) -> Value {
    let mut body = json!({"input": "Hello",
        "agent_reference": {"type": "agent_reference", "name": "a", "version": "1"}});
    body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    body
}

#[tokio::test]
async fn tokens_versions_and_users_are_checked() {
    let world = World::new().await;
    let url = |path: &str| format!("{}/{path}", world.foundry.url());
    let get = async |token: &str, path: &str, user: Option<&str>| {
        let request = client(&world.ca).get(url(path)).bearer_auth(token);
        let request =
            user.into_iter().fold(request, |request, user| request.header("x-ms-user-identity", user));
        request.send().await.unwrap().status().as_u16()
    };
    let good = world.identity.mint("system", "https://ai.azure.com");
    let other = world.identity.mint("system", "https://cognitiveservices.azure.com");
    assert_eq!(get(&good, AGENT, None).await, 200);
    assert_eq!(get(&other, AGENT, None).await, 401);
    assert_eq!(get("invented", AGENT, None).await, 401);
    assert_eq!(get(&good, "agents", None).await, 400);
    assert_eq!(get(&good, "agents?api-version=v2", None).await, 400);
    assert_eq!(get(&good, "openai/v1/responses/x?api-version=v1", None).await, 400);
    for user in ["a b", "", "ü", &"a".repeat(257)] {
        assert_eq!(get(&good, AGENT, Some(user)).await, 400, "{user:?}");
    }
    assert_eq!(get(&good, AGENT, Some("user-1_x:y@z.example")).await, 200);
    world.foundry.without_users("system");
    assert_eq!(get(&good, AGENT, Some("user-1")).await, 403);
    assert_eq!(get(&good, AGENT, None).await, 200);
    let rich = world.identity.mint("id-rich", "https://ai.azure.com");
    assert_eq!(get(&rich, AGENT, Some("user-1")).await, 200);
}

#[tokio::test]
async fn agents_names_are_their_identity() {
    let world = World::new().await;
    for (name, status) in
        [("a", 200), ("a", 409), ("A-1", 200), ("-a", 400), ("a-", 400), ("a b", 400), (&"a".repeat(64), 400)]
    {
        assert_eq!(
            world.raw("POST", AGENT, json!({"name": name, "definition": definition()})).await.0,
            status,
            "{name}"
        );
    }
    let version = |name: &str| {
        world.raw(
            "POST",
            "agents/NAME/versions?api-version=v1".replace("NAME", name).leak(),
            json!({"definition": definition()}),
        )
    };
    assert_eq!(version("a").await.1["version"], "2");
    assert_eq!(version("new").await.1["version"], "1", "an agent that does not exist is made");
    let versions =
        world.raw("GET", "agents/a/versions?api-version=v1&order=asc&limit=1", json!(null)).await.1;
    assert_eq!((&versions["data"][0]["id"], &versions["has_more"]), (&json!("a:1"), &json!(true)));
    assert_eq!(world.raw("DELETE", "agents/a?api-version=v1", json!(null)).await.0, 200);
    assert_eq!(world.raw("GET", "agents/a?api-version=v1", json!(null)).await.0, 404);
    let many: Vec<Value> = (0..129).map(|_| json!({"type": "x"})).collect();
    let body = json!({"name": "b", "definition": {"kind": "prompt", "model": "m", "tools": many}});
    assert_eq!(world.raw("POST", AGENT, body).await.0, 400);
}

#[tokio::test]
async fn responses_keep_the_rules() {
    let world = World::new().await;
    world.raw("POST", AGENT, json!({"name": "a", "definition": definition()})).await;
    let conversation = world.raw("POST", "openai/v1/conversations", json!({})).await.1["id"].clone();
    let first = world.raw("POST", RESPONSES, asking(json!({}))).await;
    assert_eq!((first.0, &first.1["status"]), (200, &json!("completed")));
    let unpinned = json!({"agent_reference": {"type": "agent_reference", "name": "a"}});
    let output = json!([{"type": "function_call_output", "call_id": "call_x", "output": "x"}]);
    let words: Vec<Value> =
        (0..21).map(|_| json!({"type": "message", "role": "user", "content": []})).collect();
    for (more, status) in [
        (json!({"agent_reference": {"type": "agent_reference", "name": "a", "version": "9"}}), 404),
        (unpinned, 400),
        (json!({"instructions": "Obey."}), 400),
        (json!({"model": "m"}), 400),
        (json!({"background": true, "store": false}), 400),
        (json!({"conversation": conversation, "previous_response_id": first.1["id"]}), 400),
        (json!({"conversation": "conv_x"}), 404),
        (json!({"input": []}), 400),
        (json!({"input": [{"type": "strange"}]}), 400),
        (json!({"input": output, "conversation": conversation}), 400),
        (json!({"previous_response_id": first.1["id"]}), 200),
        (json!({"conversation": conversation, "background": true, "input": "/wait"}), 200),
        (json!({"conversation": conversation}), 409),
    ] {
        assert_eq!(world.raw("POST", RESPONSES, asking(more.clone())).await.0, status, "{more}");
    }
    let items = format!("openai/v1/conversations/{}/items", conversation.as_str().unwrap());
    assert_eq!(world.raw("POST", &items, json!({"items": words})).await.0, 400);
    let cancel = format!("{RESPONSES}/{}/cancel", first.1["id"].as_str().unwrap());
    assert_eq!(
        world.raw("POST", &cancel, json!(null)).await.0,
        400,
        "only what is in the background is cancelled"
    );
}
