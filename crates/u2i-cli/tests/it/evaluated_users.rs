//! Runs that are evaluated on a sample of their test users.

use std::collections::HashSet;

use serde_json::Value;
use u2i::run::RunFiles;

use crate::command_line::comparable;
use crate::own_experiment::own_experiment;
use crate::runs::{fail, json, succeed};

#[test]
fn a_sample_of_users_is_evaluated_as_among_all_said_with_its_interval_and_compared() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    own_experiment(folder);
    let train = |out: &str, set: &str| {
        let arguments = ["train", "own.toml", "--set", "train.epochs=1", "--set", set, "--out", out];
        let said = succeed(&arguments, folder);
        (String::from_utf8(said.stdout).unwrap(), comparable(&folder.join(out).join("report.json")))
    };
    let (printed, all) = train("all", "evaluation.users=all");
    let n_users = all["n_users"].as_u64().unwrap();
    assert_eq!(all["n_users_evaluated"], n_users);
    assert!(
        all.get("metrics_sample_ci95").is_none() && printed.contains(&format!(", {n_users} test users,"))
    );

    let (printed, some) = train("some", "evaluation.users=100");
    assert!(printed.contains(&format!(", 100 of {n_users} test users,")), "{printed}");
    assert!(printed.contains("With 95 % confidence, all would have the model's hit_rate@10 ± "), "{printed}");
    assert_eq!((&some["n_users"], &some["n_users_evaluated"]), (&all["n_users"], &100.into()));
    for key in ["weights_hash", "split_hash", "train"] {
        assert_eq!(some[key], all[key], "{key}");
    }
    assert_eq!(some["train"]["n_validation_users_evaluated"], some["train"]["n_validation_users"]);
    let half = |key: &str| some[key]["ndcg@10"].as_f64().unwrap();
    let left = (1.0 - 100.0 / n_users as f64).sqrt();
    assert!((half("metrics_sample_ci95") - left * half("metrics_ci95")).abs() < 1e-12);
    let targets = |group: &str| some["cold"][group]["n_targets"].as_u64().unwrap();
    assert_eq!(targets("cold_items") + targets("warm_items"), 100);

    // What a user's target comes to does not depend on who else is ranked for.
    let ranks = |out: &str| RunFiles::read(&folder.join(out)).unwrap().ranks;
    let (of_all, of_some) = (ranks("all"), ranks("some"));
    assert_eq!((of_all.len() as u64, of_some.len()), (n_users, 100));
    let users: HashSet<&str> = of_some.iter().map(|row| row.user_id.as_str()).collect();
    assert!(of_all.iter().filter(|row| users.contains(row.user_id.as_str())).eq(&of_some));

    let compare = |second: &str| json(&succeed(&["compare", "all", second, "--json"], folder));
    let compared = compare("some");
    assert_eq!(compared["n_users"], 100);
    assert_eq!(compared["n_users_of_runs"], serde_json::json!([n_users, 100]));
    let rows = compared["rows"].as_array().unwrap();
    assert!(rows.iter().all(|row| row["difference"] == 0.0), "{rows:?}");
    let said = String::from_utf8(succeed(&["compare", "some", "all"], folder).stdout).unwrap();
    assert!(
        said.contains(&format!("evaluated on 100, {n_users} users: these are the users of all")),
        "{said}"
    );

    succeed(&["evaluate", "some"], folder);
    assert_eq!(comparable(&folder.join("some/report.json")), some);
    succeed(&["report", "some"], folder);
    let page = std::fs::read_to_string(folder.join("some/report.html")).unwrap();
    assert!(page.contains("These users are a sample of") && !page.contains("The ranks do not add up"));
    let wanted = "--set evaluation.users=0: ";
    let none = ["train", "own.toml", "--set", "evaluation.users=0", "--out", "none"];
    fail(&none, folder, 2, wanted);
    fail(&none, folder, 2, "expected \"all\" or a number of users above 0");
}

#[test]
fn a_validation_on_fewer_users_says_so_and_has_other_figures() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    own_experiment(folder);
    let train = |out: &str, users: &str| -> (String, Value) {
        let users = format!("evaluation.validation_users={users}");
        let arguments = ["train", "own.toml", "--set", "train.epochs=2", "--set", &users, "--out", out];
        let said = succeed(&arguments, folder);
        (String::from_utf8(said.stderr).unwrap(), comparable(&folder.join(out).join("report.json")))
    };
    let (said, all) = train("all", "all");
    let n_users = all["train"]["n_validation_users"].as_u64().unwrap();
    assert!(all["train"]["n_validation_users_evaluated"] == n_users && !said.contains("sample"), "{said}");
    let (said, some) = train("some", "80");
    assert!(said.contains(&format!("of a sample of 80 of {n_users} validation users")), "{said}");
    assert_eq!(some["train"]["n_validation_users_evaluated"], 80);
    assert_eq!(some["train"]["losses"], all["train"]["losses"]);
    assert_ne!(some["train"]["validation"], all["train"]["validation"]);
    assert_eq!(some["n_users_evaluated"], all["n_users_evaluated"]);
}
