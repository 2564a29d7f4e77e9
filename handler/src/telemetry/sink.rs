//! Where items go: batches of spans, of log records and of metrics, each sent by a thread of OpenTelemetry's.

use super::{NONE, Span, request::Request, sender::Sender, visit::Fields};
use crate::cli::Fault;
use opentelemetry::{
    InstrumentationScope, KeyValue,
    logs::{LogRecord, Logger, LoggerProvider, Severity},
    metrics::{Counter, Histogram, MeterProvider},
    trace::{Event, SpanContext, SpanKind, Status, TraceFlags, TraceState},
};
use opentelemetry_application_insights::{Exporter, attrs::CUSTOM_EVENT_NAME};
use opentelemetry_otlp::{LogExporter, MetricExporter, SpanExporter, WithExportConfig, WithHttpConfig};
use opentelemetry_sdk::{
    Resource,
    error::OTelSdkResult,
    logs::{SdkLogger, SdkLoggerProvider},
    metrics::{SdkMeterProvider, exporter::PushMetricExporter},
    trace::{self, BatchSpanProcessor, SpanData, SpanEvents, SpanLinks, SpanProcessor},
};
use std::time::SystemTime;
use tracing::Level;

const SERVICE: &str = "pooled-agents";
/// The attribute by which an item tells how many it stands for, in percent. Names like this are not sent.
const SAMPLE_RATE: &str = "_MS.sampleRate";

/// A destination.
pub(super) struct Sink {
    scope: InstrumentationScope,
    spans: BatchSpanProcessor,
    logs: SdkLoggerProvider,
    logger: SdkLogger,
    meters: SdkMeterProvider,
    pub(super) metrics: Metrics,
}

/// What is counted, as `infra/queries/telemetry.json` names it.
pub(super) struct Metrics {
    pub(super) requests: Counter<u64>,
    pub(super) duration: Histogram<f64>,
    pub(super) tokens: Counter<u64>,
    pub(super) documents: Counter<u64>,
    pub(super) denials: Counter<u64>,
}

impl Sink {
    /// # Errors
    /// When the connection string is none.
    pub(super) fn application_insights(connection: &str) -> Result<Self, Fault> {
        let exporter = Exporter::new_from_connection_string(connection, Sender::default())
            .map_err(|fault| format!("APPLICATIONINSIGHTS_CONNECTION_STRING: {fault}"))?;
        // A resource would become a dimension of every item. Its name travels with the scope, and becomes the role.
        let nothing = Resource::builder_empty().build();
        Ok(Self::new(nothing, Weighted(exporter.clone()), exporter.clone(), exporter))
    }

    /// # Errors
    /// When the endpoint is no URL.
    pub(super) fn otlp(endpoint: &str) -> Result<Self, Fault> {
        let at = |signal: &str| format!("{}/v1/{signal}", endpoint.trim_end_matches('/'));
        let sender = Sender::default();
        let spans = SpanExporter::builder().with_http().with_http_client(sender.clone());
        let logs = LogExporter::builder().with_http().with_http_client(sender.clone());
        let metrics = MetricExporter::builder().with_http().with_http_client(sender);
        let service = Resource::builder_empty().with_service_name(SERVICE).build();
        Ok(Self::new(
            service,
            spans.with_endpoint(at("traces")).build()?,
            logs.with_endpoint(at("logs")).build()?,
            metrics.with_endpoint(at("metrics")).build()?,
        ))
    }

    fn new(
        resource: Resource,
        spans: impl trace::SpanExporter + 'static,
        logs: impl opentelemetry_sdk::logs::LogExporter + 'static,
        metrics: impl PushMetricExporter,
    ) -> Self {
        let named = [KeyValue::new("service.name", SERVICE)];
        let scope = InstrumentationScope::builder("handler").with_attributes(named).build();
        let mut spans = BatchSpanProcessor::builder(spans).build();
        spans.set_resource(&resource);
        let logs = SdkLoggerProvider::builder().with_resource(resource.clone()).with_batch_exporter(logs);
        let logs = logs.build();
        let meters = SdkMeterProvider::builder().with_resource(resource).with_periodic_exporter(metrics);
        let meters = meters.build();
        let metrics = Metrics::new(&meters);
        Self { logger: logs.logger_with_scope(scope.clone()), scope, spans, logs, meters, metrics }
    }

