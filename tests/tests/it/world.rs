//! One of everything that a tenant's user can have.

use serde_json::{Value, json};
use tests::{Caller, Dev, eventually};

/// What was made, by the names of the routes' slots.
#[derive(Clone)]
pub(crate) struct World {
    pub(crate) agent: String,
    pub(crate) thread: String,
    pub(crate) run: String,
    pub(crate) file: String,
    pub(crate) document: String,
    pub(crate) record: String,
}

impl World {
    /// Makes one of everything, and waits until the run and the file are done.
    pub(crate) async fn make(dev: &std::sync::Arc<Dev>, user: &Caller, document: &str) -> Self {
        let admin = dev.as_admin(&user.tenant);
        let agent = agent(&admin, json!({})).await;
        let thread = user
            .post_json("threads", json!({"messages": [{"content": user.mark("What is the plan?")}]}))
            .await
            .id();
        let run = user.post_json(&format!("threads/{thread}/runs"), json!({"agent_id": agent})).await.id();
        let text = user.mark("The plan is to plan.").into_bytes();
        let file = user.upload("plan.txt", "text/plain", text).await.id();
        let content = json!([{"id": document, "title": user.mark("t"), "content": user.mark("a document")}]);
        user.post_json("search/documents", content).await.is(200);
        let record = user.post_json("cosmos/items", json!({"text": user.mark("a record")})).await.id();
        ended(user, &thread, &run).await;
        settled(user, &file).await;
        Self { agent, thread, run, file, document: document.to_owned(), record }
    }

    /// Removes all of it again.
    pub(crate) async fn unmake(&self, dev: &std::sync::Arc<Dev>, user: &Caller) {
        let Self { agent, thread, file, document, record, .. } = self;
        dev.as_admin(&user.tenant).delete(&format!("agents/{agent}")).await.is(204);
        let paths = [
            format!("threads/{thread}"),
            format!("files/{file}"),
            format!("search/documents/{document}"),
            format!("cosmos/items/{record}"),
        ];
        for path in paths {
            user.delete(&path).await.is(204);
        }
    }

    /// A route with its slots filled.
    pub(crate) fn path(&self, route: &str) -> String {
        let slots = [
            ("{agent_id}", &self.agent),
            ("{thread_id}", &self.thread),
            ("{run_id}", &self.run),
            ("{file_id}", &self.file),
            ("{document_id}", &self.document),
            ("{collection}", &"items".to_owned()),
            ("{id}", &self.record),
        ];
        slots.iter().fold(route.to_owned(), |path, (slot, id)| path.replace(slot, id))
    }
}

/// Makes an agent: `more` is laid over a plain one.
pub(crate) async fn agent(admin: &Caller, more: Value) -> String {
    let mut agent = json!({"name": admin.mark("Helper"), "description": admin.mark("d"), "instructions": admin.mark("Help.")});
    agent.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    admin.post_json("agents", agent).await.id()
}

/// A thread with one message.
pub(crate) async fn thread(user: &Caller, content: &str) -> String {
    user.post_json("threads", json!({"messages": [{"content": content}]})).await.id()
}

/// The run, once it has ended or waits for the client.
pub(crate) async fn ended(user: &Caller, thread: &str, run: &str) -> Value {
    let path = format!("threads/{thread}/runs/{run}");
    eventually("a run that rests", async || {
        let run = user.get(&path).await.ok();
        let moving = ["queued", "in_progress", "cancelling"].contains(&run["status"].as_str().unwrap());
        (!moving).then_some(run)
    })
    .await
}

/// The file, once it is indexed, or will not be.
pub(crate) async fn settled(user: &Caller, file: &str) -> Value {
    eventually("a file that is settled", async || {
        let file = user.get(&format!("files/{file}")).await.ok();
        let moving = ["uploading", "queued", "indexing"].contains(&file["status"].as_str().unwrap());
        (!moving).then_some(file)
    })
    .await
}
