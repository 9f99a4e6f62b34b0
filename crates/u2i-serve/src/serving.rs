//! A bundle that is open, with what is derived from it.

use std::fmt;
use std::num::NonZeroUsize;
use std::path::Path;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};

use burn::tensor::Device;
use u2i_bundle::{IndexState, Now, Options, PopularNow, Recommender, Request, Search, Strategy};
use u2i_index::ItemSet;

use crate::ServeError;
use crate::live::Live;
use crate::titles::Titles;

/// Users of the bundle whose answers are looked at when it is opened.
const SAMPLE: usize = 256;
/// Items that are looked at where the bundle's index was not measured with another number.
const K: usize = 100;

/// An open bundle.
pub(crate) struct Serving {
    pub recommender: Recommender,
    /// The first 16 hexadecimal digits of the SHA-256 of its manifest.
    pub id: String,
    pub titles: Titles,
    /// When it was opened, in Unix seconds.
    pub loaded_s: f64,
    /// Time of its newest event, in Unix seconds.
    pub newest_event_s: Option<i64>,
    /// Best scores of a sample of its users, ascending: how it was when it was exported.
    pub top_scores: Vec<f32>,
    /// Recall of its index on that sample; `None` where it searches exactly.
    pub recall: Option<f64>,
    /// What is hidden and popular, as rows, of these versions.
    rows: Mutex<Rows>,
}

#[derive(Default, Clone)]
struct Rows {
    hidden_version: u64,
    hidden: Arc<ItemSetOf>,
    day_version: u64,
    popular: Arc<Vec<(u32, f32)>>,
}

/// Rows of hidden items, if there are any.
#[derive(Default)]
struct ItemSetOf(Option<ItemSet>);

/// What is hidden and popular at a moment.
pub(crate) struct RowsNow<'a> {
    hidden: Arc<ItemSetOf>,
    popular: PopularRows<'a>,
}

/// What is popular today. Events change it all the time, and few answers need it, so it waits until one does.
struct PopularRows<'a> {
    serving: &'a Serving,
    live: &'a Live,
    rows: OnceLock<Arc<Vec<(u32, f32)>>>,
}

impl PopularNow for PopularRows<'_> {
    fn items(&self) -> &[(u32, f32)] {
        self.rows.get_or_init(|| self.serving.popular_rows(self.live))
    }
}

impl fmt::Debug for PopularRows<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("PopularRows").field(&self.rows.get()).finish()
    }
}

impl RowsNow<'_> {
    pub fn now(&self) -> Now<'_> {
        Now { hidden: self.hidden.0.as_ref(), popular: Some(&self.popular) }
    }

    pub fn hides(&self, item: u32) -> bool {
        self.hidden.0.as_ref().is_some_and(|hidden| hidden.contains(item))
    }
}

/// The name of a bundle: it changes with every byte of it.
pub(crate) fn bundle_id(manifest: &u2i_bundle::Manifest) -> String {
    manifest.manifest_sha256.chars().take(16).collect()
}

impl Serving {
    /// Opens and checks every byte of the bundle in `folder`, and asks it for some of its own users.
    pub fn open(folder: &Path, device: &Device) -> Result<Self, ServeError> {
        let recommender = Recommender::open(folder, device)?;
        let id = bundle_id(recommender.manifest());
        let mut by_count: Vec<_> = recommender.items().collect();
        by_count.sort_by(|a, b| b.train_count.cmp(&a.train_count).then(a.item_idx.cmp(&b.item_idx)));
        let titles = Titles::new(by_count.iter().filter_map(|item| Some((item.item_idx, item.title?))));
        drop(by_count);
        let newest_event_s = recommender.newest_event_s();
        let loaded = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let mut serving = Serving {
            recommender,
            id,
            titles,
            loaded_s: loaded.as_secs_f64(),
            newest_event_s,
            top_scores: Vec::new(),
            recall: None,
            rows: Mutex::default(),
        };
        serving.sample()?;
        Ok(serving)
    }

    /// Users from all over the bundle, the same ones each time.
    pub fn sample_users(&self) -> Vec<Request> {
        let ids = self.recommender.user_ids();
        let step = ids.len().div_ceil(SAMPLE).max(1);
        let request = |id: &String| Request { user: Some(id.clone()), ..Request::default() };
        ids.iter().step_by(step).map(request).collect()
    }

