//! Items and users that come up only after the cut.

use std::collections::{HashMap, HashSet};
use std::fmt::Write as _;
use std::path::Path;

use serde_json::Value;
use u2i_random::{Purpose, Stream};

use crate::runs::{fail, json, succeed};

const GENRES: usize = 5;
/// Items of a genre that are there from the beginning, and those that come after the second cut.
const OLD: usize = 40;
const NEW: usize = 8;
const OLD_USERS: usize = 150;
const NEW_USERS: usize = 50;
/// Users who come after the second cut.
const LATE_USERS: usize = 8;
const EVENTS: usize = 4000;

/// A row of the file: user, item and second.
#[derive(Clone, Copy)]
struct Row {
    user: usize,
    item: usize,
    time_s: i64,
}

/// Users of group `g` take items of genre `g`, nine times out of ten; both are known by their attributes alone. Nobody
/// takes an item twice, and no two events share a second.
fn rows() -> Vec<Row> {
    let mut rng = Stream::new(7, Purpose::SYNTHETIC, 0, 0);
    let mut taken = HashSet::new();
    let mut rows = Vec::new();
    for event in 0..EVENTS {
        let tenth = 10 * event / EVENTS;
        let n_users = match tenth {
            0..8 => OLD_USERS,
            8 => OLD_USERS + NEW_USERS,
            _ => OLD_USERS + NEW_USERS + LATE_USERS,
        };
        loop {
            let user = rng.index(n_users);
            let genre = if rng.unit() < 0.9 { user % GENRES } else { rng.index(GENRES) };
            let is_new = tenth == 9 && rng.unit() < 0.5;
            let place = if is_new { OLD + rng.index(NEW) } else { rng.index(OLD) };
            let item = place * GENRES + genre;
            if taken.insert((user, item)) {
                rows.push(Row { user, item, time_s: 1_000_000_000 + 60 * event as i64 });
                break;
            }
        }
    }
    rows
}

/// What a recount of the rows has, without our code.
#[derive(Debug, PartialEq)]
struct Counts {
    targets: usize,
    cold_items: usize,
    cold_users: usize,
    without_history: usize,
    /// Items without a training event.
    items: usize,
}

fn recount(rows: &[Row]) -> Counts {
    let (validation_s, test_s) = (rows[rows.len() * 8 / 10].time_s, rows[rows.len() * 9 / 10].time_s);
    let mut of_users: HashMap<usize, Vec<Row>> = HashMap::new();
    rows.iter().for_each(|row| of_users.entry(row.user).or_default().push(*row));
    let train = || rows.iter().filter(|row| row.time_s < validation_s);
    let items: HashSet<usize> = train().map(|row| row.item).collect();
    let users: HashSet<usize> = train().map(|row| row.user).collect();
    let all: HashSet<usize> = rows.iter().map(|row| row.item).collect();
    let mut counts = Counts {
        targets: 0,
        cold_items: 0,
        cold_users: 0,
        without_history: 0,
        items: all.len() - items.len(),
    };
    for (user, own) in of_users {
        let Some(target) = own.iter().position(|row| row.time_s >= test_s) else { continue };
        if target == 0 {
            counts.without_history += 1;
            continue;
        }
        counts.targets += 1;
        counts.cold_items += usize::from(!items.contains(&own[target].item));
        counts.cold_users += usize::from(!users.contains(&user));
    }
    counts
}

