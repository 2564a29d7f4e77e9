//! Telemetry: a layer of `tracing` that makes OpenTelemetry items of requests, calls, security events, lines of the log
//! and counts, and hands them to Application Insights, to an OTLP endpoint, or to both.
//!
//! What leaves is what is listed here, never whatever a span or an event happens to carry: no body, no name, no query,
//! no token. `infra/queries/telemetry.json` is the contract with the queries, and a test holds both to it.

pub mod inbox;

mod ids;
mod request;
mod sampler;
mod sender;
mod sink;
mod visit;

pub(crate) use request::{answered, begin, belongs_to, current};

use crate::config::Config;
use ids::Ids;
use opentelemetry::{
    KeyValue, StringValue,
    trace::{Event as SpanEvent, SpanId, SpanKind, TraceId},
};
use pool::{
    ports::{Clock, Entropy},
    telemetry::{CALL, DOCUMENT, TOKENS},
};
use request::Request;
use sampler::Sampler;
use sink::Sink;
use std::{
    sync::Arc,
    time::{Duration, SystemTime},
};
use tracing::{Event, Level, Subscriber, span};
use tracing_subscriber::{
    Layer,
    filter::{LevelFilter, Targets},
    layer::Context,
    registry::LookupSpan,
};
use visit::Fields;

/// What an item says where no tenant, and no function, is known.
pub(crate) const NONE: &str = "_none";

/// The layer.
pub struct Telemetry {
    sinks: Arc<[Sink]>,
    sampler: Sampler,
    clock: Arc<dyn Clock>,
    ids: Ids,
}

impl Telemetry {
    /// The layer that the settings ask for; `None` when they name nowhere to send to. Nothing is sent, and no client
    /// built, until there is a first batch.
    ///
    /// # Errors
    /// The setting that cannot be read.
    pub fn new(
        config: &Config,
        clock: Arc<dyn Clock>,
        entropy: &dyn Entropy,
    ) -> Result<Option<Self>, crate::cli::Fault> {
        let mut sinks = Vec::new();
        if let Some(connection) = &config.insights {
            sinks.push(Sink::application_insights(connection)?);
        }
        if let Some(endpoint) = &config.otlp {
            sinks.push(Sink::otlp(endpoint)?);
        }
        let sampler = Sampler::default();
        Ok((!sinks.is_empty()).then(|| Self { sinks: sinks.into(), sampler, clock, ids: Ids::new(entropy) }))
    }

    /// What the layer wants to see: our own crates' lines, and what is counted.
    pub(crate) fn filter() -> Targets {
        let ours = ["handler::", "pool::", "local::", "azure::", "extract::"];
        Targets::new()
            .with_targets(ours.map(|target| (target, Level::INFO)))
            .with_target("security", Level::WARN)
            .with_target("telemetry::", LevelFilter::DEBUG)
    }

    /// Sends what is waiting, and waits until it is sent: from a thread that may block.
    pub fn flusher(&self) -> impl FnOnce() + Send + Sync + 'static {
        let sinks = self.sinks.clone();
        move || sinks.iter().for_each(Sink::flush)
    }

    fn now(&self) -> SystemTime {
        self.clock.now().into()
    }

    fn call(&self, fields: &Fields, request: &Request) {
        let Some(weight) = request.weight else { return };
        let ended = self.now();
        let (status, host) = (fields.number("status"), fields.text("host"));
        let span = Span {
            trace: request.trace,
            id: SpanId::from(self.ids.next()),
            parent: request.span,
            kind: SpanKind::Client,
            name: fields.text("method").to_owned().into(),
            began: ended.checked_sub(Duration::from_micros(fields.number("micros"))).unwrap_or(ended),
            ended,
            status: status as u16,
            weight,
            attributes: vec![
                KeyValue::new("tenantId", request.tenant()),
                KeyValue::new("function", request.function),
                KeyValue::new("server.address", host.to_owned()),
            ],
            events: Vec::new(),
        };
        self.spans(span);
    }

    fn spans(&self, span: Span) {
        self.sinks.iter().for_each(|sink| sink.span(&span));
    }

    fn count(&self, fields: &Fields, target: &str) {
        let tenant = || KeyValue::new("tenantId", fields.text("tenant").to_owned());
        for sink in &*self.sinks {
            if target == DOCUMENT {
                let status = KeyValue::new("status", fields.text("outcome").to_owned());
                sink.metrics.documents.add(1, &[tenant(), status]);
                continue;
            }
            for kind in ["input", "output"] {
                let kinds = [tenant(), KeyValue::new("kind", kind)];
                sink.metrics.tokens.add(fields.number(kind), &kinds);
            }
        }
    }

    fn security(&self, fields: &Fields, request: &mut Request) {
        let code: StringValue = fields.text("code").to_owned().into();
        let named = Some(fields.text("tenant")).filter(|tenant| *tenant != NONE && !tenant.is_empty());
        let tenant = named.map_or_else(|| request.tenant(), |tenant| tenant.to_owned().into());
        let dimensions = [
            KeyValue::new("tenantId", tenant),
            KeyValue::new("function", request.function),
            KeyValue::new("code", code),
        ];
        self.sinks.iter().for_each(|sink| sink.metrics.denials.add(1, &dimensions));
        let mut attributes = dimensions.to_vec();
        attributes.push(KeyValue::new("requestId", request.id.clone()));
        request.events.push(SpanEvent::new("security", self.now(), attributes, 0));
    }
}

/// A span that is over, before it is made a sink's.
struct Span {
    trace: TraceId,
    id: SpanId,
    parent: SpanId,
    kind: SpanKind,
    name: StringValue,
    began: SystemTime,
    ended: SystemTime,
    status: u16,
    /// How many of its kind it stands for.
    weight: u32,
    attributes: Vec<KeyValue>,
    events: Vec<SpanEvent>,
}

impl<S: Subscriber + for<'a> LookupSpan<'a>> Layer<S> for Telemetry {
    fn on_event(&self, event: &Event<'_>, context: Context<'_, S>) {
        let target = event.metadata().target();
        let fields = Fields::of(event);
        if target == TOKENS || target == DOCUMENT {
            return self.count(&fields, target);
        }
        let mut scope = context.event_scope(event).into_iter().flatten();
        let span = scope.find(|span| span.extensions().get::<Request>().is_some());
        let mut extensions = span.as_ref().map(|span| span.extensions_mut());
        let request = extensions.as_mut().and_then(|known| known.get_mut::<Request>());
        match (target, request) {
            ("security", Some(request)) => self.security(&fields, request),
            (CALL, Some(request)) => self.call(&fields, request),
            (CALL, None) => {}
            (_, request) => {
                let (level, now) = (*event.metadata().level(), self.now());
                self.sinks.iter().for_each(|sink| sink.log(level, now, &fields, request.as_deref()));
            }
        }
    }

    fn on_close(&self, id: span::Id, context: Context<'_, S>) {
        let request = context.span(&id).and_then(|span| span.extensions_mut().remove::<Request>());
        if let Some(request) = request {
            self.closed(request);
        }
    }
}
