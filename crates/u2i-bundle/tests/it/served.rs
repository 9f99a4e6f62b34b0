//! What is served is what was evaluated.

use std::collections::BTreeMap;

use u2i_bundle::{IndexPlan, Recommender, Request, Seen, Strategy};
use u2i_index::{ExactIndex, Filter, Index as _};
use u2i_models::{TwoTower as _, UserBatch};
use u2i_schema::{BatchMaker, Chunk, Raw};

use crate::fixture::{Fixture, Kind, SMALL, Size, device, device_at, history, top, user};

/// Each user's last event as evaluation does it: items and scores, seen items left out.
fn evaluated(fixture: &Fixture, targets: &[Chunk], k: usize) -> Vec<(Vec<u32>, Vec<f32>)> {
    let edges_s = fixture.history.as_ref().map_or(&[][..], |history| &history.gap_edges_s);
    let history_len = fixture.model.history_len();
    let maker = BatchMaker::new(&fixture.events, &fixture.users, &fixture.catalog, history_len)
        .with_gap_edges_s(edges_s);
    let batch = UserBatch::new(&maker.users(targets), None, &device());
    let queries: Vec<f32> = fixture.model.encode_users(&batch).into_data().try_into_vec().unwrap();
    let seen = |target: &Chunk| {
        let mut seen = fixture.events.items(target.user as usize)[..target.first as usize].to_vec();
        seen.sort_unstable();
        seen.dedup();
        seen
    };
    let seen: Vec<Vec<u32>> = targets.iter().map(seen).collect();
    let index = ExactIndex::new(fixture.vectors.clone());
    let found = index.search(&queries, k.try_into().unwrap(), Filter::excluding(&seen)).unwrap();
    (0..targets.len()).map(|i| (found.ids(i).to_vec(), found.scores(i).to_vec())).collect()
}

/// Of each user with events the last one, whose time comes after those before it.
fn last_events(fixture: &Fixture) -> Vec<Chunk> {
    let last = |user: u32| {
        let n = fixture.events.items(user as usize).len() as u32;
        (n > 0).then(|| Chunk { user, first: n - 1, targets: 1 })
    };
    (0..fixture.users.ids().len() as u32).filter_map(last).collect()
}

/// L5: for 100 users and each model the very items and the very bits of their scores. The device of the target's
/// event is what the caller knows of the request; the hour follows from its time.
#[test]
fn what_is_served_is_what_was_evaluated() {
    for kind in Kind::ALL {
        let fixture = Fixture::new(kind, Size { users: 101, ..SMALL }, 3);
        let folder = tempfile::tempdir().unwrap();
        let dir = folder.path().join("bundle");
        fixture.write(&dir, IndexPlan::Exact).unwrap();
        let recommender = Recommender::open(&dir, &device()).unwrap();
        let targets = last_events(&fixture);
        assert_eq!(targets.len(), 100);
        let evaluated = evaluated(&fixture, &targets, 10);
        let requests = targets.iter().map(|target| {
            let at_s = fixture.events.times_s(target.user as usize)[target.first as usize];
            let device = match device_at(at_s) {
                Raw::Text(device) => BTreeMap::from([("device".to_owned(), device.to_owned())]),
                _ => BTreeMap::new(),
            };
            let id = fixture.users.ids()[target.user as usize].clone();
            Request { at_s: Some(at_s), context: device, ..user(id) }
        });
        let answers = recommender.recommend(&requests.collect::<Vec<_>>(), &top(10)).unwrap();
        for (answer, (items, scores)) in answers.iter().zip(evaluated) {
            assert!(answer.items.iter().map(|item| item.item_idx).eq(items), "{kind:?}");
            assert!(answer.items.iter().map(|item| item.score).eq(scores), "{kind:?}");
        }
    }
}

