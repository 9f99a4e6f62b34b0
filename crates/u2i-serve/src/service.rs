use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::thread::{Builder, JoinHandle};
use std::time::{Duration, Instant};

use axum::Router;
use burn::tensor::Device;
use metrics::counter;
use tokio::net::TcpListener;
use tokio::runtime::Runtime;
use u2i_live::Revision;

use crate::app::App;
use crate::current::{Current, Wanted};
use crate::live::{Live, now_s};
use crate::pool::Pool;
use crate::router::router;
use crate::server::{Shutdown, Stop, serve};
use crate::{ServeError, ServeOptions, measures};

/// How often the folder of the bundle is looked at.
const WATCH: Duration = Duration::from_secs(1);
/// How often it is asked whether other services changed what is hidden or forgotten.
const FOLLOW: Duration = Duration::from_secs(1);
/// How often the day's events are counted anew where other services write to the store, too, and where none does: events
/// may have come that lay ahead of the clock.
const COUNT_SHARED: Duration = Duration::from_secs(60);
const COUNT_OWN: Duration = Duration::from_secs(3600);
/// How often counts are summed up; between two of them they take memory.
const UPKEEP: Duration = Duration::from_secs(5);
/// How often old events are removed.
const EXPIRE: Duration = Duration::from_secs(3600);

/// A bundle that answers requests over HTTP.
#[derive(Debug)]
pub struct Service {
    runtime: Runtime,
    listener: TcpListener,
    addr: SocketAddr,
    app: AppAndRouter,
    stop: Stop,
    chores: Chores,
}

struct AppAndRouter(App, Router);

impl std::fmt::Debug for AppAndRouter {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("App")
    }
}

impl Service {
    /// Listens, and opens the store of events and the bundle. Requests are answered once it [runs](Self::run).
    ///
    /// # Errors
    ///
    /// [`NeedsToken`](ServeError::NeedsToken) for an address of other machines without a token,
    /// [`Listen`](ServeError::Listen), or what is wrong with the bundle or the store.
    pub fn start(options: &ServeOptions, device: &Device) -> Result<Self, ServeError> {
        let addr = options.addr;
        if options.token.is_none() && !addr.ip().is_loopback() {
            return Err(ServeError::NeedsToken { addr });
        }
        let started =
            |what| move |error: std::io::Error| ServeError::Start { what, reason: error.to_string() };
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .thread_name("u2i-http")
            // One more than may search at once, so that connections are looked after, and requests refused, meanwhile.
            .worker_threads(options.threads.get() + 1)
            .enable_io()
            .enable_time()
            .build()
            .map_err(started("the event loop"))?;
        let listener = runtime
            .block_on(TcpListener::bind(addr))
            .map_err(|source| ServeError::Listen { addr, source })?;
        let addr = listener.local_addr().map_err(|source| ServeError::Listen { addr, source })?;
        let measures = measures::registry()?;
        // A thread that searches and one that was asked for a user's events may read at once.
        let open = |address: &str| u2i_live::open(address, 2 * options.threads.get());
        let store = options.events.as_deref().map(open).transpose()?;
        let live = Arc::new(Live::new(store.map(Arc::from), options.kinds.clone())?);
        let current = Arc::new(Current::open(&options.bundle, options.shadow.as_deref(), device)?);
        let pool = Pool::start(options.threads, options.limits.waiting)?;
        let app = App::new(options, current, live, pool, measures);
        let chores = Chores::start(&app, options).map_err(started("the thread of chores"))?;
        let router = router(app.clone());
        Ok(Service { runtime, listener, addr, app: AppAndRouter(app, router), stop: Stop::new(), chores })
    }

    /// Where it listens: the port is a real one, also where 0 was asked for.
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// The name of the bundle in force: the first 16 hexadecimal digits of the SHA-256 of its manifest.
    pub fn bundle_id(&self) -> String {
        self.app.0.current.serving().id.clone()
    }

    /// What stops it, from any thread.
    pub fn stop(&self) -> Stop {
        self.stop.clone()
    }

