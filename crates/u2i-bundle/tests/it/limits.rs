//! Which items may come back: lists of a request, items that are hidden now, and what is popular now.

use std::cmp::Reverse;
use std::collections::{BTreeMap, HashSet};

use u2i_bundle::{
    Answer, IndexPlan, ItemSet, Now, Options, PopularNow, Recommender, Request, Search, Seen, Strategy,
};
use u2i_random::{Purpose, Stream};

use crate::fixture::{Fixture, Kind, SMALL, Size, history, top, user};

fn one<'a>(recommender: &'a Recommender, request: &Request, options: &Options, now: &Now<'_>) -> Answer<'a> {
    recommender.recommend_each(&[(request, options)], now).remove(0).unwrap()
}

fn scored(answer: &Answer<'_>) -> Vec<(u32, u32)> {
    answer.items.iter().map(|item| (item.item_idx, item.score.to_bits())).collect()
}

fn ids(items: &[u32]) -> Vec<String> {
    items.iter().map(|item| format!("film {}", item - 1)).collect()
}

fn some(n: usize, of: usize, rng: &mut Stream) -> Vec<u32> {
    (0..n).map(|_| 1 + rng.index(of) as u32).collect()
}

/// Against a plain filter over the list of all items: allowed, denied, hidden, seen, and of a condition, each or all at once.
#[test]
fn limits_leave_what_a_plain_filter_leaves() {
    let size = Size { users: 40, trained: 300, cold: 20 };
    let (mut n_full, mut n_short) = (0, 0);
    for (kind, seed) in [(Kind::YoutubeDnn, 1), (Kind::Attentive, 2), (Kind::Fm, 3)] {
        let fixture = Fixture::new(kind, size, seed);
        let folder = tempfile::tempdir().unwrap();
        let recommender = fixture.opened(folder.path(), IndexPlan::Exact);
        let mut rng = Stream::new(seed, Purpose::SYNTHETIC, 4, 0);
        for round in 0..400 {
            let base = match round % 3 {
                0 => user(format!("user {}", 1 + rng.index(39))),
                1 => history(&[]),
                _ => Request { history: Some(ids(&some(5, 320, &mut rng))), ..user("nobody") },
            };
            let n = [1, 10, 200][rng.index(3)];
            let allow = (round % 2 == 0).then(|| some(n, 330, &mut rng));
            let deny = if round % 5 < 3 { some(rng.index(150), 330, &mut rng) } else { vec![] };
            let hidden: ItemSet = some(rng.index(200), 400, &mut rng).into_iter().collect();
            let popular: Vec<(u32, f32)> = some(rng.index(60), 340, &mut rng)
                .into_iter()
                .map(|item| (item, rng.index(5) as f32))
                .collect();
            let now = Now {
                hidden: (round % 4 < 2).then_some(&hidden),
                popular: (round % 7 < 4).then_some(&popular as &dyn PopularNow),
            };
            let k = [1, 7, 50][rng.index(3)];
            let options = Options {
                only: (round % 11 < 5).then(|| "year >= 2050".parse().unwrap()),
                seen: [None, Some(Seen::Kept)][round % 8 / 7],
                search: if round % 2 == 0 { Search::Index } else { Search::Exact },
                ..top(k)
            };
            let of =
                |items: &[u32]| items.iter().map(|&item| format!("film {}", item - 1)).collect::<Vec<_>>();
            let request = Request { allow: allow.as_deref().map(of), deny: of(&deny), ..base.clone() };
            let found = one(&recommender, &request, &options, &now);

            let everything = Options { k: 1000.try_into().unwrap(), search: Search::Exact, ..options };
            let popular = Now { hidden: None, ..now };
            let all = one(&recommender, &base, &everything, &popular);
            let may = |item: u32| {
                allow.as_ref().is_none_or(|allow| allow.contains(&item))
                    && !deny.contains(&item)
                    && now.hidden.is_none_or(|hidden| !hidden.contains(item))
            };
            let wanted: Vec<(u32, u32)> =
                scored(&all).into_iter().filter(|&(item, _)| may(item)).take(k).collect();
            assert_eq!(scored(&found), wanted, "{kind:?}, round {round}: {request:?}");
            assert_eq!((found.strategy == Strategy::Popular, found.seen), (round % 3 == 1, all.seen));
            let unknown =
                |items: &[u32]| of(&items.iter().copied().filter(|&item| item > 320).collect::<Vec<_>>());
            assert_eq!(found.unknown_denied, unknown(&deny));
            assert_eq!(found.unknown_allowed, unknown(allow.as_deref().unwrap_or_default()));
            if wanted.len() == k { n_full += 1 } else { n_short += 1 }
        }
    }
    assert!(n_full > 500 && n_short > 200, "{n_full} lists of k items, {n_short} shorter ones");
}

