//! One trigger invocation: POST the envelope, judge the answer, act on it.

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use http::{
    Method, Request, Response, StatusCode,
    header::{CONTENT_TYPE, HOST, LOCATION, USER_AGENT},
};
use http_body_util::{BodyExt as _, Limited};
use tokio::time::{Instant, timeout};
use uuid::Uuid;

use crate::{
    core::Core,
    envelope::{Datum, Metadata, envelope},
    event::{HostEvent, Trap},
    function::Function,
    reply::{self, Bad, Reply},
    wire::{self, HOST_VERSION, WorkerBody},
};

/// .NET's HttpClient follows this many.
const MAX_REDIRECTS: usize = 50;
const MAX_ANSWER: usize = 104_857_600;

impl Core {
    /// Runs a function once; the error is why it failed, and has been told already.
    pub(crate) async fn invoke(
        &self,
        function: &Function,
        data: Datum,
        metadata: Metadata,
    ) -> Result<(), String> {
        let name = function.info.name.clone();
        let (invocation, started) = (Uuid::new_v4().to_string(), Instant::now());
        let body = Bytes::from(envelope(&function.binding, data, metadata));
        let result = self.attempt(function, &invocation, body).await;
        let elapsed = started.elapsed();
        match &result {
            Ok(()) => {
                let function = name;
                self.emit(HostEvent::InvocationSucceeded { function, invocation, status: None, elapsed });
            }
            Err(reason) => {
                let reason = reason.clone();
                self.emit(HostEvent::InvocationFailed { function: name, invocation, reason, elapsed });
            }
        }
        result
    }

    async fn attempt(&self, function: &Function, invocation: &str, body: Bytes) -> Result<(), String> {
        let name = &function.info.name;
        let generation = self.worker.ready().await?;
        let limit = self.host.function_timeout.unwrap_or(Duration::MAX);
        let Ok(answer) = timeout(limit, self.exchange(name, invocation, body)).await else {
            let reason = format!("functionTimeout: {name} ran longer than {limit:?}");
            self.worker.restart(generation, reason.clone()).await;
            return Err(reason);
        };
        let (status, media, body) = answer?;
        match reply::read(status, media.as_deref(), &body, &function.outputs, self.options.strict) {
            Ok(reply) => self.settle(name, invocation, reply).await,
            Err(Bad::Failed(reason)) => Err(reason),
            Err(Bad::Hang) => {
                let reason = "empty or null answer: the real host would hang until functionTimeout";
                self.trap(name, Trap::EmptyReply, reason);
                self.worker.restart(generation, format!("{name}: {reason}")).await;
                Err(reason.into())
            }
        }
    }

    async fn exchange(
        &self,
        function: &str,
        invocation: &str,
        body: Bytes,
    ) -> Result<(StatusCode, Option<String>, Bytes), String> {
        let mut path = format!("/{function}");
        let mut method = Method::POST;
        for _ in 0..=MAX_REDIRECTS {
            let response = self.send(&method, &path, invocation, body.clone()).await?;
            let Some(target) = redirect(&response) else {
                let (head, answer) = response.into_parts();
                let answer = Limited::new(answer, MAX_ANSWER).collect().await;
                let answer = answer.map_err(|error| format!("the answer broke off: {error}"))?;
                let media = head.headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
                return Ok((head.status, media.map(str::to_owned), answer.to_bytes()));
            };
            let status = response.status().as_u16();
            let detail = format!("{method} {path} was answered with {status} to {target}; the host follows");
            self.trap(function, Trap::Redirect, detail);
            path = self.local(&target)?;
            if !matches!(status, 307 | 308) {
                method = Method::GET;
            }
        }
        Err(format!("more than {MAX_REDIRECTS} redirects"))
    }

    async fn send(
        &self,
        method: &Method,
        path: &str,
        invocation: &str,
        body: Bytes,
    ) -> Result<Response<WorkerBody>, String> {
        let port = self.worker.port;
        let request = Request::builder()
            .method(method)
            .uri(path)
            .header(HOST, format!("127.0.0.1:{port}"))
            .header(USER_AGENT, format!("Azure-Functions-Host/{HOST_VERSION}"))
            .header("X-Azure-Functions-HostVersion", HOST_VERSION)
            .header("X-Azure-Functions-InvocationId", invocation);
        let request = match *method {
            Method::GET => request.body(wire::empty()),
            _ => request.header(CONTENT_TYPE, "application/json; charset=utf-8").body(wire::chunked(body)),
        };
        let request = request.map_err(|error| error.to_string())?;
        wire::send(port, request, 0).await.map_err(|error| error.to_string())
    }

    /// The path of a redirect's target. Elsewhere than to the worker it is not followed: a local host has no
    /// business there.
    fn local(&self, target: &str) -> Result<String, String> {
        let port = self.worker.port;
        let own = [format!("http://127.0.0.1:{port}"), format!("http://localhost:{port}")];
        let rest = own.iter().find_map(|origin| target.strip_prefix(origin.as_str())).unwrap_or(target);
        match rest {
            "" => Ok("/".into()),
            path if path.starts_with('/') && !path.starts_with("//") => Ok(path.to_owned()),
            _ => Err(format!("redirected to {target:?}, which is not the worker")),
        }
    }

    async fn settle(&self, name: &str, invocation: &str, reply: Reply) -> Result<(), String> {
        for (trap, detail) in reply.traps {
            self.trap(name, trap, detail);
        }
        for line in reply.logs {
            let (function, invocation) = (name.to_owned(), invocation.to_owned());
            self.emit(HostEvent::InvocationLog { function, invocation, line });
        }
        let any = !reply.messages.is_empty();
        for (queue, body) in reply.messages {
            let pushed = self.options.queues.push(&queue, body).await;
            pushed.map_err(|error| format!("output to queue {queue}: {error}"))?;
        }
        if any {
            self.wake();
        }
        Ok(())
    }
}

fn redirect(response: &Response<WorkerBody>) -> Option<String> {
    let follows = matches!(response.status().as_u16(), 300 | 301 | 302 | 303 | 307 | 308);
    let target = response.headers().get(LOCATION)?.to_str().ok()?;
    follows.then(|| target.to_owned())
}

/// Runs a function in the background and forgets it; its events tell the rest.
pub(crate) fn detached(core: &Arc<Core>, work: impl Future<Output = ()> + Send + 'static) {
    let core = core.clone();
    tokio::spawn(async move { core.unless_stopped(work).await });
}
