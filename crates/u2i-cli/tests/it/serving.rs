//! From a file of events to recommendations, as a user goes: the commands `init`, `train`, `export`, `recommend`.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::num::NonZeroUsize;
use std::path::Path;

use parquet::file::reader::{FileReader as _, SerializedFileReader};
use parquet::record::RowAccessor as _;
use safetensors::SafeTensors;
use serde_json::Value;
use u2i::config::Experiment;
use u2i::device::DeviceChoice;
use u2i::index::{ExactIndex, Filter, Index as _, ItemVectors};
use u2i::models::{HostTensor, Init, with_weights};
use u2i::pipeline::{model_inputs, prepare_features, seen_items};
use u2i::train::{item_vectors, user_vectors};
use u2i_datasets::{SyntheticConfig, synthetic as make};
use u2i_models::{TwoTower as _, TwoTowerConfig as _};

use crate::runs::{fail, json, succeed};
use crate::{full, real_data, synthetic};

/// Ids, best first, with their scores.
type List = Vec<(String, f32)>;

fn recommended(path: &Path) -> HashMap<String, List> {
    let reader = SerializedFileReader::new(std::fs::File::open(path).unwrap()).unwrap();
    let mut lists: HashMap<String, List> = HashMap::new();
    for row in reader.get_row_iter(None).unwrap() {
        let row = row.unwrap();
        let list = lists.entry(row.get_string(1).unwrap().clone()).or_default();
        assert_eq!(row.get_uint(2).unwrap() as usize, list.len() + 1, "ranks ascend from 1");
        list.push((row.get_string(3).unwrap().clone(), row.get_float(5).unwrap()));
    }
    lists
}

const K: usize = 100;

/// What the evaluator ranks for each test user of a run on synthetic data, and a file of requests for the same.
fn evaluated(run: &Path, requests: &Path) -> HashMap<String, List> {
    let experiment = Experiment::load(&run.join("config.toml")).unwrap();
    let prepared = prepare_features(&experiment, &synthetic()).unwrap();
    let device = DeviceChoice::Cpu.open().unwrap().device;
    let model =
        experiment.model.init(&model_inputs(&experiment, &prepared), &mut Init::new(9, &device)).unwrap();
    let bytes = std::fs::read(run.join("model.safetensors")).unwrap();
    let tensors = SafeTensors::deserialize(&bytes).unwrap();
    let host = |(name, view): (&str, safetensors::tensor::TensorView<'_>)| {
        let data = view.data().chunks_exact(4).map(|x| f32::from_le_bytes(x.try_into().unwrap())).collect();
        (name.to_owned(), HostTensor { shape: view.shape().to_vec(), data })
    };
    let model = with_weights(model, tensors.iter().map(host).collect()).unwrap();
    let items = item_vectors(&model, &prepared.catalog, &device);
    let index = ExactIndex::new(ItemVectors::new(items.ids, items.dim, items.data).unwrap());
    let users = user_vectors(&model, &prepared.eval_batches(model.history_len()), &prepared.test, &device);
    let seen = seen_items(&prepared.events, &prepared.test);
    let k = NonZeroUsize::new(K).unwrap();
    let found = index.search(&users.data, k, Filter::excluding(&seen)).unwrap();
    let mut csv = "user_id,history,at\n".to_owned();
    let mut lists = HashMap::new();
    for (row, target) in prepared.test.iter().enumerate() {
        let user = &prepared.users.ids()[target.user as usize];
        let events = &prepared.events;
        let history = &events.items(target.user as usize)[..target.position as usize];
        let ids: Vec<&str> = history.iter().map(|&item| prepared.catalog.item_id(item)).collect();
        let at = events.times_s(target.user as usize)[target.position as usize];
        writeln!(csv, "{user},\"{}\",{at}", ids.join(",")).unwrap();
        let ids = found.ids(row).iter().map(|&id| prepared.catalog.item_id(id).to_owned());
        lists.insert(user.clone(), ids.zip(found.scores(row).iter().copied()).collect());
    }
    std::fs::write(requests, csv).unwrap();
    lists
}

