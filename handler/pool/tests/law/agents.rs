//! Agents: versions, and the rules of what they may be.

use crate::support::*;
use pool::{Error, PageRequest, agents::AgentChange, ports::Kind};
use serde_json::{Value, json};

fn change(value: Value) -> AgentChange {
    serde_json::from_value(value).unwrap()
}

#[tokio::test]
async fn an_update_makes_a_version_and_a_stale_one_does_not() {
    let world = World::new();
    let admin = world.admin("contoso").await;
    let first = admin.agents().create(new_agent(json!([]))).await.unwrap();
    assert_eq!((first.value.version, first.value.metadata["tenantId"].as_str()), (1, "contoso"));
    world.pass(7);
    let id = &first.value.id;
    let second = admin.agents().update(id, change(json!({"name": "Two"})), Some(&first.etag)).await.unwrap();
    assert_eq!((second.value.version, second.value.updated_at - second.value.created_at), (2, 7));
    stale(admin.agents().update(id, change(json!({"name": "Three"})), Some(&first.etag)).await);
    stale(admin.agents().delete(id, Some(&first.etag)).await);
    let read = admin.agents().get(id).await.unwrap();
    assert_eq!((read.value.name.as_str(), &read.etag), ("Two", &second.etag));
    let versions = admin.agents().versions(id, &PageRequest::default()).await.unwrap().items;
    assert_eq!(
        versions.iter().map(|v| (v.version, v.name.as_str())).collect::<Vec<_>>(),
        [(2, "Two"), (1, "Helper")]
    );
    admin.agents().delete(id, Some(&second.etag)).await.unwrap();
    not_found(admin.agents().get(id).await);
    not_found(admin.agents().delete(id, None).await);
    assert!(world.rows("contoso", Kind::AgentVersion).is_empty());
}

/// What is not said stays, and `null` takes away.
#[tokio::test]
async fn a_change_clears_what_may_be_missing() {
    let world = World::new();
    let admin = world.admin("contoso").await;
    let id = admin.agents().create(new_agent(json!([]))).await.unwrap().value.id;
    for (said, description) in [
        (json!({"model": "m", "description": "d"}), Some("d")),
        (json!({"name": "Other"}), Some("d")),
        (json!({"description": null}), None),
    ] {
        let agent = admin.agents().update(&id, change(said), None).await.unwrap().value;
        assert_eq!((agent.model.as_deref(), agent.description.as_deref()), (Some("m"), description));
    }
    let agent = admin.agents().update(&id, change(json!({"model": null})), None).await.unwrap().value;
    assert_eq!(agent.model, None);
}

/// TM-15: of writers who read the same version, one writes.
#[tokio::test]
async fn an_update_that_is_overtaken_is_not_written() {
    let world = World::new();
    let admin = world.admin("contoso").await;
    let agent = admin.agents().create(new_agent(json!([]))).await.unwrap().value;
    let (other, id) = (admin.clone(), agent.id.clone());
    world.fuse.at("records.commit", false, move || {
        Box::pin(async move {
            drop(other.agents().update(&id, change(json!({"name": "Theirs"})), None).await.unwrap())
        })
    });
    conflict(admin.agents().update(&agent.id, change(json!({"description": "Ours"})), None).await);
    let read = admin.agents().get(&agent.id).await.unwrap().value;
    assert_eq!((read.name.as_str(), read.description, read.version), ("Theirs", None, 2));
}

#[tokio::test]
async fn a_run_keeps_the_version_it_began_with() {
    let world = World::new();
    let user = world.user("contoso", "alice").await;
    let run = queued(&world, &user, json!([])).await;
    let admin = world.admin("contoso").await;
    admin.agents().update(&run.agent_id, change(json!({"instructions": "Lie."})), None).await.unwrap();
    world.work().await;
    assert_eq!(world.model.asked()[0].1.instructions, "Help.");
}

