//! One file for each group of endpoints: what clients send, and what is done with it.

#![expect(unused_qualifications, reason = "utoipa's macros write them")]

mod bundle;
mod events;
mod health;
mod hidden;
mod items;
mod params;
mod recommend;
mod reply;
mod users;
mod vectors;
mod which;
mod wire;

use std::sync::Arc;

use axum::response::Response;
use utoipa::OpenApi as _;
use utoipa::openapi::security::{Http, HttpAuthScheme, SecurityScheme};
use utoipa::openapi::{OpenApi, SecurityRequirement};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::app::App;
use crate::auth::is_open;

#[derive(utoipa::OpenApi)]
#[openapi(info(
    title = "u2i",
    description = "Recommendations of a two-tower model, that count what just happened. \
                   Errors are `{code, field, message, request_id}`; every answer has the header `x-request-id`."
))]
struct Document;

/// What stands in the OpenAPI document beside the paths.
pub(crate) fn document() -> OpenApi {
    Document::openapi()
}

/// Says which paths take a token, where the service has one.
pub(crate) fn finish_document(document: &mut OpenApi, has_token: bool) {
    if !has_token {
        return;
    }
    let scheme = SecurityScheme::Http(Http::new(HttpAuthScheme::Bearer));
    document.components.get_or_insert_default().add_security_scheme("token", scheme);
    document.security = Some(vec![SecurityRequirement::new("token", std::iter::empty::<String>())]);
    for (path, item) in &mut document.paths.paths {
        if let Some(operation) = item.get.as_mut().filter(|_| is_open(path)) {
            operation.security = Some(Vec::new());
        }
    }
}

pub(crate) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(recommend::recommend))
        .routes(routes!(vectors::vectors))
        .routes(routes!(events::events))
        .routes(routes!(users::find))
        .routes(routes!(users::user, users::forget))
        .routes(routes!(users::recommendations))
        .routes(routes!(items::find))
        .routes(routes!(items::item))
        .routes(routes!(items::similar))
        .routes(routes!(bundle::describe, bundle::exchange))
        .routes(routes!(hidden::hidden, hidden::hide))
        .routes(routes!(health::healthz))
        .routes(routes!(health::readyz))
        .routes(routes!(health::measures))
}

pub(crate) fn openapi(document: &Arc<str>) -> Response {
    reply::json_bytes(document.as_bytes().to_vec())
}