/// Events and attributes, and a config of ours for them.
fn write(folder: &Path, rows: &[Row], config: &str) {
    let mut events = "user,item,second\n".to_owned();
    rows.iter().for_each(|row| writeln!(events, "u{},i{},{}", row.user, row.item, row.time_s).unwrap());
    let table = |header: &str, letter: char, n: usize| {
        let lines = (0..n).map(|row| format!("{letter}{row},{}\n", row % GENRES));
        std::iter::once(format!("{header}\n")).chain(lines).collect::<String>()
    };
    let users = table("id,group", 'u', OLD_USERS + NEW_USERS + LATE_USERS);
    let items = table("id,genre", 'i', GENRES * (OLD + NEW));
    for (name, text) in [("events.csv", &events), ("users.csv", &users), ("items.csv", &items)] {
        std::fs::write(folder.join(name), text).unwrap();
    }
    let csv = "format = { csv = { separator = \",\", encoding = \"utf-8\" } }\n";
    let attributes = |side: &str, name: &str| {
        format!(
            "[data.files.tables.{side}]\nfile = \"{side}.csv\"\n{csv}id = \"id\"\n\
             attributes = [{{ name = \"{name}\", kind = {{ text = {{}} }} }}]\n\n"
        )
    };
    let data = format!(
        "[data.files.tables.events]\nfile = \"events.csv\"\n{csv}user = \"user\"\nitem = \"item\"\n\
         time = {{ column = \"second\", unit = \"s\" }}\n\n{}{}\
         [data.files.tables.limits]\nmax_reject_ratio = 0.0\nmax_line_bytes = 65536\n\n\
         [split.time_cut]\nties = \"file\"\nvalidation_quantile = 0.8\ntest_quantile = 0.9\n\n",
        attributes("users", "group"),
        attributes("items", "genre"),
    );
    let column = |name: &str, side: &str| {
        format!(
            "[[features.column]]\nname = \"{name}\"\nside = \"{side}\"\nkind = {{ categorical = {{ min_count = 1 }} }}\n\n"
        )
    };
    let item_side = if config.contains("side = \"item\"") { column("genre", "item") } else { String::new() };
    let columns = column("group", "user") + &item_side;
    let (before, rest) = config.split_once("[data.named]\n").unwrap();
    let (_, rest) = rest.split_once("[features.history]").unwrap();
    let (rest, _) = rest.split_once("[[index]]").unwrap();
    let evaluation = "[evaluation]\nseen = \"excluded\"\nk = [5, 10, 40]\nvalidation_metric = \"ndcg@10\"\n";
    let text = format!("{before}{data}{columns}[features.history]{rest}{evaluation}");
    std::fs::write(folder.join("own.toml"), text).unwrap();
}

fn number(value: &Value, pointer: &str) -> f64 {
    value.pointer(pointer).and_then(Value::as_f64).unwrap_or_else(|| panic!("{pointer}: {value}"))
}

/// The groups add up to all targets, and their metrics to those of all, of the model and of counting.
fn adds_up(report: &Value, counts: &Counts) {
    let n = |group: &str| number(report, &format!("/cold/{group}/n_targets"));
    assert_eq!(n("cold_items") as usize, counts.cold_items);
    assert_eq!(n("cold_users") as usize, counts.cold_users);
    assert_eq!(number(report, "/n_users") as usize, counts.targets);
    assert_eq!(number(report, "/n_users_without_history") as usize, counts.without_history);
    assert_eq!(number(report, "/cold/among_cold_items/n_items") as usize, counts.items);
    for (cold, warm) in [("cold_items", "warm_items"), ("cold_users", "warm_users")] {
        assert_eq!((n(cold) + n(warm)) as usize, counts.targets);
        let tables = [
            ("metrics", "metrics"),
            ("baselines/random", "baselines/random"),
            ("baselines/popularity", "baselines/popularity"),
            ("baselines/markov_window", "baselines/markov_window"),
        ];
        for (all, own) in tables {
            let metrics = report.pointer(&format!("/{all}")).unwrap().as_object().unwrap();
            assert_eq!(metrics.len(), 13);
            for (name, value) in metrics {
                let of = |group: &str| n(group) * number(report, &format!("/cold/{group}/{own}/{name}"));
                let mean = (of(cold) + of(warm)) / counts.targets as f64;
                // Sums of at most 200 terms in another order.
                assert!(
                    (mean - value.as_f64().unwrap()).abs() < 1e-12,
                    "{cold} {own} {name}: {mean}, {value}"
                );
            }
        }
    }
}

fn trained(folder: &Path, counts: &Counts, more: &[&str]) -> Value {
    // The data is small: as many steps as attributes take to be learned.
    let sets = ["train.epochs=10", "train.chunks_per_step=4", "train.schedule.warm_up_steps=10"];
    let sets = sets.iter().chain(more).flat_map(|set| ["--set", set]);
    let arguments: Vec<&str> =
        ["train", "own.toml", "--out", "run", "--json"].into_iter().chain(sets).collect();
    let printed = json(&succeed(&arguments, folder));
    adds_up(&printed, counts);
    succeed(&["report", "run"], folder);
    printed
}

