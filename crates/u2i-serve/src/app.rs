//! The router: which path leads where, and what is done around each request.

use std::hash::{BuildHasher as _, Hasher as _, RandomState};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Instant;

use axum::Router;
use axum::body::Body;
use axum::extract::{DefaultBodyLimit, MatchedPath, Request, State};
use axum::http::{HeaderName, HeaderValue, Method, StatusCode, header};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse as _, Response};
use metrics_exporter_prometheus::PrometheusHandle;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tracing::Instrument as _;
use utoipa_axum::router::OpenApiRouter;

use crate::auth::{self, Token};
use crate::current::Current;
use crate::error::ApiError;
use crate::jobs::Job;
use crate::live::Live;
use crate::options::{Limits, ServeOptions};
use crate::pool::Pool;
use crate::{api, measures, page, span};

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
/// Milliseconds that an answer took, which browsers and the page show beside those until it is there.
const SERVER_TIMING: HeaderName = HeaderName::from_static("server-timing");

/// What all requests share.
#[derive(Clone)]
pub(crate) struct App(Arc<Shared>);

pub(crate) struct Shared {
    pub limits: Limits,
    pub current: Arc<Current>,
    pub live: Arc<Live>,
    pub pool: Pool<Job>,
    pub measures: PrometheusHandle,
    pub begun: Instant,
    token: Option<Token>,
    large_bodies: Arc<Semaphore>,
    /// Events that are being written at once: each waits on a thread.
    writes: Arc<Semaphore>,
    stopping: AtomicBool,
    ids: RequestIds,
}

/// Numbers of requests that no other start of the service gives.
struct RequestIds {
    start: [u64; 2],
    next: AtomicU64,
}

impl RequestIds {
    fn new() -> Self {
        // Keys of the standard library's hash maps are drawn from the system.
        let drawn = || RandomState::new().build_hasher().finish();
        RequestIds { start: [drawn(), drawn()], next: AtomicU64::new(1) }
    }

    fn next(&self) -> String {
        format!("{:012x}-{:x}", self.start[0] >> 16, self.next.fetch_add(1, Ordering::Relaxed))
    }

    /// One that no other service gives either.
    fn next_of_all(&self) -> String {
        let [a, b] = self.start;
        format!("{a:016x}{b:016x}-{:x}", self.next.fetch_add(1, Ordering::Relaxed))
    }
}

impl std::ops::Deref for App {
    type Target = Shared;

    fn deref(&self) -> &Shared {
        &self.0
    }
}

/// Appends that wait for the disk at once. Those that wait together are written together.
const WRITES: usize = 256;

impl App {
    pub fn new(
        options: &ServeOptions,
        current: Arc<Current>,
        live: Arc<Live>,
        pool: Pool<Job>,
        measures: PrometheusHandle,
    ) -> Self {
        App(Arc::new(Shared {
            limits: options.limits.clone(),
            current,
            live,
            pool,
            measures,
            begun: Instant::now(),
            token: options.token.clone(),
            large_bodies: Arc::new(Semaphore::new(options.limits.large_bodies)),
            writes: Arc::new(Semaphore::new(WRITES)),
            stopping: AtomicBool::new(false),
            ids: RequestIds::new(),
        }))
    }

    pub fn limits(&self) -> &Limits {
        &self.limits
    }

    /// A name for an event that was sent without one.
    pub fn event_id(&self) -> String {
        self.ids.next_of_all()
    }

    /// A place for a large body, unless too many are read already.
    pub fn large_body(&self) -> Option<OwnedSemaphorePermit> {
        Arc::clone(&self.large_bodies).try_acquire_owned().ok()
    }

    pub fn stopping(&self) {
        self.stopping.store(true, Ordering::Relaxed);
    }

    pub fn is_stopping(&self) -> bool {
        self.stopping.load(Ordering::Relaxed)
    }

    /// Does something with the store of events that may wait for a disk or a network.
    pub async fn with_store<T: Send + 'static>(
        &self,
        work: impl FnOnce(&dyn u2i_live::LiveStore) -> Result<T, u2i_live::LiveError> + Send + 'static,
    ) -> Result<T, ApiError> {
        let store = self.live.store().ok_or_else(|| {
            let message = "this service takes no events: it was started with `--events none`";
            ApiError::new(StatusCode::CONFLICT, "no_store", message)
        })?;
        let _place = Arc::clone(&self.writes).try_acquire_owned().map_err(|_| ApiError::overloaded())?;
        let span = tracing::Span::current();
        let done = tokio::task::spawn_blocking(move || span.in_scope(|| work(&*store))).await;
        match done {
            Ok(Ok(done)) => Ok(done),
            Ok(Err(error)) => Err(ApiError::store(&error)),
            Err(error) => Err(ApiError::internal("the store of events", &error)),
        }
    }
}

pub(crate) fn router(app: App) -> Router {
    let (routes, mut document) =
        OpenApiRouter::with_openapi(api::document()).merge(api::routes()).split_for_parts();
    api::finish_document(&mut document, app.token.is_some());
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

/// Paths that say nothing of the data and must work before a token is known.
pub(crate) fn is_open(path: &str) -> bool {
    matches!(path, "/" | "/page.css" | "/page.js" | "/favicon.ico" | "/healthz" | "/readyz" | "/openapi.json")
}

/// Numbers, lets in, times, logs and finishes a request.
async fn around(State(app): State<App>, request: Request, next: Next) -> Response {
    let begun = Instant::now();
    let id = given_id(&request).unwrap_or_else(|| app.ids.next());
    let method = request.method().clone();
    let path = request.uri().path().to_owned();
    let endpoint = match request.extensions().get::<MatchedPath>() {
        Some(path) => path.as_str().to_owned(),
        None => "other".to_owned(),
    };
    let span = span::of_request(&id, &method, &endpoint, request.headers());
    let mut response = async {
        let let_in = if is_open(&path) { Ok(()) } else { auth::check(app.token.as_ref(), request.headers()) };
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
