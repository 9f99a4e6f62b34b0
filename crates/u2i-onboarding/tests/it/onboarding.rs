//! From files to a trained model by `init`, and what `validate` says of them.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use u2i::ErrorKind;
use u2i::baselines::{Popularity, rank_targets};
use u2i::config::Experiment;
use u2i::device::DeviceChoice;
use u2i::eval::Metric;
use u2i::models::TwoTowerConfig as _;
use u2i::pipeline::{evaluate_model, load_config, load_data, prepare_features, train_model};
use u2i_datasets::{SyntheticConfig, synthetic};
use u2i_features::{RawData, RawValues, TimeUnit};
use u2i_onboarding::{Counted, InitOptions, Initialised, MarkedColumn, ModelChoice, init, validate};

use crate::{NOW_S, nowhere, real_data};

/// Transitions, popularity and taste, in a few thousand events.
const SMALL: SyntheticConfig =
    SyntheticConfig { users: 400, items: 150, events_per_user: 15, cold_users: 8, cold_items: 2 };

fn options(data: &[PathBuf], folder: &Path, model: ModelChoice) -> InitOptions {
    InitOptions::new(data.to_vec(), folder.join("own.toml"), model, NOW_S)
}

/// Rows of user, item and time, in the order of time.
fn rows(raw: &RawData) -> impl Iterator<Item = (&str, &str, i64)> {
    (0..raw.n_events()).map(|event| {
        let (user, item) = (raw.events.user[event] as usize, raw.events.item[event] as usize);
        (raw.user_ids[user].as_str(), raw.item_ids[item].as_str(), raw.events.time_s[event])
    })
}

fn write(folder: &Path, name: &str, text: &str) -> PathBuf {
    let path = folder.join(name);
    std::fs::write(&path, text).unwrap();
    path
}

/// Hit rate at 10 of the model of a config, and of popularity, on its test users.
fn trained(experiment: &Experiment, base: &Path) -> (f64, f64) {
    let raw = load_data(experiment, &nowhere(), base).unwrap();
    let prepared = prepare_features(experiment, &raw).unwrap();
    let device = DeviceChoice::Cpu.open().unwrap();
    let trained = train_model(experiment, &prepared, &device, &mut ()).unwrap();
    let evaluation = evaluate_model(experiment, &trained, &prepared, &device).unwrap();
    let popularity = Popularity::new(&prepared.train, prepared.catalog.n_items());
    let ranked = rank_targets(&popularity, &prepared.events, &prepared.test, 10.try_into().unwrap());
    let hits =
        ranked.ranks.iter().filter(|rank| rank.excluded.get().is_some_and(|rank| rank <= 10.0)).count();
    (evaluation.metrics.mean(Metric::HitRate(10)).unwrap(), hits as f64 / prepared.test.len() as f64)
}

/// What init makes of files in a folder is a config that loads, trains, and beats popularity.
fn check(folder: &Path, data: &[PathBuf], model: ModelChoice) -> (Initialised, f64) {
    let options = options(data, folder, model);
    let made = init(&options).unwrap();
    write(folder, "own.toml", &made.text);
    let experiment = load_config(&options.out).unwrap();
    assert_eq!(experiment, made.experiment);
    assert_eq!(experiment.model.name(), model.to_string());
    let (hit_rate, popularity) = trained(&experiment, folder);
    assert!(hit_rate > 1.5 * popularity, "{model}: {hit_rate}, popularity {popularity}\n{}", made.text);
    (made, hit_rate)
}

fn csv(folder: &Path, raw: &RawData) -> PathBuf {
    let mut text = "played_at;listener;stars;track\n".to_owned();
    for (row, (user, item, time_s)) in rows(raw).enumerate() {
        writeln!(text, "{time_s};u-{user};{}.5;{item:0>4}", row % 5).unwrap();
    }
    write(folder, "plays.csv", &text)
}

