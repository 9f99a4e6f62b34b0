//! What is asked together has no effect on each other.

use std::collections::BTreeMap;

use u2i_bundle::{Answer, BundleError, IndexPlan, ItemSet, Now, Options, Recommender, Request, Search, Seen};
use u2i_models::{TwoTower as _, UserBatch};
use u2i_random::{Purpose, Stream};
use u2i_schema::{BatchMaker, Chunk, Raw};

use crate::fixture::{Fixture, Kind, SMALL, Size, device, device_at, history, top, user};

fn bits(numbers: &[f32]) -> Vec<u32> {
    numbers.iter().map(|number| number.to_bits()).collect()
}

/// A user's vector has the same bits alone, in batches of any size with whomever, and as the evaluation makes it.
#[test]
fn a_vector_has_the_bits_of_the_evaluation_whatever_it_is_made_with() {
    let size = Size { users: 1_100, trained: 120, cold: 0 };
    for kind in Kind::ALL {
        let fixture = Fixture::new(kind, size, 3);
        let folder = tempfile::tempdir().unwrap();
        let recommender = fixture.opened(folder.path(), IndexPlan::Exact);
        let targets: Vec<Chunk> = (1..1_100)
            .map(|user| {
                let n = fixture.events.items(user as usize).len() as u32;
                Chunk { user, first: n - 1, targets: 1 }
            })
            .collect();
        let edges_s = fixture.history.as_ref().map_or(&[][..], |history| &history.gap_edges_s);
        let maker =
            BatchMaker::new(&fixture.events, &fixture.users, &fixture.catalog, fixture.model.history_len())
                .with_gap_edges_s(edges_s);
        // In blocks, as `u2i_train::user_vectors` encodes them.
        let evaluated: Vec<f32> = targets
            .chunks(1_024)
            .flat_map(|targets| {
                let batch = UserBatch::new(&maker.users(targets), None, &device());
                fixture.model.encode_users(&batch).into_data().try_into_vec::<f32>().unwrap()
            })
            .collect();
        let evaluated: Vec<Vec<u32>> = evaluated.chunks_exact(fixture.vectors.dim()).map(bits).collect();
        let requests: Vec<Request> = targets
            .iter()
            .map(|target| {
                let at_s = fixture.events.times_s(target.user as usize)[target.first as usize];
                let context = match device_at(at_s) {
                    Raw::Text(device) => BTreeMap::from([("device".to_owned(), device.to_owned())]),
                    _ => BTreeMap::new(),
                };
                Request { at_s: Some(at_s), context, ..user(format!("user {}", target.user)) }
            })
            .collect();
        let mut rng = Stream::new(9, Purpose::SYNTHETIC, 5, 0);
        let check = |chosen: &[usize]| {
            let asked: Vec<Request> = chosen.iter().map(|&i| requests[i].clone()).collect();
            let vectors = recommender.user_vectors(&asked).unwrap();
            for (vector, &i) in vectors.chunks_exact(fixture.vectors.dim()).zip(chosen) {
                assert_eq!(bits(vector), evaluated[i], "{kind:?}, {} together", chosen.len());
            }
        };
        (0..200).for_each(|i| check(&[i]));
        for n in (2..65).chain([100, 600]) {
            check(&(0..n).map(|_| rng.index(requests.len())).collect::<Vec<_>>());
        }
        check(&(0..requests.len()).collect::<Vec<_>>());
    }
}

fn shown(answer: &Result<Answer<'_>, BundleError>) -> String {
    match answer {
        Ok(answer) => {
            let scores: Vec<u32> = answer.items.iter().map(|item| item.score.to_bits()).collect();
            format!("{answer:?} {scores:?}")
        }
        Err(error) => error.to_string(),
    }
}

/// Requests of all sorts by options of all sorts.
fn asked(size: Size, rng: &mut Stream) -> (Request, Options) {
    let ids = |n: usize, rng: &mut Stream| -> Vec<String> {
        (0..n).map(|_| format!("film {}", rng.index(size.trained + 5))).collect()
    };
    let request = match rng.index(5) {
        0 => history(&[]),
        1 => Request { history: Some(ids(1 + rng.index(9), rng)), ..Request::default() },
        _ => user(format!("user {}", rng.index(size.users + 3))),
    };
    let request = Request {
        allow: (rng.index(6) == 0).then(|| ids(30, rng)),
        deny: if rng.index(3) == 0 { ids(5, rng) } else { vec![] },
        at_s: (rng.index(3) == 0).then(|| rng.index(100_000) as i64),
        context: match rng.index(12) {
            0 => BTreeMap::from([("age".to_owned(), "old".to_owned())]),
            1 => BTreeMap::from([("device".to_owned(), "tv".to_owned())]),
            _ => BTreeMap::new(),
        },
        ..request
    };
    let conditions = ["year >= 2000", "genres has Comedy", "genres has Horror", "nothing = 1"];
    let options = Options {
        seen: [None, Some(Seen::Kept), Some(Seen::Excluded)][rng.index(3)],
        only: (rng.index(3) == 0).then(|| conditions[rng.index(4)].parse().unwrap()),
        search: if rng.index(3) == 0 { Search::Exact } else { Search::Index },
        explain: rng.index(3),
        ..top([1, 5, 10, 40][rng.index(4)])
    };
    (request, options)
}