/// A stranger with a user's events and attributes is that user; attributes go by the column's name or its source.
#[test]
fn a_stranger_with_the_same_history_and_attributes_gets_the_same() {
    let fixture = Fixture::new(Kind::YoutubeDnn, SMALL, 4);
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path().join("bundle");
    fixture.write(&dir, IndexPlan::Exact).unwrap();
    let recommender = Recommender::open(&dir, &device()).unwrap();
    // User 7 is F, likes the first three of the interests, and has an income of age / 50.
    let row = 7;
    let items = fixture.events.items(row);
    let ids: Vec<&str> = items.iter().map(|&item| fixture.catalog.item_id(item)).collect();
    let u2i_schema::ColumnData::Values(incomes) = &fixture.users.columns()[3] else { panic!("a number") };
    let income = f64::from(incomes[row]) * 0.3 + 1.1;
    let pairs = [
        ("gender", "F".to_owned()),
        ("age", (income * 50.0).round().to_string()),
        ("interests", "books|games|chess".to_owned()),
        ("income", ((income * 50.0).round() / 50.0).to_string()),
        ("hour", "13".to_owned()),
    ];
    let context: BTreeMap<String, String> = pairs.map(|(key, value)| (key.to_owned(), value)).into();
    let hour = BTreeMap::from([("hour".to_owned(), "13".to_owned())]);
    let stranger = Request { context, ..history(&ids) };
    let known = Request { context: hour, ..user("user 7") };
    let dim = fixture.vectors.dim();
    let vectors = recommender.user_vectors(&[stranger.clone(), known]).unwrap();
    assert_eq!(vectors[..dim], vectors[dim..]);
    for key in ["gender", "age", "interests", "hour"] {
        let mut other = stranger.clone();
        other.context.remove(key);
        assert_ne!(recommender.user_vectors(&[other]).unwrap(), vectors[..dim], "{key} has no effect");
    }
}

/// How long ago an event was counts where it is known: of a user's stored events, and not of a history of ids.
#[test]
fn the_moment_counts_where_events_have_times() {
    let fixture = Fixture::new(Kind::Attentive, SMALL, 4);
    assert!(fixture.weights.keys().any(|name| name.ends_with("gap_weights")));
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path().join("bundle");
    fixture.write(&dir, IndexPlan::Exact).unwrap();
    let recommender = Recommender::open(&dir, &device()).unwrap();
    let newest = *fixture.events.times_s(7).last().unwrap();
    // A day apart, so that the hour is the same.
    let vectors = |request: Request| {
        [1, 1 + 86_400].map(|later| {
            let request = Request { at_s: Some(newest + later), ..request.clone() };
            recommender.user_vectors(&[request]).unwrap()
        })
    };
    let [soon, later] = vectors(user("user 7"));
    assert_ne!(soon, later);
    let ids: Vec<&str> = fixture.events.items(7).iter().map(|&item| fixture.catalog.item_id(item)).collect();
    let [soon, later] = vectors(history(&ids));
    assert_eq!(soon, later);
}

/// What somebody searched for is what is stored of them before the moment, or what the caller says.
#[test]
fn a_sequence_is_stored_or_given() {
    let fixture = Fixture::new(Kind::Attentive, Size { users: 60, ..SMALL }, 4);
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path().join("bundle");
    fixture.write(&dir, IndexPlan::Exact).unwrap();
    let recommender = Recommender::open(&dir, &device()).unwrap();
    let side = &fixture.sequences[0];
    let (mut n_kept, mut n_others) = (0, 0);
    for row in 0..60 {
        // No moment: all that was searched for counts, and no event has an age.
        let searched = side.before(row, None, 3);
        let words: Vec<&str> =
            searched.iter().map(|&row| ["none of them", "drama", "war"][row as usize - 1]).collect();
        let given = |words: &str| {
            let context = BTreeMap::from([("searches".to_owned(), words.to_owned())]);
            recommender.user_vectors(&[Request { context, ..user(format!("user {row}")) }]).unwrap()
        };
        let stored = recommender.user_vectors(&[user(format!("user {row}"))]).unwrap();
        if !words.is_empty() {
            assert_eq!(stored, given(&words.join("|")), "user {row}");
            n_kept += 1;
            n_others += usize::from(stored != given("war|drama|drama"));
        }
    }
    assert!(n_kept > 30 && n_others > 20, "{n_kept} of whom {n_others} would have another vector");
}

#[test]
fn only_what_happened_before_the_moment_is_history() {
    let fixture = Fixture::new(Kind::Fm, SMALL, 5);
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path().join("bundle");
    fixture.write(&dir, IndexPlan::Exact).unwrap();
    let recommender = Recommender::open(&dir, &device()).unwrap();
    let times = fixture.events.times_s(3);
    let ids: Vec<&str> = fixture.events.items(3).iter().map(|&item| fixture.catalog.item_id(item)).collect();
    for n in 0..=times.len() {
        let at_s = times.get(n).copied().unwrap_or(i64::MAX);
        let asked = Request { at_s: Some(at_s), ..user("user 3") };
        // The same moment, so that request columns are the same.
        let given =
            Request { history: Some(ids[..n].iter().map(|id| id.to_string()).collect()), ..asked.clone() };
        let answers = recommender.recommend(&[asked, given], &top(50)).unwrap();
        assert_eq!(answers[0].items, answers[1].items, "{n} events");
        let n_later = [times.len() - n, 0];
        assert_eq!([answers[0].n_later_events, answers[1].n_later_events], n_later);
        assert_eq!(answers[0].strategy == Strategy::Popular, n == 0);
        let ids = |ids: &[&str]| answers[0].items.iter().any(|item| ids.contains(&item.item_id));
        assert!(!ids(&ids_of(&fixture, n)), "what was seen by then comes back");
    }
    let mut kept = top(50);
    kept.seen = Some(Seen::Kept);
    let all = recommender.recommend(&[user("user 3")], &kept).unwrap();
    assert_eq!(all[0].items.len(), fixture.vectors.ids().len());
}