#[test]
fn a_csv_of_other_names_and_half_stars_is_trained_as_it_is() {
    let folder = tempfile::tempdir().unwrap();
    let path = csv(folder.path(), &synthetic(3, &SMALL));
    let (made, _) = check(folder.path(), &[path], ModelChoice::YoutubeDnn);
    for (key, value) in [("user", "\"listener\""), ("item", "\"track\""), ("file", "\"plays.csv\"")] {
        assert!(made.text.contains(&format!("{key} = {value}\n")), "{key}: {}", made.text);
    }
    assert!(made.text.contains("time = { column = \"played_at\", unit = \"s\" }"), "{}", made.text);
    assert!(made.unused.iter().any(|line| line.contains("stars")), "{:?}", made.unused);
    // Each guess stands under its reason.
    let flat = made.text.replace("\n# ", " ");
    for guess in &made.guesses {
        assert!(!guess.reason.is_empty() && flat.contains(&guess.reason), "{guess:?}\n{}", made.text);
    }
}

#[test]
fn pairs_without_times_are_trained_as_they_are() {
    let folder = tempfile::tempdir().unwrap();
    let raw = synthetic(4, &SMALL);
    let text: String = rows(&raw).map(|(user, item, _)| format!("{user} {item}\n")).collect();
    let path = write(folder.path(), "pairs.txt", &text);
    let (made, _) = check(folder.path(), std::slice::from_ref(&path), ModelChoice::YoutubeDnn);
    assert!(made.text.contains("[data.files.sequences]"), "{}", made.text);
    let validation = validate(&made.experiment, folder.path(), &nowhere()).unwrap();
    assert_eq!((validation.times, validation.ties_share), (None, None));
    let named = InitOptions { user: Some("user".into()), ..options(&[path], folder.path(), ModelChoice::Fm) };
    assert_eq!(init(&named).unwrap_err().kind(), ErrorKind::Usage);
}

/// `.inter`, `.user` and `.item` as RecBole writes them, with a quote in a title.
fn recbole(folder: &Path, raw: &RawData) {
    let mut inter = "user_id:token\titem_id:token\trating:float\ttimestamp:float\n".to_owned();
    for (user, item, time_s) in rows(raw) {
        writeln!(inter, "{user}\t{item}\t3.0\t{time_s}.0").unwrap();
    }
    let values = |name: &str, columns: &[u2i_features::RawColumn], index: usize| match &columns
        .iter()
        .find(|column| column.name == name)
        .unwrap()
        .values
    {
        RawValues::Text(texts) => texts[index].clone().unwrap_or_default(),
        RawValues::Number(numbers) => numbers[index].to_string(),
        RawValues::List(lists) => lists[index].join(" "),
    };
    let mut users = "user_id:token\tage:float\tgender:token\tzip_code:token\n".to_owned();
    for (index, id) in raw.user_ids.iter().enumerate() {
        let [age, gender, zip] = ["age", "gender", "zip"].map(|name| values(name, &raw.users, index));
        writeln!(users, "{id}\t{age}\t{gender}\t{zip}").unwrap();
    }
    let mut items = "item_id:token\tmovie_title:token_seq\trelease_year:float\tclass:token_seq\n".to_owned();
    for (index, id) in raw.item_ids.iter().enumerate() {
        let [title, year, genres] = ["title", "year", "genres"].map(|name| values(name, &raw.items, index));
        writeln!(items, "{id}\t\"{title}\" uncut\t{year}\t{genres}").unwrap();
    }
    write(folder, "x.inter", &inter);
    write(folder, "x.user", &users);
    write(folder, "x.item", &items);
}

#[test]
fn recboles_files_are_trained_with_their_attributes() {
    let folder = tempfile::tempdir().unwrap();
    recbole(folder.path(), &synthetic(5, &SMALL));
    for model in ModelChoice::ALL {
        let (made, _) = check(folder.path(), &[folder.path().to_owned()], model);
        let columns: Vec<&str> =
            made.experiment.features.column.iter().map(|column| column.name.as_str()).collect();
        let wanted: &[&str] = match model {
            ModelChoice::YoutubeDnn => &["age", "gender"],
            _ => &["age", "gender", "release_year", "class"],
        };
        assert_eq!(columns, wanted, "{}", made.text);
        assert!(made.unused.iter().any(|line| line.contains("zip_code")), "{:?}", made.unused);
        let raw = load_data(&made.experiment, &nowhere(), folder.path()).unwrap();
        assert!(raw.titles.iter().flatten().all(|title| title.ends_with("\" uncut")), "{:?}", raw.titles);
    }
}