fn train_and_export(folder: &Path, model: &str, sets: &[&str]) {
    let config = format!("synthetic/{model}");
    let sets = sets.iter().flat_map(|set| ["--set", set]);
    let arguments: Vec<&str> = ["train", &config, "--out", "run"].into_iter().chain(sets).collect();
    succeed(&arguments, folder);
    succeed(&["export", "run", "--out", "bundle"], folder);
}

/// Issue: 1,000 users; the synthetic data has as many and more. The products of a batch round by its shape, so scores may
/// differ in their last bits, and items whose scores are as near as that may change places.
#[test]
fn what_is_recommended_exactly_is_what_was_evaluated_for_every_test_user() {
    for model in ["fm", "dssm", "youtube_dnn"] {
        let folder = tempfile::tempdir().unwrap();
        let folder = folder.path();
        train_and_export(folder, model, &["train.epochs=1"]);
        let wanted = evaluated(&folder.join("run"), &folder.join("users.csv"));
        assert!(wanted.len() >= 1000, "{} users", wanted.len());
        let k = K.to_string();
        let arguments =
            ["recommend", "bundle", "--users", "users.csv", "--out", "out.parquet", "--k", &k, "--exact"];
        succeed(&arguments, folder);
        let found = recommended(&folder.join("out.parquet"));
        assert_eq!(found.len(), wanted.len(), "{model}");
        for (user, wanted) in &wanted {
            let found = &found[user];
            assert_eq!(found.len(), wanted.len(), "{model} {user}");
            for (found, wanted) in found.iter().zip(wanted) {
                assert!((found.1 - wanted.1).abs() <= 1e-5 * wanted.1.abs().max(1.0), "{model} {user}");
                // As near as products round: these two may change places.
                let near = (found.1 - wanted.1).abs() <= 1e-6 * wanted.1.abs();
                assert!(found.0 == wanted.0 || near, "{model} {user}: {found:?} for {wanted:?}");
            }
        }
    }
}

/// Scores do not depend on the kind of search, and an index finds what its stamp says.
#[cfg(feature = "faiss")]
#[test]
fn an_index_finds_as_much_as_its_stamp_says_with_the_scores_of_exact_search() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let index = "index=[{ faiss = { ivf = { nlist = 8, nprobe = 2 } }, metric = \"inner_product\", min_recall = 0.3 }]";
    train_and_export(folder, "youtube_dnn", &["train.epochs=1", index]);
    evaluated(&folder.join("run"), &folder.join("users.csv"));
    // The index was measured with the first 1,000 test users.
    let users = std::fs::read_to_string(folder.join("users.csv")).unwrap();
    let first: Vec<&str> = users.lines().take(1001).collect();
    std::fs::write(folder.join("users.csv"), first.join("\n")).unwrap();
    let k = K.to_string();
    let ask = |out: &str, more: &[&str]| {
        let arguments =
            ["recommend", "bundle", "--users", "users.csv", "--out", out, "--k", &k, "--keep-seen"];
        succeed(&[&arguments[..], more].concat(), folder);
        recommended(&folder.join(out))
    };
    let (exact, found) = (ask("exact.parquet", &["--exact"]), ask("found.parquet", &[]));
    let (mut common, mut all) = (0, 0);
    for (user, exact) in &exact {
        let scores: HashMap<&str, f32> = exact.iter().map(|(id, score)| (id.as_str(), *score)).collect();
        for (id, score) in &found[user] {
            if let Some(wanted) = scores.get(id.as_str()) {
                assert_eq!(score.to_bits(), wanted.to_bits(), "{user} {id}");
                common += 1;
            }
        }
        all += exact.len();
    }
    let manifest = json(&succeed(&["inspect", "bundle", "--json"], folder));
    let stamped = manifest.pointer("/index/measured/recall").and_then(Value::as_f64).unwrap();
    assert_eq!((exact.len(), all), (1000, 1000 * K));
    // The stamp is a mean of shares, rounded; counts compare exactly.
    let wanted = (stamped * all as f64).round() as usize;
    assert!(stamped < 1.0 && common >= wanted, "{common} found, {wanted} stamped");

    // An index that misses too much is not published.
    let strict = index.replace("0.3", "0.9999");
    succeed(
        &["train", "synthetic/youtube_dnn", "--set", "train.epochs=1", "--set", &strict, "--out", "strict"],
        folder,
    );
    fail(&["export", "strict", "--out", "refused"], folder, 1, "wanted at least 0.9999");
    assert!(!folder.join("refused").exists());
}

