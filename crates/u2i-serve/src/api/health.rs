//! What operators ask: is it alive, is it ready, what does it count.

use axum::extract::State;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use metrics::gauge;
use serde::Serialize;
use utoipa::ToSchema;

use super::reply::json;
use crate::app::App;
use crate::error::ApiError;

/// That all is well.
#[derive(Serialize, ToSchema)]
pub(crate) struct Well {
    /// `ok`
    status: &'static str,
}

/// Whether the process answers.
#[utoipa::path(get, path = "/healthz", tag = "operation",
    responses((status = 200, description = "It does", body = Well)))]
pub(crate) async fn healthz() -> Result<Response, ApiError> {
    json(&Well { status: "ok" })
}

/// Whether requests should be sent here: a bundle is open, the store answers, and the service is not about to stop.
#[utoipa::path(get, path = "/readyz", tag = "operation", responses(
    (status = 200, description = "They should", body = Well),
    (status = 503, description = "They should not", body = crate::error::Problem),
))]
pub(crate) async fn readyz(State(app): State<App>) -> Result<Response, ApiError> {
    if app.is_stopping() {
        return Err(ApiError::new(
            StatusCode::SERVICE_UNAVAILABLE,
            "stopping",
            "the service is about to stop",
        ));
    }
    if app.live.store().is_some() {
        app.with_store(|store| store.check()).await?;
    }
    json(&Well { status: "ok" })
}

/// What the service counts, as Prometheus reads it.
#[utoipa::path(get, path = "/metrics", tag = "operation",
    responses((status = 200, description = "Text of Prometheus", content_type = "text/plain", body = String)))]
pub(crate) async fn measures(State(app): State<App>) -> Response {
    gauge!("u2i_queue_depth").set(app.pool.depth() as f64);
    gauge!("u2i_hidden_items").set(app.live.hidden().items.len() as f64);
    gauge!("u2i_uptime_seconds").set(app.begun.elapsed().as_secs_f64());
    let mut response = app.measures.render().into_response();
    let kind = HeaderValue::from_static("text/plain; version=0.0.4; charset=utf-8");
    response.headers_mut().insert(header::CONTENT_TYPE, kind);
    response
}