    /// Takes a span. When too many wait to be sent, it is dropped.
    pub(super) fn span(&self, span: &Span) {
        let mut attributes = span.attributes.clone();
        attributes.push(KeyValue::new("http.response.status_code", i64::from(span.status)));
        attributes.push(KeyValue::new(SAMPLE_RATE, 100.0 / f64::from(span.weight)));
        let context = |id| SpanContext::new(span.trace, id, TraceFlags::SAMPLED, false, TraceState::NONE);
        let mut events = SpanEvents::default();
        events.events = span.events.iter().map(custom).collect();
        let good = (1..400).contains(&span.status);
        self.spans.on_end(SpanData {
            span_context: context(span.id),
            parent_span_id: span.parent,
            parent_span_is_remote: span.kind == SpanKind::Internal,
            span_kind: span.kind.clone(),
            name: span.name.as_str().to_owned().into(),
            start_time: span.began,
            end_time: span.ended,
            attributes,
            dropped_attributes_count: 0,
            events,
            links: SpanLinks::default(),
            status: if good { Status::Ok } else { Status::error("") },
            instrumentation_scope: self.scope.clone(),
        });
    }

    /// Takes a line of the log.
    pub(super) fn log(&self, level: Level, now: SystemTime, fields: &Fields, request: Option<&Request>) {
        let mut record = self.logger.create_log_record();
        record.set_timestamp(now);
        record.set_body(fields.text("message").to_owned().into());
        record.set_severity_number(match level {
            Level::ERROR => Severity::Error,
            Level::WARN => Severity::Warn,
            _ => Severity::Info,
        });
        let named = Some(fields.text("tenant")).filter(|tenant| !tenant.is_empty());
        let tenant = named.map(|tenant| tenant.to_owned().into());
        let tenant = tenant.or_else(|| request.map(Request::tenant)).unwrap_or_else(|| NONE.into());
        record.add_attribute("tenantId", tenant);
        record.add_attribute("function", request.map_or(NONE, |request| request.function));
        if let Some(request) = request {
            record.add_attribute("requestId", request.id.clone());
            record.set_trace_context(request.trace, request.span, Some(TraceFlags::SAMPLED));
        }
        self.logger.emit(record);
    }

    /// Sends what is waiting. What cannot be sent is lost: a process that ends cannot wait for long.
    pub(super) fn flush(&self) {
        let _lost = (self.spans.force_flush(), self.logs.force_flush(), self.meters.force_flush());
    }
}

/// An event as the exporter wants it, to make a custom event of it.
fn custom(event: &Event) -> Event {
    let mut event = event.clone();
    event.attributes.push(KeyValue::new(CUSTOM_EVENT_NAME, event.name.to_string()));
    event.name = "ai.custom".into();
    event
}

impl Metrics {
    fn new(meters: &SdkMeterProvider) -> Self {
        let meter = meters.meter("handler");
        Self {
            requests: meter.u64_counter("pool.requests").with_unit("1").build(),
            duration: meter.f64_histogram("pool.request.duration").with_unit("ms").build(),
            tokens: meter.u64_counter("pool.tokens").with_unit("1").build(),
            documents: meter.u64_counter("pool.documents.ingested").with_unit("1").build(),
            denials: meter.u64_counter("pool.denials").with_unit("1").build(),
        }
    }
}

/// Application Insights' exporter has one sample rate for all. This one has each item's own.
#[derive(Debug)]
struct Weighted(Exporter<Sender>);

impl trace::SpanExporter for Weighted {
    async fn export(&self, mut batch: Vec<SpanData>) -> OTelSdkResult {
        let rate = |span: &SpanData| {
            let attribute = span.attributes.iter().find(|known| known.key.as_str() == SAMPLE_RATE);
            match attribute.map(|known| &known.value) {
                Some(opentelemetry::Value::F64(rate)) => *rate,
                _ => 100.0,
            }
        };
        batch.sort_by(|a, b| rate(a).total_cmp(&rate(b)));
        while let Some(first) = batch.first().map(rate) {
            let rest = batch.split_off(batch.partition_point(|span| rate(span) <= first));
            let exporter = self.0.clone().with_sample_rate(first / 100.0);
            trace::SpanExporter::export(&exporter, batch).await?;
            batch = rest;
        }
        Ok(())
    }

    fn set_resource(&mut self, resource: &Resource) {
        trace::SpanExporter::set_resource(&mut self.0, resource);
    }
}
