//! Who may do what: role assignments and their conditions, as Azure tells them, held against what `infra` gives.

use super::{Check, State};
use crate::cli::Fault;
use serde::Deserialize;
use std::{io::Read, path::Path};

/// What each kind of identity is given; made of the Bicep, and held to it by a test of `infra`.
const GRANTS: &str = include_str!("../../../../infra/grants.json");
/// Conditions by the name that a grant has for them.
const CONDITIONS: [(&str, &str); 2] = [
    ("own-container", include_str!("../../../../infra/conditions/own-container.txt")),
    ("drop-folder", include_str!("../../../../infra/conditions/drop-folder.txt")),
];
/// Where Cosmos DB's own role definitions are; they are listed apart from Azure's.
const COSMOS: &str = "/sqlroledefinitions/";

/// A role that is to be there.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct Grant {
    pub(super) name: String,
    /// The built-in role's id; `None`: the pool's own role, known by its name.
    pub(super) role: Option<String>,
    pub(super) scope: String,
    pub(super) condition: Option<String>,
}

#[derive(Deserialize)]
pub(super) struct Either {
    pub(super) shared: Vec<Grant>,
    pub(super) own: Vec<Grant>,
}

#[derive(Deserialize)]
pub(super) struct Tenant {
    pub(super) always: Vec<Grant>,
    pub(super) documents: Either,
    pub(super) keys: Either,
    pub(super) index: Either,
}

#[derive(Deserialize)]
pub(super) struct Grants {
    pub(super) app: Vec<Grant>,
    pub(super) tenant: Tenant,
    pub(super) workload: Vec<Grant>,
}

/// An item of what `az` lists: an identity or an assignment.
#[derive(Deserialize)]
#[serde(untagged, rename_all_fields = "camelCase")]
enum Item {
    Assignment {
        id: String,
        principal_id: String,
        role_definition_id: String,
        #[serde(default)]
        role_definition_name: Option<String>,
        scope: String,
        #[serde(default)]
        condition: Option<String>,
    },
    Identity {
        id: String,
        name: String,
        principal_id: String,
        #[serde(rename = "clientId")]
        _client_id: String,
    },
}

pub(super) fn grants() -> Result<Grants, Fault> {
    Ok(serde_json::from_str(GRANTS)?)
}

/// Checks the identities of a pool, from the lists that `az` prints, one after another, in a file or, `-`, on standard
/// input.
///
/// # Errors
/// When a list cannot be read, or it is not one pool that they tell of.
pub(super) fn check(path: &Path) -> Result<Vec<Check>, Fault> {
    let mut text = String::new();
    let read = match path.to_str() {
        Some("-") => std::io::stdin().read_to_string(&mut text),
        _ => std::fs::File::open(path).and_then(|mut file| file.read_to_string(&mut text)),
    };
    read.map_err(|fault| format!("{}: {fault}", path.display()))?;
    look(&text).map_err(|fault| format!("{}: {fault}", path.display()).into())
}

pub(super) fn look(text: &str) -> Result<Vec<Check>, Fault> {
    let mut items = Vec::new();
    for list in serde_json::Deserializer::from_str(text).into_iter::<Vec<serde_json::Value>>() {
        for item in list? {
            let name = item["id"].as_str().unwrap_or("an item without id").to_owned();
            items.push(serde_json::from_value::<Item>(item).map_err(|_| {
                format!(
                    "{name} is neither an identity nor a role assignment, as `az … list -o json` prints them"
                )
            })?);
        }
    }
    let identity = |item: &Item| match item {
        Item::Identity { id, name, principal_id, .. } => {
            let (group, _) = id.split_once("/providers/")?;
            Some((name.clone(), principal_id.clone(), group.to_owned()))
        }
        Item::Assignment { .. } => None,
    };
    let mut identities: Vec<_> = items.iter().filter_map(identity).collect();
    identities.sort();
    let mut pools = identities.iter().filter_map(|(name, ..)| name.strip_prefix("id-pooled-"));
    let (Some(token), None) = (pools.next(), pools.next()) else {
        return Err("must have one identity id-pooled-…: `az identity list -g <the pool's group>`".into());
    };
    let grants = grants()?;
    let mut checks = Vec::new();
    // Foundry has an account beside it, for threads of its own.
    let account = format!("/databaseaccounts/cosmos-pooled-{token}");
    let cosmos = items.iter().any(|item| {
        matches!(item, Item::Assignment { role_definition_id, scope, .. }
        if role_definition_id.to_ascii_lowercase().contains(COSMOS) && scope.to_ascii_lowercase().contains(&account))
    });
    if !cosmos {
        let mend = "Add what `az cosmosdb sql role assignment list -g … -a …` prints.";
        checks.push(found(
            "Cosmos DB",
            State::Bad,
            "its own role assignments are not among these".into(),
            mend.into(),
        ));
    }
    for (name, principal, group) in &identities {
        let mine: Vec<&Item> = items
            .iter()
            .filter(|item| matches!(item, Item::Assignment { principal_id, .. } if principal_id == principal))
            .collect();
        let place = |tenant: &str, grant: &Grant| {
            let scope = grant.scope.replace("TOKEN", token).replace("TENANT", tenant);
            Grant { scope: format!("{group}/providers/{scope}"), ..grant.clone() }
        };
        let (tenant, wanted): (&str, Vec<Grant>) = if name.strip_prefix("id-pooled-").is_some() {
            ("", grants.app.iter().map(|grant| place("", grant)).collect())
        } else if let Some(tenant) = name.strip_prefix("id-workload-") {
            (tenant, grants.workload.iter().map(|grant| place(tenant, grant)).collect())
        } else if let Some(tenant) = name.strip_prefix("id-tenant-") {
            let of = &grants.tenant;
            let mut wanted: Vec<_> = of.always.iter().map(|grant| place(tenant, grant)).collect();
            for either in [&of.documents, &of.keys, &of.index] {
                let own: Vec<_> = either.own.iter().map(|grant| place(tenant, grant)).collect();
                // With one of its own it has no business in what is shared.
                let has = own.iter().any(|grant| mine.iter().any(|item| is(item, grant)));
                let shared = || either.shared.iter().map(|grant| place(tenant, grant)).collect();
                wanted.extend(if has { own } else { shared() });
            }
            (tenant, wanted)
        } else {
            continue;
        };
        let before = checks.len();
        compare(name, tenant, &wanted, &mine, cosmos, &mut checks);
        if checks.len() == before {
            let says = format!("has the {} roles that it is to have, and no more", wanted.len());
            checks.push(found(name, State::Good, says, String::new()));
        }
    }
    Ok(checks)
}