    fn sample(&mut self) -> Result<(), ServeError> {
        let requests = self.sample_users();
        let measured = self.recommender.manifest().index.as_ref().map(|index| index.measured.k);
        let k = NonZeroUsize::new(measured.unwrap_or(K)).unwrap_or(NonZeroUsize::MIN);
        let mut options = Options::top(k);
        let found = self.recommender.recommend(&requests, &options)?;
        let by_model = found.iter().filter(|answer| answer.strategy == Strategy::Model);
        let mut top: Vec<f32> = by_model.filter_map(|answer| Some(answer.items.first()?.score)).collect();
        top.sort_by(f32::total_cmp);
        let recall = match self.recommender.index() {
            IndexState::Ready(_) => {
                options.search = Search::Exact;
                let exact = self.recommender.recommend(&requests, &options)?;
                agreement(found.iter().zip(&exact).map(|(found, exact)| {
                    let ids = |answer: &u2i_bundle::Answer<'_>| -> Vec<u32> {
                        answer.items.iter().map(|item| item.item_idx).collect()
                    };
                    (ids(found), ids(exact))
                }))
            }
            _ => None,
        };
        (self.top_scores, self.recall) = (top, recall);
        Ok(())
    }

    /// A quantile, 0 to 1, of the best scores at export.
    pub fn top_score(&self, quantile: f64) -> Option<f32> {
        let last = self.top_scores.len().checked_sub(1)?;
        self.top_scores.get((quantile * last as f64).round() as usize).copied()
    }

    /// Items that a search for words or an id finds, those that fit best first; without words the most popular ones.
    pub fn find_items(&self, query: &str, n: usize) -> Vec<u32> {
        let query = query.trim();
        if query.is_empty() {
            return self.recommender.by_popularity().take(n).collect();
        }
        let count = |item: u32| self.recommender.train_count(item);
        let by_id = self.recommender.item(query).map(|item| item.item_idx);
        let by_title = self.titles.find(query, n, count);
        by_id.into_iter().chain(by_title.into_iter().filter(|item| Some(*item) != by_id)).take(n).collect()
    }

    fn row(&self, item: &str) -> Option<u32> {
        Some(self.recommender.item(item)?.item_idx)
    }

    /// Hidden and popular items as rows of this bundle; looked up anew only where they have changed.
    pub fn rows_now<'a>(&'a self, live: &'a Live) -> RowsNow<'a> {
        let mut rows = self.rows.lock().unwrap_or_else(PoisonError::into_inner);
        let hidden = live.hidden();
        if rows.hidden_version != hidden.version {
            let known: Vec<u32> = hidden.items.iter().filter_map(|item| self.row(item)).collect();
            let set = (!known.is_empty()).then(|| ItemSet::new(known));
            (rows.hidden, rows.hidden_version) = (Arc::new(ItemSetOf(set)), hidden.version);
        }
        let popular = PopularRows { serving: self, live, rows: OnceLock::new() };
        RowsNow { hidden: Arc::clone(&rows.hidden), popular }
    }

    fn popular_rows(&self, live: &Live) -> Arc<Vec<(u32, f32)>> {
        let mut rows = self.rows.lock().unwrap_or_else(PoisonError::into_inner);
        let version = live.day_version();
        if rows.day_version != version {
            (rows.popular, rows.day_version) = (Arc::new(live.popular(|item| self.row(item))), version);
        }
        Arc::clone(&rows.popular)
    }
}

/// The mean share of the items of second lists that the first ones have, too; `None` without any.
pub(crate) fn agreement<T: PartialEq>(pairs: impl Iterator<Item = (Vec<T>, Vec<T>)>) -> Option<f64> {
    let shares = pairs.filter(|(_, wanted)| !wanted.is_empty()).map(|(found, wanted)| {
        wanted.iter().filter(|item| found.contains(item)).count() as f64 / wanted.len() as f64
    });
    let shares: Vec<f64> = shares.collect();
    (!shares.is_empty()).then(|| shares.iter().sum::<f64>() / shares.len() as f64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn agreement_is_the_mean_share_of_what_was_wanted() {
        assert_eq!(
            agreement([(vec![1, 2], vec![2, 3]), (vec![], vec![]), (vec![4], vec![4])].into_iter()),
            Some(0.75)
        );
        assert_eq!(agreement(std::iter::empty::<(Vec<u8>, Vec<u8>)>()), None);
    }
}
