//! Stores that lie: whatever they answer, nothing of another tenant or user comes out, and a lie that can be seen is an
//! error.

use crate::support::*;
use pool::{
    Error, PageRequest, Scope,
    conformance::lying::{Lie, LyingIndex, LyingRecords},
    files::File,
    ports::Records,
    runs::Run,
    search::Find,
};
use serde_json::json;
use std::{sync::Arc, time::Duration};

/// What a liar might give away.
const SECRETS: [&str; 2] = ["canary-eve", "canary-bob"];

struct Liars {
    world: World,
    records: Arc<LyingRecords>,
    index: Arc<LyingIndex>,
    alice: Scope,
    run: Run,
    file: File,
    record: String,
}

/// Alice and bob of contoso, and eve of fabrikam, each with one of everything, and two of what is listed.
async fn liars() -> Liars {
    let mut wrapped: Option<(Arc<LyingRecords>, Arc<LyingIndex>)> = None;
    let world = World::with(|ports| {
        let foreign = || pool::testing::tenant("fabrikam");
        let records = Arc::new(LyingRecords::new(ports.records.clone(), foreign()));
        let index = Arc::new(LyingIndex::new(ports.index.clone(), foreign()));
        (ports.records, ports.index) = (records.clone(), index.clone());
        wrapped = Some((records, index));
    });
    let (records, index) = wrapped.unwrap();
    let alice = world.user("contoso", "alice").await;
    let fill = async |scope: &Scope, name: &str| {
        let text = format!("plan of {name}");
        let run = queued(&world, scope, json!([{"type": "file_search"}])).await;
        world.model.does(move |_, _| says(&text));
        scope.runs().drive(&run.id).await.unwrap();
        scope.messages().create(&run.thread_id, new_message(&format!("thanks, {name}"))).await.unwrap();
        let file =
            indexed(&world, scope, &format!("{name}.txt"), &format!("plan of {name}\nplan two of {name}"))
                .await;
        let mut ids = Vec::new();
        for n in 0..3 {
            let body = json!({"name": name, "n": n}).as_object().unwrap().clone();
            ids.push(scope.records().create("items", body).await.unwrap().value.id);
            scope
                .threads()
                .create(serde_json::from_value(json!({"metadata": {"who": name}})).unwrap())
                .await
                .unwrap();
        }
        (run, file, ids.remove(1))
    };
    let eve = world.user("fabrikam", "canary-eve").await;
    fill(&eve, "canary-eve").await;
    eve.search().upsert(vec![json!({"id": "e", "content": "plan of canary-eve"})]).await.unwrap();
    let (run, file, record) = fill(&alice, "alice").await;
    fill(&world.user("contoso", "canary-bob").await, "canary-bob").await;
    Liars { world, records, index, alice, run, file, record }
}

