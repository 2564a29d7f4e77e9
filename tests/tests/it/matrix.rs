//! The matrix: every function of the table, and everyone who might call it. What is denied leaves the victim byte for
//! byte as it was; what is right is done.

use crate::{
    absent::{body, call},
    runs::waiting,
    world::World,
};
use handler::functions::{Access, FUNCTIONS, Function, Http, Trigger};
use pool::{Action, Permission, Resource, TenantRecord, TenantStatus};
use reqwest::Method;
use serde_json::{Value, json};
use std::{sync::Arc, time::Duration};
use tests::{Answer, Caller, Dev, Options, alone, eventually, eventually_in, tokens};

/// Functions that anyone may call. The list may only shrink.
const EXEMPT: [&str; 3] = ["health", "health_ready", "openapi"];

/// Who calls, and what becomes of it; a function may have no such caller.
type Column = (&'static str, fn(&Row) -> Option<u16>);

const DENIED: [Column; 9] = [
    ("no token", |_| Some(401)),
    ("a bad token", |_| Some(401)),
    ("an expired token", |_| Some(401)),
    ("a token for another audience", |_| Some(401)),
    ("a stranger's key", |_| Some(401)),
    ("a suspended tenant", |_| Some(403)),
    // A record's id says for whom it was made.
    ("another tenant", |row| row.slot().then(|| if row.route.starts_with("cosmos") { 403 } else { 404 })),
    ("another user", |row| (row.owned() && !row.for_admins()).then_some(404)),
    ("a low role", |row| row.for_admins().then_some(403)),
];

struct Row {
    name: &'static str,
    method: Method,
    route: &'static str,
    permission: Permission,
}

impl Row {
    /// Whether the route names a thing.
    fn slot(&self) -> bool {
        self.route.replace("{collection}", "").contains('{')
    }

    /// Whether the thing is a user's, and not the tenant's.
    fn owned(&self) -> bool {
        self.slot() && ["threads/", "files/", "agents/threads/"].iter().any(|own| self.route.starts_with(own))
    }

    fn for_admins(&self) -> bool {
        matches!(self.permission, Permission(action, Resource::Agents) if action != Action::Read)
    }
}

fn rows() -> Vec<Row> {
    let row = |function: &'static Function| match &function.trigger {
        Trigger::Http(Http { method, route, access: Access::Needs(permission, _), .. }) => {
            Some(Row { name: function.name, method: method.clone(), route, permission: *permission })
        }
        Trigger::Http(_) => {
            assert!(EXEMPT.contains(&function.name), "{}: anyone may call it", function.name);
            None
        }
        Trigger::Queue { .. } | Trigger::Blob { .. } | Trigger::Timer { .. } => None,
    };
    FUNCTIONS.iter().filter_map(row).collect()
}

/// All that the victim can read, as it is answered.
pub(crate) async fn everything(admin: &Caller, world: &World) -> Vec<(String, u16, Vec<u8>)> {
    let mut all = Vec::new();
    for row in rows().iter().filter(|row| row.method == Method::GET) {
        let path = world.path(row.route);
        let path = if row.name == "search_query" { format!("{path}?query=plan&top=50") } else { path };
        let answer = admin.get(&path).await;
        assert_eq!(answer.status, 200, "{path}: {}", answer.text());
        all.push((path, answer.status.as_u16(), answer.body));
    }
    all
}

#[test]
fn everyone_gets_what_the_table_says_and_no_more() {
    alone(async {
        let state = tempfile::tempdir().unwrap();
        let dev = Arc::new(Dev::start(Options::on(state.path())).await);
        let alice = dev.as_user("contoso", "alice");
        let admin = dev.as_admin("contoso");
        let world = World::make(&dev, &alice, "victim").await;
        let own = World::make(&dev, &dev.as_admin("fabrikam"), "own").await;
        suspend(&dev, "northwind").await;
        let callers = callers(&dev);
        let before = everything(&admin, &world).await;
        let (mut cells, mut rights) = (0, 0);
        for row in rows() {
            for ((who, expected), caller) in DENIED.iter().zip(&callers) {
                let Some(status) = expected(&row) else { continue };
                // What the body names is the caller's own, so that nothing but the route is foreign.
                let answer = call(caller, row.name, row.method.clone(), &world.path(row.route), &own).await;
                assert_eq!(answer.status.as_u16(), status, "{} by {who}: {}", row.name, answer.text());
                cells += 1;
            }
            assert_eq!(everything(&admin, &world).await, before, "{}: the victim has changed", row.name);
        }
        for row in rows() {
            let answer = right(&dev, &row, &world).await;
            assert!(answer.status.is_success(), "{}: {} {}", row.name, answer.status, answer.text());
            rights += 1;
        }
        let jobs = triggers(&dev, &alice, &admin, &world).await;
        println!(
            "matrix: {cells} denials denied, {rights} rights done, {jobs} triggers closed to the public and run by the host"
        );
        assert!(cells >= 250 && rights == FUNCTIONS.len() - EXEMPT.len() - jobs, "{cells} {rights} {jobs}");
    });
}

