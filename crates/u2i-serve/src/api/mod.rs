//! One file for each group of endpoints: what clients send, and what is done with it.

#![expect(unused_qualifications, reason = "utoipa's macros write them")]

mod bundle;
mod events;
mod health;
mod hidden;
mod items;
mod params;
mod recommend;
mod users;
mod vectors;
mod wire;

use std::sync::Arc;

use axum::body::Body;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use serde::Serialize;
use utoipa::OpenApi as _;
use utoipa::openapi::security::{Http, HttpAuthScheme, SecurityScheme};
use utoipa::openapi::{OpenApi, SecurityRequirement};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::app::App;
use crate::error::ApiError;

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

/// Every path takes a token, where the service has one.
pub(crate) fn finish_document(document: &mut OpenApi) {
    let scheme = SecurityScheme::Http(Http::new(HttpAuthScheme::Bearer));
    document.components.get_or_insert_default().add_security_scheme("token", scheme);
    document.security = Some(vec![
        SecurityRequirement::default(),
        SecurityRequirement::new("token", std::iter::empty::<String>()),
    ]);
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
    json_bytes(document.as_bytes().to_vec())
}

fn json_bytes(body: Vec<u8>) -> Response {
    let mut response = Body::from(body).into_response();
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}

fn json(value: &impl Serialize) -> Result<Response, ApiError> {
    let body = serde_json::to_vec(value).map_err(|error| ApiError::internal("writing an answer", &error))?;
    Ok(json_bytes(body))
}

/// A bundle by the name that a request gives it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Which {
    /// The bundle in force.
    #[default]
    Current,
    /// The one beside it, that the service was started with.
    Shadow,
}

impl Which {
    fn of(self, app: &App) -> Result<Arc<crate::serving::Serving>, ApiError> {
        match self {
            Which::Current => Ok(app.current.serving()),
            Which::Shadow => app.current.shadow().ok_or_else(|| {
                let message = "this service has no shadow bundle: it was started without --shadow";
                ApiError::new(StatusCode::CONFLICT, "no_shadow", message).at("bundle")
            }),
        }
    }
}
