//! The binary as a user meets it.

use std::path::Path;
use std::process::{Command, Output};

use serde_json::Value;
use u2i_chapter::ModelName;

use crate::tuned;

pub(crate) fn u2i(arguments: &[&str], threads: &str, folder: &Path) -> Output {
    Command::new(env!("CARGO_BIN_EXE_u2i"))
        .args(arguments)
        .env("RAYON_NUM_THREADS", threads)
        .env_remove("U2I_DATA_DIR")
        .env("XDG_CACHE_HOME", folder)
        .current_dir(folder)
        .output()
        .unwrap()
}

/// The report without what may differ: times, rates, memory, and the number of threads.
pub(crate) fn comparable(path: &Path) -> Value {
    fn strip(value: &mut Value) {
        match value {
            Value::Object(map) => {
                let timed =
                    ["wall_s", "cpu_s", "peak_rss_mib", "samples_per_s", "p50_us", "p99_us", "threads"];
                for key in timed {
                    map.remove(key);
                }
                map.values_mut().for_each(strip);
            }
            Value::Array(values) => values.iter_mut().for_each(strip),
            _ => {}
        }
    }
    let mut report = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
    strip(&mut report);
    report
}

#[test]
fn the_same_seed_gives_the_same_report_at_one_and_two_threads() {
    let folder = tempfile::tempdir().unwrap();
    let run = |out: &str, threads| {
        let arguments =
            ["reproduce", "--dataset", "synthetic", "--protocol", "time", "--recipe", "tuned", "--out", out];
        let output = u2i(&arguments, threads, folder.path());
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        output
    };
    let (first, _) = (run("a", "1"), run("b", "2"));
    let table = String::from_utf8(first.stdout).unwrap();
    assert!(
        table.contains("| hit_rate@10 | hit_rate@5 | ndcg@10 | ndcg@5 | precision@10 | precision@5 |"),
        "{table}"
    );
    // The data set has six cold items, each of them the target of three users; who has no training event is not tested.
    assert!(
        table.contains("Cold items: 18 of 1960 targets have no training event, as 6 of 600 items"),
        "{table}"
    );
    assert!(table.contains("| not ranked |") && table.contains("Cold users: none"), "{table}");
    for model in ["fm", "dssm", "youtube_dnn"] {
        let path =
            |out: &str| folder.path().join(format!("{out}/synthetic/time/tuned/{model}/seed-1/report.json"));
        let report = comparable(&path("a"));
        assert_eq!(report, comparable(&path("b")), "{model}");

        let ndcg = |key: &str| report.pointer(&format!("/{key}/ndcg@10")).and_then(Value::as_f64).unwrap();
        assert!(ndcg("metrics") > ndcg("baselines/popularity"), "{model}");
        assert_eq!(report["no_better_than_popularity"], false, "{model}");
        assert_eq!(report["cold"]["cold_items"]["n_targets"], 18, "{model}");
        let nobody = &report["cold"]["cold_users"];
        assert!(nobody["n_targets"] == 0 && nobody["metrics"].is_null() && nobody["baselines"].is_null());
        assert!(!table.contains("**"), "{table}");
        let index = report["index"].as_array().unwrap();
        if cfg!(feature = "faiss") {
            assert_eq!(index.len(), 3);
            for (entry, least) in index.iter().zip([0.9999, 0.9, 0.98]) {
                assert!(entry["recall@10"].as_f64().unwrap() >= least, "{model}: {entry}");
            }
        }
    }
}

/// What a model is trained to minimise: each loss, and each sampler and kind of draw.
const LOSSES: [&str; 10] = [
    "sampled_softmax = { negatives = 64, sampler = { uniform = {} }, temperature = 0.1 }",
    "sampled_softmax = { negatives = 64, sampler = { log_uniform = {} }, temperature = 0.1 }",
    "sampled_softmax = { negatives = 8, sampler = { unigram = { exponent = 0.75 } }, temperature = 0.1, \
     temperature_floor = 0.01, draw = 'per_row_distinct', mask = 'training_positives' }",
    "in_batch_softmax = { temperature = 0.1 }",
    "in_batch_softmax = { temperature = 0.1, streaming = { alpha = 0.1, buckets = 50, hashes = 2 } }",
    "mixed_softmax = { negatives = 32, sampler = { uniform = {} }, temperature = 0.1 }",
    "full_softmax = { temperature = 0.1 }",
    "bce = { negatives = 5, sampler = { uniform = {} } }",
    "bce = { negatives = 5, sampler = { log_uniform = {} } }",
    "bpr = { negatives = 5, sampler = { uniform = {} } }",
];