/// The dates of data and the clock need not agree: years that were moved, a container that begins in 1970.
#[test]
fn without_a_moment_all_events_are_history_whatever_the_clock_says() {
    for kind in [Kind::Fm, Kind::Attentive] {
        let fixture = Fixture::new(kind, SMALL, 5);
        let folder = tempfile::tempdir().unwrap();
        let dir = folder.path().join("bundle");
        fixture.write(&dir, IndexPlan::Exact).unwrap();
        let recommender = Recommender::open(&dir, &device()).unwrap();
        let times = fixture.events.times_s(3);
        let (first, newest) = (times[0], *times.last().unwrap());
        // The hour is the same.
        let day = |time_s: i64| time_s.rem_euclid(86_400) - 5 * 86_400;
        let asked = [first - 86_400 * 9, day(first), first].map(|now_s| {
            let hour = BTreeMap::from([("hour".to_owned(), "13".to_owned())]);
            Request { now_s: Some(now_s), context: hour, ..user("user 3") }
        });
        let seen: Vec<&str> = ids_of(&fixture, times.len());
        let vectors = recommender.user_vectors(&asked).unwrap();
        for (answer, vector) in recommender
            .recommend(&asked, &top(50))
            .unwrap()
            .iter()
            .zip(vectors.chunks_exact(fixture.vectors.dim()))
        {
            assert_eq!((answer.strategy, answer.n_later_events), (Strategy::Model, 0));
            assert!(answer.items.iter().all(|item| !seen.contains(&item.item_id)));
            // No event is older than it would be at the newest.
            assert_eq!(vector, &vectors[..fixture.vectors.dim()], "{kind:?}");
        }
        // With a moment the same events are left out, and counted.
        let at = Request { at_s: Some(first), ..user("user 3") };
        let answer = &recommender.recommend(&[at], &top(50)).unwrap()[0];
        assert_eq!((answer.strategy, answer.n_later_events), (Strategy::Popular, times.len()));
        // A clock that is right tells the age of events as a moment does.
        let clock = Request { now_s: Some(newest + 86_400), ..user("user 3") };
        let moment = Request { at_s: clock.now_s, now_s: None, ..clock.clone() };
        let vectors = recommender.user_vectors(&[clock, moment]).unwrap();
        let (clock, moment) = vectors.split_at(fixture.vectors.dim());
        assert_eq!(clock, moment);
    }
}

/// The columns of the hour and the weekday are made from the clock where no moment is asked about.
#[test]
fn columns_of_time_are_the_moments_then_the_clocks_and_what_is_given_goes_before_both() {
    let fixture = Fixture::new(Kind::Fm, SMALL, 5);
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path().join("bundle");
    fixture.write(&dir, IndexPlan::Exact).unwrap();
    let recommender = Recommender::open(&dir, &device()).unwrap();
    let at_hour = |hour: i64| Some(4_000_000_000 / 86_400 * 86_400 + hour * 3_600);
    let given = |hour: &str| BTreeMap::from([("hour".to_owned(), hour.to_owned())]);
    let night = Request { context: given("3"), ..user("user 3") };
    let noon = Request { context: given("13"), ..user("user 3") };
    let vector = |request: &Request| recommender.user_vectors(std::slice::from_ref(request)).unwrap();
    let cases = [
        (Request { now_s: at_hour(3), ..user("user 3") }, &night),
        (Request { now_s: at_hour(13), ..user("user 3") }, &noon),
        (Request { now_s: at_hour(13), at_s: at_hour(3), ..user("user 3") }, &night),
        (Request { now_s: at_hour(13), ..night.clone() }, &night),
    ];
    assert_ne!(vector(&night), vector(&noon));
    for (request, wanted) in cases {
        assert_eq!(vector(&request), vector(wanted), "{request:?}");
    }
    assert_ne!(vector(&user("user 3")), vector(&noon));
}

fn ids_of(fixture: &Fixture, n: usize) -> Vec<&str> {
    fixture.events.items(3)[..n].iter().map(|&item| fixture.catalog.item_id(item)).collect()
}

/// A service asks one recommender from all its threads.
#[test]
fn a_recommender_is_shared_between_threads() {
    fn check<T: Send + Sync>() {}
    check::<Recommender>();
}
