//! A request that names a tenant: never believed, always compared.

use handler::functions::{Access, FUNCTIONS, Takes, Trigger};
use reqwest::{Method, multipart::Part};
use serde_json::json;
use tests::{form, run};

const NAMES: [&str; 2] = ["tenantId", "tenant_id"];

fn guarded() -> impl Iterator<Item = (Method, String, bool)> {
    FUNCTIONS.iter().filter_map(|function| match &function.trigger {
        Trigger::Http(http) if matches!(http.access, Access::Needs(..)) => {
            let path = http.route.replace("{collection}", "items").replace(['{', '}'], "");
            Some((http.method.clone(), path, !matches!(http.takes, Takes::Nothing)))
        }
        _ => None,
    })
}

#[test]
fn another_tenants_name_is_refused_wherever_it_stands() {
    run(async |dev| {
        let admin = dev.as_admin("contoso");
        for (method, path, has_body) in guarded() {
            let request = |path: &str| admin.request(method.clone(), path).text("{}");
            request(&path).header("x-tenant-id", "fabrikam").send().await.problem(403, "forbidden");
            request(&path)
                .header("x-tenant-id", "contoso")
                .header("x-tenant-id", "fabrikam")
                .send()
                .await
                .is(403);
            for bad in ["Contoso", "contoso,fabrikam", "contoso ,", ""] {
                request(&path).header("x-tenant-id", bad).send().await.is(403);
            }
            for name in NAMES {
                request(&format!("{path}?{name}=fabrikam")).send().await.problem(403, "forbidden");
                request(&path)
                    .header("cookie", &format!("a=b; {name}=fabrikam"))
                    .send()
                    .await
                    .problem(403, "forbidden");
                if has_body {
                    let body = json!({name: "fabrikam"}).to_string();
                    admin.request(method.clone(), &path).text(body).send().await.problem(403, "forbidden");
                }
            }
        }
    });
}

#[test]
fn the_own_tenants_name_changes_nothing_where_it_may_stand() {
    run(async |dev| {
        let alice = dev.as_user("contoso", "alice");
        let threads = || alice.request(Method::GET, "threads");
        threads().header("x-tenant-id", "contoso").send().await.is(200);
        for name in NAMES {
            threads().header("cookie", &format!("{name}=contoso")).send().await.is(200);
            alice.get(&format!("threads?{name}=contoso")).await.invalid(name);
            alice
                .request(Method::POST, "threads")
                .json(&json!({name: "contoso"}))
                .send()
                .await
                .invalid(&format!("/{name}"));
        }
        alice.post_json("cosmos/items", json!({"tenantId": "contoso"})).await.invalid("/tenantId");
    });
}

#[test]
fn a_form_that_names_a_tenant_is_refused_and_nothing_is_kept() {
    run(async |dev| {
        let alice = dev.as_user("contoso", "alice-of-forms");
        for name in NAMES {
            for (tenant, status) in [("fabrikam", 403), ("contoso", 400)] {
                let post = || alice.request(Method::POST, "files");
                let before = reqwest::multipart::Form::new().text(name, tenant);
                post()
                    .form(before.part("file", Part::bytes(b"x".to_vec()).file_name("x.txt")))
                    .send()
                    .await
                    .is(status);
                let after = form("x.txt", "text/plain", b"x".to_vec()).text(name, tenant);
                post().form(after).send().await.is(status);
            }
        }
        let late = form("x.txt", "text/plain", b"x".to_vec()).text("metadata", "{}");
        alice.request(Method::POST, "files").form(late).send().await.invalid("/metadata");
        for bad in ["{\"a\":\"1\",\"a\":\"2\"}", "[]", "{\"a\":1}", "{\"tenantId\":\"contoso\"}"] {
            let with = reqwest::multipart::Form::new().text("metadata", bad);
            let with = with.part("file", Part::bytes(b"x".to_vec()).file_name("x.txt"));
            alice.request(Method::POST, "files").form(with).send().await.problem(400, "invalid-request");
        }
        assert_eq!(alice.get("files").await.list().len(), 0);
    });
}

#[test]
fn a_search_document_cannot_name_a_tenant() {
    run(async |dev| {
        let alice = dev.as_user("contoso", "alice");
        for name in NAMES {
            let document = json!([{"id": format!("named-{name}"), "content": "x", name: "fabrikam"}]);
            let answer = alice.post_json("search/documents", document).await;
            answer.problem(403, "forbidden");
        }
        alice
            .post_json(
                "search/query",
                json!({"query": "x", "filter": {"field": "tenant", "op": "eq", "value": "fabrikam"}}),
            )
            .await
            .is(400);
    });
}
