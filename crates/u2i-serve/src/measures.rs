//! What the service counts, under the names that `docs/serving.md` lists.

use std::sync::OnceLock;
use std::time::Duration;

use axum::http::{Method, StatusCode};
use metrics::{Unit, counter, describe_counter, describe_gauge, describe_histogram, histogram};
use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};

use crate::ServeError;

/// Upper edges of latencies, in seconds.
const SECONDS: [f64; 16] =
    [0.0001, 0.00025, 0.0005, 0.001, 0.002, 0.003, 0.005, 0.0075, 0.01, 0.02, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0];
/// Upper edges of how many requests were answered together.
const TOGETHER: [f64; 7] = [1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0];

/// Names and what they mean; the docs are held against it.
pub(crate) const COUNTERS: [(&str, &str); 12] = [
    ("u2i_requests_total", "Requests, by endpoint, method and status."),
    ("u2i_answers_total", "Lists of items that were answered, by strategy: model or popular."),
    ("u2i_unknown_users_total", "Answers for a user whom the bundle does not know."),
    ("u2i_unknown_items_total", "Ids in histories, allow and deny lists that are no items of the bundle."),
    ("u2i_short_lists_total", "Lists with fewer items than were asked for."),
    ("u2i_entry_errors_total", "Entries of batches that were at fault."),
    ("u2i_events_total", "Events, by what became of them: accepted or duplicate."),
    ("u2i_events_expired_total", "Events that were removed since they are older than --keep-events."),
    ("u2i_users_forgotten_total", "Users who were forgotten."),
    ("u2i_swaps_total", "Exchanges of the bundle, by result: swapped or refused."),
    ("u2i_connections_refused_total", "Connections that were one too many."),
    ("u2i_shadow_errors_total", "Requests that the shadow bundle could not answer."),
];
pub(crate) const GAUGES: [(&str, &str); 8] = [
    ("u2i_connections", "Connections now."),
    ("u2i_queue_depth", "Requests that wait for a thread now."),
    ("u2i_bundle_info", "1 for the bundle in force, which the label names."),
    ("u2i_bundle_loaded_seconds", "When the bundle in force was loaded, in Unix seconds."),
    ("u2i_bundle_newest_event_seconds", "Time of the newest event in the bundle, in Unix seconds: its age."),
    ("u2i_reference_top_score", "Quantiles of best scores of the bundle's own users as it was exported."),
    ("u2i_hidden_items", "Items that are hidden."),
    ("u2i_uptime_seconds", "Since the start."),
];
pub(crate) const HISTOGRAMS: [(&str, &str); 4] = [
    ("u2i_request_seconds", "Time from the header of a request to its answer, by endpoint."),
    ("u2i_answered_together", "Requests that were encoded and searched in one go."),
    ("u2i_top_score", "Best score of an answer by the model, as quantiles."),
    ("u2i_shadow_agreement", "Share of an answer's items that the shadow bundle has, too, as quantiles."),
];

/// The registry of this process, made once.
pub(crate) fn registry() -> Result<PrometheusHandle, ServeError> {
    static HANDLE: OnceLock<Result<PrometheusHandle, String>> = OnceLock::new();
    let made = HANDLE.get_or_init(|| {
        let full = |name: &str| Matcher::Full(name.to_owned());
        let builder = PrometheusBuilder::new()
            .set_buckets_for_metric(full("u2i_request_seconds"), &SECONDS)
            .and_then(|builder| builder.set_buckets_for_metric(full("u2i_answered_together"), &TOGETHER))
            .map_err(|error| error.to_string())?;
        let recorder = builder.build_recorder();
        let handle = recorder.handle();
        metrics::set_global_recorder(recorder).map_err(|error| error.to_string())?;
        describe();
        Ok(handle)
    });
    made.clone().map_err(|reason| ServeError::Start { what: "the metrics", reason })
}

fn describe() {
    for (name, text) in COUNTERS {
        describe_counter!(name, text);
    }
    for (name, text) in GAUGES {
        describe_gauge!(name, text);
    }
    for (name, text) in HISTOGRAMS {
        let unit = if name.ends_with("_seconds") { Unit::Seconds } else { Unit::Count };
        describe_histogram!(name, unit, text);
    }
}

pub(crate) fn request(endpoint: &str, method: &Method, status: StatusCode, took: Duration) {
    let endpoint = endpoint.to_owned();
    counter!("u2i_requests_total", "endpoint" => endpoint.clone(), "method" => method_name(method), "status" => status.as_str().to_owned())
        .increment(1);
    histogram!("u2i_request_seconds", "endpoint" => endpoint).record(took);
}

/// Methods that there are; clients may invent others without end.
fn method_name(method: &Method) -> &'static str {
    let all = [&Method::GET, &Method::POST, &Method::PUT, &Method::DELETE, &Method::HEAD, &Method::OPTIONS];
    let names = ["GET", "POST", "PUT", "DELETE", "HEAD", "OPTIONS"];
    all.iter().zip(names).find(|(known, _)| **known == method).map_or("other", |(_, name)| name)
}
