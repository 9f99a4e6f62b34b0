//! From requests to answers.

use std::num::NonZeroUsize;
use std::sync::Arc;

use u2i_index::{Filter, Index as _, ItemSet, Seen};
use u2i_models::UserBatch;
use u2i_schema::UserRows;

use super::Recommender;
use super::popular::Popular;
use crate::features::Asked;
use crate::{Answer, BundleError, Now, Options, Recommended, Request, Search, Strategy};

/// Users that are encoded and searched at once: this bounds memory, however many requests there are.
const BLOCK: usize = 1024;

/// A request that was looked up, and what may come back.
struct Query<'a> {
    asked: Asked<'a>,
    options: &'a Options,
    seen: Seen,
    /// What must not come back, ascending.
    left_out: Vec<u32>,
    /// The items of the condition, less those that are hidden; `None` for all.
    among: Option<Arc<ItemSet>>,
    /// The only ones that may come back, ascending, of which all that has been said is true; `None` where the request does
    /// not say.
    allowed: Option<Vec<u32>>,
    unknown_allowed: Vec<String>,
    unknown_denied: Vec<String>,
}

/// Items with their scores, best first.
type Found = Vec<(u32, f32)>;

impl Recommender {
    /// What to recommend for each request, in their order. Many requests at once take less time than one by one.
    ///
    /// As many items come back as were asked for, or all that are eligible: those with a vector that meet the condition
    /// and, unless seen items are kept, are not in the history. Whether they are is the options' choice, else as it was in
    /// the evaluation. Ties go to the lower `item_idx`.
    ///
    /// # Errors
    ///
    /// [`Condition`](BundleError::Condition) for a condition on attributes that there are not,
    /// [`Request`](BundleError::Request) for a value that a column does not take.
    pub fn recommend(&self, requests: &[Request], options: &Options) -> Result<Vec<Answer<'_>>, BundleError> {
        // It is a mistake though nobody should be asking.
        self.meeting(options)?;
        let asked: Vec<_> = requests.iter().map(|request| (request, options)).collect();
        self.recommend_each(&asked, &Now::default()).into_iter().collect()
    }

    /// What to recommend for each request by its own options, in their order. Requests that can share a search do. One that
    /// fails has no effect on the others.
    ///
    /// # Errors
    ///
    /// Of each request its own, as [`recommend`](Self::recommend) has them; their places count from 0.
    ///
    /// # Examples
    ///
    /// ```no_run
    /// # use u2i_bundle::{BundleError, Now, Options, Recommender, Request};
    /// # fn answer(recommender: &Recommender) -> Result<(), BundleError> {
    /// let known = Request { user: Some("7".into()), ..Request::default() };
    /// let stranger = Request { history: Some(vec!["50".into()]), ..Request::default() };
    /// let (ten, one) = (Options::top(10.try_into().unwrap()), Options::top(1.try_into().unwrap()));
    /// let answers = recommender.recommend_each(&[(&known, &ten), (&stranger, &one)], &Now::default());
    /// assert!(answers[1].as_ref().is_ok_and(|answer| answer.items.len() <= 1));
    /// # Ok(())
    /// # }
    /// ```
    pub fn recommend_each(
        &self,
        asked: &[(&Request, &Options)],
        now: &Now<'_>,
    ) -> Vec<Result<Answer<'_>, BundleError>> {
        let blocks = asked.chunks(BLOCK).enumerate();
        blocks.flat_map(|(block, asked)| self.answer(block * BLOCK, asked, now)).collect()
    }

    /// The vectors that items are searched by, `[requests, dim]`.
    ///
    /// # Errors
    ///
    /// [`Request`](BundleError::Request) for a value that a column does not take.
    pub fn user_vectors(&self, requests: &[Request]) -> Result<Vec<f32>, BundleError> {
        let mut vectors = Vec::with_capacity(requests.len() * self.exact.dim());
        for (block, requests) in requests.chunks(BLOCK).enumerate() {
            let asked = requests.iter().zip(block * BLOCK..);
            let asked: Vec<Asked<'_>> =
                asked.map(|(request, place)| self.look_up(place, request)).collect::<Result<_, _>>()?;
            let rows = self.rows(&asked.iter().collect::<Vec<_>>(), self.model.history_len())?;
            vectors.extend(self.encode(&rows));
        }
        Ok(vectors)
    }

    /// A block of requests, of which the first is at `first` among all.
    fn answer<'s>(
        &'s self,
        first: usize,
        asked: &[(&Request, &Options)],
        now: &Now<'_>,
    ) -> Vec<Result<Answer<'s>, BundleError>> {
        let mut answers: Vec<Option<Result<Answer<'s>, BundleError>>> = asked.iter().map(|_| None).collect();
        let mut sets = Shown { now, all: &self.ranked, made: Vec::new() };
        let (mut by_model, mut popular) = (Vec::new(), Vec::new());
        for (place, &(request, options)) in (first..).zip(asked) {
            match self.query(place, request, options, &mut sets) {
                Err(error) => answers[place - first] = Some(Err(error)),
                Ok(query) if self.model.history_len() == 0 || !query.asked.history.is_empty() => {
                    by_model.push(query);
                }
                Ok(query) => popular.push(query),
            }
        }
        let mut failed = |place: usize, error| answers[place - first] = Some(Err(error));
        let (by_model, rows) = self.fitting(by_model, self.model.history_len(), &mut failed);
        // What they say of themselves has no effect here, but a mistake in it is one all the same.
        let (popular, _) = self.fitting(popular, 0, &mut failed);
        let vectors = rows.map_or_else(Vec::new, |rows| self.encode(&rows));
        let found = self.search(&by_model, &vectors);
        for (query, found) in by_model.into_iter().zip(found) {
            let place = query.asked.place - first;
            answers[place] = Some(found.map(|found| self.answer_one(query, Strategy::Model, found)));
        }
        if !popular.is_empty() {
            let order = Popular::new(now);
            for mut query in popular {
                let (k, place) = (query.options.k.get(), query.asked.place - first);
                let found = match query.allowed.take() {
                    Some(allowed) => self.most_popular_of(&order, allowed, k),
                    None => self.most_popular(&order, &query.left_out, k, query.among.as_deref()),
                };
                answers[place] = Some(Ok(self.answer_one(query, Strategy::Popular, found)));
            }
        }
        answers.into_iter().map(|answer| answer.expect("each query is answered or failed")).collect()
    }

    fn query<'a>(
        &'a self,
        place: usize,
        request: &'a Request,
        options: &'a Options,
        sets: &mut Shown<'_>,
    ) -> Result<Query<'a>, BundleError> {
        let asked = self.look_up(place, request)?;
        let among = sets.of(self.meeting(options)?);
        let seen = options.seen.unwrap_or(self.manifest.seen);
        let mut left_out = seen_by(&asked, seen);
        let denied = self.rows_of(&request.deny);
        left_out.extend(denied.known);
        left_out.sort_unstable();
        left_out.dedup();
        let mut unknown_allowed = Vec::new();
        let allowed = request.allow.as_ref().map(|ids| {
            let Named { mut known, unknown } = self.rows_of(ids);
            unknown_allowed = unknown;
            known.sort_unstable();
            known.dedup();
            known.retain(|item| {
                self.exact.vectors().row(*item).is_some()
                    && left_out.binary_search(item).is_err()
                    && among.as_ref().is_none_or(|among| among.contains(*item))
            });
            known
        });
        let unknown_denied = denied.unknown;
        Ok(Query { asked, options, seen, left_out, among, allowed, unknown_allowed, unknown_denied })
    }

    /// The items that meet the condition of the options; `None` for all.
    fn meeting(&self, options: &Options) -> Result<Option<Arc<ItemSet>>, BundleError> {
        let items = |only: &crate::Where| {
            self.conditions
                .items(only, || only.items(&self.catalog, &self.attributes, self.exact.vectors().ids().len()))
        };
        options.only.as_ref().map(items).transpose()
    }

    fn rows_of(&self, ids: &[String]) -> Named {
        let mut named = Named { known: Vec::with_capacity(ids.len()), unknown: Vec::new() };
        for id in ids {
            match self.catalog.item_idx(id) {
                Some(item) => named.known.push(item),
                None => named.unknown.push(id.clone()),
            }
        }
        named
    }

    /// The queries whose values fit their columns, and their batch, unless it is empty; what is wrong with others is told.
    fn fitting<'a>(
        &self,
        mut queries: Vec<Query<'a>>,
        history_len: usize,
        failed: &mut impl FnMut(usize, BundleError),
    ) -> (Vec<Query<'a>>, Option<UserRows>) {
        let all = |queries: &[Query<'_>]| {
            self.rows(&queries.iter().map(|query| &query.asked).collect::<Vec<_>>(), history_len)
        };
        let mut rows = all(&queries);
        if rows.is_err() {
            queries.retain(|query| match self.rows(&[&query.asked], history_len) {
                Ok(_) => true,
                Err(error) => {
                    failed(query.asked.place, error);
                    false
                }
            });
            rows = all(&queries);
        }
        let rows = rows.expect("each of them fits alone");
        (queries, (rows.batch() > 0).then_some(rows))
    }

    fn rows(&self, asked: &[&Asked<'_>], history_len: usize) -> Result<UserRows, BundleError> {
        let edges_s = match &self.manifest.history {
            Some(history) if history_len > 0 => &history.gap_edges_s[..],
            _ => &[],
        };
        self.features.batch(asked, &self.users, &self.catalog, history_len, edges_s)
    }

    /// `[batch, dim]`.
    fn encode(&self, rows: &UserRows) -> Vec<f32> {
        let vectors = self.model.encode_users(&UserBatch::new(rows, None, &self.device));
        vectors.into_data().try_into_vec().expect("vectors are f32")
    }

    /// What is found for each of the vectors `[queries, dim]`. Neither an item nor a bit of its score depends on what else is
    /// asked in the call.
    fn search(&self, queries: &[Query<'_>], vectors: &[f32]) -> Vec<Result<Found, BundleError>> {
        let vector = |query: usize| &vectors[query * self.exact.dim()..][..self.exact.dim()];
        let mut found: Vec<Option<Result<Found, BundleError>>> = queries.iter().map(|_| None).collect();
        let mut groups: Vec<(Together, Vec<usize>)> = Vec::new();
        for (i, query) in queries.iter().enumerate() {
            if let Some(allowed) = &query.allowed {
                found[i] = Some(self.best_of(vector(i), allowed, query.options.k));
                continue;
            }
            let own = Together::new(query, self.index.is_some());
            match groups.iter_mut().find(|(together, _)| *together == own) {
                Some((_, members)) => members.push(i),
                None => groups.push((own, vec![i])),
            }
        }
        for (together, members) in groups {
            match self.search_together(&together, &members, queries, &vector) {
                Ok(lists) => members.into_iter().zip(lists).for_each(|(i, list)| found[i] = Some(Ok(list))),
                Err(error) if members.len() == 1 => found[members[0]] = Some(Err(error)),
                // One of them cannot be searched for, and the others can.
                Err(_) => {
                    for i in members {
                        let alone = self.search_together(&together, &[i], queries, &vector);
                        found[i] = Some(alone.map(|mut lists| lists.pop().unwrap_or_default()));
                    }
                }
            }
        }
        found.into_iter().map(|found| found.expect("each query is in a group")).collect()
    }

    fn search_together<'v>(
        &self,
        together: &Together,
        members: &[usize],
        queries: &[Query<'_>],
        vector: &impl Fn(usize) -> &'v [f32],
    ) -> Result<Vec<Found>, BundleError> {
        let vectors: Vec<f32> = members.iter().flat_map(|&i| vector(i)).copied().collect();
        // Lists, though they be empty, have each query searched by itself.
        let left_out: Vec<Vec<u32>> = members.iter().map(|&i| queries[i].left_out.clone()).collect();
        let mut filter = Filter::excluding(&left_out);
        let among = queries[members[0]].among.as_deref();
        if let Some(among) = among {
            filter = filter.and_among(among);
        }
        let most = members.iter().map(|&i| queries[i].options.k).max().unwrap_or(NonZeroUsize::MIN);
        let (neighbors, is_exact) = match (&self.index, together.by_index) {
            (Some(index), Some(k)) => (index.search(&vectors, k, filter)?, false),
            _ => (self.exact.search(&vectors, most, filter)?, true),
        };
        let list = |(place, &i): (usize, &usize)| {
            let ids = neighbors.ids(place);
            let k = queries[i].options.k.get();
            match is_exact {
                true => {
                    Ok(ids.iter().copied().zip(neighbors.scores(place).iter().copied()).take(k).collect())
                }
                // An index rounds in its own way. An item's score is the one of exact search, however it was found.
                false => self.best_of(vector(i), ids, queries[i].options.k),
            }
        };
        members.iter().enumerate().map(list).collect()
    }

    /// The best of some items.
    fn best_of(&self, vector: &[f32], items: &[u32], k: NonZeroUsize) -> Result<Found, BundleError> {
        let scores = self.exact.scores(vector, items)?;
        let mut list: Found = items.iter().copied().zip(scores).collect();
        let best_first = |a: &(u32, f32), b: &(u32, f32)| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0));
        if list.len() > k.get() {
            list.select_nth_unstable_by(k.get(), best_first);
            list.truncate(k.get());
        }
        list.sort_unstable_by(best_first);
        Ok(list)
    }

    fn answer_one(&self, query: Query<'_>, strategy: Strategy, found: Found) -> Answer<'_> {
        let Query { asked, options, seen, unknown_allowed, unknown_denied, .. } = query;
        let history = match options.explain {
            0 => Vec::new(),
            _ => distinct(&asked),
        };
        let items = found.into_iter().map(|(item, score)| {
            let because = self.because(item, &history, options.explain);
            Recommended { because, ..self.recommended(item, score) }
        });
        Answer {
            strategy,
            seen,
            unknown_user: asked.request.user.is_some() && asked.user.is_none(),
            items: items.collect(),
            unknown_items: asked.unknown_items,
            unknown_allowed,
            unknown_denied,
            n_later_events: asked.n_later_events,
            n_live_events: asked.n_live_events,
        }
    }
}

