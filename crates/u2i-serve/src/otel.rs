//! Spans of requests for a collector, by OpenTelemetry's protocol over HTTP (OTLP, protobuf).

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use axum::http::{HeaderMap, Method, StatusCode};
use opentelemetry::Key;
use opentelemetry::propagation::TextMapPropagator as _;
use opentelemetry::trace::{Status, TracerProvider as _};
use opentelemetry_http::{Bytes, HeaderExtractor, HttpClient, HttpError, Request, Response};
use opentelemetry_otlp::{SpanExporter, WithHttpConfig as _};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::propagation::TraceContextPropagator;
use opentelemetry_sdk::trace::SdkTracerProvider;
use tracing::level_filters::LevelFilter;
use tracing::{Level, Span, info_span};
use tracing_opentelemetry::OpenTelemetrySpanExt as _;
use tracing_subscriber::filter::filter_fn;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;
use tracing_subscriber::{Layer as _, fmt};

use crate::{LogFormat, ServeError};

/// How long a collector may take to answer, and all that waits to be sent when the service ends.
const PATIENCE: Duration = Duration::from_secs(5);
/// Bytes of a collector's answer that are read.
const ANSWER: u64 = 1 << 20;

/// Whether spans are sent.
static TRACED: AtomicBool = AtomicBool::new(false);

/// Spans on their way to a collector. What waits is sent when this is dropped, within 5 seconds.
#[derive(Debug)]
#[must_use = "spans that wait are lost unless this lives as long as the service"]
pub struct Traces(SdkTracerProvider);

impl Drop for Traces {
    fn drop(&mut self) {
        if let Err(error) = self.0.shutdown_with_timeout(PATIENCE) {
            tracing::warn!(%error, "not all traces were sent");
        }
    }
}

/// Does what [`log_to_stderr`](crate::log_to_stderr) does, and sends a span for each request to a collector.
///
/// The collector and what is sent there are told by OpenTelemetry's variables: `OTEL_EXPORTER_OTLP_ENDPOINT`
/// (`http://localhost:4318` without it), `OTEL_EXPORTER_OTLP_HEADERS`, `OTEL_SERVICE_NAME` (`u2i`),
/// `OTEL_RESOURCE_ATTRIBUTES`, `OTEL_TRACES_SAMPLER`, `OTEL_BSP_SCHEDULE_DELAY` and others. A request's header
/// `traceparent` (W3C) names the span that it belongs to. Spans are sent in the background; those that a slow collector does
/// not take are dropped.
///
/// # Errors
///
/// [`ServeError::Start`] if the variables say what cannot be, or if the process has a subscriber already.
pub fn log_and_trace(format: LogFormat, level: LevelFilter) -> Result<Traces, ServeError> {
    let failed = |reason: String| ServeError::Start { what: "the log with an export of traces", reason };
    let exporter = SpanExporter::builder().with_http().with_http_client(Client::new()).build();
    let exporter = exporter.map_err(|error| failed(error.to_string()))?;
    let provider =
        SdkTracerProvider::builder().with_batch_exporter(exporter).with_resource(resource()).build();
    let spans = tracing_opentelemetry::layer()
        .with_tracer(provider.tracer(env!("CARGO_PKG_NAME")))
        .with_location(false)
        .with_target(false)
        .with_threads(false)
        .with_tracked_inactivity(false)
        // Of what is logged within a span, only what went wrong.
        .with_filter(filter_fn(|of| *of.level() <= if of.is_span() { Level::INFO } else { Level::WARN }));
    let all = tracing_subscriber::registry().with(spans);
    let log = fmt::layer().with_writer(std::io::stderr).with_target(false);
    let set = match format {
        LogFormat::Text => all.with(log.with_ansi(false).with_filter(level)).try_init(),
        LogFormat::Json => {
            let log = log.json().flatten_event(true).with_current_span(true).with_span_list(false);
            all.with(log.with_filter(level)).try_init()
        }
    };
    set.map_err(|error| failed(error.to_string()))?;
    TRACED.store(true, Ordering::Relaxed);
    Ok(Traces(provider))
}

/// What sends the spans, by the variables, and `u2i` where they do not name it.
fn resource() -> Resource {
    let found = Resource::builder().build();
    let name = found.get(&Key::from_static_str("service.name"));
    match name.is_some_and(|name| !name.as_str().starts_with("unknown_service")) {
        true => found,
        false => Resource::builder().with_service_name("u2i").build(),
    }
}

/// The span of a request, below the one that the client names; none if spans are not sent.
pub(crate) fn of_request(id: &str, method: &Method, endpoint: &str, headers: &HeaderMap) -> Option<Span> {
    if !TRACED.load(Ordering::Relaxed) {
        return None;
    }
    let span = info_span!("request", id = %id, otel.kind = "server", otel.name = %format_args!("{method} {endpoint}"));
    let parent = TraceContextPropagator::new().extract(&HeaderExtractor(headers));
    // It has not begun, so that it can be put below another.
    let _ = span.set_parent(parent);
    span.set_attribute("http.request.method", method.as_str().to_owned());
    span.set_attribute("http.route", endpoint.to_owned());
    Some(span)
}

/// Adds how the request ended.
pub(crate) fn answered(span: &Span, status: StatusCode) {
    if TRACED.load(Ordering::Relaxed) {
        span.set_attribute("http.response.status_code", i64::from(status.as_u16()));
        if status.is_server_error() {
            span.set_status(Status::error(""));
        }
    }
}

/// The client that brings spans to a collector. It waits, on a thread that does nothing else.
#[derive(Debug)]
struct Client(ureq::Agent);

impl Client {
    fn new() -> Self {
        let config = ureq::Agent::config_builder().timeout_global(Some(PATIENCE)).http_status_as_error(false);
        Client(config.build().new_agent())
    }
}

#[async_trait::async_trait]
impl HttpClient for Client {
    async fn send_bytes(&self, request: Request<Bytes>) -> Result<Response<Bytes>, HttpError> {
        let (head, body) = request.into_parts();
        let answer = self.0.run(Request::from_parts(head, &body[..]))?;
        let (head, mut body) = answer.into_parts();
        let body = body.with_config().limit(ANSWER).read_to_vec()?;
        Ok(Response::from_parts(head, Bytes::from(body)))
    }
}
