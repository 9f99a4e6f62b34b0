//! Which file and column is what, and what is said of those that are none.

use std::path::{Path, PathBuf};

use u2i::ErrorKind;
use u2i_onboarding::{InitOptions, Initialised, ModelChoice, init};

use crate::NOW_S;

/// Files by their names and what they hold.
fn files(folder: &Path, files: &[(&str, String)]) -> Vec<PathBuf> {
    let write = |(name, text): &(&str, String)| {
        let path = folder.join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, text).unwrap();
        path
    };
    files.iter().map(write).collect()
}

/// Events of users 1001 to 1030 with items 1 to 40.
fn events(header: &str) -> String {
    rows(header, 400, |row| {
        format!("{},{},{}", 1001 + row * 7 % 30, 1 + row * 11 % 40, 1_569_888_000 + 60 * row)
    })
}

/// A table of one row for each number from 1 on.
fn table(header: &str, n: usize) -> String {
    let n_more = header.matches(',').count();
    rows(header, n, |row| {
        format!("{}{}", row + 1, ",x".repeat(n_more).replace('x', &format!("x{}", row % 3)))
    })
}

fn rows(header: &str, n: usize, row: impl Fn(usize) -> String) -> String {
    let rows = (0..n).map(|number| row(number) + "\n");
    std::iter::once(format!("{header}\n")).chain(rows).collect()
}

fn own(data: Vec<PathBuf>, folder: &Path) -> InitOptions {
    InitOptions::new(data, folder.join("own.toml"), ModelChoice::Dssm, NOW_S)
}

/// What each file became, by its name.
fn used(made: &Initialised) -> Vec<(String, &str)> {
    let name = |path: &Path| path.file_name().unwrap().to_str().unwrap().to_owned();
    made.files.iter().map(|file| (name(&file.path), file.used_as.as_str())).collect()
}

/// What `init` makes of some files: what each became, or what it says.
fn check(given: &[(&str, String)], change: impl Fn(&mut InitOptions), wanted: Result<&[(&str, &str)], &str>) {
    let folder = tempfile::tempdir().unwrap();
    let mut options = own(files(folder.path(), given), folder.path());
    change(&mut options);
    match (init(&options), wanted) {
        (Ok(made), Ok(wanted)) => {
            let mut found = used(&made);
            found.sort();
            let mut wanted: Vec<(String, &str)> =
                wanted.iter().map(|(name, what)| (name.to_string(), *what)).collect();
            wanted.sort();
            assert_eq!(found, wanted, "{made}");
        }
        (Err(error), Err(wanted)) => {
            assert_eq!(error.kind(), ErrorKind::Usage, "{error}");
            let folder = format!("{}/", folder.path().display());
            assert!(error.to_string().replace(&folder, "").contains(wanted), "{error}");
        }
        (found, wanted) => {
            panic!("{}, wanted {wanted:?}", found.map_or_else(|e| e.to_string(), |made| made.to_string()))
        }
    }
}

#[test]
fn a_table_is_never_joined_because_its_numbers_count_from_one() {
    let events = || ("events.csv", events("user_id,product_id,timestamp"));
    let all = |name: &'static str, header: &str| [events(), (name, table(header, 250))];
    for (name, header) in [
        ("stores.csv", "store_id,city"),
        ("stores.csv", "id,city"),
        ("x.csv", "id,city"),
        ("widgets.csv", "widget_id,city"),
        ("product_categories.csv", "id,name"),
        ("songs.csv", "song_id,genre"),
    ] {
        // Songs are items, but of another kind than movies.
        let text = events()
            .1
            .replace("product_id", if header.starts_with("song") { "movie_id" } else { "product_id" });
        let given = [("events.csv", text), (name, table(header, 250))];
        check(&given, |_| {}, Ok(&[("events.csv", "events"), (name, "not used")]));
    }
    check(
        &all("products.csv", "product_id,city"),
        |_| {},
        Ok(&[("events.csv", "events"), ("products.csv", "items")]),
    );
    check(
        &all("products.csv", "id,city"),
        |_| {},
        Ok(&[("events.csv", "events"), ("products.csv", "items")]),
    );
    // Said by the caller, it is joined.
    let path = |options: &InitOptions| options.data[1].display().to_string();
    let named = |options: &mut InitOptions| options.items = Some(format!("{}:store_id", path(options)));
    check(
        &all("stores.csv", "store_id,city"),
        named,
        Ok(&[("events.csv", "events"), ("stores.csv", "items")]),
    );
}