/// By the model, by popularity, and by similarity; also where a request asks for them by name.
#[test]
fn hidden_items_come_back_to_nobody() {
    let fixture = Fixture::new(Kind::YoutubeDnn, SMALL, 1);
    let folder = tempfile::tempdir().unwrap();
    let recommender = fixture.opened(folder.path(), IndexPlan::Exact);
    let requests = [
        history(&["film 3"]),
        history(&[]),
        Request { allow: Some(ids(&[1, 2, 3, 5, 8])), ..history(&["film 3"]) },
        Request { allow: Some(ids(&[1, 2, 3, 5, 8])), ..history(&[]) },
    ];
    let hidden: ItemSet = [2, 5, 8, 33, 40, 9_999].into_iter().collect();
    let popular = vec![(5, 9.0), (8, 8.0), (1, 7.0)];
    let now = Now { hidden: Some(&hidden), popular: Some(&popular) };
    let kept = Options { seen: Some(Seen::Kept), ..top(50) };
    for request in &requests {
        let all = one(&recommender, request, &kept, &Now { hidden: None, ..now });
        let shown = one(&recommender, request, &kept, &now);
        let wanted: Vec<(u32, u32)> =
            scored(&all).into_iter().filter(|&(item, _)| !hidden.contains(item)).collect();
        assert!(wanted.len() < all.items.len());
        assert_eq!(scored(&shown), wanted, "{request:?}");
    }
    // What is near a hidden item can be asked; film 1 is item 2.
    for k in [5, 30, 50] {
        let similar = |now: &Now<'_>| recommender.similar_now("film 1", k.try_into().unwrap(), now).unwrap();
        let all = recommender.similar("film 1", 50.try_into().unwrap()).unwrap();
        let wanted = all.iter().filter(|item| !hidden.contains(item.item_idx)).take(k);
        assert!(similar(&now).iter().eq(wanted));
        assert!(similar(&Now::default()).iter().eq(all.iter().take(k)));
    }
}

#[test]
fn what_is_popular_now_goes_before_what_was() {
    let fixture = Fixture::new(Kind::Dssm, Size { cold: 6, ..SMALL }, 1);
    let folder = tempfile::tempdir().unwrap();
    let recommender = fixture.opened(folder.path(), IndexPlan::Exact);
    // A DSSM of these columns ranks cold items, too.
    let n_ranked = fixture.vectors.ids().len() as u32;
    let count = |item: u32| fixture.catalog.counts()[item as usize];
    let mut by_count: Vec<u32> = (1..=n_ranked).collect();
    by_count.sort_by_key(|&item| (Reverse(count(item)), item));
    // Not in order, one twice, two of one score, and two that are no items.
    let popular = vec![(7, 2.0), (30, 5.0), (12, 5.0), (7, 1.0), (0, 99.0), (n_ranked + 1, 98.0)];
    let now = Now { popular: Some(&popular), hidden: None };
    let of_now = [(12, 5.0), (30, 5.0), (7, 2.0)];
    let rest = by_count.iter().filter(|item| ![7, 12, 30].contains(*item));
    let wanted: Vec<(u32, f32)> =
        of_now.into_iter().chain(rest.map(|&item| (item, count(item) as f32))).collect();
    let found = |request: &Request, k: usize| -> Vec<(u32, f32)> {
        let answer = one(&recommender, request, &top(k), &now);
        assert_eq!(answer.strategy, Strategy::Popular);
        answer.items.iter().map(|item| (item.item_idx, item.score)).collect()
    };
    assert_eq!(found(&history(&[]), 60), wanted);
    assert_eq!(found(&history(&[]), 2), wanted[..2]);
    let without_12 = Request { deny: ids(&[12]), ..history(&[]) };
    assert_eq!(found(&without_12, 3), [&wanted[1..3], &wanted[3..4]].concat());
    let allowed = Request { allow: Some(ids(&[by_count[0], 7, by_count[1]])), ..history(&[]) };
    let counted = [by_count[0], by_count[1]].map(|item| (item, count(item) as f32));
    assert_eq!(found(&allowed, 9), [(7, 2.0), counted[0], counted[1]]);
    // Whoever has a history gets what the model says.
    let known = user("user 3");
    assert_eq!(one(&recommender, &known, &top(9), &now), one(&recommender, &known, &top(9), &Now::default()));
}

/// An item without a vector is no answer, though it be the most popular of all.
#[test]
fn an_item_without_a_vector_is_never_recommended() {
    let fixture = Fixture::new(Kind::Fm, SMALL, 1);
    let cold = fixture.vectors.ids().len() as u32 + 1;
    if cold as usize > fixture.catalog.n_items() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let recommender = fixture.opened(folder.path(), IndexPlan::Exact);
    let popular = vec![(cold, 50.0), (3, 2.0)];
    let now = Now { popular: Some(&popular), hidden: None };
    for strategy in [history(&[]), history(&["film 3"])] {
        let allowed = Request { allow: Some(ids(&[cold, 8])), ..strategy.clone() };
        let found = one(&recommender, &allowed, &top(5), &now);
        assert!(found.items.iter().map(|item| item.item_idx).eq([8]));
        assert!(found.unknown_allowed.is_empty());
        let found = one(&recommender, &strategy, &top(50), &now);
        assert!(found.items.iter().all(|item| item.item_idx != cold));
    }
}

#[test]
fn lists_of_a_request_stand_in_json() {
    let json = r#"{"user": "1", "history": ["a"], "times_s": [null], "live": [{"item": "b", "at_s": 7}],
        "forgotten": true, "allow": ["c"], "deny": ["d"]}"#;
    let request: Request = serde_json::from_str(json).unwrap();
    assert_eq!((request.times_s, request.live[0].at_s, request.forgotten), (Some(vec![None]), 7, true));
    assert_eq!((request.allow, request.deny), (Some(vec!["c".to_owned()]), vec!["d".to_owned()]));
    let written = serde_json::to_value(Request::default()).unwrap();
    let keys: HashSet<&str> = written.as_object().unwrap().keys().map(String::as_str).collect();
    assert_eq!(keys, ["user", "history", "at_s", "context"].into());
    let wrong = r#"{"live": [{"item": "b", "at": 7}]}"#;
    assert!(serde_json::from_str::<Request>(wrong).unwrap_err().to_string().contains("`at`"));
    let _: BTreeMap<String, String> = request.context;
}