    /// Answers requests until it is [stopped](Stop::stop). Then no more are let in, and those under way are answered, within
    /// [`Limits::drain`](crate::Limits::drain).
    pub fn run(self) -> Shutdown {
        let Service { runtime, listener, addr, app: AppAndRouter(app, router), stop, chores } = self;
        tracing::info!(page = %format!("http://{addr}/"), bundle_id = app.current.serving().id, "serving");
        let told = stop.clone();
        let stopping = app.clone();
        runtime.spawn(async move {
            told.asked().await;
            stopping.stopping();
        });
        let ended = runtime.block_on(serve(listener, app, router, stop));
        drop(chores);
        runtime.shutdown_timeout(Duration::from_secs(1));
        ended
    }
}

/// A thread that does now and then what no request waits for.
#[derive(Debug)]
struct Chores {
    stop: Option<Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Chores {
    fn start(app: &App, options: &ServeOptions) -> std::io::Result<Self> {
        let (stop, stopped) = channel::<()>();
        let (app, watch, keep) = (app.clone(), options.watch, options.keep_events);
        let count = if options.shares_events() { COUNT_SHARED } else { COUNT_OWN };
        let work = move || {
            let mut watched = Watched::default();
            let mut followed = None;
            let mut due = Due::default();
            while let Err(RecvTimeoutError::Timeout) = stopped.recv_timeout(Duration::from_millis(500)) {
                let now = Instant::now();
                if watch && due.watch.is(now, WATCH) {
                    watched.look(&app);
                }
                if due.follow.is(now, FOLLOW) {
                    follow(&app, &mut followed);
                }
                if due.count.is(now, count)
                    && let Err(error) = app.live.read_day()
                {
                    tracing::warn!(%error, "the day's events cannot be counted");
                }
                if due.upkeep.is(now, UPKEEP) {
                    app.measures.run_upkeep();
                }
                if let Some(keep) = keep
                    && due.expire.is(now, EXPIRE)
                {
                    expire(&app, keep);
                }
            }
        };
        let thread = Builder::new().name("u2i-chores".to_owned()).spawn(work)?;
        Ok(Chores { stop: Some(stop), thread: Some(thread) })
    }
}

impl Drop for Chores {
    fn drop(&mut self) {
        self.stop = None;
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

#[derive(Default)]
struct Due {
    watch: Last,
    follow: Last,
    count: Last,
    upkeep: Last,
    expire: Last,
}

/// When something was done last.
#[derive(Default)]
struct Last(Option<Instant>);

impl Last {
    /// Whether it is to be done again, which is taken for done.
    fn is(&mut self, now: Instant, every: Duration) -> bool {
        let is_due = self.0.is_none_or(|last| now.duration_since(last) >= every);
        if is_due {
            self.0 = Some(now);
        }
        is_due
    }
}

/// The bundle that was in the folder when it was looked at last.
#[derive(Default)]
struct Watched {
    refused: Option<String>,
}

impl Watched {
    /// Takes another bundle, once its manifest is there, which is written last. One that was refused is not tried again.
    fn look(&mut self, app: &App) {
        let Some(found) = app.current.in_folder() else { return };
        if found == app.current.serving().id || self.refused.as_ref() == Some(&found) {
            return;
        }
        let wanted = Wanted { bundle_id: Some(found.clone()), allow_older: false };
        match app.current.exchange(&wanted, &app.live) {
            Ok(_) => self.refused = None,
            Err(crate::current::Refused::Busy) => {}
            Err(_) => self.refused = Some(found),
        }
    }
}

/// Takes over what other services that share the store changed.
fn follow(app: &App, followed: &mut Option<Revision>) {
    let Some(store) = app.live.store() else { return };
    let failed = |error: u2i_live::LiveError| tracing::warn!(%error, "the store of events does not answer");
    match store.revision() {
        Ok(revision) if *followed != Some(revision) => match app.live.refresh() {
            Ok(()) => *followed = Some(revision),
            Err(error) => failed(error),
        },
        Ok(_) => {}
        Err(error) => failed(error),
    }
}

fn expire(app: &App, keep: Duration) {
    let Some(store) = app.live.store() else { return };
    match store.expire(now_s().saturating_sub_unsigned(keep.as_secs())) {
        Ok(0) => {}
        Ok(n) => {
            counter!("u2i_events_expired_total").increment(n);
            tracing::info!(n, "old events were removed");
        }
        Err(error) => tracing::warn!(%error, "old events could not be removed"),
    }
}
