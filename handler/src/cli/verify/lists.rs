//! Lists and searches: what is not the caller's is not in them, whatever is asked.

use super::{
    super::Fault,
    attack::targets,
    bench::Bench,
    check::Findings,
    sets::{Set, fill, slots, until},
    wire::{Ask, Who},
};
use crate::functions::Gives;
use axum::http::Method;
use serde_json::{Value, json};
use url::form_urlencoded::byte_serialize;

/// Every list that has no id in its path: its function's name, and requests for it.
fn lists(set: &Set) -> Result<Vec<(&'static str, Vec<String>)>, Fault> {
    let mut lists = Vec::new();
    for target in targets() {
        let many = target.http.method == Method::GET && matches!(target.http.gives, Gives::Many(_));
        if !many || !slots(target.http.route).is_empty() || target.http.query.contains(&"query") {
            continue;
        }
        let path = fill(target.http.route, &set.collection, |_| Err("no ids".into()))?;
        let mut asked = vec![format!("{path}?limit=100"), format!("{path}?limit=100&order=asc")];
        if target.http.query.contains(&"where") {
            let injected = byte_serialize(b"verify:true' OR '1'='1").collect::<String>();
            asked.push(format!("{path}?limit=100&where=verify:true"));
            asked.push(format!("{path}?limit=100&where=canary:{}", set.canary));
            asked.push(format!("{path}?limit=100&where={injected}"));
            asked.push(format!("{path}?limit=100&sort=canary"));
        }
        lists.push((target.name, asked));
    }
    Ok(lists)
}

/// Whatever `who` lists, nothing of `set` is in it, while its owner sees it.
async fn unlisted(
    bench: &Bench,
    found: &mut Findings,
    (who, owner): (&Who, &Who),
    set: &Set,
    of: fn(&str) -> bool,
) -> Result<(), Fault> {
    for (name, asked) in lists(set)?.into_iter().filter(|(name, _)| of(name)) {
        let first = asked.first().cloned().unwrap_or_default();
        let owners = bench.ask(owner, Ask::get(first)).await?;
        if !set.is_in(&owners.text()) {
            found.gap(format!("{name}: {} does not see its own, so its absence proves nothing", owner.name));
        }
        for path in asked {
            let answer = bench.ask(who, Ask::get(path)).await?;
            found.expect(!(answer.ok() && set.is_in(&answer.text())), || {
                format!("{name} as {}: {}'s data", who.name, owner.name)
            });
        }
    }
    Ok(())
}

pub(super) async fn foreign(bench: &Bench, found: &mut Findings) -> Result<(), Fault> {
    unlisted(bench, found, (&bench.b, &bench.a), bench.victim().await?, |_| true).await
}

/// Lists of what belongs to users.
pub(super) async fn others(bench: &Bench, found: &mut Findings) -> Result<(), Fault> {
    let user = bench.user()?;
    let personal = |name: &str| name.starts_with("threads") || name.starts_with("files");
    unlisted(bench, found, (user, &bench.a), bench.victim().await?, personal).await
}