/// A Parquet file with timestamps in microseconds and a list of tags that nothing binds.
fn parquet(path: &Path, raw: &RawData) {
    use parquet::data_type::{ByteArray, ByteArrayType, Int64Type};
    let message = "message log { required binary customer (UTF8); required int64 article; \
                   required int64 bought (TIMESTAMP(MICROS,true)); }";
    let schema = std::sync::Arc::new(parquet::schema::parser::parse_message_type(message).unwrap());
    let file = std::fs::File::create(path).unwrap();
    let mut writer =
        parquet::file::writer::SerializedFileWriter::new(file, schema, Default::default()).unwrap();
    let mut group = writer.next_row_group().unwrap();
    let users: Vec<ByteArray> = rows(raw).map(|(user, ..)| ByteArray::from(user)).collect();
    let items: Vec<i64> = rows(raw).map(|(_, item, _)| item.parse().unwrap()).collect();
    let times: Vec<i64> = rows(raw).map(|(.., time_s)| time_s * 1_000_000 + 5).collect();
    let mut column = group.next_column().unwrap().unwrap();
    column.typed::<ByteArrayType>().write_batch(&users, None, None).unwrap();
    column.close().unwrap();
    for values in [items, times] {
        let mut column = group.next_column().unwrap().unwrap();
        column.typed::<Int64Type>().write_batch(&values, None, None).unwrap();
        column.close().unwrap();
    }
    group.close().unwrap();
    writer.close().unwrap();
}

#[test]
fn parquet_with_timestamps_is_trained_as_it_is() {
    let folder = tempfile::tempdir().unwrap();
    let raw = synthetic(6, &SMALL);
    let path = folder.path().join("log.parquet");
    parquet(&path, &raw);
    let (made, _) = check(folder.path(), &[path], ModelChoice::YoutubeDnn);
    assert!(made.text.contains("time = { column = \"bought\", unit = \"datetime\" }"), "{}", made.text);
    let read = load_data(&made.experiment, &nowhere(), folder.path()).unwrap();
    assert_eq!(read.events.time_s, raw.events.time_s);
}

#[test]
fn tables_beside_events_describe_users_or_items_by_their_ids() {
    let folder = tempfile::tempdir().unwrap();
    let raw = synthetic(7, &SMALL);
    let events = csv(folder.path(), &raw);
    let items: String = raw
        .item_ids
        .iter()
        .enumerate()
        .map(|(row, id)| format!("{id:0>4},Song {id},{}\n", row % 4))
        .collect();
    let items = write(folder.path(), "a.csv", &format!("key,name,mood\n{items}"));
    let notes = write(folder.path(), "b.csv", "x,y\n1.5,2.5\n");
    let made = init(&options(&[items, notes, events], folder.path(), ModelChoice::Dssm)).unwrap();
    assert!(made.text.contains("id = \"key\""), "{}", made.text);
    assert!(
        made.text.contains("{ name = \"title\", column = \"name\", kind = { text = {} } }"),
        "{}",
        made.text
    );
    let columns: Vec<&str> =
        made.experiment.features.column.iter().map(|column| column.name.as_str()).collect();
    assert_eq!(columns, ["mood"]);
    let files: Vec<String> = made.files.iter().map(ToString::to_string).collect();
    assert_eq!(
        files,
        [
            "plays.csv: events: The only file with users, items and times of events. user = `listener`, item = `track`, \
             time = `played_at`.",
            "a.csv: items: by `key`. By its ids: 150 items in 150 rows, 100.0 % of the items of events among them.",
            "b.csv: not used: no column holds ids of users or items, each once.",
        ]
    );
}