#[test]
fn new_users_unknown_items_and_filters_are_answered_and_said() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    train_and_export(folder, "youtube_dnn", &["train.epochs=1"]);
    let raw = synthetic();
    let (a, b, c) = (&raw.item_ids[3], &raw.item_ids[40], &raw.item_ids[7]);
    let ask = |arguments: &[&str]| {
        let output =
            succeed(&[&["recommend", "bundle", "--json", "--k", "10"][..], arguments].concat(), folder);
        (json(&output), String::from_utf8(output.stderr).unwrap())
    };
    let ids = |items: &Value| -> Vec<String> {
        items.as_array().unwrap().iter().map(|item| item["id"].as_str().unwrap().to_owned()).collect()
    };

    let (items, said) = ask(&["--history", &format!("{a},{b},{c}")]);
    assert_eq!((ids(&items).len(), said.as_str()), (10, ""));
    assert!(ids(&items).iter().all(|id| ![a, b, c].contains(&id)), "{items}");
    let scores: Vec<f64> =
        items.as_array().unwrap().iter().map(|item| item["score"].as_f64().unwrap()).collect();
    assert!(scores.is_sorted_by(|a, b| a >= b));

    let (with_unknown, said) = ask(&["--history", &format!("nobody-knows,{a},{b},{c}")]);
    assert_eq!(with_unknown, items);
    assert!(said.contains("`nobody-knows`"), "{said}");

    let (popular, said) = ask(&["--history", "nobody-knows,nor-this"]);
    assert!(said.contains("these are the most popular items"), "{said}");
    let (unknown_user, said) = ask(&["--user", "nobody"]);
    assert_eq!(unknown_user, popular);
    assert!(said.contains("the user `nobody` is not known"), "{said}");

    let (known, said) = ask(&["--user", &raw.user_ids[0]]);
    assert_eq!((ids(&known).len(), said.as_str()), (10, ""));
    let seen: Vec<&String> = (0..raw.n_events())
        .filter(|&event| raw.events.user[event] == 0)
        .map(|event| &raw.item_ids[raw.events.item[event] as usize])
        .collect();
    assert!(ids(&known).iter().all(|id| !seen.contains(&id)));
    let (explained, _) = ask(&["--user", &raw.user_ids[0], "--explain"]);
    let because = explained[0]["because"].as_array().unwrap();
    assert!(
        (1..=3).contains(&because.len()) && seen.iter().any(|id| **id == because[0]["id"]),
        "{explained}"
    );

    let manifest = json(&succeed(&["inspect", "bundle", "--json"], folder));
    let attribute =
        manifest["attributes"].as_array().unwrap().iter().find(|own| own["kind"] == "list").unwrap();
    let attribute = attribute["name"].as_str().unwrap();
    let column = raw.items.iter().find(|column| column.name == attribute).unwrap();
    let u2i::features::RawValues::List(values) = &column.values else { panic!("{attribute} is a list") };
    let value = &values.iter().find(|value| !value.is_empty()).unwrap()[0];
    let (filtered, _) =
        ask(&["--user", &raw.user_ids[0], "--where", &format!("{attribute} has \"{value}\"")]);
    let has = |id: &String| values[raw.item_ids.iter().position(|own| own == id).unwrap()].contains(value);
    assert!(ids(&filtered).iter().all(has) && ids(&filtered).len() == 10, "{filtered}");
    let (similar, _) = {
        let output = succeed(&["similar", "bundle", "--item", a, "--json"], folder);
        (json(&output), ())
    };
    assert!(ids(&similar).len() == 10 && !ids(&similar).contains(a));

    fail(&["recommend", "bundle", "--user", "1", "--where", "no such thing"], folder, 2, "condition");
    fail(&["recommend", "bundle"], folder, 2, "--history");
    fail(&["recommend", "bundle", "--user", "1", "--at", "later"], folder, 2, "is no moment");
    fail(&["similar", "bundle", "--item", "nobody-knows"], folder, 3, "no item `nobody-knows`");
    fail(&["export", "run", "--out", "bundle"], folder, 2, "is there already");
    std::fs::write(folder.join("bundle/items.parquet"), "other").unwrap();
    fail(&["recommend", "bundle", "--user", "1"], folder, 5, "items.parquet");
    fail(&["inspect", "nothing"], folder, 4, "manifest.json");
}