/// Ids that were looked up.
struct Named {
    known: Vec<u32>,
    unknown: Vec<String>,
}

/// What the queries of one search have in common.
#[derive(PartialEq, Eq)]
struct Together {
    /// How many items are asked of the index: it finds others where it looks for more. `None` is exact search, which does not.
    by_index: Option<NonZeroUsize>,
    /// Which set the items are of, by its place in memory.
    among: Option<*const ItemSet>,
}

impl Together {
    fn new(query: &Query<'_>, has_index: bool) -> Self {
        let is_by_index = has_index && query.options.search == Search::Index;
        Together {
            by_index: is_by_index.then_some(query.options.k),
            among: query.among.as_ref().map(Arc::as_ptr),
        }
    }
}

/// Sets of items less those that are hidden, each made once.
struct Shown<'a> {
    now: &'a Now<'a>,
    all: &'a ItemSet,
    made: Vec<(Option<Arc<ItemSet>>, Arc<ItemSet>)>,
}

impl Shown<'_> {
    /// The items of a set, or of all, that are not hidden; `None` for all.
    fn of(&mut self, set: Option<Arc<ItemSet>>) -> Option<Arc<ItemSet>> {
        let Some(hidden) = self.now.hidden.filter(|hidden| !hidden.is_empty()) else { return set };
        let pointer = |set: &Option<Arc<ItemSet>>| set.as_ref().map(Arc::as_ptr);
        if let Some((_, made)) = self.made.iter().find(|(of, _)| pointer(of) == pointer(&set)) {
            return Some(Arc::clone(made));
        }
        let shown = Arc::new(set.as_deref().unwrap_or(self.all).without(hidden));
        self.made.push((set, Arc::clone(&shown)));
        Some(shown)
    }
}

/// The items that must not come back, ascending.
fn seen_by(asked: &Asked<'_>, seen: Seen) -> Vec<u32> {
    if seen == Seen::Kept {
        return Vec::new();
    }
    distinct(asked)
}

/// The items of the history, ascending.
fn distinct(asked: &Asked<'_>) -> Vec<u32> {
    let mut items = asked.history.to_vec();
    items.sort_unstable();
    items.dedup();
    items
}