/// Questions that look for A's words in every way, and some that try to break out of a query.
fn questions(set: &Set) -> Vec<(String, Value)> {
    let text = &set.canary;
    let mut words = vec![text.clone(), format!("{text}*"), "isolation check sentence".into(), "*".into()];
    words.extend(
        [
            "\" OR 1=1 --",
            "') or tenantId ne 'x",
            "') or (true) or ('a' eq 'a",
            "tenantId:*",
            "/.*/",
            "isolation) OR (tenant:*",
            "isolation' UNION SELECT * FROM entries --",
            "NOT zzz",
            "isolation NEAR sentence",
            "{content}: isolation",
        ]
        .map(str::to_owned),
    );
    let mut asked: Vec<_> = words
        .iter()
        .map(|words| {
            (format!("the words {}", shown(words, set)), json!({"query": words, "mode": "text", "top": 100}))
        })
        .collect();
    let is = |value: &str| json!({"field": "category", "op": "eq", "value": value});
    for (what, filter) in [
        ("a filter", is("verify")),
        ("a filter with `or`", json!({"or": [is("verify"), {"not": is("verify")}]})),
        ("a filter with `not`", json!({"not": is("nothing")})),
        ("an empty `and`", json!({"and": []})),
        ("`not` of an empty `or`", json!({"not": {"or": []}})),
        ("a quote in a filter", json!({"or": [is("x' or 1 eq 1 or category eq 'x"), {"not": is("x")}]})),
        ("a filter with `in`", json!({"field": "category", "in": ["verify", "x,verify", "'"]})),
        ("a filter of an undeclared field", json!({"field": "tenantId", "op": "ne", "value": "x"})),
    ] {
        for words in [text.as_str(), "isolation check sentence word"] {
            let body = json!({"query": words, "mode": "text", "top": 100, "filter": filter});
            asked.push((what.to_owned(), body));
        }
    }
    asked
}

fn shown(words: &str, set: &Set) -> String {
    format!("`{}`", words.replace(&set.canary, "A's random word"))
}

/// Nothing of `set` is found by `who`. `words` alone are looked for in what is told back.
async fn unfound(
    bench: &Bench,
    found: &mut Findings,
    who: &Who,
    set: &Set,
    ids: &[&str],
) -> Result<(), Fault> {
    let seen = |text: &str| ids.iter().any(|id| text.contains(id)) || text.contains(&set.canary);
    for (what, body) in questions(set) {
        let answer = bench.ask(who, Ask::post("search/query", body)).await?;
        found.expect(!(answer.ok() && finds(&answer.json(), &seen)), || {
            format!("search_search as {} with {what} finds A's", who.name)
        });
        found.expect(answer.status < 500, || format!("search_search with {what}: {}", answer.status));
    }
    for words in [set.canary.as_str(), "isolation check sentence", "') or (true", "*"] {
        let query: String = byte_serialize(words.as_bytes()).collect();
        let answer = bench.ask(who, Ask::get(format!("search/documents?query={query}&top=100"))).await?;
        found.expect(!(answer.ok() && finds(&answer.json(), &seen)), || {
            format!("search_query as {} with {} finds A's", who.name, shown(words, set))
        });
    }
    Ok(())
}

fn finds(hits: &Value, seen: &dyn Fn(&str) -> bool) -> bool {
    hits.as_array().into_iter().flatten().any(|hit| seen(&hit.to_string()))
}

/// Whether A finds its own, in time.
async fn findable(bench: &Bench, set: &Set, id: &str) -> Result<bool, Fault> {
    let ask = || Ask::post("search/query", json!({"query": set.canary, "mode": "text", "top": 100}));
    until(async || Ok(bench.ask(&bench.a, ask()).await?.text().contains(id))).await
}

pub(super) async fn search_foreign(bench: &Bench, found: &mut Findings) -> Result<(), Fault> {
    let victim = bench.victim().await?;
    for slot in ["document_id", "file_id"] {
        if !findable(bench, victim, victim.id(slot)?).await? {
            found.gap(format!("A does not find its own {slot}, so B's not finding it proves nothing"));
        }
    }
    let ids: Vec<&str> = victim.marks().collect();
    unfound(bench, found, &bench.b, victim, &ids).await
}

/// Passages of a file are its owner's.
pub(super) async fn search_others(bench: &Bench, found: &mut Findings) -> Result<(), Fault> {
    let (user, victim) = (bench.user()?, bench.victim().await?);
    let file = victim.id("file_id")?;
    if !findable(bench, victim, file).await? {
        found.gap("A does not find its own file, so another's not finding it proves nothing");
    }
    for (what, body) in questions(victim) {
        let answer = bench.ask(user, Ask::post("search/query", body)).await?;
        found.expect(!(answer.ok() && answer.text().contains(file)), || {
            format!("search_search as {} with {what} finds a passage of another's file", user.name)
        });
    }
    Ok(())
}