/// `init`, `train`, `export`, `recommend`, with nothing edited by hand.
fn four_commands(data: &[&str], more: &[&str], history: &str, folder: &Path) -> Value {
    succeed(&[&["init"], data, &["--out", "own.toml"], more].concat(), folder);
    succeed(&["validate", "own.toml"], folder);
    let report = json(&succeed(&["train", "own.toml", "--out", "run", "--json"], folder));
    succeed(&["export", "run", "--out", "bundle"], folder);
    let items = json(&succeed(&["recommend", "bundle", "--history", history, "--k", "10", "--json"], folder));
    assert_eq!(items.as_array().unwrap().len(), 10);
    succeed(&["report", "run"], folder);
    let page = std::fs::read_to_string(folder.join("run/report.html")).unwrap();
    assert!(page.contains("<svg") && page.contains("youtube_dnn"));
    let ndcg = |of: &str| report.pointer(&format!("/{of}/ndcg@10")).and_then(Value::as_f64).unwrap();
    assert!(ndcg("metrics") > ndcg("baselines/popularity"), "{report}");
    report
}

/// Other column names, half-star ratings, no attributes.
#[test]
fn four_commands_lead_from_a_csv_of_ones_own_to_recommendations() {
    let folder = tempfile::tempdir().unwrap();
    let raw = synthetic();
    let mut csv = "listener;track;stars;played_at\n".to_owned();
    for event in 0..raw.n_events() {
        let (user, item) = (raw.events.user[event] as usize, raw.events.item[event] as usize);
        let stars = (event % 10) as f64 / 2.0 + 0.5;
        writeln!(csv, "u{};t{};{stars};{}", raw.user_ids[user], raw.item_ids[item], raw.events.time_s[event])
            .unwrap();
    }
    std::fs::write(folder.path().join("plays.csv"), csv).unwrap();
    let history = [1, 2, 3].map(|i: usize| format!("t{}", raw.item_ids[i])).join(",");
    four_commands(&["plays.csv"], &[], &history, folder.path());
}

/// `user item` per line, in time order, without times; of 30,000 users with `U2I_FULL=1`.
#[test]
fn four_commands_lead_from_pairs_without_times_to_recommendations() {
    let folder = tempfile::tempdir().unwrap();
    let raw = match full() {
        true => make(1, &SyntheticConfig { users: 30_000, items: 4_000, ..SyntheticConfig::STANDARD }),
        false => synthetic(),
    };
    let mut order: Vec<usize> = (0..raw.n_events()).collect();
    order.sort_by_key(|&event| (raw.events.user[event], raw.events.time_s[event]));
    let mut text = String::new();
    for event in order {
        writeln!(text, "{} {}", raw.events.user[event] + 1, raw.events.item[event] + 1).unwrap();
    }
    std::fs::write(folder.path().join("pairs.txt"), text).unwrap();
    let report = four_commands(&["pairs.txt"], &[], "3,4,5", folder.path());
    assert_eq!(report["ties"], "row in file, there are no times");
}

/// Raw files to recommendations for a new user with three titles.
#[test]
fn four_commands_lead_from_movielens_100k_to_recommendations() {
    let Some(data) = real_data::folder("ml-100k") else { return };
    let folder = tempfile::tempdir().unwrap();
    let report = four_commands(&[data.to_str().unwrap()], &[], "50,172,181", folder.path());
    assert_eq!(report["n_users"], 943);
    let items = json(&succeed(&["recommend", "bundle", "--history", "50,172,181", "--json"], folder.path()));
    assert!(items[0]["title"].as_str().is_some_and(|title| !title.is_empty()), "{items}");
}
