//! A model behind an OpenAI-compatible endpoint, played by the test.

use crate::world::{agent, ended, settled, thread};
use axum::{
    Router,
    body::{Body, Bytes},
    extract::{Request, State},
    response::Response,
};
use futures::{StreamExt, stream::FuturesUnordered};
use reqwest::Method;
use serde_json::{Value, json};
use std::{
    sync::{Arc, Mutex},
    time::Duration,
};
use tests::{Caller, Dev, Options, alone, canary, eventually};
use tokio::{net::TcpListener, sync::Notify, task::JoinHandle};

#[derive(Clone, Default)]
pub(crate) struct Model {
    /// What it was sent: headers and body.
    pub(crate) sent: Arc<Mutex<Vec<String>>>,
    /// Lets the slow answer go on.
    go_on: Arc<Notify>,
}

/// Serves a model; what to set so that it is the model.
pub(crate) async fn serve(router: Router) -> (Vec<(String, String)>, JoinHandle<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let base = format!("http://{}/v1", listener.local_addr().unwrap());
    let served = tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
    let settings = [("MODEL_ENDPOINT", base.as_str()), ("MODEL_NAME", "toy"), ("MODEL_API_KEY", "sk-toy")];
    (settings.map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec(), served)
}

pub(crate) fn chunk(delta: &Value, finish: Option<&str>) -> Bytes {
    format!("data: {}\n\n", json!({"choices": [{"index": 0, "delta": delta, "finish_reason": finish}]}))
        .into()
}

async fn answer(State(model): State<Model>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let text = axum::body::to_bytes(body, 1 << 24).await.unwrap();
    let body: Value = serde_json::from_slice(&text).unwrap();
    model.sent.lock().unwrap().push(format!("{} {:?} {body}", parts.uri, parts.headers));
    let messages = body["messages"].as_array().unwrap();
    let last =
        messages.iter().rev().find(|m| m["role"] == "user").unwrap()["content"].as_str().unwrap().to_owned();
    let searched = messages.last().unwrap()["role"] == "tool";
    let status = if last.contains("REFUSE") {
        400
    } else if last.contains("BREAK") {
        500
    } else {
        200
    };
    let first = if last.contains("SEARCH") && !searched {
        let call = json!({"name": "file_search", "arguments": "{\"query\":\"gate code\"}"});
        chunk(
            &json!({"tool_calls": [{"index": 0, "id": "c1", "type": "function", "function": call}]}),
            Some("tool_calls"),
        )
    } else if last.contains("SEARCH") {
        chunk(&json!({"content": "It is zanzibar [1], not [7]."}), Some("stop"))
    } else {
        chunk(&json!({"content": "one "}), None)
    };
    let slow = last.contains("SLOW");
    let done = Bytes::from_static(
        b"data: {\"choices\":[],\"usage\":{\"prompt_tokens\":7,\"completion_tokens\":5}}\n\ndata: [DONE]\n\n",
    );
    let stream = futures::stream::unfold(0, move |n| {
        let (first, done, model) = (first.clone(), done.clone(), model.clone());
        async move {
            if n == 1 && slow {
                model.go_on.notified().await;
            }
            let next = match n {
                0 => first,
                1 if slow => chunk(&json!({"content": "two"}), Some("stop")),
                1 => Bytes::new(),
                2 => done,
                _ => return None,
            };
            Some((Ok::<_, std::io::Error>(next), n + 1))
        }
    });
    let body = if status == 200 {
        Body::from_stream(stream)
    } else {
        Body::from("{\"error\":{\"message\":\"no\"}}")
    };
    Response::builder().status(status).header("content-type", "text/event-stream").body(body).unwrap()
}

async fn started(state: &std::path::Path, model: &Model) -> (Arc<Dev>, JoinHandle<()>) {
    started_with(state, model, &["--crashes", "1000"]).await
}

/// A `dev` whose model this is.
pub(crate) async fn started_with(
    state: &std::path::Path,
    model: &Model,
    arguments: &[&str],
) -> (Arc<Dev>, JoinHandle<()>) {
    let (settings, served) = serve(Router::new().fallback(answer).with_state(model.clone())).await;
    let arguments = arguments.iter().map(|argument| (*argument).to_owned()).collect();
    (Arc::new(Dev::start(Options { settings, arguments, ..Options::on(state) }).await), served)
}

