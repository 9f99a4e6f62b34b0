//! The bundle in force, and how another takes its place.

use std::collections::{HashSet, VecDeque};
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock, TryLockError};

use burn::tensor::Device;
use metrics::{counter, gauge, histogram};
use serde::Serialize;
use u2i_bundle::{Answer, BundleError, Manifest, Options, Request};
use utoipa::ToSchema;

use crate::ServeError;
use crate::ask::Ask;
use crate::error::ApiError;
use crate::live::Live;
use crate::serving::{Serving, agreement, bundle_id};

/// Requests that are kept, to try a new bundle with.
const RECORDED: usize = 256;
/// Of so many requests one is kept.
const EVERY: u64 = 16;
/// How far the recall on a sample of users may be below the published one.
const LEEWAY: f64 = 0.02;
/// A bundle of the same data knows at least this share of the items of the one before.
const SAME_ITEMS: f64 = 0.5;

/// The bundle in force, and beside it one that is tried.
pub(crate) struct Current {
    folder: PathBuf,
    device: Device,
    serving: RwLock<Arc<Serving>>,
    shadow: Option<Arc<Serving>>,
    /// One exchange at a time.
    exchange: Mutex<()>,
    recorded: Mutex<VecDeque<(Request, Options)>>,
    n_asked: AtomicU64,
}

/// What an exchange came to.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub(crate) struct Exchanged {
    /// Whether another bundle is in force now.
    pub swapped: bool,
    /// The bundle that was in force.
    pub previous_bundle_id: String,
    /// The bundle in force.
    pub bundle_id: String,
    /// Share of the exact best items that the new index finds, for users of the bundle, of as many as it was published
    /// with; none where it searches exactly.
    pub recall: Option<f64>,
    /// Share of items that the new bundle's answers have in common with the old one's, for requests that came before.
    pub agreement: Option<f64>,
    /// Requests that the new bundle was tried with.
    pub n_tried: usize,
}

/// Why the bundle in force stays.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Refused {
    #[error("the bundle cannot be opened: {0}")]
    Open(#[source] ServeError),
    #[error("the folder holds the bundle {found}, not {wanted}")]
    Other { found: String, wanted: String },
    #[error(
        "its newest event is {} s older than that of the bundle in force; `allow_older` lets it in",
        by_s
    )]
    Older { by_s: i64 },
    #[error("it knows {:.0} % of the items of the bundle in force, wanted at least {:.0} %: another data set", 100.0 * share, 100.0 * SAME_ITEMS)]
    Foreign { share: f64 },
    #[error("its index finds {found:.4} of the exact best items, wanted at least {wanted}")]
    Recall { found: f64, wanted: f64 },
    #[error("it fails at a request that came before: {0}")]
    Request(#[source] BundleError),
    #[error("another exchange is under way")]
    Busy,
}

/// What a caller allows and expects.
#[derive(Debug, Default, Clone)]
pub(crate) struct Wanted {
    pub bundle_id: Option<String>,
    pub allow_older: bool,
}

impl Current {
    pub fn open(folder: &Path, shadow: Option<&Path>, device: &Device) -> Result<Self, ServeError> {
        let serving = Serving::open(folder, device)?;
        let shadow = shadow.map(|folder| Serving::open(folder, device)).transpose()?.map(Arc::new);
        let current = Current {
            folder: folder.to_owned(),
            device: device.clone(),
            serving: RwLock::new(Arc::new(serving)),
            shadow,
            exchange: Mutex::new(()),
            recorded: Mutex::default(),
            n_asked: AtomicU64::new(0),
        };
        announce(&current.serving(), None);
        Ok(current)
    }

    /// The bundle in force. Whoever holds it can go on with it, whatever takes its place.
    pub fn serving(&self) -> Arc<Serving> {
        Arc::clone(&self.serving.read().unwrap_or_else(PoisonError::into_inner))
    }

    pub fn shadow(&self) -> Option<Arc<Serving>> {
        self.shadow.clone()
    }

