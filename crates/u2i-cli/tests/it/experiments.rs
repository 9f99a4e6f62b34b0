//! What `reproduce` is held against, orders of ties, and ablations.

use std::path::Path;

use serde_json::Value;
use u2i_chapter::ModelName;

use crate::command_line::u2i;
use crate::tuned;

/// A light experiment of its own in `<folder>/configs`.
fn light(folder: &Path) {
    let mut config = toml::Table::try_from(tuned(ModelName::YoutubeDnn)).unwrap();
    config["train"]["epochs"] = 1.into();
    let newest: toml::Table = "newest = { n = 8 }".parse().unwrap();
    config["samples"]["per_user"] = newest.into();
    config.remove("index");
    std::fs::create_dir_all(folder.join("configs/synthetic")).unwrap();
    std::fs::write(folder.join("configs/synthetic/youtube_dnn.toml"), toml::to_string(&config).unwrap())
        .unwrap();
}

/// What `reproduce` with the light experiment returns to the shell, and says.
fn reproduce(folder: &Path, more: &[&str]) -> (i32, String) {
    let arguments =
        ["reproduce", "youtube_dnn", "--dataset", "synthetic", "--protocol", "time", "--recipe", "tuned"];
    let own = ["--configs", "configs"];
    let output = u2i(&[&arguments[..], &own[..], more].concat(), "1", folder);
    (output.status.code().unwrap(), String::from_utf8(output.stderr).unwrap())
}

#[test]
fn a_run_is_held_against_what_is_expected_of_it() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    light(folder);
    let (code, said) = reproduce(folder, &["--write-expected", "configs/synthetic/expected.toml"]);
    assert_eq!((code, said.contains("expected")), (0, true), "{said}");
    let path = folder.join("configs/synthetic/expected.toml");
    let text = std::fs::read_to_string(&path).unwrap();
    let as_expected = |said: &str| said.matches(": as expected").count();

    let (code, said) = reproduce(folder, &["--check"]);
    assert_eq!((code, as_expected(&said)), (0, 5), "{said}");

    // A figure that is too far off fails where it is asked for, and names itself; else it is told.
    let mean = text.lines().find(|line| line.starts_with("mean = ")).unwrap();
    let value: f64 = mean.trim_start_matches("mean = ").parse().unwrap();
    let other = text.replacen(mean, &format!("mean = {}", value + 0.1), 1);
    std::fs::write(&path, &other).unwrap();
    let (code, said) = reproduce(folder, &["--check"]);
    assert_eq!((code, as_expected(&said)), (1, 4), "{said}");
    assert!(said.contains("error: time/tuned youtube_dnn, ties by row in file: hit_rate@10"), "{said}");
    let (code, said) = reproduce(folder, &[]);
    assert_eq!((code, said.matches("FAILED").count()), (0, 1), "{said}");

    // Of other data and of other hyper-parameters nothing is expected.
    let hash = |key: &str| text.lines().find(|line| line.starts_with(key)).unwrap().to_owned();
    for (key, what) in [("data_hash", "data"), ("config_hash", "hyper-parameters")] {
        std::fs::write(&path, other.replace(&hash(key), &format!("{key} = \"0\""))).unwrap();
        let (code, said) = reproduce(folder, &["--check"]);
        assert_eq!((code, as_expected(&said)), (0, 0), "{said}");
        assert!(said.contains(&format!("holds for other {what}")), "{said}");
    }

    // What a file says of other runs stays.
    std::fs::write(&path, other.replace("recipe = \"tuned\"", "recipe = \"quick\"")).unwrap();
    let (code, said) = reproduce(folder, &["--write-expected", "configs/synthetic/expected.toml"]);
    assert_eq!(code, 0, "{said}");
    let both = std::fs::read_to_string(&path).unwrap();
    let (of_quick, of_tuned) = both.split_once("recipe = \"tuned\"").unwrap();
    let changed = format!("mean = {}", value + 0.1);
    assert!(of_quick.contains("recipe = \"quick\"") && of_quick.contains(&changed), "{both}");
    assert!(of_tuned.contains(mean) && !of_tuned.contains(&changed), "{both}");

    std::fs::write(&path, "row = 3\n").unwrap();
    let (code, said) = reproduce(folder, &[]);
    assert!(code == 2 && said.contains("configs/synthetic/expected.toml:1:7: "), "{said}");
}