#[test]
fn what_is_not_clear_is_refused_with_what_there_is_to_choose_from() {
    let folder = tempfile::tempdir().unwrap();
    let text: String =
        (0..200).map(|row| format!("{},{},{}\n", row % 25, row % 30, 978_300_760 + row)).collect();
    let events = write(folder.path(), "events.csv", &format!("a,b,c\n{text}"));
    let own = options(&[events], folder.path(), ModelChoice::YoutubeDnn);
    let error = init(&own).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Usage);
    let wanted = "events.csv: the user column could be any of `a`, `b`; say which: --user a or --user b";
    assert!(error.to_string().ends_with(wanted), "{error}");
    let made = init(&InitOptions { user: Some("b".into()), ..own.clone() }).unwrap();
    assert!(made.text.contains("# As --user says.\nuser = \"b\"\n"), "{}", made.text);
    let error = init(&InitOptions { time: Some("d".into()), ..own }).unwrap_err();
    assert!(error.to_string().contains("--time: there is no column `d`, only `a`, `b`, `c`"), "{error}");
}

#[test]
fn a_few_bad_rows_are_named_in_the_config_and_many_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let raw = synthetic(8, &SMALL);
    let path = csv(folder.path(), &raw);
    let good = std::fs::read_to_string(&path).unwrap();
    let bad = |n: usize| std::fs::write(&path, format!("{good}{}", "soon;u-1;3.5;0007\n".repeat(n))).unwrap();
    bad(2);
    let made = init(&options(std::slice::from_ref(&path), folder.path(), ModelChoice::Fm)).unwrap();
    let line = good.lines().count() + 1;
    let reason =
        format!("the first is plays.csv:{line} column `played_at`: expected a number, found \"soon\"");
    assert!(made.text.replace("\n# ", " ").contains(&reason), "{}", made.text);
    let validation = validate(&made.experiment, folder.path(), &nowhere()).unwrap();
    assert_eq!((validation.files[0].rejected, validation.files[0].first_rejects.len()), (2, 2));
    bad(raw.n_events() / 40);
    assert_eq!(init(&options(&[path], folder.path(), ModelChoice::Fm)).unwrap_err().kind(), ErrorKind::Data);
}

#[test]
fn a_validation_counts_what_is_there() {
    let folder = tempfile::tempdir().unwrap();
    // Three users with a tie, an item that none trains on, a repeat, and a user of two events.
    let text = "user,item,time\nu,a,100\nu,b,100\nu,c,300\nu,d,400\nv,b,100\nv,a,200\nv,c,300\nv,a,400\nw,a,100\nw,b,86500\n";
    let events = write(folder.path(), "events.csv", text);
    let others: String = (0..10).map(|row| format!("z{row},x\n")).collect();
    let others = format!("user,group\nu,x\nv,y\n{others}");
    let users = write(folder.path(), "users.csv", &others);
    // Seconds of 1970 are asked about.
    let own = options(&[events, users], folder.path(), ModelChoice::Fm);
    let error = init(&own).unwrap_err();
    assert!(error.to_string().contains("--time-unit"), "{error}");
    let made = init(&InitOptions { time_unit: Some(TimeUnit::Seconds), ..own }).unwrap();
    let found = validate(&made.experiment, folder.path(), &nowhere()).unwrap();
    let files: Vec<_> =
        found.files.iter().map(|file| (file.read, file.kept, file.rejected, file.filtered)).collect();
    assert_eq!(files, [(10, 10, 0, 0), (12, 2, 0, 10)]);
    assert_eq!((found.n_users, found.n_items, found.n_events), (3, 4, 10));
    assert_eq!(found.times, Some(["1970-01-01T00:01:40Z".into(), "1970-01-02T00:01:40Z".into()]));
    assert_eq!(found.ties_share, Some(1.0 / 7.0));
    let split = &found.split;
    // u: a b | c | d; v: b a | c | a; w: a b.
    assert_eq!((split.n_train_events, split.n_targets, split.n_validation, split.n_test), (6, 3, 2, 2));
    assert_eq!((split.n_items_trained, split.cold_targets_share, split.seen_targets_share), (2, 0.5, 0.5));
    assert_eq!((split.cold_users_share, split.history.median), (0.0, 3));
    assert_eq!((found.events_per_user.min, found.events_per_user.max), (2, 4));
    let [group] = found.columns.as_slice() else { panic!("{:?}", found.columns) };
    // Padding, unknown, x and y; w has none.
    assert_eq!(
        (group.n_rows, group.missing_share, group.unknown_share),
        (Some(4), 1.0 / 3.0, Some(1.0 / 3.0))
    );
    assert_eq!(found.memory_peak, found.memory.peak());
    let shown = found.to_string();
    assert!(shown.contains("14.3 % of neighbouring events of a user have the same time"), "{shown}");
    let json = serde_json::to_value(&found).unwrap();
    assert_eq!(json["split"]["n_test"], 2);
}

