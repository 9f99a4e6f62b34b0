//! What somebody did before the moment that is asked about: what the bundle holds, what the request says, and what has
//! happened since.

use std::borrow::Cow;
use std::collections::HashSet;

use u2i_schema::NO_TIME;

use super::Recommender;
use crate::features::Asked;
use crate::{BundleError, Request};

/// Events, oldest first.
struct Past<'a> {
    items: Cow<'a, [u32]>,
    /// One for each, [`NO_TIME`] where it is not known; empty where none is.
    times_s: Cow<'a, [i64]>,
}

impl Past<'_> {
    const NONE: Past<'static> = Past { items: Cow::Borrowed(&[]), times_s: Cow::Borrowed(&[]) };
}

impl Recommender {
    /// Looks up the ids of a request and what its user did.
    pub(super) fn look_up<'a>(
        &'a self,
        place: usize,
        request: &'a Request,
    ) -> Result<Asked<'a>, BundleError> {
        let user = request.user.as_deref().filter(|_| !request.forgotten).and_then(|id| self.user(id));
        let mut unknown_items = Vec::new();
        let all = match (&request.history, user) {
            (Some(history), _) => self.given(place, request, history, &mut unknown_items)?,
            (None, _) if request.times_s.is_some() => return Err(of_times(place, "there is no history")),
            (None, Some(user)) => self.stored(user as usize),
            (None, None) => Past::NONE,
        };
        let n_all = all.items.len();
        let mut live = self.live(request, &all, &mut unknown_items);
        let n_live = live.len();
        live.retain(|&(time_s, _)| request.at_s.is_none_or(|at_s| time_s < at_s));
        let mut past = before(all, request.at_s);
        let n_later_events = n_all - past.items.len() + n_live - live.len();
        let n_live_events = live.len();
        if n_live_events > 0 {
            past = joined(past, live);
        }
        let Past { items: history, times_s } = past;
        Ok(Asked { place, request, user, history, times_s, unknown_items, n_later_events, n_live_events })
    }

    /// All events that the bundle holds of a user.
    fn stored(&self, user: usize) -> Past<'_> {
        Past { items: self.events.items(user).into(), times_s: self.events.times_s(user).into() }
    }

    /// The known items of the history that a request gives.
    fn given(
        &self,
        place: usize,
        request: &Request,
        history: &[String],
        unknown_items: &mut Vec<String>,
    ) -> Result<Past<'static>, BundleError> {
        if let Some(times_s) = &request.times_s
            && times_s.len() != history.len()
        {
            let (found, wanted) = (times_s.len(), history.len());
            return Err(of_times(
                place,
                &format!("expected one for each of the {wanted} items, found {found}"),
            ));
        }
        let (mut items, mut times_s) = (Vec::with_capacity(history.len()), Vec::new());
        for (i, id) in history.iter().enumerate() {
            let Some(item) = self.catalog.item_idx(id) else {
                unknown_items.push(id.clone());
                continue;
            };
            items.push(item);
            if let Some(given_s) = &request.times_s {
                times_s.push(given_s[i].unwrap_or(NO_TIME));
            }
        }
        Ok(Past { items: items.into(), times_s: times_s.into() })
    }

    /// The time and item of each live event of a known item that is not in the history already, in their order.
    fn live(&self, request: &Request, all: &Past<'_>, unknown_items: &mut Vec<String>) -> Vec<(i64, u32)> {
        let mut live = Vec::with_capacity(request.live.len());
        for event in &request.live {
            match self.catalog.item_idx(&event.item) {
                Some(item) => live.push((event.at_s, item)),
                None => unknown_items.push(event.item.clone()),
            }
        }
        let times = || live.iter().map(|&(time_s, _)| time_s);
        let (Some(first_s), Some(last_s)) = (times().min(), times().max()) else { return live };
        let events = all.times_s.iter().copied().zip(all.items.iter().copied());
        let there: HashSet<(i64, u32)> =
            events.filter(|(time_s, _)| (first_s..=last_s).contains(time_s)).collect();
        live.retain(|event| !there.contains(event));
        live
    }
}

fn of_times(place: usize, reason: &str) -> BundleError {
    BundleError::Request { request: place, key: "times_s".to_owned(), reason: reason.to_owned() }
}

/// What happened strictly before a time, or at a time that is not known. Events need not be in the order of their times.
fn before(all: Past<'_>, at_s: Option<i64>) -> Past<'_> {
    let (Some(at_s), false) = (at_s, all.times_s.is_empty()) else { return all };
    let Past { items, times_s } = all;
    let is_before = |time_s: &i64| *time_s < at_s;
    let n = times_s.iter().take_while(|time_s| is_before(time_s)).count();
    if !times_s[n..].iter().any(is_before) {
        return Past { items: first(items, n), times_s: first(times_s, n) };
    }
    let before = items.iter().zip(times_s.iter()).filter(|(_, time_s)| is_before(time_s));
    let (items, times_s): (Vec<u32>, Vec<i64>) = before.map(|(&item, &time_s)| (item, time_s)).unzip();
    Past { items: items.into(), times_s: times_s.into() }
}

/// The first `n` numbers.
fn first<T: Copy>(numbers: Cow<'_, [T]>, n: usize) -> Cow<'_, [T]> {
    match numbers {
        Cow::Borrowed(numbers) => Cow::Borrowed(&numbers[..n]),
        Cow::Owned(mut numbers) => {
            numbers.truncate(n);
            Cow::Owned(numbers)
        }
    }
}

/// The events with live ones, `(time, item)`, each behind whatever is not known to be later than itself. Those there keep
/// their order.
fn joined(past: Past<'_>, mut live: Vec<(i64, u32)>) -> Past<'static> {
    // Of one second in the order in which they came.
    live.sort_by_key(|&(time_s, _)| time_s);
    let n = past.items.len();
    let mut times_s = past.times_s.into_owned();
    times_s.resize(n, NO_TIME);
    let mut left = n;
    let mut newest_first = Vec::with_capacity(n + live.len());
    for (live_s, item) in live.into_iter().rev() {
        // An unknown time is the least there is.
        while left > 0 && times_s[left - 1] > live_s {
            left -= 1;
            newest_first.push((past.items[left], times_s[left]));
        }
        newest_first.push((item, live_s));
    }
    newest_first.extend((0..left).rev().map(|at| (past.items[at], times_s[at])));
    let (items, times_s): (Vec<u32>, Vec<i64>) = newest_first.into_iter().rev().unzip();
    Past { items: items.into(), times_s: times_s.into() }
}