type Answers = Vec<(&'static str, Result<String, Error>)>;

/// Every read of a scope, as text.
async fn reads(l: &Liars) -> Answers {
    let (s, thread, run) = (&l.alice, &l.run.thread_id, &l.run.id);
    let page = PageRequest { limit: 2, ..PageRequest::default() };
    let find: Find = serde_json::from_value(json!({"query": "plan", "mode": "text", "top": 3})).unwrap();
    fn text<T: std::fmt::Debug>(answer: Result<T, Error>) -> Result<String, Error> {
        answer.map(|answer| format!("{answer:?}"))
    }
    vec![
        ("agents", text(s.agents().list(&page).await)),
        ("agent", text(s.agents().get(&l.run.agent_id).await)),
        ("versions", text(s.agents().versions(&l.run.agent_id, &page).await)),
        ("threads", text(s.threads().list(&page).await)),
        ("thread", text(s.threads().get(thread).await)),
        ("messages", text(s.messages().list(thread, &page).await)),
        ("runs", text(s.runs().list(thread, &page).await)),
        ("run", text(s.runs().get(thread, run).await)),
        ("steps", text(s.runs().steps(thread, run, &page).await)),
        ("events", text(s.runs().events(thread, run, None).await)),
        ("files", text(s.files().list(&page).await)),
        ("file", text(s.files().get(&l.file.id).await)),
        ("records", text(s.records().list("items", Default::default(), &page).await)),
        ("record", text(s.records().get("items", &l.record).await)),
        ("search", text(s.search().query(find).await)),
    ]
}

/// The reads that notice a lie of the records.
fn noticed(lie: Lie) -> &'static [&'static str] {
    const ALL: [&str; 15] = [
        "agents", "agent", "versions", "threads", "thread", "messages", "runs", "run", "steps", "events",
        "files", "file", "records", "record", "search",
    ];
    const LISTS: [&str; 3] = ["threads", "messages", "records"];
    match lie {
        // Of the other tenant nothing is alice's: these two lists are empty.
        Lie::ForeignRow => &[
            "agents", "agent", "versions", "thread", "messages", "runs", "run", "steps", "events", "file",
            "records", "record", "search",
        ],
        Lie::OneForeignRow
        | Lie::DropsTenant
        | Lie::RespellsTenant
        | Lie::WrongKind
        | Lie::Expired
        | Lie::Truncated => &ALL,
        Lie::WrongId => &[
            "thread", "messages", "runs", "run", "file", "record", "agent", "versions", "steps", "events",
            "search",
        ],
        Lie::IgnoresOwner => &["threads"],
        Lie::IgnoresFilter => &["files"],
        Lie::IgnoresParent => &["messages", "runs", "steps", "events", "versions"],
        Lie::Reordered => &LISTS,
        // `limit` is 2 and one more is asked for; there are at least four threads, and more events than a page holds of steps.
        Lie::IgnoresLimit => &["threads", "records"],
        Lie::IgnoresPosition | Lie::Stale | Lie::ForgetsWrites | Lie::LosesVersions => &[],
    }
}

