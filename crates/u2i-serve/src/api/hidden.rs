//! `/v1/hidden`: items that must not be recommended, from now on.

use axum::extract::State;
use axum::response::Response;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::reply::json;
use super::wire::Id;
use crate::app::App;
use crate::body::Json;
use crate::error::ApiError;

/// Items that are hidden, all of them.
#[derive(Debug, Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct HiddenItems {
    /// Their ids.
    items: Vec<Id>,
}

/// The items that are hidden.
#[utoipa::path(
    get, path = "/v1/hidden", tag = "operation",
    responses((status = 200, description = "Their ids", body = HiddenItems))
)]
pub(crate) async fn hidden(State(app): State<App>) -> Result<Response, ApiError> {
    json(&HiddenItems { items: app.live.hidden().items.iter().cloned().map(Id).collect() })
}

/// Hides these items and no others. It counts from the next request on, for every bundle, and is kept over restarts.
#[utoipa::path(
    put, path = "/v1/hidden", tag = "operation", request_body = HiddenItems,
    responses(
        (status = 200, description = "The items that are hidden now", body = HiddenItems),
        (status = "4XX", description = "What is wrong with the request", body = crate::error::Problem),
        (status = 503, description = "The store does not answer; nothing was changed", body = crate::error::Problem),
    )
)]
pub(crate) async fn hide(
    State(app): State<App>,
    Json(asked): Json<HiddenItems>,
) -> Result<Response, ApiError> {
    let mut items: Vec<String> = asked.items.into_iter().map(|Id(id)| id).collect();
    items.sort_unstable();
    items.dedup();
    let kept = items.clone();
    app.with_store(move |store| store.set_hidden(&kept)).await?;
    app.live.hide(items.clone());
    json(&HiddenItems { items: items.into_iter().map(Id).collect() })
}
