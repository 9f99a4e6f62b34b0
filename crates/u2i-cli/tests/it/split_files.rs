//! Data that comes with a split of its own, through the whole command.

use std::fmt::Write as _;
use std::path::Path;

use serde_json::Value;

use crate::command_line::comparable;
use crate::own_experiment::own_experiment;
use crate::runs::{fail, json, succeed};
use crate::synthetic;

/// The events of each user in time order: all but the last five for training, two for validation, three for the test. No two
/// events of a user are at the same time.
fn in_files() -> [Vec<(String, String, i64)>; 3] {
    let raw = synthetic();
    let mut users = vec![Vec::new(); raw.user_ids.len()];
    for event in 0..raw.n_events() {
        let (user, item) = (raw.events.user[event] as usize, raw.events.item[event] as usize);
        users[user].push((raw.user_ids[user].clone(), raw.item_ids[item].clone(), raw.events.time_s[event]));
    }
    let mut files = [Vec::new(), Vec::new(), Vec::new()];
    for mut own in users {
        own.sort_by_key(|event| event.2);
        let n = own.len();
        for (place, mut event) in own.into_iter().enumerate() {
            event.2 = 1_000_000_000 + 3_600 * place as i64;
            let file = match n - place {
                // Every user that is tested has trained.
                _ if n < 7 => 0,
                1..=3 => 2,
                left => usize::from(left <= 5),
            };
            files[file].push(event);
        }
    }
    files
}

fn write(folder: &Path, files: &[Vec<(String, String, i64)>; 3]) {
    for (name, events) in ["events.csv", "valid.csv", "test.csv"].iter().zip(files) {
        let mut csv = "bought_at,customer,article\n".to_owned();
        events.iter().for_each(|(user, item, time)| writeln!(csv, "{time},{user},{item}").unwrap());
        std::fs::write(folder.join(name), csv).unwrap();
    }
}

/// The experiment on files of one's own with another split.
fn experiment(folder: &Path, split: &str) {
    let path = own_experiment(folder);
    let text = std::fs::read_to_string(&path).unwrap();
    let (before, after) = text.split_once("[split.leave_last_out]\nties = \"file\"\n").unwrap();
    std::fs::write(path, format!("{before}{split}{after}")).unwrap();
}

const SPLIT: &str =
    "[split.files]\ntrain = \"events.csv\"\nvalidation = \"valid.csv\"\ntest = \"test.csv\"\n";

#[test]
fn a_published_split_is_trained_evaluated_compared_reported_and_exported() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    experiment(folder, SPLIT);
    let files = in_files();
    write(folder, &files);
    let said = String::from_utf8(succeed(&["validate", "own.toml"], folder).stdout).unwrap();
    assert!(
        said.contains("split by files: ") && said.contains(" 0 events of earlier files are at or after"),
        "{said}"
    );

    let train = |out: &str, set: &str| {
        succeed(&["train", "own.toml", "--set", "train.epochs=1", "--set", set, "--out", out], folder);
        comparable(&folder.join(out).join("report.json"))
    };
    let report = train("one", "seed=1");
    assert_eq!(report["protocol"], "files");
    assert!(report.get("n_later_training").is_none());
    let (n_users, n_relevant) = (report["n_users"].as_u64().unwrap(), report["n_relevant"].as_u64().unwrap());
    assert!(
        n_users < n_relevant && n_relevant <= 3 * n_users,
        "{n_users} users, {n_relevant} relevant items"
    );
    let metric = |of: &Value, name: &str| of[name].as_f64().unwrap_or_else(|| panic!("{name} in {of}"));
    for of in [&report["metrics"], &report["baselines"]["popularity"], &report["baselines"]["markov_window"]]
    {
        for k in [5, 10, 50, 100] {
            let [hit, recall, precision, ndcg, map] = ["hit_rate", "recall", "precision", "ndcg", "map"]
                .map(|name| metric(of, &format!("{name}@{k}")));
            assert!(0.0 < map && map <= ndcg && ndcg <= 1.0 && recall <= hit, "{of}");
            // No user has more than three relevant items.
            assert!(precision <= 3.0 * hit / f64::from(k) + 1e-12, "{of}");
        }
    }
    assert!(report["metrics_ci95"]["map@10"].is_number());
    let cold = &report["cold"];
    let sum = |a: &str, b: &str| metric(&cold[a], "n_targets") + metric(&cold[b], "n_targets");
    assert_eq!(sum("cold_items", "warm_items"), n_relevant as f64);
    assert_eq!(sum("cold_users", "warm_users"), n_relevant as f64);
    assert_eq!(cold["warm_users"]["metrics"], report["metrics"], "every test user has trained");

    // The folder and its files move together with the config, and the run is found to be the same.
    let again = json(&succeed(&["evaluate", "one", "--json"], folder));
    assert_eq!(again["weights_hash"], report["weights_hash"]);
    assert_eq!(comparable(&folder.join("one/report.json"))["metrics"], report["metrics"]);

    // User by user, from the ranks of each relevant item, the means are those of the report.
    let two = train("two", "seed=2");
    let compared = json(&succeed(&["compare", "one", "two", "--json"], folder));
    assert_eq!(compared["n_users"].as_u64(), Some(n_users));
    for name in ["ndcg@10", "hit_rate@10", "mrr"] {
        let row = compared["rows"].as_array().unwrap().iter().find(|row| row["metric"] == name).unwrap();
        for (key, report) in [("first", &report), ("mean", &two)] {
            let difference = metric(row, key) - metric(&report["metrics"], name);
            assert!(difference.abs() < 1e-12, "{name}, {key}: {row}");
        }
    }
    // Users are sampled, with all that is relevant of each.
    let sampled = train("three", "evaluation.users=50");
    let n_sampled = sampled["n_relevant"].as_u64().unwrap();
    assert_eq!((&sampled["n_users"], &sampled["n_users_evaluated"]), (&report["n_users"], &50.into()));
    assert!((51..=150).contains(&n_sampled), "{n_sampled} relevant items of 50 users");
    let compared = json(&succeed(&["compare", "one", "three", "--json"], folder));
    assert_eq!(compared["n_users"], 50);
    assert!(compared["rows"].as_array().unwrap().iter().all(|row| row["difference"] == 0.0), "{compared}");

    if cfg!(feature = "faiss") {
        let search = "evaluation.validation_search={ faiss = { ivf = { nlist = 2, nprobe = 2 } } }";
        let searched = train("four", search);
        let difference = metric(&searched["train"]["validation_search"], "exact")
            - metric(&searched["train"]["validation_search"], "approximate");
        assert!(difference.abs() < 1e-9, "{}", searched["train"]);
        assert_eq!(searched["weights_hash"], report["weights_hash"]);
    }

    succeed(&["report", "one"], folder);
    let page = std::fs::read_to_string(folder.join("one/report.html")).unwrap();
    assert!(page.contains("MAP") && !page.contains("The ranks do not add up"), "the page is of another run");
    succeed(&["export", "one", "--out", "bundle"], folder);
    let user = &files[2][0].0;
    succeed(&["recommend", "bundle", "--user", user, "--k", "5"], folder);
}