fn compare(
    name: &str,
    tenant: &str,
    wanted: &[Grant],
    mine: &[&Item],
    cosmos: bool,
    checks: &mut Vec<Check>,
) {
    for grant in wanted {
        let (role, at) = (&grant.name, &grant.scope);
        let Some(Item::Assignment { condition, .. }) = mine.iter().find(|item| is(item, grant)) else {
            if cosmos || !grant.scope.contains("/Microsoft.DocumentDB/") {
                let mend = "`azd up` gives it.".to_owned();
                checks.push(found(name, State::Bad, format!("lacks {role} at {at}"), mend));
            }
            continue;
        };
        let text =
            |name: &str| CONDITIONS.iter().find(|(known, _)| *known == name).map_or("", |(_, text)| *text);
        let right = grant.condition.as_deref().map(|name| text(name).replace("TENANT", tenant));
        let says = match (right, condition.as_deref().filter(|text| !text.trim().is_empty())) {
            (None, None) => continue,
            (Some(right), Some(has)) if words(&right) == words(has) => continue,
            (Some(_), None) => format!("has {role} at {at} without its condition"),
            (Some(_), Some(_)) => format!("has {role} at {at} with another condition"),
            (None, Some(_)) => format!("has {role} at {at} with a condition, and is to have none"),
        };
        let mend = "`azd provision` writes it anew; infra/conditions has it as it must be.".to_owned();
        checks.push(found(name, State::Bad, says, mend));
    }
    for (at, item) in mine.iter().enumerate() {
        let Item::Assignment { id, role_definition_id, role_definition_name, scope, .. } = item else {
            continue;
        };
        let first = |grant: &Grant| mine.iter().position(|item| is(item, grant)) == Some(at);
        if !wanted.iter().any(first) {
            let role = role_definition_name.as_deref().unwrap_or_else(|| last(role_definition_id));
            let says = format!("has {role} at {scope}, which it is not to have");
            let how = if role_definition_id.to_ascii_lowercase().contains(COSMOS) {
                "az cosmosdb sql role assignment delete --role-assignment-id"
            } else {
                "az role assignment delete --ids"
            };
            checks.push(found(name, State::Bad, says, format!("`{how} {id}`")));
        }
    }
}

/// Whether an assignment is a grant's, whatever its condition.
fn is(item: &Item, grant: &Grant) -> bool {
    let Item::Assignment { role_definition_id, role_definition_name, scope, .. } = item else { return false };
    let role = match &grant.role {
        Some(id) => last(role_definition_id).eq_ignore_ascii_case(id),
        None => role_definition_name.as_deref().is_some_and(|name| {
            name.strip_prefix(&grant.name).is_some_and(|rest| rest.is_empty() || rest.starts_with(" ("))
        }),
    };
    // HASH stands for 13 characters that only Azure works out.
    role && match grant.scope.split_once("HASH") {
        None => scope.eq_ignore_ascii_case(&grant.scope),
        Some((start, end)) => {
            let hash = scope.len().checked_sub(start.len() + end.len());
            hash == Some(13)
                && scope.get(..start.len()).is_some_and(|have| have.eq_ignore_ascii_case(start))
                && scope
                    .get(start.len()..start.len() + 13)
                    .is_some_and(|hash| hash.bytes().all(|b| b.is_ascii_alphanumeric()))
        }
    }
}

fn last(id: &str) -> &str {
    id.rsplit('/').next().unwrap_or(id)
}

/// Spaces and breaks say nothing in a condition.
fn words(condition: &str) -> String {
    condition.split_whitespace().collect()
}

fn found(what: &str, state: State, says: String, mend: String) -> Check {
    let mend = Some(mend).filter(|mend| !mend.is_empty());
    Check { what: what.to_owned(), value: None, from: "roles", state, says, mend }
}