#[tokio::test(start_paused = true)]
async fn no_read_passes_a_lie_of_the_records_on() {
    let l = liars().await;
    for (name, answer) in reads(&l).await {
        let answer = answer.unwrap_or_else(|fault| panic!("{name}: {fault:?}"));
        assert!(
            SECRETS.iter().all(|secret| !answer.contains(secret)) || name == "records",
            "{name}: {answer}"
        );
    }
    for lie in Lie::ALL {
        l.records.lie(Some(lie));
        let answers = tokio::time::timeout(Duration::from_secs(60), reads(&l)).await.expect("it ends");
        l.records.lie(None);
        for (name, answer) in answers {
            match answer {
                Ok(answer) => {
                    assert!(!answer.contains("canary-eve"), "{name} passes {lie:?} on: {answer}");
                    // Records are the whole tenant's.
                    assert!(
                        !answer.contains("canary-bob") || name == "records",
                        "{name} passes {lie:?} on: {answer}"
                    );
                    // A foreign row that the lie has nowhere to take from is no lie.
                    assert!(!noticed(lie).contains(&name), "{name} does not notice {lie:?}: {answer}");
                }
                Err(fault) => assert!(matches!(fault, Error::Internal(_)), "{name}, {lie:?}: {fault:?}"),
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn no_search_passes_a_lie_of_the_index_on() {
    let l = liars().await;
    let year = |n: u32| json!({"id": format!("d{n}"), "content": "report", "year": n});
    l.alice.search().upsert((1..=4).map(year).collect()).await.unwrap();
    let find: Find = serde_json::from_value(json!({"query": "plan", "mode": "text", "top": 3})).unwrap();
    let filtered: Find = serde_json::from_value(
        json!({"query": "report", "mode": "text", "filter": {"field": "year", "value": 2}}),
    )
    .unwrap();
    assert_eq!(l.alice.search().query(find.clone()).await.unwrap().len(), 2);
    assert_eq!(l.alice.search().query(filtered.clone()).await.unwrap().len(), 1);
    for lie in [
        Lie::ForeignRow,
        Lie::OneForeignRow,
        Lie::DropsTenant,
        Lie::RespellsTenant,
        Lie::IgnoresOwner,
        Lie::IgnoresLimit,
        Lie::Reordered,
    ] {
        l.index.lie(Some(lie));
        let top = if lie == Lie::IgnoresLimit { 1 } else { find.top };
        let answer = l.alice.search().query(Find { top, ..find.clone() }).await;
        assert!(matches!(answer, Err(Error::Internal(_))), "{lie:?}: {answer:?}");
    }
    l.index.lie(Some(Lie::IgnoresFilter));
    internal(l.alice.search().query(filtered).await);
}

#[tokio::test(start_paused = true)]
async fn a_list_that_begins_before_its_cursor_is_noticed() {
    let l = liars().await;
    let one = PageRequest { limit: 1, ..PageRequest::default() };
    let cursor = l.alice.threads().list(&one).await.unwrap().next;
    let by_n = pool::records::RecordQuery { sort: pool::filter::FieldPath::parse("n"), ..Default::default() };
    let three = PageRequest { limit: 3, ..PageRequest::default() };
    let by_value = l.alice.records().list("items", by_n.clone(), &three).await.unwrap().next;
    l.records.lie(Some(Lie::IgnoresPosition));
    internal(l.alice.threads().list(&PageRequest { cursor, ..one.clone() }).await);
    internal(l.alice.records().list("items", by_n.clone(), &PageRequest { cursor: by_value, ..one }).await);
    l.records.lie(Some(Lie::Reordered));
    internal(l.alice.records().list("items", by_n, &PageRequest::default()).await);
    l.records.lie(Some(Lie::IgnoresFilter));
    let named = (pool::filter::FieldPath::parse("name").unwrap(), pool::filter::Scalar::Text("alice".into()));
    let asked = pool::records::RecordQuery { equal: vec![named], ..Default::default() };
    internal(l.alice.records().list("items", asked, &PageRequest::default()).await);
}

/// Whatever a store says of writes: every one ends, and none touches what is another's.
#[tokio::test(start_paused = true)]
async fn writes_to_a_liar_end_and_stay_at_home() {
    for lie in Lie::ALL {
        let l = liars().await;
        let others = |l: &Liars| {
            let rows = l.world.records.rows().into_iter();
            rows.filter(|row| {
                SECRETS.iter().any(|secret| row.row.body.contains(secret) || row.row.owner == *secret)
            })
            .collect::<Vec<_>>()
        };
        let before = others(&l);
        l.records.lie(Some(lie));
        let (s, thread) = (&l.alice, &l.run.thread_id);
        let writes = async {
            let answers = [
                s.threads().create(Default::default()).await.map(drop),
                s.threads()
                    .update(thread, serde_json::from_value(json!({"metadata": {"a": "b"}})).unwrap(), None)
                    .await
                    .map(drop),
                s.messages().create(thread, new_message("x")).await.map(drop),
                s.runs().create(thread, new_run(&l.run.agent_id), false).await.map(drop),
                s.runs().cancel(thread, &l.run.id).await.map(drop),
                s.runs().drive(&l.run.id).await.map(drop),
                s.records().create("items", Default::default()).await.map(drop),
                s.records().replace("items", &l.record, Default::default(), None).await.map(drop),
                s.records().delete("items", &l.record, None).await,
                s.files().upload(new_file("x.txt"), bytes("x")).await.map(drop),
                s.files().ingest(&l.file.id).await,
                s.files().delete(&l.file.id, None).await,
                s.threads().delete(thread, None).await,
                s.agents().delete(&l.run.agent_id, None).await,
                s.sweep().promises().await.map(drop),
            ];
            if lie == Lie::LosesVersions {
                let noticed = [0, 1, 6, 7, 8, 9];
                for n in noticed {
                    assert!(matches!(answers[n], Err(Error::Internal(_))), "write {n}: {:?}", answers[n]);
                }
            }
        };
        tokio::time::timeout(Duration::from_secs(600), writes)
            .await
            .unwrap_or_else(|_| panic!("{lie:?} never ends"));
        l.records.lie(None);
        let after = others(&l);
        // An agent of the tenant's admin may have gone; what is bob's and eve's may not.
        assert_eq!(after, before, "{lie:?}");
    }
}

/// An honest liar is the store itself.
#[tokio::test]
async fn liars_are_honest_when_they_are_told_to_be() {
    let l = liars().await;
    let tenant = pool::testing::tenant("contoso");
    let row = l.records.get(&tenant, pool::ports::Kind::File, &l.file.id).await.unwrap();
    assert!(row.is_some());
}
