//! Events of several kinds through the whole command.

use std::path::Path;

use crate::command_line::comparable;
use crate::own_experiment::own_experiment;
use crate::runs::{fail, succeed};

/// The events of one's own: every third row is a purchase, the others are clicks. In one file with a column of kinds and in
/// a file of each kind.
fn write(folder: &Path) {
    own_experiment(folder);
    let csv = std::fs::read_to_string(folder.join("events.csv")).unwrap();
    let (header, rows) = csv.split_once('\n').unwrap();
    // No two events are at the same time, so that the order of the files decides nothing.
    let timed =
        |(row, line): (usize, &str)| format!("{},{}\n", 1_000_000_000 + row, line.split_once(',').unwrap().1);
    let rows: String = rows.lines().enumerate().map(timed).collect();
    let kind = |row: usize| if row.is_multiple_of(3) { "buy" } else { "click" };
    let all: String = rows.lines().enumerate().map(|(row, line)| format!("{line},{}\n", kind(row))).collect();
    let of = |wanted: &str| -> String {
        let own = rows.lines().enumerate().filter(|(row, _)| kind(*row) == wanted);
        own.map(|(_, line)| format!("{line}\n")).collect()
    };
    for (file, text) in [
        ("all.csv", format!("{header},kind\n{all}")),
        ("clicks.csv", format!("{header}\n{}", of("click"))),
        ("buys.csv", format!("{header}\n{}", of("buy"))),
    ] {
        std::fs::write(folder.join(file), text).unwrap();
    }
}

/// The experiment on these files, each with its kind.
fn experiment(folder: &Path, name: &str, files: &[(&str, &str)]) {
    let text = std::fs::read_to_string(folder.join("own.toml")).unwrap();
    let (before, rest) = text.split_once("[data.files.tables.events]").unwrap();
    let (_, after) = rest.split_once("max_line_bytes = 65536\n").unwrap();
    let mut data = "[data.files.logs]\ntargets = [\"buy\"]\n\
                    limits = { max_reject_ratio = 0.0, max_line_bytes = 65536 }\n"
        .to_owned();
    for (file, kind) in files {
        data += &format!(
            "[[data.files.logs.log]]\nkind = {{ {kind} }}\nevents = {{ file = \"{file}\", \
             format = {{ csv = {{ separator = \",\", encoding = \"utf-8\" }} }}, user = \"customer\", item = \"article\", \
             time = {{ column = \"bought_at\", unit = \"s\" }} }}\n"
        );
    }
    std::fs::write(folder.join(name), format!("{before}{data}{after}")).unwrap();
}

#[test]
fn purchases_are_predicted_from_clicks_and_purchases() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    write(folder);
    experiment(folder, "column.toml", &[("all.csv", "column = \"kind\"")]);
    experiment(folder, "files.toml", &[("clicks.csv", "name = \"click\""), ("buys.csv", "name = \"buy\"")]);
    let train = |config: &str, out: &str| {
        let set = ["--set", "train.epochs=1", "--set", "evaluation.seen=kept", "--out", out];
        succeed(&[&["train", config][..], &set].concat(), folder);
        comparable(&folder.join(out).join("report.json"))
    };
    let [one, two] = [("column.toml", "one"), ("files.toml", "two")].map(|(config, out)| train(config, out));
    assert_eq!((&one["dataset"], &two["dataset"]), (&"all".into(), &"clicks".into()));
    assert_eq!(one["n_users"], two["n_users"]);
    assert!(one["n_users"].as_u64() > Some(0) && one["metrics"]["recall@50"].as_f64() > Some(0.0), "{one}");
    let whole = succeed(&["validate", "column.toml"], folder);
    assert!(String::from_utf8_lossy(&whole.stdout).contains("split: "));
    experiment(folder, "typo.toml", &[("clicks.csv", "name = \"click\"")]);
    fail(
        &["train", "typo.toml", "--out", "none"],
        folder,
        2,
        "no event is of the kind `buy`, only of [\"click\"]",
    );
}
