//! Labels have room on whatever data.

use serde_json::{Value, json};

use super::picture::{Picture, pictures};
use super::*;

/// Numbers from 0 to 1 without a pattern, the same each time: multiples of the golden ratio.
fn scattered(i: usize) -> f64 {
    (i as f64 * 0.618_033_988_749_895).fract()
}

fn index(kind: String, recall: f64, p50_us: f64) -> Value {
    json!({"kind": kind, "k": 10, "n_queries": 300, "recall": recall, "p50_us": p50_us, "p99_us": 2.0 * p50_us})
}

/// What a sweep over an inverted file and a graph is called, and others.
fn kind(i: usize) -> String {
    match i {
        0 => "exact".to_owned(),
        1 => "flat_ip".to_owned(),
        _ if i.is_multiple_of(2) => format!("ivf_ip(nlist=62,nprobe={})", 1 << (i / 2)),
        _ => format!("hnsw_ip(m=32,ef_construction=200,ef_search={})", 8 << (i / 2)),
    }
}

/// Kinds that no setting shortens.
fn long_kind(i: usize) -> String {
    format!(
        "an_index_of_number_{i}_with_a_name_that_is_longer_than_a_picture_is_wide(m={i},{})",
        "x".repeat(i)
    )
}

fn search_of(search: Vec<Value>) -> (Picture, String) {
    let mut run = run();
    set(&mut run, "/search", Value::Array(search));
    let page = render(&run).unwrap();
    (pictures(&page).pop().unwrap(), page)
}

/// The numbers of the points that texts such as `1–3, 7` name.
fn numbers(picture: &Picture) -> Vec<usize> {
    let mut all = Vec::new();
    let names = picture.labels.iter().filter(|label| label.anchor == "start");
    for part in names.flat_map(|label| label.text.split(',')) {
        let mut ends = part.trim().split('–').map(str::parse::<usize>);
        if let Some(Ok(first)) = ends.next() {
            all.extend(first..=ends.next().and_then(Result::ok).unwrap_or(first));
        }
    }
    all.sort_unstable();
    all
}

#[test]
fn names_of_indexes_lie_on_nothing_however_many_and_close_they_are() {
    type Place = fn(usize) -> (f64, f64);
    let places: [(&str, Place); 8] = [
        ("equal", |_| (1.0, 20.0)),
        ("equal and bad", |_| (0.1, 20.0)),
        ("nearly equal", |i| (0.99 + 1e-5 * i as f64, 20.0 + 0.05 * i as f64)),
        ("close", |i| (0.9 + 0.005 * scattered(i), 20.0 + 2.0 * scattered(7 * i))),
        ("all of recall 1", |i| (1.0, 20.0 + i as f64)),
        ("all equally fast", |i| (1.0 - scattered(i), 20.0)),
        ("scattered", |i| (scattered(i), 1000f64.powf(scattered(3 * i)))),
        ("far apart", |i| (1.0 - 0.5f64.powi(i as i32), 10f64.powi(i as i32) / 1e3)),
    ];
    for (what, place) in places {
        for n in 1..=16 {
            for kind in [kind, long_kind] {
                let line = |i: usize| index(kind(i), place(i).0, place(i).1);
                let (picture, page) = search_of((0..n).map(line).collect());
                let what = format!("{n} {what} {}", kind(0));
                picture.check(&what);
                let table = page.split("Recall against latency").nth(2).unwrap_or(&page);
                for i in 0..n {
                    assert!(
                        table.contains(&families::in_words(&kind(i))),
                        "{what}: {} is not in the table",
                        kind(i)
                    );
                }
                if page.contains("Numbers are those of the table") {
                    assert_eq!(numbers(&picture), (1..=n).collect::<Vec<_>>(), "{what}");
                }
            }
        }
    }
}

#[test]
fn whatever_a_report_says_of_its_searches_a_picture_comes_of_it() {
    let mut search: Vec<Value> = [(7.0, 0.0), (-3.0, 1e300), (0.5, 1e-300), (1.0, 5.0)]
        .into_iter()
        .enumerate()
        .map(|(i, (recall, p50_us))| index(kind(i), recall, p50_us))
        .collect();
    search[0]["n_queries"] = json!(usize::MAX);
    search[1]["n_queries"] = json!(0);
    let (picture, page) = search_of(search);
    picture.check("absurd figures");
    assert!(!page.contains("NaN") && !page.contains("2147483647"));
}

#[test]
fn the_sweep_that_every_run_makes_is_named_by_its_settings() {
    let recall = |i: usize| 1.0 - 0.3 * 0.4f64.powi(i as i32 / 2);
    let (picture, page) =
        search_of((0..13).map(|i| index(kind(i), recall(i), 4.0 * 1.4f64.powi(i as i32))).collect());
    assert!(!page.contains("Numbers are those of the table"));
    assert!(
        page.contains("ivf_ip nlist=62, by nprobe")
            && page.contains("hnsw_ip m=32, ef_construction=200, by ef_search")
    );
    let texts: Vec<&str> = picture.labels.iter().map(|label| label.text.as_str()).collect();
    assert!(
        ["exact", "flat_ip", "2", "64", "16", "256"].iter().all(|name| texts.contains(name)),
        "{texts:?}"
    );
}

#[test]
fn no_label_of_a_page_lies_on_another_whatever_the_data() {
    type Change = fn(&mut RunFiles);
    let changes: [(&str, Change); 10] = [
        ("nothing", |_| ()),
        ("a long name", |run| {
            set(run, "/model", json!("a_model_with_a_name_that_is_longer_than_a_picture_is_wide"))
        }),
        ("many epochs", |run| {
            let epoch = run.epochs[0].clone();
            run.epochs =
                (1..=1000).map(|i| EpochLine { epoch: i, step: 1000 * i, ..epoch.clone() }).collect();
        }),
        ("large losses", |run| run.steps.iter_mut().for_each(|step| step.loss = 1e6 * (1.0 + step.loss))),
        ("small losses", |run| run.steps.iter_mut().for_each(|step| step.loss *= 1e-9)),
        ("equal losses", |run| run.steps.iter_mut().for_each(|step| step.loss = 3.0)),
        ("many steps", |run| run.steps.iter_mut().for_each(|step| step.step *= 1_000_000)),
        ("many cutoffs", |run| {
            let metrics = run.report["metrics"].as_object_mut().unwrap();
            for k in (1..=30).chain([100, 1000, 10_000, 1_000_000]) {
                metrics.insert(format!("hit_rate@{k}"), json!(k as f64 / 2e6));
            }
        }),
        ("equal metrics", |run| {
            let own = run.report["metrics"].clone();
            run.report["baselines"] = json!({"random": own, "popularity": own, "markov_window": own});
        }),
        ("popular items", |run| {
            let counts = [100_000_000, 99_999_999, 12_345_678, 0];
            run.recommended.iter_mut().zip(counts).for_each(|(item, n)| item.n_train = n);
            run.ranks.iter_mut().zip(counts).for_each(|(row, n)| (row.n_train, row.n_earlier) = (n, n));
            set(run, "/n_items", json!(100_000_000));
            set(run, "/n_items_ranked", json!(100_000_000));
        }),
    ];
    for (what, change) in changes {
        let mut run = run();
        change(&mut run);
        let page = render(&run).unwrap();
        let pictures = pictures(&page);
        assert!(pictures.len() >= 8, "{what}: {}", pictures.len());
        pictures.iter().enumerate().for_each(|(i, picture)| picture.check(&format!("{what}, picture {i}")));
    }
}
