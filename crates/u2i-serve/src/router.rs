//! The router: which path leads where, and what is done around each request.

use std::sync::Arc;
use std::time::Instant;

use axum::Router;
use axum::body::Body;
use axum::extract::{DefaultBodyLimit, MatchedPath, Request, State};
use axum::http::{HeaderName, HeaderValue, Method, StatusCode, header};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse as _, Response};
use tracing::Instrument as _;
use utoipa_axum::router::OpenApiRouter;

use crate::app::App;
use crate::error::ApiError;
use crate::{api, auth, measures, page, span};

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
/// Milliseconds that an answer took, which browsers and the page show beside those until it is there.
const SERVER_TIMING: HeaderName = HeaderName::from_static("server-timing");

pub(crate) fn router(app: App) -> Router {
    let (routes, mut document) =
        OpenApiRouter::with_openapi(api::document()).merge(api::routes()).split_for_parts();
    api::finish_document(&mut document, app.token().is_some());
    let document: Arc<str> = document.to_json().unwrap_or_default().into();
    routes
        .merge(page::routes())
        .route("/openapi.json", axum::routing::get(move || async move { api::openapi(&document) }))
        .fallback(|| async {
            ApiError::new(
                StatusCode::NOT_FOUND,
                "not_found",
                "nothing is at this path; /openapi.json lists what is",
            )
        })
        .method_not_allowed_fallback(|| async {
            let message = "this path takes other methods";
            ApiError::new(StatusCode::METHOD_NOT_ALLOWED, "method_not_allowed", message)
        })
        .layer(from_fn_with_state(app.clone(), around))
        // Bodies have limits of our own (`body.rs`).
        .layer(DefaultBodyLimit::disable())
        .with_state(app)
}

/// Numbers, lets in, times, logs and finishes a request.
async fn around(State(app): State<App>, request: Request, next: Next) -> Response {
    let begun = Instant::now();
    let id = given_id(&request).unwrap_or_else(|| app.request_id());
    let method = request.method().clone();
    let path = request.uri().path().to_owned();
    let endpoint = match request.extensions().get::<MatchedPath>() {
        Some(path) => path.as_str().to_owned(),
        None => "other".to_owned(),
    };
    let span = span::of_request(&id, &method, &endpoint, request.headers());
    let mut response = async {
        let let_in = if auth::is_open(&path) { Ok(()) } else { auth::check(app.token(), request.headers()) };
        match let_in {
            Ok(()) => next.run(request).await,
            Err(error) => error.into_response(),
        }
    }
    .instrument(span.clone())
    .await;
    finish(&mut response, &id, &method);
    let took = begun.elapsed();
    if let Ok(value) = HeaderValue::from_str(&format!("total;dur={:.3}", took.as_secs_f64() * 1e3)) {
        response.headers_mut().insert(SERVER_TIMING, value);
    }
    measures::request(&endpoint, &method, response.status(), took);
    span::answered(&span, response.status());
    let _entered = span.enter();
    // The path alone: what is asked for may be somebody's.
    tracing::info!(%method, path = %endpoint, status = response.status().as_u16(), us = took.as_micros() as u64, "answered");
    response
}

/// An id that the client gave, if it is one that a log can hold.
fn given_id(request: &Request) -> Option<String> {
    let id = request.headers().get(&REQUEST_ID)?.to_str().ok()?;
    let is_plain = id.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.:".contains(&byte));
    ((1..=64).contains(&id.len()) && is_plain).then(|| id.to_owned())
}

/// Gives an error its body, and every answer its number.
fn finish(response: &mut Response, id: &str, method: &Method) {
    if let Some(error) = response.extensions_mut().remove::<ApiError>() {
        let body = serde_json::to_vec(&error.problem(id)).unwrap_or_default();
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
        headers.remove(header::CONTENT_LENGTH);
        *response.body_mut() = if *method == Method::HEAD { Body::empty() } else { Body::from(body) };
    }
    let headers = response.headers_mut();
    if let Ok(id) = HeaderValue::from_str(id) {
        headers.insert(REQUEST_ID, id);
    }
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.entry(header::CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
}
