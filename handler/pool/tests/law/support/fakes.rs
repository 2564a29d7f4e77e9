use async_trait::async_trait;
use futures::{StreamExt, future::BoxFuture, stream};
use pool::{
    TenantId,
    ports::{
        BlobName, ByteStream, Extracted, Extraction, Extractor, Link, Model, ModelEvent, ModelStream,
        Passage, PortError, PortResult, StepRequest, ToolCall, Usage,
    },
};
use std::{sync::Mutex, time::Duration};

/// What the model does at its nth step.
type Script = Box<dyn Fn(&StepRequest, usize) -> PortResult<ModelStream> + Send + Sync>;

type Wait = Box<dyn Fn() -> BoxFuture<'static, ()> + Send + Sync>;

/// A model that does as it is told, and remembers what it was asked.
#[derive(Default)]
pub(crate) struct ScriptedModel {
    script: Mutex<Option<Script>>,
    asked: Mutex<Vec<(String, StepRequest)>>,
    slow: Mutex<Option<Wait>>,
}

impl ScriptedModel {
    pub(crate) fn does(
        &self,
        script: impl Fn(&StepRequest, usize) -> PortResult<ModelStream> + Send + Sync + 'static,
    ) {
        *self.script.lock().unwrap() = Some(Box::new(script));
        self.asked.lock().unwrap().clear();
    }

    /// Lets it take its time before each step.
    pub(crate) fn slow(&self, wait: impl Fn() -> BoxFuture<'static, ()> + Send + Sync + 'static) {
        *self.slow.lock().unwrap() = Some(Box::new(wait));
    }

    /// Every request: whose, and what.
    pub(crate) fn asked(&self) -> Vec<(String, StepRequest)> {
        self.asked.lock().unwrap().clone()
    }
}

#[async_trait]
impl Model for ScriptedModel {
    async fn step(&self, tenant: &TenantId, request: StepRequest) -> PortResult<ModelStream> {
        let n = {
            let mut asked = self.asked.lock().unwrap();
            asked.push((tenant.to_string(), request.clone()));
            asked.len() - 1
        };
        let wait = self.slow.lock().unwrap().as_ref().map(|wait| wait());
        if let Some(wait) = wait {
            wait.await;
        }
        match &*self.script.lock().unwrap() {
            Some(script) => script(&request, n),
            None => says("There are 20 days."),
        }
    }
}

pub(crate) fn said(text: &str) -> PortResult<ModelEvent> {
    Ok(ModelEvent::Text(text.to_owned()))
}

pub(crate) fn call(name: &str, arguments: &str) -> PortResult<ModelEvent> {
    Ok(ModelEvent::Call(ToolCall {
        id: "x".into(),
        name: name.into(),
        arguments: arguments.into(),
        server: None,
    }))
}

/// A step of these events, to its end.
pub(crate) fn done(mut events: Vec<PortResult<ModelEvent>>) -> PortResult<ModelStream> {
    let usage = Usage { prompt_tokens: 10, completion_tokens: 2 };
    events.push(Ok(ModelEvent::Done { usage, truncated: false }));
    Ok(stream::iter(events).boxed())
}

pub(crate) fn says(text: &str) -> PortResult<ModelStream> {
    done(vec![said(text)])
}

/// Some words, and then nothing.
pub(crate) fn cut_off(text: &str) -> PortResult<ModelStream> {
    Ok(stream::iter(vec![said(text)]).boxed())
}

/// Reads text, a passage a line; `BAD` is a file that cannot be read, and `TRY` one that cannot be read now.
#[derive(Default)]
pub(crate) struct ScriptedExtractor;

#[async_trait]
impl Extractor for ScriptedExtractor {
    async fn extract(&self, _: &str, _: &str, _: u64, mut body: ByteStream) -> PortResult<Extraction> {
        let mut read = Vec::new();
        while let Some(part) = body.next().await {
            read.extend_from_slice(&part.map_err(PortError::unavailable)?);
        }
        let text = String::from_utf8_lossy(&read).into_owned();
        Ok(match text.as_str() {
            "BAD" => Extraction::Rejected { code: "malformed".into(), reason: "save it again".into() },
            "TRY" => return Err(PortError::unavailable("not now")),
            _ => Extraction::Text(Extracted { kind: "text".into(), title: None, passages: passages(&text) }),
        })
    }
}

fn passages(text: &str) -> Vec<Passage> {
    let line = |(n, line): (usize, &str)| Passage { text: line.into(), place: format!("line {}", n + 1) };
    text.lines().enumerate().map(line).collect()
}

/// Makes links that lead nowhere.
pub(crate) struct Links;

#[async_trait]
impl pool::ports::Links for Links {
    async fn upload(&self, _: &TenantId, name: &BlobName, _: &str, lifetime: Duration) -> PortResult<Link> {
        assert!(lifetime <= Duration::from_secs(600));
        let (url, expires_at) = (format!("https://blobs.example/{}", name.as_str()), jiff::Timestamp::MAX);
        Ok(Link { url, method: "PUT", headers: Default::default(), expires_at })
    }
}
