//! What has happened since the bundle was made counts as if the bundle held it.

use u2i_bundle::{Happened, IndexPlan, Recommender, Request, Strategy};
use u2i_random::{Purpose, Stream};
use u2i_schema::ErrorKind;

use crate::fixture::{Fixture, Kind, SMALL, Size, history, top, user};

fn happened(fixture: &Fixture, at: usize) -> Happened {
    let item = fixture.catalog.item_id(fixture.events.all_items()[at]).to_owned();
    Happened { item, at_s: fixture.events.all_times_s()[at] }
}

/// Where a user's events stand among all.
fn events_of(fixture: &Fixture, user: usize) -> std::ops::Range<usize> {
    fixture.events.start(user)..fixture.events.start(user) + fixture.events.items(user).len()
}

/// One bundle holds all events, one a part of them, drawn at random, and hears of the others with the request: vectors and
/// answers are the same to the bit, with a moment and without, though a few that it holds are told again.
#[test]
fn live_events_are_those_of_a_bundle_that_holds_them() {
    for kind in Kind::ALL {
        let fixture = Fixture::new(kind, Size { users: 40, ..SMALL }, 3);
        let folders = [tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap()];
        let whole = fixture.opened(folders[0].path(), IndexPlan::Exact);
        let mut rng = Stream::new(5, Purpose::SYNTHETIC, 2, 0);
        let held: Vec<bool> = (0..fixture.events.n_events()).map(|_| rng.index(3) > 0).collect();
        let later = Fixture::new(kind, Size { users: 40, ..SMALL }, 3).with_events_where(|at| held[at]);
        let earlier = later.opened(folders[1].path(), IndexPlan::Exact);
        let mut n_live = 0;
        for row in 0..40 {
            let events = events_of(&fixture, row);
            let newest = events.clone().last().map_or(0, |at| fixture.events.all_times_s()[at]);
            for at_s in [None, Some(newest + 1), Some(newest), Some(newest - 25_000)] {
                // They come in any order.
                let mut live: Vec<Happened> = events
                    .clone()
                    .filter(|&at| !held[at] || rng.index(5) == 0)
                    .map(|at| happened(&fixture, at))
                    .collect();
                for place in (1..live.len()).rev() {
                    live.swap(place, rng.index(place + 1));
                }
                let known = Request { at_s, now_s: Some(newest + 9_000), ..user(format!("user {row}")) };
                let told = Request { live, ..known.clone() };
                let vectors = |recommender: &Recommender, request: &Request| {
                    recommender.user_vectors(std::slice::from_ref(request)).unwrap()
                };
                let (wanted, found) = (vectors(&whole, &known), vectors(&earlier, &told));
                assert!(bits(&wanted).eq(bits(&found)), "{kind:?}, user {row} at {at_s:?}");
                let answer = |recommender: &Recommender, request: &Request| {
                    let mut answers = recommender.recommend(std::slice::from_ref(request), &top(50)).unwrap();
                    let answer = answers.remove(0);
                    let items: Vec<(u32, u32)> =
                        answer.items.iter().map(|item| (item.item_idx, item.score.to_bits())).collect();
                    (items, answer.strategy, answer.n_later_events, answer.n_live_events)
                };
                let (wanted, found) = (answer(&whole, &known), answer(&earlier, &told));
                assert_eq!(
                    (&wanted.0, wanted.1, wanted.2),
                    (&found.0, found.1, found.2),
                    "{kind:?} {row} {at_s:?}"
                );
                let is_live = |&at: &usize| {
                    !held[at] && at_s.is_none_or(|at_s| fixture.events.all_times_s()[at] < at_s)
                };
                assert_eq!((wanted.3, found.3), (0, events.clone().filter(is_live).count()));
                n_live += found.3;
            }
        }
        assert!(n_live > 150, "only {n_live}");
    }
}

fn bits(numbers: &[f32]) -> impl Iterator<Item = u32> {
    numbers.iter().map(|number| number.to_bits())
}

