//! What is asked of a bundle, as people ask it: their own file of users, dates in the future, what is bought again.

use std::fmt::Write as _;
use std::path::Path;
use std::sync::OnceLock;

use serde_json::Value;

use crate::command_line::u2i;
use crate::runs::{fail, json, succeed};

/// Ninety years on, as dates are moved where people must not be known by them.
const MOVED: i64 = 3_900_000_000;

/// A shop where every third purchase is one that was made before, and a file of its customers.
fn shop(folder: &Path) {
    let mut events = "customer_id;article;bought\n".to_owned();
    for customer in 0..60 {
        for step in 0..18 {
            let article = (customer * 7 + (step - step / 3) * (1 + customer % 4)) % 40;
            let time_s = MOVED + 86_400 * step + 60 * customer;
            writeln!(events, "c, {customer};a{article};{time_s}").unwrap();
        }
    }
    let mut customers = "customer_id;sex;interests;zip\n".to_owned();
    for customer in 0..60 {
        let interests = ["books|games", "films", ""][customer % 3];
        writeln!(customers, "c, {customer};{};{interests};{}", ["F", "M"][customer % 2], 10_000 + customer)
            .unwrap();
    }
    std::fs::write(folder.join("events.csv"), events).unwrap();
    std::fs::write(folder.join("customers.csv"), customers).unwrap();
}

/// The folder of the shop with a bundle, which all tests of this file ask.
fn served() -> &'static Path {
    static FOLDER: OnceLock<tempfile::TempDir> = OnceLock::new();
    let made = || {
        let folder = tempfile::tempdir().unwrap();
        shop(folder.path());
        succeed(&["init", "events.csv", "customers.csv", "--out", "own.toml"], folder.path());
        let text = std::fs::read_to_string(folder.path().join("own.toml")).unwrap();
        assert!(text.contains("seen = \"kept\""), "{text}");
        succeed(&["train", "own.toml", "--set", "train.epochs=1", "--out", "run"], folder.path());
        succeed(&["export", "run", "--out", "bundle"], folder.path());
        folder
    };
    FOLDER.get_or_init(made).path()
}

fn said(arguments: &[&str]) -> (Value, String) {
    let arguments = [&["recommend", "bundle", "--json"][..], arguments].concat();
    let output = succeed(&arguments, served());
    (json(&output), String::from_utf8(output.stderr).unwrap())
}

/// Asks for the customers of a file, and returns what is printed and said.
fn asked_of(name: &str, text: &str, more: &[&str]) -> (Value, String) {
    std::fs::write(served().join(name), text).unwrap();
    let out = format!("{name}.parquet");
    said(&[&["--users", name, "--out", &out][..], more].concat())
}

#[test]
fn what_was_seen_is_kept_as_in_the_evaluation_unless_an_option_says_otherwise() {
    let manifest = json(&succeed(&["inspect", "bundle", "--json"], served()));
    assert_eq!(manifest["seen"], "kept");
    let user = ["--user", "c, 7", "--k", "40"];
    let ask = |option: &[&str]| said(&[&user[..], option].concat());
    let ((default, kept_said), (kept, none), (excluded, _)) =
        (ask(&[]), ask(&["--keep-seen"]), ask(&["--exclude-seen"]));
    assert_eq!(default, kept);
    assert!(kept_said.contains("what was seen is recommended, too, as in the evaluation"), "{kept_said}");
    assert_eq!(none, "");
    let n = |items: &Value| items.as_array().unwrap().len();
    assert!(n(&excluded) < n(&kept), "{} and {}", n(&excluded), n(&kept));
    let both = ["recommend", "bundle", "--user", "c, 7", "--keep-seen", "--exclude-seen"];
    fail(&both, served(), 2, "--exclude-seen");
    for (option, wanted) in [(&[][..], "kept"), (&["--exclude-seen"], "excluded")] {
        let name = format!("seen_{wanted}.csv");
        assert_eq!(asked_of(&name, "user_id\n\"c, 7\"\n", option).0["seen"], wanted);
    }
}

#[test]
fn without_a_moment_all_events_of_a_user_count_even_those_after_the_clock() {
    let (items, text) = said(&["--user", "c, 7", "--keep-seen"]);
    assert_eq!((items.as_array().unwrap().len(), text.as_str()), (10, ""));
    // Their history is their own: the last event is one of it.
    let (_, text) = said(&["--user", "c, 7", "--keep-seen", "--at", "2020-01-01"]);
    assert!(text.contains("18 events of the user at or after --at are left out"), "{text}");
    assert!(text.contains("these are the most popular items"), "{text}");
    let later = (MOVED + 86_400 * 17 + 60 * 7).to_string();
    let (_, text) = said(&["--user", "c, 7", "--keep-seen", "--at", &later]);
    assert!(text.contains("1 event of the user at or after --at are left out"), "{text}");
    let (printed, text) = asked_of("all.csv", "user_id\n\"c, 7\"\n\"c, 8\"\n", &["--keep-seen"]);
    assert_eq!((&printed["n_popular"], &printed["n_later_events"]), (&0.into(), &0.into()), "{text}");
    let early = format!("user_id,at\n\"c, 7\",{later}\n\"c, 8\",\n\"c, 9\",2\n");
    let (printed, text) = asked_of("early.csv", &early, &["--keep-seen"]);
    assert_eq!((&printed["n_popular"], &printed["n_later_events"]), (&1.into(), &19.into()), "{text}");
    assert!(text.contains("19 events at or after the moments of their requests were left out"), "{text}");
}

