//! `/v1/items`: what there is, and what is like it.

use std::num::NonZeroUsize;
use std::sync::Arc;

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use serde::{Deserialize, Serialize};
use tokio::sync::oneshot;
use utoipa::{IntoParams, ToSchema};

use super::params::{IdInPath, Params};
use super::reply::json;
use super::users::limit;
use crate::app::App;
use crate::error::{ApiError, Problem};
use crate::jobs::{ItemBody, Job, attributes};
use crate::pool::answered;
use crate::serving::Serving;

/// What is looked for.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(crate) struct FindParams {
    /// Words of the title, also begun or mistyped ones, or an id; the most popular items, if it is not given.
    #[serde(default)]
    query: String,
    /// How many, at most 100; 20 if it is not given.
    #[param(minimum = 1, maximum = 100)]
    limit: Option<usize>,
}

/// An item of the bundle.
#[derive(Serialize, ToSchema)]
pub(crate) struct Item {
    id: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    title: Option<String>,
    /// Its events in training.
    train_count: u32,
    /// Whether it is hidden at present.
    hidden: bool,
    #[schema(value_type = Object)]
    attributes: serde_json::Map<String, serde_json::Value>,
}

#[derive(Serialize, ToSchema)]
pub(crate) struct ItemsFound {
    items: Vec<Item>,
    /// Items of the bundle.
    n_items: usize,
}

fn shown(app: &App, serving: &Serving, item: &u2i_bundle::Item<'_>) -> Item {
    Item {
        id: item.item_id.to_owned(),
        title: item.title.map(str::to_owned),
        train_count: item.train_count,
        hidden: serving.rows_now(&app.live).hides(item.item_idx),
        attributes: attributes(&serving.recommender, item.item_idx),
    }
}

/// Items by words of their titles.
#[utoipa::path(
    get, path = "/v1/items", tag = "items", params(FindParams),
    responses((status = 200, description = "Items, those that fit best first", body = ItemsFound),
              (status = "4XX", description = "What is wrong with the request", body = Problem))
)]
pub(crate) async fn find(
    State(app): State<App>,
    Params(find): Params<FindParams>,
) -> Result<Response, ApiError> {
    let limit = limit(find.limit)?;
    if find.query.len() > 1024 {
        return Err(ApiError::bad("query", "expected at most 1024 bytes"));
    }
    let serving = app.current.serving();
    let (reply, answer) = oneshot::channel();
    let shared = app.clone();
    app.pool.submit(Job::Call(Box::new(move || {
        let rows = serving.find_items(&find.query, limit);
        let items =
            rows.iter().filter_map(|&row| Some(shown(&shared, &serving, &serving.recommender.item_at(row)?)));
        let found = ItemsFound { items: items.collect(), n_items: serving.recommender.items().len() };
        let _ = reply.send(found);
    })))?;
    json(&answered(answer).await?)
}

fn known<'a>(serving: &'a Serving, id: &str) -> Result<u2i_bundle::Item<'a>, ApiError> {
    let unknown = || ApiError::new(StatusCode::NOT_FOUND, "unknown_item", format!("no item `{id}`"));
    serving.recommender.item(id).ok_or_else(unknown)
}

/// An item.
#[utoipa::path(
    get, path = "/v1/items/{id}", tag = "items", params(("id" = String, Path, description = "The item's id")),
    responses(
        (status = 200, description = "What the bundle says of it", body = Item),
        (status = 404, description = "There is none", body = Problem),
        (status = "4XX", description = "What is wrong with the request", body = Problem),
    )
)]
pub(crate) async fn item(State(app): State<App>, IdInPath(id): IdInPath) -> Result<Response, ApiError> {
    let serving = app.current.serving();
    json(&shown(&app, &serving, &known(&serving, &id)?))
}

/// How many.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(crate) struct SimilarParams {
    /// How many items; 10 if it is not given.
    #[param(minimum = 1, maximum = 1000)]
    k: Option<usize>,
    /// Whether items come with their attributes.
    #[serde(default)]
    details: bool,
}

#[derive(Serialize)]
struct Similar<'a> {
    bundle_id: &'a str,
    items: Vec<ItemBody<'a>>,
}

/// Items whose vectors point most nearly where that of an item does. Scores are cosines.
#[utoipa::path(
    get, path = "/v1/items/{id}/similar", tag = "items",
    params(("id" = String, Path, description = "The item's id"), SimilarParams),
    responses(
        (status = 200, description = "The items, most similar first", body = serde_json::Value),
        (status = 404, description = "There is no such item", body = Problem),
        (status = "4XX", description = "What is wrong with the request", body = Problem),
        (status = 503, description = "Too much waits", body = Problem),
    )
)]
pub(crate) async fn similar(
    State(app): State<App>,
    IdInPath(id): IdInPath,
    Params(asked): Params<SimilarParams>,
) -> Result<Response, ApiError> {
    let most = app.limits().k;
    let k = asked.k.unwrap_or(10);
    let k = NonZeroUsize::new(k).filter(|k| k.get() <= most);
    let k = k.ok_or_else(|| ApiError::bad("k", format!("expected 1 to {most}")))?;
    let serving = app.current.serving();
    known(&serving, &id)?;
    let (reply, answer) = oneshot::channel();
    let live = Arc::clone(&app.live);
    app.pool.submit(Job::Call(Box::new(move || {
        let rows = serving.rows_now(&live);
        let found =
            serving.recommender.similar_now(&id, k, &rows.now()).map_err(ApiError::from).and_then(|items| {
                let items: Vec<ItemBody<'_>> = items
                    .iter()
                    .map(|item| ItemBody::new(&serving.recommender, item, asked.details))
                    .collect();
                json(&Similar { bundle_id: &serving.id, items })
            });
        let _ = reply.send(found);
    })))?;
    answered(answer).await?
}