/// R1: a model with every loss and sampler, in six processes each at one, two and three threads.
fn check_bytes(model: ModelName) {
    let folder = tempfile::tempdir().unwrap();
    let name = model.to_string();
    for (i, loss) in LOSSES.iter().enumerate() {
        let mut config = toml::Table::try_from(tuned(model)).unwrap();
        config["loss"] = toml::Value::Table(loss.parse().unwrap());
        config["train"]["epochs"] = 1.into();
        let newest: toml::Table = "newest = { n = 4 }".parse().unwrap();
        config["samples"]["per_user"] = newest.into();
        config.remove("index");
        let configs = folder.path().join(format!("configs-{i}/synthetic"));
        std::fs::create_dir_all(&configs).unwrap();
        std::fs::write(configs.join(format!("{name}.toml")), toml::to_string(&config).unwrap()).unwrap();
        let reports = ["1", "2", "3", "1", "2", "3"].iter().enumerate().map(|(run, threads)| {
            let out = format!("out-{i}-{run}");
            let arguments = ["reproduce", &name, "--dataset", "synthetic", "--protocol", "time", "--recipe"];
            let configs = format!("configs-{i}");
            let more = ["tuned", "--configs", &configs, "--out", &out];
            let output = u2i(&[&arguments[..], &more[..]].concat(), threads, folder.path());
            assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
            let report = format!("{out}/synthetic/time/tuned/{name}/seed-1/report.json");
            comparable(&folder.path().join(report))
        });
        let reports: Vec<Value> = reports.collect();
        assert!(reports.iter().all(|report| *report == reports[0]), "{name}, {loss}");
        assert!(reports[0]["weights_hash"].as_str().is_some_and(|hash| hash.len() == 64));
    }
}

#[test]
fn fm_has_the_same_bytes_with_every_loss_and_sampler_at_any_number_of_threads() {
    check_bytes(ModelName::Fm);
}

#[test]
fn dssm_has_the_same_bytes_with_every_loss_and_sampler_at_any_number_of_threads() {
    check_bytes(ModelName::Dssm);
}

#[test]
fn youtube_dnn_has_the_same_bytes_with_every_loss_and_sampler_at_any_number_of_threads() {
    check_bytes(ModelName::YoutubeDnn);
}

/// R3: what a run is made of and what came out of it, each by its hash, and what it ran on.
#[test]
fn a_report_names_its_data_split_config_build_and_machine() {
    let folder = tempfile::tempdir().unwrap();
    let arguments = ["reproduce", "fm", "--dataset", "synthetic", "--protocol", "time", "--recipe", "tuned"];
    let output = u2i(&arguments, "2", folder.path());
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let path = folder.path().join("runs/synthetic/time/tuned/fm/seed-1/report.json");
    let report: Value = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
    let hashes = [
        "data_hash",
        "split_hash",
        "config_hash",
        "train_events_hash",
        "catalog_hash",
        "columns_hash",
        "samples_hash",
        "weights_hash",
        "item_vectors_hash",
    ];
    let of = |key: &str| report[key].as_str().unwrap_or_else(|| panic!("{key}: {}", report[key]));
    let mut different = std::collections::BTreeSet::new();
    for key in hashes {
        assert!(of(key).len() == 64 && of(key).bytes().all(|byte| byte.is_ascii_hexdigit()), "{key}");
        assert!(different.insert(of(key)), "{key} is the hash of something else");
    }
    // The data is made from a seed, and the experiment is a file of ours: both can be hashed from outside.
    let raw = u2i::pipeline::read_dataset(&u2i_datasets::Dataset::Synthetic).unwrap();
    let experiment = tuned(ModelName::Fm);
    assert_eq!((of("data_hash"), of("config_hash")), (raw.hash.as_str(), experiment.hash().as_str()));
    assert!(of("build").len() >= 16 && of("platform").contains(std::env::consts::ARCH), "{report}");
    assert!((report["threads"].as_u64(), of("device")) == (Some(2), "cpu"), "{report}");
    assert_eq!(of("version"), env!("CARGO_PKG_VERSION"));
    let known = std::fs::read_to_string("/proc/cpuinfo").is_ok_and(|text| text.contains("model name"));
    assert_eq!(report["cpu"].is_string(), known, "{}", report["cpu"]);
}