#[test]
fn the_reason_why_a_table_is_left_out_names_the_option_that_takes_it() {
    let folder = tempfile::tempdir().unwrap();
    let given = [
        ("events.csv", events("user_id,product_id,timestamp")),
        ("stores.csv", table("store_id,city", 250)),
        ("history.csv", rows("product_id,price", 80, |row| format!("{},{row}", 1 + row % 40))),
        ("other.csv", rows("product_id,price", 40, |row| format!("p{row},{row}"))),
    ];
    let made = init(&own(files(folder.path(), &given), folder.path())).unwrap();
    let lines = made.to_string().replace(&format!("{}/", folder.path().display()), "");
    for wanted in [
        "stores.csv: not used: `store_id` is called as something else than `product_id`, and numbers from 1 to 250 are \
         among others by chance; --items stores.csv:store_id takes it all the same.",
        "history.csv: not used: the values of its `product_id` come up several times",
        "other.csv: not used: none of the ids in its `product_id` is one of the events.",
    ] {
        assert!(lines.contains(wanted), "{lines}");
        let comments = made.text.replace("\n# ", " ").replace(&format!("{}/", folder.path().display()), "");
        assert!(comments.contains(wanted), "{comments}");
    }
}

#[test]
fn ids_that_chance_does_not_explain_join_a_table_of_another_name_and_it_is_said() {
    let text = rows("user_id,product_id,timestamp", 400, |row| {
        format!(
            "{},{},{}",
            1001 + row * 7 % 30,
            7_000_000_000u64 + 987_654_321 * (row as u64 * 11 % 40),
            1_569_888_000 + row
        )
    });
    let other = rows("thing,colour", 40, |row| {
        format!("{},c{}", 7_000_000_000u64 + 987_654_321 * row as u64, row % 3)
    });
    let given = [("events.csv", text), ("things.csv", other)];
    check(&given, |_| {}, Ok(&[("events.csv", "events"), ("things.csv", "items")]));
    let folder = tempfile::tempdir().unwrap();
    let made = init(&own(files(folder.path(), &given), folder.path())).unwrap();
    assert!(made.to_string().contains("By its ids, though it is not called as `product_id`"), "{made}");
}

#[test]
fn people_are_users_only_if_their_ids_say_so() {
    let events = events("user_id,item_id,timestamp");
    let from_1001 = |header: &str| rows(header, 60, |row| format!("{},x{}", 1001 + row, row % 3));
    for (name, header, wanted) in [
        ("people.csv", "person_id,profession", "not used"),
        ("actors.csv", "id,name", "not used"),
        ("authors.csv", "author_id,country", "not used"),
        ("users.csv", "id,country", "users"),
        ("people.csv", "user_id,country", "users"),
        ("customers.csv", "customer_id,country", "users"),
    ] {
        let given = [("events.csv", events.clone()), (name, from_1001(header))];
        check(&given, |_| {}, Ok(&[("events.csv", "events"), (name, wanted)]));
    }
}

