//! What comes back for whom.

use std::collections::{BTreeMap, HashSet};
use std::path::Path;

use u2i_bundle::{
    BundleError, Contents, IndexPlan, Manifest, Options, Recommender, Request, Search, Seen, Strategy,
};
use u2i_random::{Purpose, Stream};
use u2i_schema::ErrorKind;

use crate::fixture::{Fixture, Kind, SMALL, Size, device, history, top, user};

fn opened(fixture: &Fixture, folder: &Path) -> Recommender {
    let dir = folder.join("bundle");
    fixture.write(&dir, IndexPlan::Exact).unwrap();
    Recommender::open(&dir, &device()).unwrap()
}

#[test]
fn unknown_items_are_named_and_skipped_and_a_history_of_them_alone_gets_what_is_popular() {
    let fixture = Fixture::new(Kind::YoutubeDnn, SMALL, 1);
    let folder = tempfile::tempdir().unwrap();
    let recommender = opened(&fixture, folder.path());
    let asked = [
        history(&["film 3", "film 999", "film 4"]),
        history(&["film 3", "film 4"]),
        history(&["film 999", ""]),
        user("nobody"),
        user("user 0"),
        Request { history: Some(vec!["film 5".into()]), ..user("nobody") },
    ];
    let answers = recommender.recommend(&asked, &top(5)).unwrap();
    assert_eq!(answers[0].unknown_items, ["film 999"]);
    assert_eq!(answers[0].items, answers[1].items);
    assert_eq!(answers[2].unknown_items, ["film 999", ""]);
    let unknown_users: Vec<bool> = answers.iter().map(|answer| answer.unknown_user).collect();
    assert_eq!(unknown_users, [false, false, false, true, false, true]);
    let strategies: Vec<Strategy> = answers.iter().map(|answer| answer.strategy).collect();
    use Strategy::{Model, Popular};
    assert_eq!(strategies, [Model, Model, Popular, Popular, Popular, Model]);
    // By count, ties to the lower item_idx.
    let mut popular: Vec<u32> = (1..=SMALL.trained as u32).collect();
    popular.sort_by_key(|&item| std::cmp::Reverse(fixture.catalog.counts()[item as usize]));
    for answer in &answers[2..5] {
        assert!(answer.items.iter().map(|item| item.item_idx).eq(popular[..5].iter().copied()));
        let count = fixture.catalog.counts()[popular[0] as usize];
        assert_eq!(answer.items[0].score, count as f32);
    }
    let none = recommender.recommend(&[], &top(5)).unwrap();
    assert!(none.is_empty());
}

#[test]
fn a_model_without_history_needs_none() {
    let fixture = Fixture::new(Kind::WithoutHistory, SMALL, 1);
    let folder = tempfile::tempdir().unwrap();
    let recommender = opened(&fixture, folder.path());
    let answers = recommender.recommend(&[user("user 0"), Request::default()], &top(5)).unwrap();
    assert!(answers.iter().all(|answer| answer.strategy == Strategy::Model && answer.items.len() == 5));
}

#[test]
fn values_that_no_column_takes_are_refused_by_name() {
    let fixture = Fixture::new(Kind::Fm, SMALL, 1);
    let folder = tempfile::tempdir().unwrap();
    let recommender = opened(&fixture, folder.path());
    let cases = [
        ("hour", "noon", "request 1, `hour`: expected a number, found `noon`"),
        ("income", "inf", "request 1, `income`: expected a number, found `inf`"),
        (
            "gendre",
            "F",
            "request 1, `gendre`: no column of users or requests, there are gender, age, likes, income, hour, device; \
             did you mean `gender`?",
        ),
        (
            "genres",
            "War",
            "request 1, `genres`: no column of users or requests, there are gender, age, likes, income, hour, device; \
             did you mean `gender`?",
        ),
    ];
    for (key, value, message) in cases {
        for ids in [&["film 1"][..], &[]] {
            let bad = Request { context: BTreeMap::from([(key.into(), value.into())]), ..history(ids) };
            let error = recommender.recommend(&[user("user 1"), bad], &top(5)).unwrap_err();
            assert_eq!((error.to_string().as_str(), error.kind()), (message, ErrorKind::Data));
        }
    }
}