/// Each value that a model will not see as it stands, with the share and an example.
#[test]
fn a_validation_counts_what_is_missing_unknown_or_not_used() {
    let folder = tempfile::tempdir().unwrap();
    let mut events = "user,item,time,price\n".to_owned();
    for user in 0..12 {
        for step in 0..6 {
            // The last event of each user is of an item that nobody trains on.
            let item = if step == 5 { format!("new{user}") } else { format!("i{}", (user + step) % 8) };
            events += &format!("u{user},{item},{},{}\n", 1_600_000_000 + 1000 * step + user, 9);
        }
    }
    let users: String = (0..12).map(|u| format!("u{u},{},{}\n", ["x", "y", "NULL"][u % 3], u)).collect();
    let users = write(folder.path(), "users.csv", &format!("user,group,note\n{users}z1,x,1\nz2,x,1\n"));
    let moods: String = (0..8).map(|i| format!("i{i},{}\n", ["calm;glad", "calm"][i % 2])).collect();
    let cold: String = (0..12).map(|i| format!("new{i},loud;calm\n")).collect();
    let items = write(folder.path(), "items.csv", &format!("item,moods\n{moods}{cold}"));
    let events = write(folder.path(), "events.csv", &events);
    let text = format!(
        "[data.files.tables.events]\nfile = {events:?}\nformat = {{ csv = {{ separator = \",\", encoding = \"utf-8\" }} }}\n\
         user = \"user\"\nitem = \"item\"\ntime = {{ column = \"time\", unit = \"s\" }}\n\
         [data.files.tables.users]\nfile = {users:?}\nformat = {{ csv = {{ separator = \",\", encoding = \"utf-8\" }} }}\n\
         id = \"user\"\nattributes = [{{ name = \"group\", kind = {{ text = {{}} }} }}]\n\
         [data.files.tables.items]\nfile = {items:?}\nformat = {{ csv = {{ separator = \",\", encoding = \"utf-8\" }} }}\n\
         id = \"item\"\nattributes = [{{ name = \"mood\", column = \"moods\", kind = {{ list = {{ separator = \";\" }} }} }}]\n\
         [data.files.tables.limits]\nmax_reject_ratio = 0.0\nmax_line_bytes = 1048576\n"
    );
    let data: toml::Table = toml::from_str(&text).unwrap();
    let made = init(&options(&[folder.path().join("events.csv")], folder.path(), ModelChoice::Dssm)).unwrap();
    let mut config: toml::Table = toml::from_str(&made.text).unwrap();
    config["data"] = data["data"].clone();
    let columns = "column = [\n\
        { name = \"group\", side = \"user\", kind = { categorical = { min_count = 1 } } },\n\
        { name = \"mood\", side = \"item\", kind = { multi_categorical = { min_count = 1 } } }]";
    let columns: toml::Table = toml::from_str(columns).unwrap();
    config["features"].as_table_mut().unwrap().extend(columns);
    let experiment: Experiment = toml::from_str(&toml::to_string(&config).unwrap()).unwrap();
    let found = validate(&experiment, folder.path(), &nowhere()).unwrap();
    let marked = MarkedColumn { column: "group".into(), mark: "NULL".into(), n: 4 };
    assert_eq!(
        found.files.iter().map(|file| &file.marked[..]).collect::<Vec<_>>(),
        [&[][..], &[marked], &[]]
    );
    let line = "  4 of column `group` are \"NULL\" and taken for missing (28.6 %)\n";
    assert!(found.to_string().contains(line), "{found}");

    let [group, mood] = found.columns.as_slice() else { panic!("{:?}", found.columns) };
    let counted = |n, of, example: Option<&str>| Counted { n, of, example: example.map(str::to_owned) };
    assert_eq!(group.missing, counted(4, 12, Some("u2")));
    assert_eq!(group.unknown, Some(counted(0, 8, None)));
    assert_eq!(
        (group.validation_unknown_share, group.test_unknown_share),
        (Some(1.0 / 3.0), Some(1.0 / 3.0))
    );
    // Two or one of each of 8 items, and two of each of 12 that are not trained on, one of which is new.
    assert_eq!(mood.missing, counted(0, 20, None));
    assert_eq!(mood.unknown, Some(counted(12, 36, Some("loud"))));
    assert_eq!((mood.validation_unknown_share, mood.test_unknown_share), (Some(0.0), Some(0.0)));
    let shown = found.to_string();
    for wanted in [
        "column group (user): 4 rows, 33.3 % without one of their own, 33.3 % missing, as of user `u2`; \
         33.3 % of validation and 33.3 % of test targets without a row of their own\n",
        "column mood (item): 4 rows, 0.0 % without one of their own, 0.0 % missing; \
         12 values (33.3 %) unknown, such as `loud`\n",
        "users.csv: 14 rows read, 12 kept, 0 rejected, 2 of users or items without events (14.3 %)\n",
        "events.csv: user: user; item: item; time: time; not used: price (`9`)\n",
        "users.csv: user: user; features: group; not used: note (`0`)\n",
        "items.csv: item: item; features: moods (mood)\n",
    ] {
        assert!(shown.contains(wanted), "{wanted}\n{shown}");
    }
    let json = serde_json::to_value(&found).unwrap();
    assert_eq!(json["columns"][0]["missing"]["example"], "u2");
    assert_eq!((&json["uses"][3]["column"], &json["uses"][3]["use"]), (&"price".into(), &"not_used".into()));
    assert_eq!(json["warnings"], serde_json::json!([]));
}

