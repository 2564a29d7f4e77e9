//! A request or invocation, as its span carries it, from its first header until nothing works for it any more.

use super::{NONE, Span, Telemetry};
use axum::http::HeaderMap;
use opentelemetry::{
    KeyValue, StringValue,
    trace::{Event, SpanId, SpanKind, TraceId},
};
use pool::Scope;
use std::{
    sync::Arc,
    time::{Duration, SystemTime},
};
use tracing_subscriber::{Registry, registry::LookupSpan};

/// What is known of a request.
pub(super) struct Request {
    pub(super) id: String,
    pub(super) trace: TraceId,
    pub(super) span: SpanId,
    parent: SpanId,
    began: SystemTime,
    /// How many requests it stands for; `None`: it is not of the sample.
    pub(super) weight: Option<u32>,
    pub(super) function: &'static str,
    tenant: Option<Arc<str>>,
    user: Option<String>,
    answer: Option<(u16, Duration)>,
    pub(super) events: Vec<Event>,
}

impl Request {
    pub(super) fn tenant(&self) -> StringValue {
        self.tenant.clone().map_or_else(|| NONE.into(), Into::into)
    }
}

/// A request has come in: its operation is the caller's `traceparent`, or else the host's invocation.
pub(crate) fn begin(span: &tracing::Span, id: &str, function: &'static str, headers: &HeaderMap) {
    with(span, |telemetry, registry, span| {
        let header = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
        let (trace, parent) = header("traceparent")
            .and_then(traceparent)
            .or_else(|| Some((invocation(header("x-azure-functions-invocationid")?)?, SpanId::INVALID)))
            .unwrap_or_else(|| {
                (
                    TraceId::from(u128::from(telemetry.ids.next()) << 64 | u128::from(telemetry.ids.next())),
                    SpanId::INVALID,
                )
            });
        let random = telemetry.ids.next();
        let request = Request {
            id: id.to_owned(),
            trace,
            span: SpanId::from(random),
            parent,
            began: telemetry.now(),
            weight: telemetry.sampler.weight(random),
            function,
            tenant: None,
            user: None,
            answer: None,
            events: Vec::new(),
        };
        if let Some(span) = registry.span(span) {
            span.extensions_mut().insert(request);
        }
    });
}

/// What a call for the request that is being worked for says of it; whatever else its caller sent is not passed on.
pub(crate) fn current() -> Option<String> {
    let mut told = None;
    with(&tracing::Span::current(), |_, registry, span| {
        let mut known = registry.span(span).into_iter().flat_map(|span| span.scope());
        told = known.find_map(|span| {
            let extensions = span.extensions();
            let request = extensions.get::<Request>()?;
            let sampled = u8::from(request.weight.is_some());
            Some(format!("00-{}-{}-{sampled:02x}", request.trace, request.span))
        });
    });
    told
}

/// It is known whose the request is.
pub(crate) fn belongs_to(span: &tracing::Span, scope: &Scope) {
    edit(span, |_, request| {
        request.tenant = Some(scope.tenant().as_str().into());
        request.user = request.weight.and_then(|_| scope.pseudonym());
    });
}

/// It is answered. Its item goes out when the span closes: work may go on, and have something to say.
pub(crate) fn answered(span: &tracing::Span, status: u16, took: Duration) {
    edit(span, |telemetry, request| {
        request.answer = Some((status, took));
        let whose = [
            KeyValue::new("tenantId", request.tenant()),
            KeyValue::new("function", request.function),
            KeyValue::new("status", i64::from(status)),
        ];
        for sink in &*telemetry.sinks {
            sink.metrics.requests.add(1, &whose);
            sink.metrics.duration.record(took.as_secs_f64() * 1000.0, &whose[..2]);
        }
    });
}

impl Telemetry {
    /// The item of a request. Faults of ours and security events are sent whatever the sample says.
    pub(super) fn closed(&self, request: Request) {
        let Some((status, took)) = request.answer else { return };
        let always = status >= 500 || !request.events.is_empty();
        let Some(weight) = (if always { Some(1) } else { request.weight }) else { return };
        let mut attributes = vec![
            KeyValue::new("tenantId", request.tenant()),
            KeyValue::new("function", request.function),
            KeyValue::new("requestId", request.id),
        ];
        attributes.extend(request.user.map(|user| KeyValue::new("user.id", user)));
        self.spans(Span {
            trace: request.trace,
            id: request.span,
            parent: request.parent,
            kind: SpanKind::Internal,
            name: request.function.into(),
            began: request.began,
            ended: request.began + took,
            status,
            weight,
            attributes,
            events: request.events,
        });
    }
}

fn edit(span: &tracing::Span, change: impl FnOnce(&Telemetry, &mut Request)) {
    with(span, |telemetry, registry, span| {
        let Some(span) = registry.span(span) else { return };
        if let Some(request) = span.extensions_mut().get_mut::<Request>() {
            change(telemetry, request);
        }
    });
}

/// Does something if there is telemetry at all.
fn with(span: &tracing::Span, act: impl FnOnce(&Telemetry, &Registry, &tracing::span::Id)) {
    span.with_subscriber(|(id, subscriber)| {
        if let (Some(telemetry), Some(registry)) =
            (subscriber.downcast_ref::<Telemetry>(), subscriber.downcast_ref::<Registry>())
        {
            act(telemetry, registry, id);
        }
    });
}

/// W3C Trace Context, version 00: <https://www.w3.org/TR/trace-context/>.
fn traceparent(text: &str) -> Option<(TraceId, SpanId)> {
    let mut parts = text.split('-');
    let (version, trace, parent, flags) = (parts.next()?, parts.next()?, parts.next()?, parts.next()?);
    let hex = |text: &str, len: usize| {
        text.len() == len && text.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b))
    };
    let good = hex(version, 2) && version != "ff" && hex(trace, 32) && hex(parent, 16) && hex(flags, 2);
    if !good || (version == "00" && parts.next().is_some()) {
        return None;
    }
    let (trace, parent) = (TraceId::from_hex(trace).ok()?, SpanId::from_hex(parent).ok()?);
    (trace != TraceId::INVALID && parent != SpanId::INVALID).then_some((trace, parent))
}

/// A UUID's 128 bits.
fn invocation(text: &str) -> Option<TraceId> {
    let hex: String = text.chars().filter(|c| *c != '-').collect();
    (hex.len() == 32).then(|| TraceId::from_hex(&hex).ok()).flatten().filter(|id| *id != TraceId::INVALID)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_traceparent_is_believed_only_if_it_is_one() {
        let good = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
        let (trace, parent) = traceparent(good).unwrap();
        assert_eq!(trace.to_string(), "0af7651916cd43dd8448eb211c80319c");
        assert_eq!(parent.to_string(), "b7ad6b7169203331");
        assert!(traceparent("01-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01-more").is_some());
        for bad in [
            "",
            "00",
            "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331",
            "00-0AF7651916CD43DD8448EB211C80319C-b7ad6b7169203331-01",
            "00-00000000000000000000000000000000-b7ad6b7169203331-01",
            "00-0af7651916cd43dd8448eb211c80319c-0000000000000000-01",
            "ff-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
            "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01-more",
            "00-+af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
        ] {
            assert!(traceparent(bad).is_none(), "{bad}");
        }
        assert!(invocation("b3b1a2c4-0000-4000-8000-000000000001").is_some());
        assert!(invocation("nobody").is_none());
    }
}