#[test]
fn seen_items_are_left_out_or_kept_as_in_the_evaluation_unless_a_request_says_otherwise() {
    let fixture = Fixture::new(Kind::YoutubeDnn, SMALL, 1);
    let folder = tempfile::tempdir().unwrap();
    let written = |name: &str, seen: Seen| {
        let dir = folder.path().join(name);
        let contents = Contents { seen, ..fixture.contents(IndexPlan::Exact) };
        let manifest = u2i_bundle::write(&dir, &contents).unwrap();
        (manifest, Recommender::open(&dir, &device()).unwrap())
    };
    let (kept, excluded) = (written("kept", Seen::Kept), written("excluded", Seen::Excluded));
    assert_ne!(kept.0.seal, excluded.0.seal);
    // Bundles of old do not say, and leave them out.
    let says =
        |name: &str| std::fs::read_to_string(folder.path().join(name).join(Manifest::FILE_NAME)).unwrap();
    assert!(says("kept").contains("\"seen\": \"kept\"") && !says("excluded").contains("\"seen\""));
    let ids: Vec<&str> = fixture.events.items(3).iter().map(|&item| fixture.catalog.item_id(item)).collect();
    let asked = [user("user 3"), history(&ids), history(&["film 999"])];
    let says = [None, Some(Seen::Kept), Some(Seen::Excluded)];
    for ((manifest, recommender), evaluated) in
        [(&kept, Seen::Kept), (&excluded, Seen::Excluded)].map(|(a, b)| ((&a.0, &a.1), b))
    {
        assert_eq!(manifest.seen, evaluated);
        for seen in says {
            let answers = recommender.recommend(&asked, &Options { seen, ..top(100) }).unwrap();
            for answer in &answers[..2] {
                let n_seen = answer.items.iter().filter(|item| ids.contains(&item.item_id)).count();
                let wanted = seen.unwrap_or(evaluated);
                assert_eq!(
                    (answer.seen, n_seen > 0),
                    (wanted, wanted == Seen::Kept),
                    "{seen:?} {evaluated:?}"
                );
            }
            // What is similar to an item does not depend on it.
            assert_eq!(answers[2].items.len(), SMALL.trained);
        }
    }
    let similar = |recommender: &Recommender| {
        let similar = recommender.similar("film 3", 5.try_into().unwrap()).unwrap();
        similar.iter().map(|item| item.item_idx).collect::<Vec<_>>()
    };
    assert_eq!(similar(&kept.1), similar(&excluded.1));
}

/// A blank is no value, blanks around the entries of a list are none of theirs, and an entry may hold the separator.
#[test]
fn values_of_a_context_are_read_as_people_write_them() {
    let fixture = Fixture::new(Kind::Fm, SMALL, 1);
    let folder = tempfile::tempdir().unwrap();
    let recommender = opened(&fixture, folder.path());
    let with = |pairs: &[(&str, &str)]| {
        let pairs = pairs.iter().map(|(key, value)| (key.to_string(), value.to_string()));
        Request { context: pairs.collect(), ..history(&["film 3"]) }
    };
    let lists = |values: &[&str]| {
        let values = values.iter().map(|value| value.to_string()).collect();
        Request { lists: BTreeMap::from([("likes".to_owned(), values)]), ..history(&["film 3"]) }
    };
    let vector = |request: &Request| recommender.user_vectors(std::slice::from_ref(request)).unwrap();
    let same = [
        (with(&[("likes", "books | games")]), with(&[("interests", "books|games")])),
        (with(&[("likes", "books|games|")]), with(&[("likes", "books|games")])),
        (with(&[("likes", "books|games")]), lists(&["books", "games"])),
        (with(&[("gender", " ")]), with(&[])),
        (with(&[("income", ""), ("age", ""), ("device", ""), ("likes", "")]), with(&[])),
        (with(&[("age", " 41 ")]), with(&[("age", "41.0")])),
        // One value, which is not known.
        (lists(&["books|games"]), lists(&["chess"])),
    ];
    for (one, other) in &same {
        assert_eq!(vector(one), vector(other), "{one:?} {other:?}");
    }
    assert_ne!(vector(&with(&[("likes", "books")])), vector(&with(&[])));
    let list = Request { lists: BTreeMap::from([("age".to_owned(), vec![])]), ..history(&["film 3"]) };
    let error = recommender.recommend(&[list], &top(5)).unwrap_err();
    assert_eq!(error.to_string(), "request 0, `age`: expected one value, found a list of 0");
}

