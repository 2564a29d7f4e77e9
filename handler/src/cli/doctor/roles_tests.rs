//! One good pool, as `az` lists it, and every way in which its roles can be wrong.

use super::{
    State,
    roles::{Grant, grants, look},
};
use serde_json::{Value, json};

const GROUP: &str = "/subscriptions/0000/resourceGroups/rg-pool";
const HASH: &str = "7c2b1d2481fb5";

fn identity(name: &str) -> Value {
    let id = format!("{GROUP}/providers/Microsoft.ManagedIdentity/userAssignedIdentities/{name}");
    json!({"id": id, "name": name, "principalId": format!("p-{name}"), "clientId": "c", "tenantId": "t", "location": "x"})
}

fn assignment(who: &str, tenant: &str, grant: &Grant) -> Value {
    let scope = grant.scope.replace("TOKEN", "abc").replace("TENANT", tenant).replace("HASH", HASH);
    let condition = grant.condition.as_ref().map(|name| {
        let path = format!("{}/../infra/conditions/{name}.txt", env!("CARGO_MANIFEST_DIR"));
        // Azure gives it back on one line.
        std::fs::read_to_string(path).unwrap().replace("TENANT", tenant).replace('\n', " ")
    });
    let (kind, name) = match &grant.role {
        Some(id) if scope.contains("DocumentDB") => (format!("/x/sqlRoleDefinitions/{id}"), None),
        Some(id) => (format!("/x/roleDefinitions/{id}"), Some(grant.name.clone())),
        None => ("/x/roleDefinitions/own".to_owned(), Some(format!("{} (stpooledabc)", grant.name))),
    };
    json!({"id": format!("/a/{who}/{scope}"), "principalId": format!("p-{who}"), "roleDefinitionId": kind,
        "roleDefinitionName": name, "scope": format!("{GROUP}/providers/{scope}"), "condition": condition,
        "principalType": "ServicePrincipal"})
}

/// A pool of contoso, which shares, and fabrikam, which has its own, and a workload.
fn pool() -> (Vec<Value>, Vec<Value>) {
    let grants = grants().unwrap();
    let names =
        ["id-pooled-abc", "id-tenant-contoso", "id-tenant-fabrikam", "id-workload-fabrikam", "id-another"];
    let of = |who: &'static str, tenant: &'static str, list: Vec<Grant>| {
        list.into_iter().map(move |grant| assignment(who, tenant, &grant)).collect::<Vec<_>>()
    };
    let tenant = grants.tenant;
    let all = |more: [Vec<Grant>; 3]| [tenant.always.clone(), more.concat()].concat();
    let given = [
        of("id-pooled-abc", "", grants.app),
        of(
            "id-tenant-contoso",
            "contoso",
            all([tenant.documents.shared.clone(), tenant.keys.shared.clone(), tenant.index.shared.clone()]),
        ),
        of(
            "id-tenant-fabrikam",
            "fabrikam",
            all([tenant.documents.own.clone(), tenant.keys.own.clone(), tenant.index.own.clone()]),
        ),
        of("id-workload-fabrikam", "fabrikam", grants.workload),
    ];
    (names.map(identity).into(), given.concat())
}

/// What is bad: whose, and what.
fn faults(identities: &[Value], given: &[Value]) -> Vec<(String, String)> {
    let text = format!("{}\n{}", json!(identities), json!(given));
    let bad = look(&text).unwrap().into_iter().filter(|check| check.state == State::Bad);
    bad.map(|check| {
        assert!(check.mend.is_some(), "{check:?}");
        (check.what, check.says)
    })
    .collect()
}

#[test]
fn a_pool_as_it_is_deployed_is_good() {
    let (identities, given) = pool();
    assert_eq!(faults(&identities, &given), []);
    let text = format!("{}{}", json!(identities), json!(given));
    let good: Vec<_> = look(&text).unwrap().into_iter().map(|check| check.what).collect();
    assert_eq!(good, ["id-pooled-abc", "id-tenant-contoso", "id-tenant-fabrikam", "id-workload-fabrikam"]);
    // Azure's ids are alike in any case.
    let upper: Vec<Value> = given
        .into_iter()
        .map(|mut each| {
            each["scope"] = each["scope"].as_str().unwrap().to_uppercase().into();
            each
        })
        .collect();
    assert_eq!(faults(&identities, &upper), []);
}