/// One caller a column.
fn callers(dev: &Arc<Dev>) -> [Caller; DENIED.len()] {
    let admin = || tokens::claims("contoso", "root", &["admin"]);
    let spoilt = |name: &str, value: Value| {
        let mut claims = admin();
        claims[name] = value;
        dev.with_token("", Some(dev.signer().token(&claims)))
    };
    [
        dev.with_token("", None),
        dev.with_token("", Some("bad.bad.bad".into())),
        spoilt("exp", json!(tokens::now() - 61)),
        spoilt("aud", json!("api://another")),
        dev.with_token("", Some(tokens::Signer::unknown().token(&admin()))),
        dev.as_admin("northwind"),
        dev.as_admin("fabrikam"),
        dev.as_user("contoso", "bob"),
        dev.as_user("contoso", "alice"),
    ]
}

async fn suspend(dev: &Arc<Dev>, tenant: &str) {
    let directory = dev.directory().await;
    let record = directory.get(tenant).await.unwrap().unwrap();
    directory.put(&TenantRecord { status: TenantStatus::Suspended, ..record }).await.unwrap();
    let admin = dev.as_admin(tenant);
    eventually_in(Duration::from_secs(8), "403", async || {
        (admin.get("agents").await.status == 403).then_some(())
    })
    .await;
}

/// The call that the function is for, by who may make it, on something of its own if it takes that away.
async fn right(dev: &Arc<Dev>, row: &Row, world: &World) -> Answer {
    let alice = dev.as_user("contoso", "alice");
    let caller = if row.for_admins() { dev.as_admin("contoso") } else { alice.clone() };
    let path = world.path(row.route);
    match row.name {
        "agents_delete" | "threads_delete" | "files_delete" | "search_delete" | "records_delete" => {
            let fresh = World::make(dev, &alice, "fresh").await;
            caller.delete(&fresh.path(row.route)).await
        }
        "runs_cancel" | "runs_submit" => {
            let (_, thread, waits) = waiting(dev, &alice).await;
            let run = waits["id"].as_str().unwrap().to_owned();
            let path = World { thread, run, ..world.clone() }.path(row.route);
            let call = &waits["required_action"]["submit_tool_outputs"]["tool_calls"][0]["id"];
            let outputs = json!({"tool_outputs": [{"tool_call_id": call, "output": "sun"}]});
            let request = caller.request(row.method.clone(), &path);
            if row.name == "runs_submit" { request.json(&outputs).send().await } else { request.send().await }
        }
        "runs_create" | "runs_create_alias" => {
            let thread = crate::world::thread(&alice, "What is the plan?").await;
            let path = World { thread, ..world.clone() }.path(row.route);
            caller.post_json(&path, body(row.name, world)).await
        }
        "search_query" => caller.get(&format!("{path}?query=plan")).await,
        "agents_create"
        | "agents_list"
        | "agents_get"
        | "agents_update"
        | "agents_versions"
        | "threads_create"
        | "threads_create_alias"
        | "threads_list"
        | "threads_get"
        | "threads_update"
        | "messages_create"
        | "messages_create_alias"
        | "messages_list"
        | "runs_list"
        | "runs_get"
        | "runs_steps"
        | "runs_events"
        | "files_create"
        | "files_list"
        | "files_get"
        | "files_content"
        | "search_upsert"
        | "search_search"
        | "search_delete_many"
        | "records_create"
        | "records_list"
        | "records_get"
        | "records_replace" => call(&caller, row.name, row.method.clone(), &path, world).await,
        other => panic!("{other}: a function without a row in the matrix"),
    }
}

/// Functions that the host alone sets off: nobody else can, and the host has.
async fn triggers(dev: &Arc<Dev>, alice: &Caller, admin: &Caller, world: &World) -> usize {
    let front = dev.base().trim_end_matches("/api").to_owned();
    let worker = format!("http://127.0.0.1:{}", dev.worker().unwrap().1);
    dev.drop_file("contoso", "dropped.txt", &alice.mark("dropped")).await;
    let link = alice.post_json("files", json!({"filename": "linked.txt"})).await.ok();
    assert_eq!(dev.send(&link["upload"], alice.mark("linked")).await, 201);
    let jobs: Vec<_> =
        FUNCTIONS.iter().filter(|function| !matches!(function.trigger, Trigger::Http(_))).collect();
    let before = everything(admin, world).await;
    for function in &jobs {
        let name = function.name;
        let envelope = json!({"Data": {"message": "x"}, "Metadata": {"tenant": "contoso"}}).to_string();
        for (url, proxied) in [
            (format!("{front}/{name}"), false),
            (format!("{front}/api/{name}"), false),
            (format!("{worker}/{name}"), true),
        ] {
            let request = alice.request(Method::POST, &url).text(envelope.clone());
            let request = if proxied { request.header("x-forwarded-for", "10.0.0.1") } else { request };
            assert_eq!(request.send().await.status, 404, "{url}");
        }
        if matches!(function.trigger, Trigger::Timer { .. }) {
            dev.invoke(name, "");
        }
        eventually(name, async || dev.log().last(&format!("{name} succeeded"))).await;
    }
    let after = everything(admin, world).await;
    let owned = |all: &[(String, u16, Vec<u8>)]| {
        all.iter().filter(|(path, ..)| path.contains('_')).cloned().collect::<Vec<_>>()
    };
    assert_eq!(owned(&after), owned(&before), "the victim has changed");
    jobs.len()
}
