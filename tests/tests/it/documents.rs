//! The documents' own tests of isolation (001 §8.1), translated line by line.

use serde_json::{Value, json};
use std::sync::Arc;
use tests::{Caller, Dev, canary::TENANTS, run, tokens};

/// The documents' `create_jwt_token`, with what a real issuer adds: `iss`, `aud`, `iat`, `exp`.
fn caller(dev: &Arc<Dev>, tenant: &str, roles: &[&str]) -> Caller {
    let mut claims = tokens::claims(tenant, "test-user", roles);
    claims["email"] = format!("test-user@{tenant}.com").into();
    claims["name"] = format!("Test User {tenant}").into();
    dev.with_token(tenant, Some(dev.signer().token(&claims)))
}

fn user(dev: &Arc<Dev>, tenant: &str) -> Caller {
    caller(dev, tenant, &["user"])
}

/// The documents let any user make agents. Here an agent is the whole tenant's, and its instructions bind every user of
/// the tenant, so that making one needs `admin`.
fn agent_maker(dev: &Arc<Dev>, tenant: &str) -> Caller {
    caller(dev, tenant, &["user", "admin"])
}

#[test]
fn test_cosmos_tenant_isolation() {
    run(async |dev| {
        let contoso = user(&dev, "contoso");
        let thread = json!({"name": "Contoso Thread", "description": "Test thread"});
        let id = contoso.post_json("cosmos/threads", thread).await.id();
        user(&dev, "fabrikam").get(&format!("cosmos/threads/{id}")).await.is(403);
        // The end state, too: the owner still reads it.
        assert_eq!(contoso.get(&format!("cosmos/threads/{id}")).await.ok()["name"], "Contoso Thread");
    });
}

#[test]
fn test_search_tenant_isolation() {
    run(async |dev| {
        let contoso = user(&dev, "contoso");
        let document = json!({"id": "doc1", "content": contoso.mark("Contoso confidential document"), "title": "Secret Plans"});
        contoso.post_json("search/documents", json!([document])).await.is(200);
        let found = user(&dev, "fabrikam").get("search/documents?query=confidential").await.list();
        assert_eq!(found.len(), 0);
        assert_eq!(contoso.get("search/documents?query=confidential").await.list()[0]["id"], "doc1");
    });
}

fn assistant(tenant: &str, name: &str) -> Value {
    json!({"name": name, "instructions": format!("You are a helpful assistant for {tenant}."), "model": "gpt-4"})
}

#[test]
fn test_agent_tenant_isolation() {
    run(async |dev| {
        let contoso = agent_maker(&dev, "contoso");
        let id = contoso.post_json("agents/", assistant("Contoso", "Contoso Assistant")).await.id();
        user(&dev, "fabrikam").get(&format!("agents/{id}")).await.is(404);
        assert_eq!(
            user(&dev, "contoso").get(&format!("agents/{id}")).await.ok()["name"],
            "Contoso Assistant"
        );
    });
}

#[test]
fn test_cross_tenant_data_leakage() {
    run(async |dev| {
        for tenant in TENANTS {
            let agent = assistant(tenant, &format!("{tenant} Agent"));
            agent_maker(&dev, tenant).post_json("agents/", agent).await.is(200);
        }
        for tenant in TENANTS {
            let agents = user(&dev, tenant).get("agents/").await.list();
            assert!(!agents.is_empty());
            for agent in agents {
                assert_eq!(agent["metadata"]["tenantId"], tenant);
            }
        }
    });
}

#[test]
fn test_unauthorized_access() {
    run(async |dev| {
        let answer = dev.with_token("contoso", None).get("agents/").await.is(401);
        assert_eq!(answer.header("www-authenticate"), "Bearer");
        let answer = dev.with_token("contoso", Some("invalid-token".into())).get("agents/").await.is(401);
        assert_eq!(answer.header("www-authenticate"), "Bearer error=\"invalid_token\"");
    });
}

#[test]
fn test_invalid_tenant_access() {
    run(async |dev| {
        user(&dev, "invalid-tenant").get("agents/").await.is(401);
    });
}