#[test]
fn times_that_are_most_likely_not_meant_so_are_warned_of() {
    let folder = tempfile::tempdir().unwrap();
    let written = |times: [i64; 4]| {
        let mut text = "user,item,time\n".to_owned();
        for user in 0..9 {
            for (step, time_s) in times.into_iter().enumerate() {
                text += &format!("u{user},i{},{}\n", (user + step) % 5, time_s + 60 * step as i64);
            }
        }
        write(folder.path(), "events.csv", &text)
    };
    let plain = [1_500_000_000; 4];
    let made = init(&options(&[written(plain)], folder.path(), ModelChoice::Fm)).unwrap();
    let warned = |times: [i64; 4], now_s: i64| {
        written(times);
        let found = validate(&made.experiment, folder.path(), &nowhere()).unwrap().as_of(now_s);
        let shown = found.to_string();
        assert!(
            found.warnings.iter().all(|warning| shown.contains(&format!("warning: {warning}\n"))),
            "{shown}"
        );
        found.warnings
    };
    assert_eq!(warned(plain, 1_600_000_000), [""; 0]);
    // Half a day: a clock of another time zone.
    assert_eq!(warned(plain, 1_500_000_000 - 43_200), [""; 0]);
    let [future] = warned(plain, 1_400_000_000).try_into().unwrap();
    assert!(
        future.starts_with(
            "the last event, of 2017-07-14T02:43:00Z, is after the clock of this machine, 2014-05-13"
        ),
        "{future}"
    );
    let [early] =
        warned([100, 1_500_000_000, 1_500_000_000, 1_500_000_000], 1_600_000_000).try_into().unwrap();
    assert!(early.starts_with("9 of 36 events are of 1970, the first of 1970-01-01T00:01:40Z"), "{early}");
}

#[test]
fn the_folders_of_movielens_get_a_config_that_fits_them() {
    for (name, n_events) in [("ml-100k", 100_000), ("ml-1m", 1_000_209)] {
        let Some(data) = real_data::folder(name) else { continue };
        let folder = tempfile::tempdir().unwrap();
        for model in ModelChoice::ALL {
            let made = init(&options(std::slice::from_ref(&data), folder.path(), model)).unwrap();
            let n_columns = if model == ModelChoice::YoutubeDnn { 4 } else { 6 };
            assert_eq!(made.experiment.features.column.len(), n_columns, "{name} {model}");
            if model == ModelChoice::YoutubeDnn {
                let validation = validate(&made.experiment, folder.path(), &nowhere()).unwrap();
                assert_eq!(validation.n_events, n_events, "{name}");
            }
        }
    }
}