/// Requests go between programs as JSON; those of older ones have fewer fields.
#[test]
fn ids_with_any_letter_are_asked_for_in_json() {
    let json = r#"{"user": "O'Brien, \"Bob\" \u00e9", "history": ["film 3", "Salt, Pepper", " x ", "日本"]}"#;
    let request: Request = serde_json::from_str(json).unwrap();
    assert_eq!(request.history.as_ref().unwrap()[1..], ["Salt, Pepper", " x ", "日本"]);
    assert_eq!(request.user.as_deref(), Some("O'Brien, \"Bob\" é"));
    let written = serde_json::to_value(&request).unwrap();
    assert!(written.get("lists").is_none() && written.get("now_s").is_none());
    let fixture = Fixture::new(Kind::Fm, SMALL, 1);
    let folder = tempfile::tempdir().unwrap();
    let recommender = opened(&fixture, folder.path());
    let answers = recommender.recommend(&[request], &top(5)).unwrap();
    assert_eq!(answers[0].unknown_items, ["Salt, Pepper", " x ", "日本"]);
    assert_eq!(answers[0].strategy, Strategy::Model);
    assert!(serde_json::from_str::<Request>(r#"{"usr": "x"}"#).unwrap_err().to_string().contains("`usr`"));
}

#[test]
fn conditions_and_seen_items_leave_as_many_as_there_are() {
    let fixture = Fixture::new(Kind::Dssm, SMALL, 2);
    let folder = tempfile::tempdir().unwrap();
    let recommender = opened(&fixture, folder.path());
    let mut options = top(100);
    options.only = Some("year < 1960 and train_count >= 1".parse().unwrap());
    // Items 1 and 8 have no year; 2 to 10 are from 1951 to 1959.
    let asked = [history(&["film 1", "film 30"]), history(&[])];
    for (answer, wanted) in recommender.recommend(&asked, &options).unwrap().iter().zip([7, 8]) {
        assert_eq!(answer.items.len(), wanted, "{answer:?}");
    }
    options.only = Some("title = UK".parse().unwrap());
    let answers = recommender.recommend(&asked, &options).unwrap();
    assert!(
        answers[0].items.iter().all(|item| item.item_idx.is_multiple_of(2)),
        "the attribute, not our column"
    );
    options.only = Some("genre has War".parse().unwrap());
    let error = recommender.recommend(&asked, &options).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Usage);
    assert!(error.to_string().contains("items have genres, year, title, item_id"), "{error}");
}

#[test]
fn results_are_explained_by_the_nearest_items_of_the_history() {
    let fixture = Fixture::new(Kind::YoutubeDnn, SMALL, 2);
    let folder = tempfile::tempdir().unwrap();
    let recommender = opened(&fixture, folder.path());
    let mut options = top(3);
    options.explain = 2;
    // Film 41 has no training event and so no vector.
    let asked = [history(&["film 1", "film 2", "film 3", "film 41", "film 2"])];
    let answers = recommender.recommend(&asked, &options).unwrap();
    for item in &answers[0].items {
        let known = recommender.similar(item.item_id, 45.try_into().unwrap()).unwrap();
        let of_history = known.iter().filter(|other| ["film 1", "film 2", "film 3"].contains(&other.item_id));
        let wanted: Vec<(&str, f32)> = of_history.map(|other| (other.item_id, other.score)).collect();
        let found: Vec<(&str, f32)> =
            item.because.iter().map(|because| (because.item_id, because.similarity)).collect();
        assert_eq!(found, wanted[..2]);
    }
}

#[test]
fn similar_items_are_those_of_the_highest_cosine() {
    let fixture = Fixture::new(Kind::YoutubeDnn, SMALL, 2);
    let folder = tempfile::tempdir().unwrap();
    let recommender = opened(&fixture, folder.path());
    let cosine = |a: usize, b: usize| {
        let (a, b) = (fixture.vectors.vector(a), fixture.vectors.vector(b));
        let product = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(a, b)| f64::from(a * b)).sum::<f64>();
        product(a, b) / (product(a, a) * product(b, b)).sqrt()
    };
    let mut wanted: Vec<(usize, f64)> =
        (0..SMALL.trained).filter(|&i| i != 8).map(|i| (i, cosine(8, i))).collect();
    wanted.sort_by(|a, b| b.1.total_cmp(&a.1));
    let found = recommender.similar("film 8", 5.try_into().unwrap()).unwrap();
    assert_eq!(found.len(), 5);
    for (found, (row, cosine)) in found.iter().zip(wanted) {
        assert_eq!(found.item_idx as usize, row + 1);
        assert!((f64::from(found.score) - cosine).abs() < 1e-6);
    }
    assert!(matches!(
        recommender.similar("film 99", 5.try_into().unwrap()),
        Err(BundleError::UnknownItem(_))
    ));
    assert!(matches!(recommender.similar("film 41", 5.try_into().unwrap()), Err(BundleError::NoVector(_))));
    assert_eq!(recommender.item("film 41").unwrap().train_count, 0);
}