/// Random histories and live events in few seconds, so that many are of one. A plain list says in which order: what is
/// there keeps its order, a live event stands behind the last that is not later or of no known time.
#[test]
fn live_events_join_by_time_behind_what_is_not_later() {
    let fixture = Fixture::new(Kind::Attentive, SMALL, 4);
    let folder = tempfile::tempdir().unwrap();
    let recommender = fixture.opened(folder.path(), IndexPlan::Exact);
    let mut rng = Stream::new(7, Purpose::SYNTHETIC, 3, 0);
    let mut draw = |n: usize, known: usize| -> Vec<(String, Option<i64>)> {
        let mut draw = || {
            let time_s = 5_000 * rng.index(6) as i64;
            (format!("film {}", rng.index(40)), Some(time_s).filter(|_| rng.index(4) < known))
        };
        (0..n).map(|_| draw()).collect()
    };
    let (mut n_ties, mut n_others) = (0, 0);
    for round in 0..300 {
        let (n_given, n_live) = (round % 7, round / 7 % 6);
        // Sometimes in the order of time, sometimes not, sometimes with times that are not known.
        let mut given = draw(n_given, 3 + round % 2);
        if round % 3 > 0 {
            given.sort_by_key(|(_, time_s)| *time_s);
        }
        let live = draw(n_live, 4);
        let at_s = (round % 4 == 0).then_some(15_000);
        let is_before = |time_s: Option<i64>| time_s.zip(at_s).is_none_or(|(time_s, at_s)| time_s < at_s);
        let mut wanted: Vec<_> = given.iter().filter(|(_, time_s)| is_before(*time_s)).cloned().collect();
        let mut joining: Vec<_> = live.iter().filter(|event| !given.contains(event)).cloned().collect();
        let n_later = given.len() - wanted.len() + joining.iter().filter(|(_, at)| !is_before(*at)).count();
        joining.retain(|(_, time_s)| is_before(*time_s));
        let n_live = joining.len();
        for event in &joining {
            let last =
                wanted.iter().rposition(|(_, time_s)| time_s.is_none_or(|time_s| Some(time_s) <= event.1));
            n_ties += usize::from(last.is_some_and(|last| wanted[last].1 == event.1));
            // Of one second in the order in which they came: those that were put there are not later either.
            wanted.insert(last.map_or(0, |last| last + 1), event.clone());
        }
        let asked = |events: &[(String, Option<i64>)], live: &[(String, Option<i64>)]| Request {
            history: Some(events.iter().map(|(id, _)| id.clone()).collect()),
            times_s: Some(events.iter().map(|(_, time_s)| *time_s).collect()),
            live: live
                .iter()
                .map(|(item, time_s)| Happened { item: item.clone(), at_s: time_s.unwrap_or(0) })
                .collect(),
            at_s,
            now_s: Some(27_000),
            ..Request::default()
        };
        let requests = [asked(&given, &live), asked(&wanted, &[]), asked(&given, &[])];
        let vectors = recommender.user_vectors(&requests).unwrap();
        let vector = |i: usize| &vectors[i * fixture.vectors.dim()..][..fixture.vectors.dim()];
        assert!(bits(vector(0)).eq(bits(vector(1))), "{given:?} with {live:?} at {at_s:?}");
        n_others += usize::from(vector(0) != vector(2));
        let answers = recommender.recommend(&requests, &top(60)).unwrap();
        assert_eq!(answers[0].items, answers[1].items);
        assert_eq!((answers[0].n_live_events, answers[0].n_later_events), (n_live, n_later), "round {round}");
        assert_eq!((answers[1].n_live_events, answers[1].n_later_events), (0, 0));
    }
    assert!(n_ties > 100 && n_others > 150, "{n_ties} ties, {n_others} vectors that live events changed");
}

#[test]
fn an_event_that_the_bundle_holds_is_counted_once() {
    let fixture = Fixture::new(Kind::Fm, SMALL, 5);
    let folder = tempfile::tempdir().unwrap();
    let recommender = fixture.opened(folder.path(), IndexPlan::Exact);
    let events = events_of(&fixture, 3);
    let live: Vec<Happened> = events.clone().map(|at| happened(&fixture, at)).collect();
    let newest_s = live.last().unwrap().at_s;
    let answer = |live: Vec<Happened>, at_s| {
        let request = Request { live, at_s, ..user("user 3") };
        let vector = recommender.user_vectors(std::slice::from_ref(&request)).unwrap();
        let answer = recommender.recommend(&[request], &top(5)).unwrap().remove(0);
        (vector, answer.n_live_events, answer.n_later_events)
    };
    assert_eq!(answer(live.clone(), None), answer(vec![], None));
    // At the moment itself: what is left out is told once.
    assert_eq!(answer(live.clone(), Some(newest_s)), answer(vec![], Some(newest_s)));
    // A second later, or another item, it is another event.
    let mut others = [live.last().unwrap().clone(), live.last().unwrap().clone()];
    others[0].at_s += 1;
    others[1].item = if others[1].item == "film 1" { "film 2" } else { "film 1" }.to_owned();
    for other in others {
        let found = answer(vec![other.clone()], None);
        assert_eq!(found.1, 1);
        assert_ne!(found.0, answer(vec![], None).0, "{other:?}");
    }
}