#[test]
fn the_file_of_users_that_init_took_is_a_file_of_requests() {
    let text = std::fs::read_to_string(served().join("customers.csv")).unwrap();
    let (printed, said) = asked_of("again.csv", &text, &["--k", "5", "--keep-seen"]);
    assert_eq!((&printed["n_requests"], &printed["n_unknown_users"]), (&60.into(), &0.into()));
    assert_eq!(printed["unused_columns"], serde_json::json!(["zip"]));
    assert!(said.contains("again.csv: the model does not look at `zip`"), "{said}");
    assert!(!said.contains("did you mean"), "{said}");
    // In another format, and with a name that is always known.
    let (printed, said) = asked_of("tabs.tsv", "user\tsex\nc, 7\tF\nc, 8\tM\n", &["--keep-seen"]);
    assert_eq!(
        (&printed["n_requests"], &printed["n_unknown_users"], said.contains("sex")),
        (&2.into(), &0.into(), false)
    );
}

#[test]
fn a_misspelt_column_of_a_file_is_named_with_the_one_that_may_have_been_meant() {
    let (printed, said) = asked_of("misspelt.csv", "customer_id,sexx,zip\n\"c, 7\",F,1\n", &["--keep-seen"]);
    assert_eq!(printed["unused_columns"], serde_json::json!(["sexx", "zip"]));
    let wanted = "misspelt.csv: the model does not look at a column `sexx`; did you mean `sex`?";
    assert!(said.contains(wanted), "{said}");
    std::fs::write(served().join("nobody.csv"), "custmer_id,sex\n\"c, 7\",F\n").unwrap();
    let arguments = ["recommend", "bundle", "--users", "nobody.csv", "--out", "nobody.parquet"];
    let wanted = "no column of users (customer_id, user_id, user) or of histories (history), only custmer_id, sex; \
                  did you mean `customer_id`?";
    fail(&arguments, served(), 2, wanted);
    // What is typed by hand is refused.
    let arguments = ["recommend", "bundle", "--history", "a1", "--context", "sexx=F"];
    fail(&arguments, served(), 3, "did you mean `sex`?");
}

#[test]
fn of_two_columns_for_one_thing_the_one_that_the_data_has_is_taken_and_named() {
    let text = "customer_id,user_id,bought,at\n\"c, 7\",x,1,2099-01-01\n";
    let (printed, said) = asked_of("both.csv", text, &["--keep-seen"]);
    assert_eq!((&printed["n_unknown_users"], &printed["n_popular"]), (&0.into(), &0.into()), "{said}");
    assert!(
        said.contains("`customer_id` is taken for the ids of users; `user_id` is not looked at"),
        "{said}"
    );
    assert!(said.contains("`at` is taken for moments; `bought` is not looked at"), "{said}");
    let text = format!("customer_id,bought\n\"c, 7\",{}\n", MOVED + 1);
    let (printed, said) = asked_of("bought.csv", &text, &["--keep-seen"]);
    assert_eq!(printed["n_later_events"], 18, "{said}");
    assert!(said.contains("`bought` is taken for the moments of the requests"), "{said}");
}

#[test]
fn attributes_in_a_file_of_users_mean_what_they_mean_in_training() {
    let scores = |name: &str, text: &str| {
        let (printed, text) = asked_of(name, text, &["--keep-seen", "--exact"]);
        assert_eq!(printed["n_popular"], 0, "{text}");
        std::fs::read(served().join(format!("{name}.parquet"))).unwrap()
    };
    // Somebody new, who is known by their attributes and one purchase. What is blank is missing.
    let known = scores("n1.csv", "history,sex,interests\na1,F,books|games\n");
    assert_eq!(known, scores("n2.csv", "history,interests,sex,zip\na1,games|books,F,9\n"));
    assert_ne!(known, scores("n3.csv", "history,sex,interests\na1,M,books|games\n"));
    let nothing = scores("n4.csv", "history\na1\n");
    assert_eq!(nothing, scores("n5.csv", "history,sex,interests\na1,,\n"));
    // An article or a person with any letters in their ids.
    let (printed, _) =
        asked_of("n6.csv", "user_id,history\n\"Bob \"\"B\"\" Öz, jr.\",\"a1, a2 ,nobody's\"\n", &[]);
    assert_eq!((&printed["n_unknown_users"], &printed["n_unknown_items"]), (&1.into(), &1.into()));
}

#[test]
fn histories_are_given_as_json_where_ids_have_commas_and_an_empty_list_is_explained() {
    let (plain, _) = said(&["--history", "a1,a2", "--keep-seen"]);
    let (spaced, text) = said(&["--history", "a1, a2", "--keep-seen"]);
    assert_eq!((&plain, text.as_str()), (&spaced, ""));
    assert_eq!(plain, said(&["--history", r#"["a1", "a2"]"#, "--keep-seen"]).0);
    let (_, text) = said(&["--history", r#"["a1", "Salt, \"Pepper\""]"#, "--keep-seen"]);
    assert!(text.contains("the item `Salt, \"Pepper\"` of the history is not known"), "{text}");
    let output = u2i(&["recommend", "bundle", "--history", "[1.5]"], "1", served());
    assert_eq!(output.status.code(), Some(2));
    let (none, text) = said(&["--history", "a1", "--keep-seen", "--where", "train_count > 100000"]);
    assert_eq!(none, serde_json::json!([]));
    assert!(text.contains("no item is left"), "{text}");
}
