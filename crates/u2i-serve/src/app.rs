//! What all requests share.

use std::hash::{BuildHasher as _, Hasher as _, RandomState};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Instant;

use axum::http::StatusCode;
use metrics_exporter_prometheus::PrometheusHandle;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use u2i_bundle::{IndexState, Search};

use crate::ask::Ask;
use crate::auth::Token;
use crate::current::Current;
use crate::error::ApiError;
use crate::jobs::Job;
use crate::live::Live;
use crate::options::{Limits, ServeOptions};
use crate::pool::Pool;
use crate::serving::Serving;

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
    /// Whether events of users come from another machine.
    waits_for_events: bool,
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

/// Items that are compared one by one in less than a millisecond.
const FEW_ITEMS: usize = 20_000;
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
            waits_for_events: options.shares_events(),
            large_bodies: Arc::new(Semaphore::new(options.limits.large_bodies)),
            writes: Arc::new(Semaphore::new(WRITES)),
            stopping: AtomicBool::new(false),
            ids: RequestIds::new(),
        }))
    }

    pub fn limits(&self) -> &Limits {
        &self.limits
    }

    /// Whether a request takes about a millisecond: it searches an index, or few items, has no condition, which may have to
    /// look at all items, waits for no other machine, and no other bundle is asked as well.
    pub fn is_short(&self, serving: &Serving, ask: &Ask) -> bool {
        let searches_index = ask.options.search == Search::Index
            && matches!(serving.recommender.index(), IndexState::Ready(_));
        let is_small = serving.recommender.by_popularity().len() <= FEW_ITEMS;
        let is_quick = (searches_index || is_small) && ask.options.only.is_none();
        is_quick && !self.waits_for_events && self.current.shadow().is_none()
    }

    /// What callers must know, if there is such a thing.
    pub fn token(&self) -> Option<&Token> {
        self.token.as_ref()
    }

    /// A number for a request that came without one.
    pub fn request_id(&self) -> String {
        self.ids.next()
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