pub(crate) async fn asked(dev: &Arc<Dev>, user: &Caller, question: &str) -> (String, Value) {
    let agent = agent(&dev.as_admin(&user.tenant), json!({})).await;
    let thread = thread(user, question).await;
    let run = user.post_json(&format!("threads/{thread}/runs"), json!({"agent_id": agent})).await.id();
    let run = ended(user, &thread, &run).await;
    (thread, run)
}

#[test]
fn answers_cite_what_was_found_and_nothing_of_another_tenant_goes_out() {
    alone(async {
        let (state, model) = (tempfile::tempdir().unwrap(), Model::default());
        let (dev, served) = started(state.path(), &model).await;
        for tenant in ["contoso", "fabrikam"] {
            let alice = dev.as_user(tenant, "alice");
            let file = alice
                .upload("gate.txt", "text/plain", alice.mark("The gate code is zanzibar.").into_bytes())
                .await
                .id();
            settled(&alice, &file).await;
            let (thread, run) = asked(&dev, &alice, &alice.mark("SEARCH: what is the gate code?")).await;
            assert_eq!(
                (run["status"].as_str(), run["usage"]["prompt_tokens"].as_u64()),
                (Some("completed"), Some(14))
            );
            let message = alice.get(&format!("threads/{thread}/messages")).await.list().remove(0);
            let cited = message["content"][0]["text"]["annotations"].as_array().unwrap().clone();
            assert_eq!(cited.len(), 1, "{message}");
            assert_eq!(
                (&cited[0]["text"], &cited[0]["file_citation"]["file_id"]),
                (&json!("[1]"), &json!(file))
            );
        }
        let sent: Vec<String> = model.sent.lock().unwrap().drain(..).collect();
        assert_eq!(sent.len(), 4);
        for (n, request) in sent.iter().enumerate() {
            let tenant = ["contoso", "fabrikam"][n / 2];
            assert!(canary::contains(request.as_bytes(), canary::of(tenant).as_bytes()));
            assert_eq!(canary::foreign(request.as_bytes(), Some(tenant)), None);
            assert!(request.contains("Bearer sk-toy") && !request.contains("eyJ"), "{request}");
        }
        let alice = dev.as_user("contoso", "alice");
        for (question, code) in [("REFUSE", "model_refused"), ("BREAK", "model_unavailable")] {
            let (_, run) = asked(&dev, &alice, question).await;
            assert_eq!(
                (run["status"].as_str(), run["last_error"]["code"].as_str()),
                (Some("failed"), Some(code))
            );
        }
        served.abort();
        let _aborted = served.await;
        let (thread, run) = asked(&dev, &alice, "Hello?").await;
        assert_eq!(
            (run["status"].as_str(), run["last_error"]["code"].as_str()),
            (Some("failed"), Some("model_unavailable"))
        );
        alice
            .post_json(&format!("threads/{thread}/messages"), json!({"content": "the thread is free"}))
            .await
            .is(200);
    });
}

#[test]
fn a_run_is_cancelled_while_the_model_speaks() {
    alone(async {
        let (state, model) = (tempfile::tempdir().unwrap(), Model::default());
        let (dev, _served) = started(state.path(), &model).await;
        let alice = dev.as_user("contoso", "alice");
        let agent = agent(&dev.as_admin("contoso"), json!({})).await;
        let thread = thread(&alice, "SLOW").await;
        let run = alice.post_json(&format!("threads/{thread}/runs"), json!({"agent_id": agent})).await.id();
        let path = format!("threads/{thread}/runs/{run}");
        eventually("the model", async || (!model.sent.lock().unwrap().is_empty()).then_some(())).await;
        let cancelled = alice.request(Method::POST, &format!("{path}/cancel")).send().await.ok();
        assert!(["cancelling", "cancelled"].contains(&cancelled["status"].as_str().unwrap()), "{cancelled}");
        assert_eq!(ended(&alice, &thread, &run).await["status"], "cancelled");
        let messages = alice.get(&format!("threads/{thread}/messages")).await.list();
        assert_eq!(messages.len(), 1, "half an answer is none");
        alice
            .post_json(&format!("threads/{thread}/messages"), json!({"content": "the thread is free"}))
            .await
            .is(200);
    });
}

