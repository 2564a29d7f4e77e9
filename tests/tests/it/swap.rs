//! A day of one tenant, recorded; then replayed by another, with the first one's ids in every place where an id can
//! stand: one at a time, and in pairs. Each answer is, byte for byte, that for an id which was never made; and on Azure's
//! stand-ins, whatever was asked of other services for it is, too.

use crate::{
    absent::alike,
    matrix::everything,
    world::{World, settled},
};
use reqwest::Method;
use serde_json::{Value, json};
use std::{collections::BTreeMap, sync::Arc};
use tests::{Answer, Caller, Dev, Options, alone, azure::Stack, canary};

/// Ids that nobody ever made.
const NEVER: [(&str, &str); 8] = [
    ("<agent>", "agent_01890000000070008000000000000000"),
    ("<thread>", "thread_01890000000070008000000000000000"),
    ("<run>", "run_01890000000070008000000000000000"),
    ("<file>", "file_01890000000070008000000000000000"),
    ("<record>", "rec_018900000000700080000000000000000123456789"),
    ("<call>", "call_01890000000070008000000000000000"),
    ("<document>", "never"),
    ("<cursor>", "k1.e30.e30"),
];

/// A request as it was sent: what stood where an id can stand has a name, such as `<agent>`.
#[derive(Clone, Debug)]
struct Recorded {
    method: Method,
    path: String,
    body: String,
}

/// A tenant's ids, by the names of their places.
type Ids = BTreeMap<&'static str, String>;

impl Recorded {
    /// The places in which ids stand.
    fn places(&self, ids: &Ids) -> Vec<&'static str> {
        let stands = |place: &&&str| self.path.contains(**place) || self.body.contains(**place);
        ids.keys().filter(stands).copied().collect()
    }

    async fn send(&self, caller: &Caller, ids: &Ids) -> Answer {
        let fill = |text: &str| ids.iter().fold(text.to_owned(), |text, (place, id)| text.replace(place, id));
        let request = caller.request(self.method.clone(), &fill(&self.path));
        if self.body.is_empty() { request.send().await } else { request.text(fill(&self.body)).send().await }
    }
}

/// Someone who works, and whose requests are recorded.
struct Day {
    caller: Caller,
    admin: Caller,
    ids: Ids,
    tape: Vec<Recorded>,
}

impl Day {
    /// Sends a request; its answer's id, if `place` names one, is known by that name from now on.
    async fn does(&mut self, method: Method, path: &str, body: Value, place: &'static str) -> Answer {
        let text = if body.is_null() { String::new() } else { body.to_string() };
        let recorded = Recorded { method, path: path.to_owned(), body: text };
        let caller = if path.starts_with("agents") { &self.admin } else { &self.caller };
        let answer = recorded.send(caller, &self.ids).await;
        assert!(answer.status.is_success(), "{recorded:?}: {}", answer.text());
        if !place.is_empty() {
            self.ids.insert(place, answer.value()["id"].as_str().unwrap_or_default().to_owned());
        }
        self.tape.push(recorded);
        answer
    }

    fn world(&self) -> World {
        let id = |place| self.ids[place].clone();
        let (agent, thread, run) = (id("<agent>"), id("<thread>"), id("<run>"));
        World { agent, thread, run, file: id("<file>"), document: id("<document>"), record: id("<record>") }
    }

    /// The day's work: everything that a user can have is made, read, changed, and in the end removed, if it is.
    async fn work(dev: &Arc<Dev>, tenant: &str, ends: bool) -> Self {
        let (caller, admin) = (dev.as_user(tenant, "worker"), dev.as_admin(tenant));
        let mut day = Self { caller, admin, ids: Ids::new(), tape: Vec::new() };
        let (get, post, patch, put, delete) =
            (Method::GET, Method::POST, Method::PATCH, Method::PUT, Method::DELETE);
        let mark = |text: &str| day.caller.mark(text);
        let function = json!({"type": "function", "function": {"name": "weather", "description": "d", "parameters": {"type": "object"}}});
        let agent = json!({"name": mark("a"), "instructions": mark("i"), "tools": [function, {"type": "file_search"}]});
        let record = json!({"text": mark("r")});
        let document = json!([{"id": "<document>", "content": mark("c")}]);
        let words = mark("words of a file").into_bytes();
        day.ids.insert("<document>", format!("document-of-{tenant}"));

        day.does(post.clone(), "agents", agent, "<agent>").await;
        day.does(get.clone(), "agents/<agent>", Value::Null, "").await;
        day.does(patch.clone(), "agents/<agent>", json!({"name": "b"}), "").await;
        day.does(get.clone(), "agents/<agent>/versions", Value::Null, "").await;

        let file = day.caller.upload("a.txt", "text/plain", words).await.id();
        settled(&day.caller, &file).await;
        day.ids.insert("<file>", file);
        day.does(get.clone(), "files/<file>", Value::Null, "").await;
        day.does(get.clone(), "files/<file>/content", Value::Null, "").await;

        let attached = json!({"content": "/tool weather {}", "attachments": [{"file_id": "<file>"}]});
        let said = json!({"messages": [attached]});
        day.does(post.clone(), "threads", said, "<thread>").await;
        day.does(get.clone(), "threads/<thread>", Value::Null, "").await;
        day.does(patch, "threads/<thread>", json!({"metadata": {}}), "").await;
        for path in ["threads/<thread>/messages", "agents/threads/<thread>/messages"] {
            day.does(post.clone(), path, attached.clone(), "").await;
        }
        let page = day.does(get.clone(), "threads/<thread>/messages?limit=1", Value::Null, "").await;
        let link = page.header("link");
        let cursor = link.split_once("cursor=").and_then(|(_, rest)| rest.split(['&', '>']).next());
        day.ids.insert("<cursor>", cursor.unwrap_or_else(|| panic!("{link}")).to_owned());
        day.does(get.clone(), "threads/<thread>/messages?limit=1&cursor=<cursor>", Value::Null, "").await;

        for (path, ends) in
            [("threads/<thread>/runs", "cancel"), ("agents/threads/<thread>/runs", "submit_tool_outputs")]
        {
            day.does(post.clone(), path, json!({"agent_id": "<agent>"}), "<run>").await;
            let run = crate::world::ended(&day.caller, &day.ids["<thread>"], &day.ids["<run>"]).await;
            let call = &run["required_action"]["submit_tool_outputs"]["tool_calls"][0]["id"];
            day.ids.insert("<call>", call.as_str().unwrap_or_else(|| panic!("{run}")).to_owned());
            let outputs = json!({"tool_outputs": [{"tool_call_id": "<call>", "output": "x"}]});
            let body = if ends == "cancel" { Value::Null } else { outputs };
            day.does(post.clone(), &format!("threads/<thread>/runs/<run>/{ends}"), body, "").await;
            crate::world::ended(&day.caller, &day.ids["<thread>"], &day.ids["<run>"]).await;
        }
        for what in ["", "/steps", "/events"] {
            day.does(get.clone(), &format!("threads/<thread>/runs/<run>{what}"), Value::Null, "").await;
        }
        day.does(get.clone(), "threads/<thread>/runs", Value::Null, "").await;

        day.does(post.clone(), "search/documents", document, "").await;
        day.does(post.clone(), "cosmos/items", record.clone(), "<record>").await;
        day.does(get, "cosmos/items/<record>", Value::Null, "").await;
        day.does(put, "cosmos/items/<record>", record, "").await;
        if ends {
            let documents = json!({"ids": ["<document>"]});
            day.does(post, "search/documents/delete", documents, "").await;
            for path in ["cosmos/items/<record>", "threads/<thread>", "files/<file>", "agents/<agent>"] {
                day.does(delete.clone(), path, Value::Null, "").await;
            }
        }
        day
    }
}

