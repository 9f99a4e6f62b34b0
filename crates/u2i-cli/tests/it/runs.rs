//! The folder of a run, from an experiment file to comparisons.

use std::path::Path;
use std::process::Output;

use serde_json::Value;

use crate::command_line::{comparable, u2i};
use crate::own_experiment::own_experiment;

pub(crate) fn succeed(arguments: &[&str], folder: &Path) -> Output {
    let output = u2i(arguments, "2", folder);
    assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    output
}

pub(crate) fn json(output: &Output) -> Value {
    serde_json::from_slice(&output.stdout).unwrap()
}

pub(crate) fn fail(arguments: &[&str], folder: &Path, code: i32, message: &str) {
    let output = u2i(arguments, "2", folder);
    let text = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(code), "{arguments:?}: {text}");
    assert!(text.contains(message), "{arguments:?}: {text}");
}

#[test]
fn a_run_is_evaluated_again_as_it_was_and_compared_user_by_user() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    own_experiment(folder);
    let train = |out: &str, set: &str| {
        json(&succeed(&["train", "own.toml", "--set", set, "--out", out, "--json"], folder))
    };
    let printed = train("one", "train.epochs=1");
    assert_eq!((&printed["model"], &printed["dataset"]), (&"youtube_dnn".into(), &"events".into()));
    assert_eq!((&printed["recipe"], &printed["protocol"]), (&"own".into(), &"time".into()));
    let path = folder.join("one/report.json");
    let report = comparable(&path);
    let files = ["config.toml", "train.jsonl", "model.safetensors", "ranks.parquet", "recommended.parquet"];
    assert!(files.iter().all(|file| folder.join("one").join(file).is_file()));

    // Another folder, and the same: the run's config says where its data lies.
    std::fs::rename(folder.join("one"), folder.join("moved")).unwrap();
    let again = json(&succeed(&["evaluate", "moved", "--json"], folder));
    assert_eq!(again["weights_hash"], report["weights_hash"]);
    assert_eq!(comparable(&folder.join("moved/report.json")), report);

    train("two", "seed=2");
    let compared = json(&succeed(&["compare", "moved", "two", "--json"], folder));
    let ndcg = |value: &Value, key: &str| {
        let rows = value["rows"].as_array().unwrap();
        rows.iter().find(|row| row["metric"] == "ndcg@10").unwrap()[key].as_f64().unwrap()
    };
    let two = comparable(&folder.join("two/report.json"));
    let own = |report: &Value| report["metrics"]["ndcg@10"].as_f64().unwrap();
    assert!((ndcg(&compared, "first") - own(&report)).abs() < 1e-12);
    assert!((ndcg(&compared, "mean") - own(&two)).abs() < 1e-12);
    assert!((ndcg(&compared, "difference") - (own(&two) - own(&report))).abs() < 1e-12);
    let same = json(&succeed(&["compare", "two", "two", "--json"], folder));
    assert_eq!((ndcg(&same, "difference"), ndcg(&same, "p")), (0.0, 1.0));

    let other =
        ["train", "own.toml", "--set", "train.epochs=1", "--set", "split.leave_last_out.ties=item_id"];
    succeed(&[&other[..], &["--out", "other"]].concat(), folder);
    fail(&["compare", "moved", "other"], folder, 6, "split_hash");
}

#[test]
fn a_run_with_another_config_other_data_or_another_model_is_not_evaluated() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    own_experiment(folder);
    for out in ["a", "b"] {
        let seed = format!("seed={}", out.len() + usize::from(out == "b"));
        let arguments = ["train", "own.toml", "--set", "train.epochs=1", "--set", &seed, "--out", out];
        succeed(&arguments, folder);
    }
    let copy = |from: &str, to: &str| {
        std::fs::copy(folder.join(from), folder.join(to)).unwrap();
    };
    copy("a/model.safetensors", "kept");
    copy("b/model.safetensors", "a/model.safetensors");
    fail(&["evaluate", "a"], folder, 6, "weights_hash is ");
    std::fs::write(folder.join("a/model.safetensors"), "short").unwrap();
    fail(&["evaluate", "a"], folder, 5, "model.safetensors");
    copy("kept", "a/model.safetensors");
    succeed(&["evaluate", "a"], folder);

    copy("a/config.toml", "kept");
    copy("b/config.toml", "a/config.toml");
    fail(&["evaluate", "a"], folder, 6, "config_hash is ");
    copy("kept", "a/config.toml");
    let events = std::fs::read_to_string(folder.join("events.csv")).unwrap();
    let shorter = &events[..events.trim_end().rfind('\n').unwrap()];
    std::fs::write(folder.join("events.csv"), shorter).unwrap();
    fail(&["evaluate", "a"], folder, 6, "data_hash is ");

    std::fs::write(folder.join("a/report.json"), "{}").unwrap();
    fail(&["evaluate", "a"], folder, 5, "report.json");
    fail(&["evaluate", "nothing"], folder, 4, "report.json");
    fail(&["compare", "a", "b"], folder, 5, "");
}

#[test]
fn a_value_that_the_experiment_does_not_take_exits_with_2() {
    let folder = tempfile::tempdir().unwrap();
    let train = |set| ["train", "synthetic/youtube_dnn", "--out", "run", "--set", set];
    fail(&train("train.epoch=1"), folder.path(), 2, "did you mean `epochs`?");
    fail(
        &train("loss.sampled_softmax.temperature=0"),
        folder.path(),
        2,
        "--set loss.sampled_softmax.temperature=0",
    );
    fail(&["train", "nothing.toml", "--out", "run"], folder.path(), 4, "nothing.toml");
    assert!(!folder.path().join("run").exists());
}