#[test]
fn two_files_that_could_both_be_the_events_are_asked_about_unless_one_is_called_so() {
    let one = |header: &str| events(header);
    let header = "user_id,item_id,timestamp";
    let half: String = one(header).split_inclusive('\n').take(100).collect();
    // Both are called events, or neither is: size alone decides nothing.
    for (a, b) in [("clicks.csv", "orders.csv"), ("a.csv", "b.csv"), ("train.csv", "test.csv")] {
        let given = [(a, one(header)), (b, half.clone())];
        check(&given, |_| {}, Err(&format!("--events {a}   (400 rows")));
        check(&given, |_| {}, Err(&format!("--events {b}   (99 rows")));
        let named = |options: &mut InitOptions| options.events = Some(options.data[1].display().to_string());
        check(&given, named, Ok(&[(b, "events"), (a, "not used")]));
    }
    let given = [("ratings.csv", one(header)), ("tags.csv", half.clone())];
    check(&given, |_| {}, Ok(&[("ratings.csv", "events"), ("tags.csv", "not used")]));
    // A small file that is called so beside a large one that is not.
    let given = [("events.csv", half.clone()), ("data.csv", one(header))];
    check(&given, |_| {}, Err("several files hold users and items of events"));
    // What is called events and is in doubt is not passed over.
    let doubted = one("user_id,customer_id,timestamp").replacen("timestamp", "timestamp,item_id", 1);
    let doubted: String = doubted.lines().enumerate().fold(String::new(), |text, (row, line)| match row {
        0 => format!("{text}{line}\n"),
        _ => format!("{text}{line},{}\n", row % 40),
    });
    let given = [("events.csv", doubted), ("tags.csv", half)];
    check(&given, |_| {}, Err("the user column could be any of `user_id`, `customer_id`; say which"));
}

#[test]
fn two_files_that_could_both_describe_the_items_are_asked_about_unless_one_is_called_so() {
    let events = events("user_id,product_id,timestamp");
    let table = |header: &str| table(header, 40);
    let given = [
        ("events.csv", events.clone()),
        ("products.csv", table("product_id,title")),
        ("prices.csv", table("product_id,band")),
    ];
    let wanted = [("events.csv", "events"), ("products.csv", "items"), ("prices.csv", "not used")];
    check(&given, |_| {}, Ok(&wanted));
    let given = [
        ("events.csv", events.clone()),
        ("products.csv", table("product_id,title")),
        ("products_old.csv", table("product_id,title")),
    ];
    check(&given, |_| {}, Err("--items products_old.csv   (`product_id`, `title`)"));
    let named = |options: &mut InitOptions| options.items = Some(options.data[2].display().to_string());
    let wanted = [("events.csv", "events"), ("products.csv", "not used"), ("products_old.csv", "items")];
    check(&given, named, Ok(&wanted));
    // A key that is called as the column of events comes first.
    let given = [
        ("events.csv", events),
        ("items.csv", table("item_id,title")),
        ("links.csv", table("product_id,url")),
    ];
    let wanted = [("events.csv", "events"), ("links.csv", "items"), ("items.csv", "not used")];
    check(&given, |_| {}, Ok(&wanted));
}

#[test]
fn options_name_files_and_columns_and_may_name_files_alone() {
    let given = [
        ("logs/a.csv", events("id,key,timestamp")),
        ("b.csv", rows("id,mood", 60, |row| format!("{},x{}", 1001 + row, row % 3))),
        ("c.csv", table("id,mood", 40)),
    ];
    let folder = tempfile::tempdir().unwrap();
    let paths = files(folder.path(), &given);
    let path = |place: usize| paths[place].display().to_string();
    let named = InitOptions {
        events: Some(path(0)),
        user: Some(format!("{}:id", path(0))),
        item: Some("key".into()),
        users: Some(format!("{}:id", path(1))),
        items: Some(path(2)),
        ..own(vec![], folder.path())
    };
    let made = init(&named).unwrap();
    let wanted = [("a.csv", "events"), ("b.csv", "users"), ("c.csv", "items")];
    assert_eq!(used(&made), wanted.map(|(name, what)| (name.to_owned(), what)));
    for (options, wanted) in [
        (InitOptions { users: Some(path(0)), ..named.clone() }, "this file holds the events"),
        (
            InitOptions { users: Some("d.csv".into()), ..named.clone() },
            "--users d.csv: there is no such file, only",
        ),
        (
            InitOptions { items: Some(format!("{}:mood", path(2))), ..named.clone() },
            "values come up several times, or are no ids; there must be one row for each of the items",
        ),
        (
            InitOptions { items: Some(format!("{}:id", path(1))), users: None, ..named.clone() },
            "none of the ids of `key` of the events is in this column",
        ),
    ] {
        let error = init(&options).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Usage);
        assert!(error.to_string().contains(wanted), "{error}");
    }
}