#[test]
fn cold_items_and_users_are_those_that_no_training_event_has() {
    let rows = rows();
    let counts = recount(&rows);
    assert!(counts.cold_items > 50 && counts.cold_users > 20 && counts.without_history > 0, "{counts:?}");
    let folder = tempfile::tempdir().unwrap();
    write(folder.path(), &rows, include_str!("../../../../configs/synthetic/dssm.toml"));
    let report = trained(folder.path(), &counts, &[]);

    // What was never seen is ordered by its genre.
    assert_eq!(number(&report, "/cold/cold_items/n_not_ranked"), 0.0);
    let among = &report["cold"]["among_cold_items"];
    assert_eq!(number(among, "/n_candidates") as usize, counts.items);
    let [found, chance] = ["metrics", "chance"].map(|of| number(among, &format!("/{of}/hit_rate@10")));
    // Nobody has seen a cold item before the target, so that chance is one for all.
    assert!((chance - 10.0 / counts.items as f64).abs() < 1e-12, "{chance}");
    assert!(found > 2.0 * chance, "{found}, chance {chance}");
    // Of as many candidates none comes later.
    assert_eq!((counts.items, number(among, "/metrics/hit_rate@40")), (NEW * GENRES, 1.0));
    // Among all items, too: a random order has 40 of about 220.
    let all = number(&report, "/cold/cold_items/metrics/hit_rate@40");
    assert!(all > 2.0 * 40.0 / 220.0, "{all}");
    // Counting has them last.
    assert_eq!(number(&report, "/cold/cold_items/baselines/markov_window/hit_rate@40"), 0.0);

    let page = std::fs::read_to_string(folder.path().join("run/report.html")).unwrap();
    for (title, n) in [("Cold items", counts.cold_items), ("Cold users", counts.cold_users)] {
        let said = format!("<h3>{title}</h3><p>{n} of {} ", counts.targets);
        assert!(page.contains(&said), "{said}");
    }
    assert!(page.contains("Among the 40 cold items alone, hit rate@10 is "));

    // A report from before there were groups is still drawn.
    let path = folder.path().join("run/report.json");
    let mut old: Value = serde_json::from_str(&std::fs::read_to_string(&path).unwrap()).unwrap();
    old.as_object_mut().unwrap().remove("cold").unwrap();
    std::fs::write(&path, old.to_string()).unwrap();
    succeed(&["report", "run"], folder.path());
    let page = std::fs::read_to_string(folder.path().join("run/report.html")).unwrap();
    assert!(page.contains("<dt>Cold items</dt>") && !page.contains("<h3>Cold items</h3>"));
    old["cold"] = "none".into();
    std::fs::write(&path, old.to_string()).unwrap();
    fail(&["report", "run"], folder.path(), 5, "report.json");
}

/// With ids that are taken for unknown while training, items without one come up among all, and not only after the known
/// ones: whichever seed, some reach the first ten, which none did, and the mean of 1 / rank is higher by a quarter at least.
#[test]
fn id_dropout_brings_cold_items_up_among_all() {
    let rows = rows();
    let counts = recount(&rows);
    let folder = tempfile::tempdir().unwrap();
    write(folder.path(), &rows, include_str!("../../../../configs/synthetic/dssm.toml"));
    for seed in ["seed=1", "seed=2", "seed=3"] {
        let cold = |more: &[&str]| {
            let report = trained(folder.path(), &counts, &[&[seed], more].concat());
            ["hit_rate@10", "mrr"].map(|name| number(&report, &format!("/cold/cold_items/metrics/{name}")))
        };
        let ([hits, mrr], [hits_with, mrr_with]) = (cold(&[]), cold(&["features.item_id.id_dropout=0.3"]));
        assert!(hits == 0.0 && hits_with > 0.0, "{seed}: {hits} to {hits_with}");
        assert!(mrr_with > 1.25 * mrr, "{seed}: {mrr} to {mrr_with}");
    }
}

#[test]
fn a_model_that_knows_items_by_their_ids_misses_all_cold_ones() {
    let rows = rows();
    let counts = recount(&rows);
    let folder = tempfile::tempdir().unwrap();
    write(folder.path(), &rows, include_str!("../../../../configs/synthetic/youtube_dnn.toml"));
    let report = trained(folder.path(), &counts, &[]);
    let cold = &report["cold"]["cold_items"];
    assert_eq!(number(cold, "/n_not_ranked") as usize, counts.cold_items);
    assert_eq!((number(cold, "/metrics/hit_rate@40"), number(cold, "/metrics/mrr")), (0.0, 0.0));
    let among = &report["cold"]["among_cold_items"];
    assert_eq!(number(among, "/n_candidates"), 0.0);
    assert!(among["metrics"].is_null() && among["chance"].is_null());
    let page = std::fs::read_to_string(folder.path().join("run/report.html")).unwrap();
    assert!(page.contains("<td>not ranked</td>"));
    assert!(page.contains("The model ranks 0 of the 40 cold items"));
}