/// Each answer, and each error, is the one that the request gets alone: items, reasons and bits of scores.
fn each_gets_what_it_gets_alone(recommender: &Recommender, size: Size, seed: u64) {
    let mut rng = Stream::new(seed, Purpose::SYNTHETIC, 6, 0);
    let hidden: ItemSet = [3, 4, 17, 40, 41].into_iter().collect();
    let popular = vec![(17, 9.0), (5, 8.0), (6, 8.0)];
    let (mut n_errors, mut n_answers) = (0, 0);
    for round in 0..60 {
        let now = match round % 3 {
            0 => Now::default(),
            _ => Now { hidden: Some(&hidden), popular: Some(&popular) },
        };
        let n = [2, 3, 17, 64][round % 4];
        let all: Vec<(Request, Options)> = (0..n).map(|_| asked(size, &mut rng)).collect();
        let together: Vec<(&Request, &Options)> =
            all.iter().map(|(request, options)| (request, options)).collect();
        let answers = recommender.recommend_each(&together, &now);
        assert_eq!(answers.len(), n);
        for (i, answer) in answers.iter().enumerate() {
            let alone = recommender.recommend_each(&together[i..=i], &now);
            // An error says which of the call's requests it is of.
            let wanted = shown(&alone[0]).replace("request 0, ", &format!("request {i}, "));
            assert_eq!(shown(answer), wanted, "round {round}, {i} of {n}");
            if answer.is_ok() { n_answers += 1 } else { n_errors += 1 }
        }
    }
    assert!(n_errors > 100 && n_answers > 800, "{n_errors} errors, {n_answers} answers");
}

#[test]
fn errors_and_answers_are_of_their_entry_alone() {
    let size = Size { users: 80, trained: 150, cold: 6 };
    for kind in [Kind::Fm, Kind::Dssm, Kind::YoutubeDnn, Kind::Attentive, Kind::WithoutHistory] {
        let fixture = Fixture::new(kind, size, 2);
        let folder = tempfile::tempdir().unwrap();
        each_gets_what_it_gets_alone(&fixture.opened(folder.path(), IndexPlan::Exact), size, 4);
    }
}

#[cfg(feature = "faiss")]
#[test]
fn an_index_finds_the_same_whatever_is_asked_together() {
    use u2i_index::{FaissSpec, Similarity};
    let n = |n: usize| n.try_into().unwrap();
    let size = Size { users: 80, trained: 3_000, cold: 0 };
    let fixture = Fixture::new(Kind::YoutubeDnn, size, 2);
    let specs = [
        FaissSpec::Flat,
        FaissSpec::Hnsw { m: n(8), ef_construction: n(40), ef_search: n(40) },
        FaissSpec::Ivf { nlist: n(40), nprobe: n(4) },
        FaissSpec::Sq8,
    ];
    for spec in specs {
        let folder = tempfile::tempdir().unwrap();
        let (metric, queries) = (Similarity::InnerProduct, fixture.vectors.data());
        let plan = IndexPlan::Faiss { spec, metric, min_recall: 0.01, queries, k: n(5) };
        each_gets_what_it_gets_alone(&fixture.opened(folder.path(), plan), size, 4);
    }
}

#[test]
fn requests_by_several_options_are_answered_in_their_order() {
    let fixture = Fixture::new(Kind::Fm, SMALL, 1);
    let folder = tempfile::tempdir().unwrap();
    let recommender = fixture.opened(folder.path(), IndexPlan::Exact);
    let (one, five) = (top(1), Options { seen: Some(Seen::Kept), ..top(5) });
    let (known, bad) = (user("user 3"), Request { times_s: Some(vec![]), ..user("user 3") });
    let asked = [(&known, &five), (&bad, &one), (&known, &one), (&bad, &five)];
    let answers = recommender.recommend_each(&asked, &Now::default());
    let n_items: Vec<Option<usize>> =
        answers.iter().map(|answer| answer.as_ref().ok().map(|answer| answer.items.len())).collect();
    assert_eq!(n_items, [Some(5), None, Some(1), None]);
    let says = |i: usize| answers[i].as_ref().unwrap_err().to_string();
    assert_eq!([says(1), says(3)], [1, 3].map(|i| format!("request {i}, `times_s`: there is no history")));
    assert!(recommender.recommend_each(&[], &Now::default()).is_empty());
}