#[test]
fn live_events_make_a_history_of_a_stranger_and_unknown_items_are_named() {
    let fixture = Fixture::new(Kind::Dssm, SMALL, 5);
    let folder = tempfile::tempdir().unwrap();
    let recommender = fixture.opened(folder.path(), IndexPlan::Exact);
    let live = |ids: &[&str]| -> Vec<Happened> {
        (1..).zip(ids).map(|(at_s, id)| Happened { item: id.to_string(), at_s }).collect()
    };
    let asked = [
        Request { live: live(&["film 3", "film 999", "film 4"]), ..user("nobody") },
        Request { user: Some("nobody".into()), ..history(&["film 3", "film 4"]) },
        Request { live: live(&["film 999"]), ..user("nobody") },
    ];
    let answers = recommender.recommend(&asked, &top(5)).unwrap();
    assert_eq!(answers[0].items, answers[1].items);
    assert_eq!((&answers[0].unknown_items[..], answers[0].n_live_events), (&["film 999".to_owned()][..], 2));
    assert_eq!((answers[2].strategy, answers[2].n_live_events), (Strategy::Popular, 0));
    // What they met since is seen as what they met before is.
    assert!(answers[0].items.iter().all(|item| !["film 3", "film 4"].contains(&item.item_id)));
}

#[test]
fn times_of_a_history_are_one_for_each_item() {
    let fixture = Fixture::new(Kind::Attentive, SMALL, 4);
    let folder = tempfile::tempdir().unwrap();
    let recommender = fixture.opened(folder.path(), IndexPlan::Exact);
    let cases = [
        (
            Request { times_s: Some(vec![Some(1)]), ..history(&["film 1", "film 999"]) },
            "request 0, `times_s`: expected one for each of the 2 items, found 1",
        ),
        (Request { times_s: Some(vec![]), ..user("user 3") }, "request 0, `times_s`: there is no history"),
    ];
    for (request, message) in cases {
        let error = recommender.recommend(&[request], &top(5)).unwrap_err();
        assert_eq!((error.to_string().as_str(), error.kind()), (message, ErrorKind::Data));
    }
    // A user's events by their ids and times are the user's events.
    let events =
        fixture.events.items(7).iter().map(|&item| fixture.catalog.item_id(item)).collect::<Vec<_>>();
    let times_s = fixture.events.times_s(7).iter().map(|&time_s| Some(time_s)).collect();
    let known = Request { at_s: fixture.events.times_s(7).last().copied(), ..user("user 7") };
    let given = Request { history: history(&events).history, times_s: Some(times_s), ..known.clone() };
    let without = Request { times_s: None, ..given.clone() };
    let vectors = recommender.user_vectors(&[known.clone(), given.clone(), without]).unwrap();
    let dim = fixture.vectors.dim();
    assert_eq!(vectors[..dim], vectors[dim..2 * dim]);
    assert_ne!(vectors[..dim], vectors[2 * dim..]);
    let answers = recommender.recommend(&[known, given], &top(50)).unwrap();
    assert_eq!(
        (&answers[0].items, answers[0].n_later_events),
        (&answers[1].items, answers[1].n_later_events)
    );
}

/// Whoever was forgotten is a stranger: neither events nor columns of theirs are looked at, and what they do from now on
/// counts.
#[test]
fn of_a_forgotten_user_nothing_is_known() {
    for kind in [Kind::Fm, Kind::Attentive, Kind::WithoutHistory] {
        let fixture = Fixture::new(kind, SMALL, 5);
        let folder = tempfile::tempdir().unwrap();
        let recommender = fixture.opened(folder.path(), IndexPlan::Exact);
        for row in 1..SMALL.users {
            let live = vec![Happened { item: "film 3".into(), at_s: 70_000 }];
            let moment = Request { at_s: Some(80_000), ..Request::default() };
            let known = Request { user: user(format!("user {row}")).user, ..moment.clone() };
            let forgotten = Request { forgotten: true, ..known.clone() };
            let stranger = Request { user: Some("nobody".into()), ..moment.clone() };
            let requests = [
                forgotten.clone(),
                stranger.clone(),
                Request { live: live.clone(), ..forgotten },
                Request { live, ..stranger },
                known,
            ];
            let answers = recommender.recommend(&requests, &top(50)).unwrap();
            assert_eq!(answers[0], answers[1], "{kind:?}");
            assert_eq!(answers[2], answers[3], "{kind:?}");
            assert!(answers[0].unknown_user && !answers[4].unknown_user);
            assert_ne!(answers[0].items, answers[4].items, "{kind:?}, user {row}");
        }
    }
}