#[test]
fn a_split_that_trains_on_what_came_later_ends_with_2_and_the_key_or_is_counted() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    experiment(folder, SPLIT);
    let mut files = in_files();
    let (user, _, time) = files[2][0].clone();
    files[0].iter_mut().find(|event| event.0 == user).unwrap().2 = time;
    write(folder, &files);
    fail(&["train", "own.toml", "--out", "run"], folder, 2, "allow_later_training = true");
    assert!(!folder.join("run/report.json").exists());
    let allowed = ["--set", "split.files.allow_later_training=true", "--set", "train.epochs=1"];
    succeed(&[&["train", "own.toml", "--out", "run"][..], &allowed].concat(), folder);
    assert_eq!(comparable(&folder.join("run/report.json"))["n_later_training"], 1);
}

/// LightGCN's files: a line for each user, no times, no validation.
#[test]
fn adjacency_lists_with_their_own_test_are_trained_and_evaluated() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    experiment(folder, "[split.files]\ntest = \"test.txt\"\n");
    let [train, validation, test] = in_files();
    for (name, events) in [("train.txt", [train, validation].concat()), ("test.txt", test)] {
        let mut lines: std::collections::BTreeMap<&str, String> = std::collections::BTreeMap::new();
        events.iter().for_each(|(user, item, _)| write!(lines.entry(user).or_default(), " {item}").unwrap());
        let text: String = lines.iter().map(|(user, items)| format!("{user}{items}\n")).collect();
        std::fs::write(folder.join(name), text + "never\n").unwrap();
    }
    let text = std::fs::read_to_string(folder.join("own.toml")).unwrap();
    let (before, rest) = text.split_once("[data.files.tables.events]").unwrap();
    let (_, after) = rest.split_once("max_line_bytes = 65536\n").unwrap();
    let data = "[data.files.sequences]\nfile = \"train.txt\"\nlayout = \"adjacency\"\nencoding = \"utf-8\"\n\
                limits = { max_reject_ratio = 0.0, max_line_bytes = 1048576 }\n";
    std::fs::write(folder.join("own.toml"), format!("{before}{data}{after}")).unwrap();
    succeed(&["train", "own.toml", "--set", "train.epochs=1", "--out", "run"], folder);
    let report = comparable(&folder.join("run/report.json"));
    assert_eq!((&report["dataset"], &report["protocol"]), (&"train".into(), &"files".into()));
    assert_eq!(report["ties"], "row in file, there are no times");
    assert!(report["metrics"]["recall@10"].as_f64() > Some(0.0) && report["n_relevant"].as_u64() > Some(0));
    assert_eq!(
        report["train"]["validation"],
        serde_json::json!([null]),
        "nothing decides which epoch is kept"
    );
}