#[test]
fn a_stream_goes_on_after_the_handler_was_killed() {
    alone(async {
        let (state, model) = (tempfile::tempdir().unwrap(), Model::default());
        let (dev, _served) = started(state.path(), &model).await;
        let alice = dev.as_user("contoso", "alice");
        let agent = agent(&dev.as_admin("contoso"), json!({})).await;
        let thread = thread(&alice, "SLOW").await;
        let body = json!({"agent_id": agent, "stream": true});
        let before =
            alice.request(Method::POST, &format!("threads/{thread}/runs")).json(&body).events(4).await;
        assert_eq!(before[3].name, "thread.message.delta");
        let (pid, _) = dev.worker().unwrap();
        assert!(dev.kill_worker());
        eventually("another handler", async || dev.worker().filter(|(other, _)| *other != pid)).await;
        let path = format!("threads/{thread}/runs/{}", before[0].data["id"].as_str().unwrap());
        let resumed = alice.request(Method::GET, &format!("{path}/events")).header("last-event-id", "3");
        let after = tokio::spawn(resumed.events(usize::MAX));
        // The lease of the dead one must end first.
        eventually("the second try", async || (model.sent.lock().unwrap().len() == 2).then_some(())).await;
        tokio::time::sleep(Duration::from_millis(200)).await;
        model.go_on.notify_waiters();
        let after = after.await.unwrap();
        let ids: Vec<_> = after.iter().filter_map(|event| event.id.parse::<usize>().ok()).collect();
        assert_eq!(ids, (4..4 + ids.len()).collect::<Vec<_>>(), "none is missing, none comes twice");
        let names: Vec<_> = after.iter().map(|event| event.name.as_str()).collect();
        assert!(
            names.contains(&"thread.message.discarded") && names.contains(&"thread.run.completed"),
            "{names:?}"
        );
        let messages = alice.get(&format!("threads/{thread}/messages")).await.list();
        assert_eq!((messages.len(), &messages[0]["content"][0]["text"]["value"]), (2, &json!("one two")));
    });
}

#[test]
fn a_user_has_16_streams_open_and_is_told_when_to_come_again() {
    alone(async {
        let (state, model) = (tempfile::tempdir().unwrap(), Model::default());
        let (dev, _served) = started(state.path(), &model).await;
        let (alice, bob) = (dev.as_user("contoso", "alice"), dev.as_user("contoso", "bob"));
        let agent = agent(&dev.as_admin("contoso"), json!({})).await;
        let begun = async |user: &Caller| {
            let thread = thread(user, "SLOW").await;
            let run =
                user.post_json(&format!("threads/{thread}/runs"), json!({"agent_id": agent})).await.id();
            format!("threads/{thread}/runs/{run}/events")
        };
        let (path, another) = (begun(&alice).await, begun(&bob).await);
        let watch = |user: &Caller, path: &str| user.request(Method::GET, path);
        let mut streams: FuturesUnordered<_> = (0..17).map(|_| watch(&alice, &path).send()).collect();
        // Those that are let in go on for as long as the model is silent.
        let first = tokio::time::timeout(Duration::from_secs(20), streams.next()).await;
        let refused = first.expect("a stream that is refused").unwrap().is(429);
        assert_eq!(refused.header("retry-after"), "5");
        assert_eq!(watch(&bob, &another).events(2).await.len(), 2, "another user has streams of its own");
        eventually("both runs", async || (model.sent.lock().unwrap().len() == 2).then_some(())).await;
        model.go_on.notify_waiters();
        while let Some(stream) = streams.next().await {
            assert!(stream.is(200).text().contains("thread.run.completed"));
        }
        assert!(!watch(&alice, &path).events(usize::MAX).await.is_empty(), "places are given back");
    });
}