    /// Keeps some of the requests.
    pub fn record(&self, asks: &[Ask]) {
        for ask in asks {
            if self.n_asked.fetch_add(1, Ordering::Relaxed).is_multiple_of(EVERY)
                && let Ok(mut recorded) = self.recorded.try_lock()
            {
                if recorded.len() == RECORDED {
                    recorded.pop_front();
                }
                recorded.push_back((ask.request.clone(), ask.options.clone()));
            }
        }
    }

    /// Drops all that was recorded: something of it may be a user's who wants to be forgotten.
    pub fn forget_recorded(&self) {
        self.recorded.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }

    /// Asks the shadow, too, and counts how far it agrees with the answers, which have been sent already.
    pub fn ask_shadow(
        &self,
        serving: &Arc<Serving>,
        live: &Live,
        asked: &[(&Request, &Options)],
        answers: &[Result<Answer<'_>, ApiError>],
    ) {
        let Some(shadow) = self.shadow.as_ref().filter(|shadow| !Arc::ptr_eq(shadow, serving)) else {
            return;
        };
        let rows = shadow.rows_now(live);
        for pair in answers.iter().zip(shadow.recommender.recommend_each(asked, &rows.now())) {
            match pair {
                (Ok(ours), Ok(theirs)) => {
                    if let Some(share) = agreement(std::iter::once((ids(&theirs), ids(ours)))) {
                        histogram!("u2i_shadow_agreement").record(share);
                    }
                }
                (_, Err(_)) => counter!("u2i_shadow_errors_total").increment(1),
                (Err(_), _) => {}
            }
        }
    }

    /// Takes what is in the folder now, if it holds another bundle, which is opened, checked and tried first. If anything
    /// is wrong with it, the bundle in force stays.
    pub fn exchange(&self, wanted: &Wanted, live: &Live) -> Result<Exchanged, Refused> {
        let _alone = match self.exchange.try_lock() {
            Ok(alone) => alone,
            Err(TryLockError::Poisoned(alone)) => alone.into_inner(),
            Err(TryLockError::WouldBlock) => return Err(Refused::Busy),
        };
        let done = self.try_exchange(wanted, live);
        match &done {
            Ok(done) if done.swapped => {
                counter!("u2i_swaps_total", "result" => "swapped").increment(1);
                tracing::info!(
                    from = done.previous_bundle_id,
                    to = done.bundle_id,
                    recall = done.recall,
                    agreement = done.agreement,
                    "another bundle is in force"
                );
            }
            Ok(_) => {}
            Err(reason) => {
                counter!("u2i_swaps_total", "result" => "refused").increment(1);
                tracing::warn!(%reason, folder = %self.folder.display(), "a bundle was refused");
            }
        }
        done
    }

    fn try_exchange(&self, wanted: &Wanted, live: &Live) -> Result<Exchanged, Refused> {
        let old = self.serving();
        let open = |error: BundleError| Refused::Open(error.into());
        let found = bundle_id(&Manifest::read(&self.folder).map_err(open)?);
        if let Some(wanted) = wanted.bundle_id.as_ref().filter(|wanted| **wanted != found) {
            return Err(Refused::Other { found, wanted: wanted.clone() });
        }
        if found == old.id {
            return Ok(Exchanged {
                swapped: false,
                previous_bundle_id: found.clone(),
                bundle_id: found,
                recall: old.recall,
                agreement: None,
                n_tried: 0,
            });
        }
        let new = Serving::open(&self.folder, &self.device).map_err(Refused::Open)?;
        // The folder may have changed again since its manifest was read.
        if let Some(wanted) = wanted.bundle_id.as_ref().filter(|wanted| **wanted != new.id) {
            return Err(Refused::Other { found: new.id, wanted: wanted.clone() });
        }
        check(&old, &new, wanted)?;
        let (agreement, n_tried) = self.try_requests(&old, &new, live)?;
        let new = Arc::new(new);
        let exchanged = Exchanged {
            swapped: true,
            previous_bundle_id: old.id.clone(),
            bundle_id: new.id.clone(),
            recall: new.recall,
            agreement,
            n_tried,
        };
        announce(&new, Some(&old));
        *self.serving.write().unwrap_or_else(PoisonError::into_inner) = new;
        Ok(exchanged)
    }

    /// Answers requests that came before, which also warms the new bundle.
    fn try_requests(
        &self,
        old: &Serving,
        new: &Serving,
        live: &Live,
    ) -> Result<(Option<f64>, usize), Refused> {
        let mut tried: Vec<(Request, Options)> =
            self.recorded.lock().unwrap_or_else(PoisonError::into_inner).iter().cloned().collect();
        if tried.is_empty() {
            let options = Options::top(NonZeroUsize::new(10).unwrap_or(NonZeroUsize::MIN));
            tried.extend(old.sample_users().into_iter().map(|request| (request, options.clone())));
        }
        let pairs: Vec<(&Request, &Options)> =
            tried.iter().map(|(request, options)| (request, options)).collect();
        let (before, after) = (old.rows_now(live), new.rows_now(live));
        let mut lists = Vec::new();
        for (old, new) in old
            .recommender
            .recommend_each(&pairs, &before.now())
            .into_iter()
            .zip(new.recommender.recommend_each(&pairs, &after.now()))
        {
            match (old, new) {
                (Ok(old), Ok(new)) => lists.push((ids(&new), ids(&old))),
                // What the old one refused, too, is the request's own fault.
                (Err(_), _) => {}
                (Ok(_), Err(error)) => return Err(Refused::Request(error)),
            }
        }
        Ok((agreement(lists.into_iter()), tried.len()))
    }

    /// The name of the bundle in the folder, if there is one.
    pub fn in_folder(&self) -> Option<String> {
        Manifest::read(&self.folder).ok().map(|manifest| bundle_id(&manifest))
    }
}

fn check(old: &Serving, new: &Serving, wanted: &Wanted) -> Result<(), Refused> {
    let known: HashSet<&str> = new.recommender.items().map(|item| item.item_id).collect();
    let n = old.recommender.items().len();
    let shared = old.recommender.items().filter(|item| known.contains(item.item_id)).count();
    let share = if n == 0 { 1.0 } else { shared as f64 / n as f64 };
    if share < SAME_ITEMS {
        return Err(Refused::Foreign { share });
    }
    if let (Some(old), Some(new), false) = (old.newest_event_s, new.newest_event_s, wanted.allow_older)
        && new < old
    {
        return Err(Refused::Older { by_s: old - new });
    }
    // Measured on other users than those of the export.
    let published = |index: &u2i_bundle::IndexEntry| index.min_recall.min(index.measured.recall) - LEEWAY;
    let wanted = new.recommender.manifest().index.as_ref().map(published);
    if let (Some(found), Some(wanted)) = (new.recall, wanted)
        && found < wanted
    {
        return Err(Refused::Recall { found, wanted });
    }
    Ok(())
}

fn ids<'a>(answer: &Answer<'a>) -> Vec<&'a str> {
    answer.items.iter().map(|item| item.item_id).collect()
}

/// Says which bundle is in force, and how it was at export.
fn announce(new: &Serving, old: Option<&Serving>) {
    if let Some(old) = old {
        gauge!("u2i_bundle_info", "bundle_id" => old.id.clone()).set(0.0);
    }
    gauge!("u2i_bundle_info", "bundle_id" => new.id.clone()).set(1.0);
    gauge!("u2i_bundle_loaded_seconds").set(new.loaded_s);
    if let Some(newest_s) = new.newest_event_s {
        gauge!("u2i_bundle_newest_event_seconds").set(newest_s as f64);
    }
    for (name, quantile) in [("0", 0.0), ("0.1", 0.1), ("0.5", 0.5), ("0.9", 0.9), ("1", 1.0)] {
        if let Some(score) = new.top_score(quantile) {
            gauge!("u2i_reference_top_score", "quantile" => name).set(f64::from(score));
        }
    }
}