#[test]
fn each_order_of_ties_has_a_table_and_a_folder() {
    let folder = tempfile::tempdir().unwrap();
    light(folder.path());
    let (code, said) =
        reproduce(folder.path(), &["--ties", "file", "--ties", "shuffled", "--ties", "item_id"]);
    assert_eq!(code, 0, "{said}");
    let places = ["time", "time-ties-shuffled-1", "time-ties-item_id"];
    let reports: Vec<Value> = places
        .iter()
        .map(|place| {
            let path = format!("runs/synthetic/{place}/tuned/youtube_dnn/seed-1/report.json");
            serde_json::from_slice(&std::fs::read(folder.path().join(path)).unwrap()).unwrap()
        })
        .collect();
    let ties: Vec<&str> = reports.iter().map(|report| report["ties"].as_str().unwrap()).collect();
    assert_eq!(ties, ["row in file", "random order (seed 1)", "item id"]);
    assert!(reports.iter().all(|report| report["protocol"] == "time"));
    let hashes: Vec<&str> = reports.iter().map(|report| report["split_hash"].as_str().unwrap()).collect();
    assert!(hashes[0] != hashes[1] && hashes[1] != hashes[2] && hashes[0] != hashes[2], "{hashes:?}");

    let (code, said) = reproduce(folder.path(), &["--ties", "time"]);
    assert!(code == 2 && said.contains("expected file, item_id or shuffled"), "{said}");
}

#[test]
fn an_ablation_compares_on_validation_and_is_not_run_twice() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    light(folder);
    let text = "title = 'Two changes'\n\
                base = 'configs/synthetic/youtube_dnn.toml'\n\
                set = ['train.epochs=2']\n\
                [[change]]\n\
                name = 'shuffled'\n\
                shuffled_history = true\n\
                [[change]]\n\
                name = 'two negatives'\n\
                set = ['loss.sampled_softmax.negatives=2']\n";
    std::fs::write(folder.join("changes.toml"), text).unwrap();
    let ablate = |more: &[&str]| {
        let output =
            u2i(&[&["ablate", "changes.toml", "--json", "--seeds", "2"], more].concat(), "1", folder);
        let said = String::from_utf8(output.stderr).unwrap();
        (output.status.code().unwrap(), said, String::from_utf8(output.stdout).unwrap())
    };
    let (code, said, found) = ablate(&["--write-docs", "ablations.md"]);
    assert_eq!((code, said.matches("as it was kept").count()), (0, 0), "{said}");
    let found: Value = serde_json::from_str(&found).unwrap();
    let best = |row: usize, seed: usize| found[0]["rows"][row][seed]["best"].as_f64().unwrap();
    for seed in [0, 1] {
        let run = &found[0]["rows"][0][seed];
        assert_eq!((run["seed"].as_u64(), run["name"].as_str()), (Some(seed as u64 + 1), Some("base")));
        assert_eq!(run["validation"].as_array().unwrap().len(), 2);
        // Order is what these data are made of.
        assert!(best(1, seed) < 0.8 * best(0, seed), "{found}");
        assert!(best(2, seed) < best(0, seed), "{found}");
    }
    assert_ne!(best(0, 0), best(0, 1), "seeds are seeds");
    let docs = std::fs::read_to_string(folder.join("ablations.md")).unwrap();
    assert!(docs.contains("`cargo xtask ablate changes.toml --seeds 2`"), "{docs}");
    let wanted = ((best(1, 0) - best(0, 0)) + (best(1, 1) - best(0, 1))) / 2.0;
    assert!(docs.contains("## Two changes") && docs.contains(&format!("| {wanted:+.4} ± ")), "{docs}");

    // What is there stays; what is of another experiment or cannot be read is made again.
    let (_, said, again) = ablate(&[]);
    assert_eq!(said.matches("as it was kept").count(), 6, "{said}");
    assert_eq!(serde_json::from_str::<Value>(&again).unwrap(), found);
    std::fs::write(folder.join("runs/ablations/changes/0-seed-1.json"), "{").unwrap();
    std::fs::write(folder.join("changes.toml"), text.replace("negatives=2'", "negatives=3'")).unwrap();
    let (_, said, again) = ablate(&[]);
    assert_eq!(said.matches("as it was kept").count(), 3, "{said}");
    let again: Value = serde_json::from_str(&again).unwrap();
    assert_eq!(again[0]["rows"][0][0]["best"], found[0]["rows"][0][0]["best"]);
    assert_ne!(again[0]["rows"][2][0]["best"], found[0]["rows"][2][0]["best"]);

    // Refused before anything is trained.
    std::fs::write(folder.join("changes.toml"), text.replace("softmax.negatives", "softmax.negative"))
        .unwrap();
    let (code, said, _) = ablate(&[]);
    assert!(code == 2 && said.contains("did you mean `negatives`?"), "{said}");
    std::fs::write(folder.join("changes.toml"), text.replace("shuffled_", "shufled_")).unwrap();
    let (code, said, _) = ablate(&[]);
    assert!(code == 2 && said.contains("changes.toml:6:1: "), "{said}");
}