#[test]
fn bad_arguments_exit_with_2_and_say_what_is_wanted() {
    let folder = tempfile::tempdir().unwrap();
    let cases: [(&[&str], &str); 10] = [
        (&["reproduce", "bert"], "expected fm, dssm, youtube_dnn or dssm_text"),
        (
            &["reproduce", "--dataset", "ml-20m"],
            "`u2i init --dataset ml-20m --out FILE` writes an experiment",
        ),
        (&["reproduce", "--protocol", "random"], "expected time, cut, book or all"),
        (&["reproduce", "--recipe", "best"], "expected quick, tuned or book"),
        (
            &["reproduce", "--dataset", "synthetic", "--recipe", "quick"],
            "no experiment `configs/synthetic/quick/fm.toml`",
        ),
        (&["reproduce", "--seeds", "0"], "0 is not in"),
        (
            &["reproduce", "--dataset", "synthetic", "--protocol", "book", "--recipe", "tuned"],
            "has no recipe `tuned`",
        ),
        (
            &["reproduce", "dssm_text", "--dataset", "synthetic", "--recipe", "tuned"],
            "no recipe `tuned` of dssm_text",
        ),
        (&["reproduce", "--dataset", "synthetic", "--check", "--recipe", "book"], "--check guards"),
        (&["reproduce", "--dataset", "synthetic", "--check", "--protocol", "cut"], "--check guards"),
    ];
    for (arguments, message) in cases {
        let output = u2i(arguments, "1", folder.path());
        let text = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{arguments:?}: {text}");
        assert!(text.contains(message), "{arguments:?}: {text}");
    }
}

#[cfg(not(feature = "wgpu"))]
#[test]
fn a_device_that_this_build_lacks_exits_with_8() {
    let folder = tempfile::tempdir().unwrap();
    let arguments = ["reproduce", "fm", "--dataset", "synthetic", "--protocol", "time", "--device", "wgpu"];
    let output = u2i(&arguments, "1", folder.path());
    assert_eq!(output.status.code(), Some(8));
    assert!(String::from_utf8_lossy(&output.stderr).starts_with("error: no device `wgpu:0`"));
}

#[test]
fn a_broken_experiment_file_exits_with_2_and_names_its_line() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir(folder.path().join("synthetic")).unwrap();
    let text =
        include_str!("../../../../configs/synthetic/fm.toml").replacen("dim = 32", "dim = \"wide\"", 1);
    std::fs::write(folder.path().join("synthetic/fm.toml"), &text).unwrap();
    let arguments = ["reproduce", "fm", "--dataset", "synthetic", "--protocol", "time", "--recipe", "tuned"];
    let output = u2i(&[&arguments[..], &["--configs", "."]].concat(), "1", folder.path());
    let line = text.lines().position(|line| line == "dim = \"wide\"").unwrap() + 1;
    let message = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(2), "{message}");
    assert!(message.contains(&format!("synthetic/fm.toml:{line}:7: ")), "{message}");
}

#[test]
fn bad_data_exits_with_3_and_names_file_and_line() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("ml-100k");
    std::fs::create_dir(&data).unwrap();
    std::fs::write(data.join("u.data"), "1\t2\t3\t881250949\n1\t3\t3\tsoon\n").unwrap();
    std::fs::write(data.join("u.user"), "1|24|M|technician|85711\n").unwrap();
    let flags = "|0".repeat(19);
    std::fs::write(
        data.join("u.item"),
        format!("2|A (1995)|01-Jan-1995||x{flags}\n3|B|01-Jan-1995||x{flags}\n"),
    )
    .unwrap();
    let output = u2i(&["reproduce", "--dataset", "ml-100k", "--data-dir", "."], "1", folder.path());
    let message = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(3), "{message}");
    assert!(message.contains("u.data:2") && message.contains("soon"), "{message}");
    let rejects = std::fs::read_to_string(folder.path().join("runs/ml-100k/rejects.csv")).unwrap();
    let lines: Vec<&str> = rejects.lines().collect();
    assert_eq!((lines.len(), lines[0]), (2, "file,line,column,reason"));
    assert!(lines[1].contains("u.data\",2,\"timestamp\",") && lines[1].contains("soon"), "{rejects}");
}

#[test]
fn an_output_folder_that_cannot_be_made_exits_with_4() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("taken"), "").unwrap();
    let arguments = ["reproduce", "fm", "--dataset", "synthetic", "--protocol", "book", "--out", "taken"];
    let output = u2i(&arguments, "1", folder.path());
    let message = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(4), "{message}");
    assert!(message.contains("cannot write taken/synthetic/book/book/fm/seed-1: "), "{message}");
}
