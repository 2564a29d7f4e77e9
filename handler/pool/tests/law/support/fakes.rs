use async_trait::async_trait;
use futures::{StreamExt, stream};
use pool::{
    TenantId,
    ports::{
        ByteStream, Extracted, Extraction, Extractor, Model, ModelEvent, ModelStream, Passage, PortError, PortResult,
        StepRequest, ToolCall, Usage,
    },
};
use std::sync::Mutex;

/// What the model does at its nth step.
pub type Script = Box<dyn Fn(&StepRequest, usize) -> PortResult<ModelStream> + Send + Sync>;

/// A model that does as it is told, and remembers what it was asked.
#[derive(Default)]
pub struct ScriptedModel {
    script: Mutex<Option<Script>>,
    asked: Mutex<Vec<(String, StepRequest)>>,
}

impl ScriptedModel {
    pub fn does(&self, script: impl Fn(&StepRequest, usize) -> PortResult<ModelStream> + Send + Sync + 'static) {
        *self.script.lock().unwrap() = Some(Box::new(script));
        self.asked.lock().unwrap().clear();
    }

    /// Every request: whose, and what.
    pub fn asked(&self) -> Vec<(String, StepRequest)> {
        self.asked.lock().unwrap().clone()
    }
}

#[async_trait]
impl Model for ScriptedModel {
    async fn step(&self, tenant: &TenantId, request: StepRequest) -> PortResult<ModelStream> {
        let mut asked = self.asked.lock().unwrap();
        let n = asked.len();
        asked.push((tenant.to_string(), request.clone()));
        match &*self.script.lock().unwrap() {
            Some(script) => script(&request, n),
            None => says("There are 20 days."),
        }
    }
}

pub fn said(text: &str) -> PortResult<ModelEvent> {
    Ok(ModelEvent::Text(text.to_owned()))
}

pub fn call(name: &str, arguments: &str) -> PortResult<ModelEvent> {
    Ok(ModelEvent::Call(ToolCall { id: "x".into(), name: name.into(), arguments: arguments.into() }))
}

/// A step of these events, to its end.
pub fn done(mut events: Vec<PortResult<ModelEvent>>) -> PortResult<ModelStream> {
    let usage = Usage { prompt_tokens: 10, completion_tokens: 2 };
    events.push(Ok(ModelEvent::Done { usage, truncated: false }));
    Ok(stream::iter(events).boxed())
}

pub fn says(text: &str) -> PortResult<ModelStream> {
    done(vec![said(text)])
}

/// Some words, and then nothing.
pub fn cut_off(text: &str) -> PortResult<ModelStream> {
    Ok(stream::iter(vec![said(text)]).boxed())
}

/// Reads text, a passage a line; `BAD` is a file that cannot be read, and `TRY` one that cannot be read now.
#[derive(Default)]
pub struct ScriptedExtractor;

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

pub fn passages(text: &str) -> Vec<Passage> {
    let line = |(n, line): (usize, &str)| Passage { text: line.into(), place: format!("line {}", n + 1) };
    text.lines().enumerate().map(line).collect()
}