#[tokio::test]
async fn rules_that_are_broken_are_told_at_once() {
    let world = World::new();
    let admin = world.admin("contoso").await;
    let create = async |more: Value| {
        let mut agent = json!({"name": "A", "instructions": "B"});
        agent.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        admin.agents().create(serde_json::from_value(agent).unwrap()).await
    };
    let function = |name: &str| json!({"type": "function", "function": {"name": name}});
    assert!(
        create(json!({"tools": [{"type": "file_search"}, function("a_b-9")], "metadata": {"k": "v"}}))
            .await
            .is_ok()
    );
    invalid(create(json!({"name": "", "description": "x".repeat(513)})).await, &["/name", "/description"]);
    invalid(create(json!({"instructions": "x".repeat(32_001)})).await, &["/instructions"]);
    invalid(create(json!({"tools": [function("file_search")]})).await, &["/tools/0/function/name"]);
    invalid(create(json!({"tools": [function("a"), function("a")]})).await, &["/tools/1/function/name"]);
    for name in ["a b", "a.b", "ü", "a\n", "a/b"] {
        invalid(create(json!({"tools": [function(name)]})).await, &["/tools/0/function/name"]);
    }
    invalid(create(json!({"tools": [function(&"x".repeat(65))]})).await, &["/tools/0/function/name"]);
    let many: Vec<_> = (0..33).map(|n| function(&format!("f{n}"))).collect();
    invalid(create(json!({"tools": many})).await, &["/tools"]);
    let parameters = |value: Value| json!({"tools": [{"type": "function", "function": {"name": "f", "parameters": value}}]});
    invalid(create(parameters(json!([]))).await, &["/tools/0/function/parameters"]);
    invalid(create(parameters(json!({"x": "y".repeat(17_000)}))).await, &["/tools/0/function/parameters"]);
    for key in ["tenantId", "originalName"] {
        invalid(create(json!({"metadata": {key: "fabrikam"}})).await, &[&format!("/metadata/{key}")]);
    }
    invalid(create(json!({"metadata": {"a/b~c": "x".repeat(513)}})).await, &["/metadata/a~1b~0c"]);
    let pairs: serde_json::Map<_, _> = (0..16).map(|n| (n.to_string(), json!("v"))).collect();
    invalid(create(json!({"metadata": pairs})).await, &["/metadata"]);
    let agent = admin.agents().create(new_agent(json!([]))).await.unwrap().value;
    let renamed =
        admin.agents().update(&agent.id, change(json!({"metadata": {"tenantId": "fabrikam"}})), None).await;
    invalid(renamed, &["/metadata/tenantId"]);
    assert_eq!(world.rows("contoso", Kind::Agent).len(), 2);
}

/// TM-14: what the service decides cannot be sent.
#[test]
fn requests_have_no_room_for_members_of_ours() {
    for member in [
        "id",
        "tenantId",
        "_etag",
        "ttl",
        "status",
        "version",
        "created_at",
        "user_id",
        "owner",
        "partitionKey",
        "roles",
    ] {
        let with = |mut body: Value| {
            body[member] = json!("x");
            body
        };
        let agent = with(json!({"name": "A", "instructions": "B"}));
        assert!(serde_json::from_value::<pool::agents::NewAgent>(agent).is_err(), "{member}");
        assert!(serde_json::from_value::<AgentChange>(with(json!({}))).is_err(), "{member}");
        assert!(serde_json::from_value::<pool::threads::NewThread>(with(json!({}))).is_err(), "{member}");
        assert!(
            serde_json::from_value::<pool::messages::NewMessage>(with(json!({"content": "x"}))).is_err(),
            "{member}"
        );
        assert!(
            serde_json::from_value::<pool::runs::NewRun>(with(json!({"agent_id": "x"}))).is_err(),
            "{member}"
        );
        assert!(
            serde_json::from_value::<pool::files::NewFile>(with(json!({"filename": "x"}))).is_err(),
            "{member}"
        );
        assert!(serde_json::from_value::<pool::search::Find>(with(json!({}))).is_err(), "{member}");
        let output = with(json!({"tool_call_id": "x", "output": "y"}));
        assert!(serde_json::from_value::<pool::runs::ToolOutput>(output).is_err(), "{member}");
    }
}

#[tokio::test]
async fn a_model_is_one_of_the_operators_list() {
    let settings =
        pool::Settings { models: vec!["small".into(), "large".into()], ..pool::Settings::default() };
    let world = World::built(settings, |_| {});
    let admin = world.admin("contoso").await;
    let create = async |model: &str| {
        let new = json!({"name": "A", "instructions": "B", "model": model});
        admin.agents().create(serde_json::from_value(new).unwrap()).await
    };
    assert!(create("large").await.is_ok());
    for model in ["Large", "gpt", "../large", ""] {
        assert!(matches!(create(model).await, Err(Error::Invalid(_))), "{model}");
    }
}