/// L3 and N6: a million recommendations, of each kind of answer; k results wherever k items are eligible.
#[test]
fn a_million_recommendations_hold_no_padding_no_duplicate_and_nothing_seen() {
    let size = Size { users: 800, trained: 300, cold: 20 };
    let mut n_recommended = 0;
    for (kind, seed) in [(Kind::YoutubeDnn, 1), (Kind::Dssm, 2), (Kind::Fm, 3)] {
        let fixture = Fixture::new(kind, size, seed);
        let folder = tempfile::tempdir().unwrap();
        let recommender = opened(&fixture, folder.path());
        let n_ranked = fixture.vectors.ids().len();
        let mut rng = Stream::new(seed, Purpose::SYNTHETIC, 1, 0);
        for (round, k) in [70, 1, 200, 1000].into_iter().enumerate() {
            let mut options = Options { seen: (round == 1).then_some(Seen::Kept), ..top(k) };
            options.search = if round % 2 == 0 { Search::Exact } else { Search::Index };
            let least = 1950 + rng.index(300);
            options.only = (round == 2).then(|| format!("year >= {least}").parse().unwrap());
            let is_eligible =
                |item: u32| round != 2 || !(item - 1).is_multiple_of(7) && 1949 + item as usize >= least;
            let asked: Vec<Request> = (0..size.users)
                .map(|i| {
                    let ids = (0..rng.index(40)).map(|_| format!("film {}", rng.index(350))).collect();
                    if i % 2 == 0 {
                        user(format!("user {i}"))
                    } else {
                        Request { history: Some(ids), ..user("?") }
                    }
                })
                .collect();
            for (i, answer) in recommender.recommend(&asked, &options).unwrap().into_iter().enumerate() {
                let seen: HashSet<u32> = match &asked[i].history {
                    Some(ids) => ids.iter().filter_map(|id| fixture.catalog.item_idx(id)).collect(),
                    None => fixture.events.items(i).iter().copied().collect(),
                };
                let may = |item: u32| is_eligible(item) && (round == 1 || !seen.contains(&item));
                let eligible = (1..=n_ranked as u32).filter(|&item| may(item)).count();
                let distinct: HashSet<u32> = answer.items.iter().map(|item| item.item_idx).collect();
                assert_eq!((answer.items.len(), distinct.len()), (k.min(eligible), k.min(eligible)));
                for item in &answer.items {
                    assert!(may(item.item_idx) && (1..=n_ranked).contains(&(item.item_idx as usize)));
                    assert!(item.score.is_finite());
                    assert_eq!(fixture.catalog.item_id(item.item_idx), item.item_id);
                }
                assert!(answer.items.is_sorted_by(|a, b| a.score >= b.score));
                n_recommended += answer.items.len();
            }
        }
    }
    assert!(n_recommended >= 1_000_000, "only {n_recommended}");
}