#[test]
fn events_without_times_are_read_in_the_order_of_the_file_and_it_is_said() {
    let folder = tempfile::tempdir().unwrap();
    let text = rows("user,item,rating", 400, |row| format!("{},{},{}", row % 30, row * 11 % 40, row % 5));
    let made = init(&own(files(folder.path(), &[("e.csv", text)]), folder.path())).unwrap();
    for said in [made.to_string(), made.text.replace("\n# ", " ")] {
        assert!(
            said.contains("no times. No column holds times: events are taken in the order of the file"),
            "{said}"
        );
    }
    assert!(!made.text.contains("time = {"), "{}", made.text);
}

#[test]
fn ids_that_are_written_as_decimals_or_are_blank_are_read_and_it_is_said() {
    let folder = tempfile::tempdir().unwrap();
    let text = rows("user_id,item_id,timestamp", 600, |row| {
        let user = if row % 10 < 3 { String::new() } else { (1 + row * 7 % 30).to_string() };
        format!("{user},{}.0,{}", 1 + row * 11 % 40, 1_569_888_000 + 60 * row)
    });
    let given = [("events.csv", text), ("items.csv", table("item_id,shelf", 40))];
    let made = init(&own(files(folder.path(), &given), folder.path())).unwrap();
    assert_eq!(used(&made), [("events.csv".to_owned(), "events"), ("items.csv".to_owned(), "items")]);
    let flat = made.text.replace("\n# ", " ");
    assert!(flat.contains("30.0 % of rows have no `user_id` and are left out."), "{flat}");
    for key in ["whole_number_ids = true", "without_user = \"left_out\"", "max_reject_ratio = 0.0"] {
        assert!(made.text.contains(key), "{key}: {}", made.text);
    }
}

#[test]
fn columns_without_names_are_named_by_their_numbers() {
    let folder = tempfile::tempdir().unwrap();
    let text = events("x").split_once('\n').unwrap().1.to_owned();
    let paths = files(folder.path(), &[("e.csv", text)]);
    let error = init(&own(paths.clone(), folder.path())).unwrap_err();
    assert!(error.to_string().contains("--no-header"), "{error}");
    let headless = InitOptions { no_header: true, ..own(paths, folder.path()) };
    let error = init(&headless).unwrap_err();
    assert!(error.to_string().ends_with("say which: --user 1 or --user 2"), "{error}");
    let named = InitOptions { user: Some("1".into()), item: Some("2".into()), ..headless };
    let made = init(&named).unwrap();
    assert!(made.summary.starts_with("400 events of 30 users with 40 items"), "{made}");
    assert!(made.text.contains("time = { column = \"3\", unit = \"s\" }"), "{}", made.text);
}

#[test]
fn what_is_in_doubt_ends_with_options_that_can_be_pasted() {
    let folder = tempfile::tempdir().unwrap();
    let text = events("end user,client,timestamp").replacen("timestamp", "timestamp,item", 1);
    let text: String = text.lines().enumerate().fold(String::new(), |text, (row, line)| match row {
        0 => format!("{text}{line}\n"),
        _ => format!("{text}{line},{}\n", row % 40),
    });
    let paths = files(folder.path(), &[("e.csv", text.replace("client", "old client"))]);
    let error = init(&own(paths, folder.path())).unwrap_err();
    assert!(error.to_string().ends_with("say which: --user 'end user' or --user 'old client'"), "{error}");
}