/// Places that are swapped together: each alone, and each with each other.
fn swaps(places: &[&'static str]) -> Vec<Vec<&'static str>> {
    let pairs = places
        .iter()
        .enumerate()
        .flat_map(|(n, one)| places[..n].iter().map(move |other| vec![*one, *other]));
    places.iter().map(|one| vec![*one]).chain(pairs).collect()
}

#[test]
fn a_day_replayed_by_another_tenant_finds_nothing_anywhere() {
    alone(async {
        let state = tempfile::tempdir().unwrap();
        let dev = Arc::new(Dev::start(Options::on(state.path())).await);
        let tape = Day::work(&dev, "contoso", true).await.tape;
        let victim = Day::work(&dev, "contoso", false).await;
        let own = Day::work(&dev, "fabrikam", false).await;
        let never: Ids = NEVER.iter().map(|(place, id)| (*place, (*id).to_owned())).collect();
        let before = everything(&victim.admin, &victim.world()).await;
        let mine = everything(&own.admin, &own.world()).await;
        let (mut swapped, mut requests, mut calls) = (0, 0, 0);
        for recorded in &tape {
            // A search document's id is its writer's to choose: to write one is legal whoever else has chosen it.
            if recorded.path == "search/documents" {
                continue;
            }
            let body = recorded.body.replace(canary::of("contoso"), canary::of("fabrikam"));
            let recorded = Recorded { body, ..recorded.clone() };
            for places in swaps(&recorded.places(&own.ids)) {
                let with = |others: &Ids| -> Ids {
                    let id = |(place, id): (&&'static str, &String)| {
                        (*place, if places.contains(place) { others[place].clone() } else { id.clone() })
                    };
                    own.ids.iter().map(id).collect()
                };
                let of = async |ids: &Ids| {
                    let before = dev.stack().map_or(0, Stack::count);
                    let answer = recorded.send(&own.admin, ids).await;
                    let asked = dev.stack().map(|stack| stack.asked_since(before));
                    (answer, asked.unwrap_or_default())
                };
                let mut found = (of(&with(&victim.ids)).await, of(&with(&never)).await);
                // The sweep comes by the clock, and may have come in between.
                if found.0.1 != found.1.1 {
                    found = (of(&with(&victim.ids)).await, of(&with(&never)).await);
                }
                let ((strange, asked), (absent, asked_then)) = found;
                let what = format!("{} {} with another's {places:?}", recorded.method, recorded.path);
                let refused = [400, 403, 404, 409].contains(&strange.status.as_u16());
                assert!(refused || strange.status == 204, "{what}: {} {}", strange.status, strange.text());
                alike(&strange, &absent, &what);
                assert_eq!(asked, asked_then, "{what}");
                calls += asked.len();
                swapped += 1;
                requests += 2;
            }
        }
        assert_eq!(everything(&victim.admin, &victim.world()).await, before, "the victim has changed");
        assert_eq!(everything(&own.admin, &own.world()).await, mine, "nothing was done at home either");
        println!(
            "tenant swap: {} requests of a day, {swapped} swaps, {requests} requests{}, all alike",
            tape.len(),
            if dev.stack().is_some() { format!(" and {calls} calls for them") } else { String::new() }
        );
        assert!(swapped >= 40, "{swapped}");
        assert!(dev.stack().is_none() || calls >= swapped, "{calls} calls");
    });
}