#[test]
fn each_role_that_is_missing_is_told_of_whose_it_is() {
    let (identities, given) = pool();
    for at in 0..given.len() {
        let mut rest = given.clone();
        let gone = rest.remove(at);
        let found = faults(&identities, &rest);
        let who = gone["principalId"].as_str().unwrap().trim_start_matches("p-").to_owned();
        assert!(
            found.iter().any(|(what, says)| *what == who && says.starts_with("lacks ")),
            "{gone}: {found:?}"
        );
        assert!(found.iter().all(|(what, _)| *what == who), "{gone}: {found:?}");
    }
}

#[test]
fn each_condition_that_is_missing_or_another_is_told() {
    let (identities, given) = pool();
    let mut guarded = 0;
    for at in (0..given.len()).filter(|at| given[*at]["condition"].is_string()) {
        for (condition, says) in [
            (Value::Null, "without its condition"),
            (json!(" "), "without its condition"),
            (
                json!(given[at]["condition"].as_str().unwrap().replace("StringEquals", "StringLike")),
                "another condition",
            ),
            (
                json!(
                    given[at]["condition"]
                        .as_str()
                        .unwrap()
                        .replace("contoso", "x")
                        .replace("fabrikam", "contoso")
                ),
                "another",
            ),
        ] {
            let mut changed = given.clone();
            changed[at]["condition"] = condition;
            if changed == given {
                continue;
            }
            let found = faults(&identities, &changed);
            assert!(found.len() == 1 && found[0].1.contains(says), "{says}: {found:?}");
        }
        guarded += 1;
    }
    assert_eq!(guarded, 5);
}

#[test]
fn each_role_too_many_is_told() {
    let (identities, given) = pool();
    let shared = grants().unwrap().tenant;
    for (who, tenant, grant, scope) in [
        // A workload with what its tenant's first identity has, or with another tenant's container.
        ("id-workload-fabrikam", "fabrikam", &shared.documents.shared[0], None),
        ("id-workload-fabrikam", "fabrikam", &shared.always[3], None),
        ("id-workload-fabrikam", "fabrikam", &shared.index.own[0], None),
        ("id-tenant-contoso", "fabrikam", &shared.index.own[0], None),
        ("id-workload-fabrikam", "contoso", &shared.always[0], None),
        // A tenant with its own, in what is shared too.
        ("id-tenant-fabrikam", "fabrikam", &shared.documents.shared[0], None),
        ("id-tenant-contoso", "fabrikam", &shared.always[0], None),
        // Another's vault of its own does not look like the shared one.
        ("id-tenant-contoso", "", &shared.keys.own[0], Some("Microsoft.KeyVault/vaults/kv-pooled-abc")),
        // The whole group, the whole account, and the same role twice.
        ("id-tenant-contoso", "", &shared.always[0], Some("Microsoft.Storage/storageAccounts/stpooledabc")),
        ("id-tenant-contoso", "contoso", &shared.always[2], None),
        ("id-pooled-abc", "", &shared.always[2], None),
    ] {
        let mut more = given.clone();
        let mut added = assignment(who, tenant, grant);
        if let Some(scope) = scope {
            added["scope"] = format!("{GROUP}/providers/{scope}").into();
        }
        more.push(added.clone());
        let found = faults(&identities, &more);
        assert!(
            found.len() == 1 && found[0].0 == who && found[0].1.contains("not to have"),
            "{added}: {found:?}"
        );
    }
    let mut group = given.clone();
    group[0]["scope"] = GROUP.into();
    assert_eq!(faults(&identities, &group).len(), 2, "too much at the group, too little where it belongs");
}

#[test]
fn lists_that_do_not_tell_are_refused() {
    let (identities, given) = pool();
    let without: Vec<_> = given
        .iter()
        .filter(|each| !each["scope"].as_str().unwrap().contains("DocumentDB"))
        .cloned()
        .collect();
    assert!(matches!(&faults(&identities, &without)[..], [(what, _)] if what == "Cosmos DB"));
    let mut other = given.clone();
    for each in &mut other {
        each["scope"] = each["scope"].as_str().unwrap().replace("cosmos-pooled-", "cosmos-fas-").into();
    }
    assert_eq!(faults(&identities, &other)[0].0, "Cosmos DB", "Foundry's own account is listed");
    let two = json!([identity("id-pooled-abc"), identity("id-pooled-def")]).to_string();
    for text in ["", "{}", "[", r#"[{"id": "x"}]"#, "[]", &json!(given).to_string(), &two] {
        assert!(look(text).is_err(), "{text}");
    }
}
