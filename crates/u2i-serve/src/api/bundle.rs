//! `/v1/bundle`: which one is in force, and another in its place.

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::sync::Arc;

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use serde::{Deserialize, Serialize};
use u2i_bundle::{AttributeValues, Sizes};
use utoipa::ToSchema;

use super::reply::json;
use crate::app::App;
use crate::body::Json;
use crate::current::{Exchanged, Refused, Wanted};
use crate::error::ApiError;
use crate::jobs::number;
use crate::serving::Serving;

/// Values of an attribute that are shown.
const EXAMPLES: usize = 12;

/// A bundle.
#[derive(Serialize, ToSchema)]
pub(crate) struct BundleShown {
    /// The first 16 hexadecimal digits of the SHA-256 of its manifest.
    bundle_id: String,
    model: Option<String>,
    #[schema(value_type = Object)]
    sizes: Sizes,
    /// What searches, and how well.
    index: String,
    /// Share of the exact best items that its index finds.
    recall: Option<f64>,
    /// Whether items of the history come back where a request does not say.
    #[schema(value_type = String)]
    seen: u2i_bundle::Seen,
    /// When it was opened, in Unix seconds.
    loaded_s: f64,
    newest_event_s: Option<i64>,
    /// What the model reached in evaluation.
    metrics: serde_json::Value,
    provenance: serde_json::Value,
    /// What conditions can ask for.
    attributes: Vec<AttributeShown>,
    /// Columns of users and requests.
    columns: Vec<ColumnShown>,
    /// The bundle beside it, if there is one.
    #[schema(no_recursion)]
    shadow: Option<Box<BundleShown>>,
    /// Whether the service takes events.
    takes_events: bool,
}

/// An attribute of items.
#[derive(Serialize, ToSchema)]
pub(crate) struct AttributeShown {
    name: String,
    /// `text`, `number` or `list`.
    kind: &'static str,
    /// Some of its values, the most frequent first; of numbers the least and the greatest.
    examples: Vec<serde_json::Value>,
}

/// A column that the model looks at.
#[derive(Serialize, ToSchema)]
pub(crate) struct ColumnShown {
    name: String,
    /// `user` or `request`.
    #[schema(value_type = String)]
    side: serde_json::Value,
    source: String,
}

fn show(serving: &Serving, shadow: Option<Arc<Serving>>, takes_events: bool) -> BundleShown {
    let recommender = &serving.recommender;
    let manifest = recommender.manifest();
    let attributes = recommender.attributes().iter().map(|attribute| {
        let (kind, examples) = examples(&attribute.values);
        AttributeShown { name: attribute.name.clone(), kind, examples }
    });
    let columns = manifest.columns.iter().map(|column| ColumnShown {
        name: column.name.clone(),
        side: serde_json::to_value(column.side).unwrap_or_default(),
        source: column.source.clone(),
    });
    BundleShown {
        bundle_id: serving.id.clone(),
        model: manifest.model_name().map(str::to_owned),
        sizes: manifest.sizes,
        index: recommender.index().to_string(),
        recall: serving.recall,
        seen: manifest.seen,
        loaded_s: serving.loaded_s,
        newest_event_s: serving.newest_event_s,
        metrics: manifest.metrics.clone(),
        provenance: manifest.provenance.clone(),
        attributes: attributes.collect(),
        columns: columns.filter(|column| column.side != "item").collect(),
        shadow: shadow.map(|shadow| Box::new(show(&shadow, None, takes_events))),
        takes_events,
    }
}

fn examples(values: &AttributeValues) -> (&'static str, Vec<serde_json::Value>) {
    let some = |all: &mut dyn Iterator<Item = &str>| -> Vec<serde_json::Value> {
        // Enough items show what there is.
        let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
        for value in all.take(10_000) {
            *counts.entry(value).or_default() += 1;
        }
        let mut most: Vec<(&str, usize)> = counts.into_iter().collect();
        most.sort_by_key(|&(_, n)| Reverse(n));
        most.into_iter().take(EXAMPLES).map(|(value, _)| value.into()).collect()
    };
    match values {
        AttributeValues::Text(values) => ("text", some(&mut values.iter().filter_map(Option::as_deref))),
        AttributeValues::List(values) => ("list", some(&mut values.iter().flatten().map(String::as_str))),
        AttributeValues::Number(values) => {
            let finite = || values.iter().copied().filter(|x| x.is_finite());
            let ends = [finite().reduce(f64::min), finite().reduce(f64::max)];
            ("number", ends.into_iter().flatten().map(number).collect())
        }
    }
}

/// The bundle in force, and the one beside it.
#[utoipa::path(
    get, path = "/v1/bundle", tag = "operation",
    responses((status = 200, description = "What they are", body = BundleShown))
)]
pub(crate) async fn describe(State(app): State<App>) -> Result<Response, ApiError> {
    json(&show(&app.current.serving(), app.current.shadow(), app.live.store().is_some()))
}

/// Which bundle is wanted. It is always the one in the folder that the service was started with.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ExchangeRequest {
    /// The bundle that should be there; another one is refused.
    bundle_id: Option<String>,
    /// Whether it may be older than the one in force: a way back.
    #[serde(default)]
    allow_older: bool,
}

/// Takes the bundle that is in the folder now in place of the one in force.
///
/// It is opened, every byte is checked, and it answers requests that came before, first. If anything is wrong, the one in
/// force stays. Requests that are under way end with the bundle that they began with.
#[utoipa::path(
    post, path = "/v1/bundle", tag = "operation", request_body = ExchangeRequest,
    responses(
        (status = 200, description = "It is in force", body = Exchanged),
        (status = 409, description = "Another exchange is under way, or another bundle is there", body = crate::error::Problem),
        (status = 422, description = "It is not fit to be in force", body = crate::error::Problem),
        (status = "4XX", description = "What is wrong with the request", body = crate::error::Problem),
    )
)]
pub(crate) async fn exchange(
    State(app): State<App>,
    Json(asked): Json<ExchangeRequest>,
) -> Result<Response, ApiError> {
    let wanted = Wanted { bundle_id: asked.bundle_id, allow_older: asked.allow_older };
    let (current, live) = (Arc::clone(&app.current), Arc::clone(&app.live));
    let span = tracing::Span::current();
    let done = tokio::task::spawn_blocking(move || span.in_scope(|| current.exchange(&wanted, &live))).await;
    match done {
        Ok(Ok(exchanged)) => json(&exchanged),
        Ok(Err(reason)) => Err(refused(&reason)),
        Err(error) => Err(ApiError::internal("exchanging the bundle", &error)),
    }
}

fn refused(reason: &Refused) -> ApiError {
    let (status, code) = match reason {
        Refused::Busy => (StatusCode::CONFLICT, "exchange_under_way"),
        Refused::Other { .. } => (StatusCode::CONFLICT, "other_bundle"),
        Refused::Open(_) => (StatusCode::UNPROCESSABLE_ENTITY, "bad_bundle"),
        Refused::Older { .. } => (StatusCode::UNPROCESSABLE_ENTITY, "older_bundle"),
        Refused::Foreign { .. } => (StatusCode::UNPROCESSABLE_ENTITY, "foreign_bundle"),
        Refused::Recall { .. } => (StatusCode::UNPROCESSABLE_ENTITY, "low_recall"),
        Refused::Request(_) => (StatusCode::UNPROCESSABLE_ENTITY, "failing_bundle"),
    };
    ApiError::new(status, code, reason.to_string())
}
