//! Splits that data comes with, in files of their own.

use u2i_schema::{ColumnData, ErrorKind, Sample};

use crate::*;

fn by_files() -> FilesSplit {
    FilesSplit {
        train: None,
        validation: None,
        test: "test".into(),
        ties: Ties::File,
        allow_later_training: false,
    }
}

fn tables() -> DataConfig {
    let mut tables = events_csv(Encoding::Utf8, lenient());
    tables.events.request =
        vec![AttributeConfig { name: "device".into(), column: None, kind: AttributeKind::Text {} }];
    DataConfig::Tables(Box::new(tables))
}

fn adjacency() -> DataConfig {
    DataConfig::Sequences(SequencesConfig {
        file: "events".into(),
        layout: SequencesLayout::Adjacency,
        encoding: Encoding::Utf8,
        limits: ReadLimits::STRICT,
    })
}

fn read(data: &DataConfig, split: &FilesSplit, files: &[(&str, &str)]) -> Result<RawData, FeatureError> {
    let files: Vec<(&str, &[u8])> = files.iter().map(|(name, text)| (*name, text.as_bytes())).collect();
    data.read_for(&SplitConfig::Files(split.clone()), folder(&files).path())
}

fn prepared(raw: &RawData, split: &FilesSplit) -> Result<Prepared, FeatureError> {
    prepare(raw, &SplitConfig::Files(split.clone()), &features(vec![]), &all_samples(), 0)
}

fn items(data: &Prepared, user: usize) -> Vec<&str> {
    data.events.items(user).iter().map(|&item| data.catalog.item_id(item)).collect()
}

/// The items of each set, by their ids.
fn sets(data: &Prepared, sets: &TargetSets) -> Vec<Vec<String>> {
    let ids = |set| sets.of(set).iter().map(|&item| data.catalog.item_id(item).to_owned()).collect();
    (0..sets.len()).map(ids).collect()
}

const HEADER: &str = "who,what,when,device\n";

fn csv(rows: &str) -> String {
    HEADER.to_owned() + rows
}

/// LightGCN's layout: users of the test file that train nothing have no history, users that are in the training file only
/// train.
#[test]
fn a_published_split_of_adjacency_is_kept() {
    let files = [("events", "0 4 2 7\n1 2 4\n3 7 2\n"), ("test", "0 9 8\n1 7\n2 4\n3\n")];
    let raw = read(&adjacency(), &by_files(), &files).unwrap();
    assert_eq!(raw.parts, Some(EventParts { validation: 7, test: 7 }));
    assert_balanced(&raw.files);
    assert_eq!(raw.files.iter().map(|file| file_name(&file.path)).collect::<Vec<_>>(), ["events", "test"]);
    let data = prepared(&raw, &by_files()).unwrap();
    assert_eq!(data.users.ids(), ["0", "1", "2", "3"]);
    assert_eq!(data.train.events().offsets(), [0, 3, 5, 5, 7]);
    assert_eq!(
        items(&data, 0),
        ["4", "2", "7", "9", "8"],
        "the order of the files, and in each that of the line"
    );
    assert_eq!(data.test, [Sample { user: 0, position: 3 }, Sample { user: 1, position: 2 }]);
    let test = data.test_sets();
    assert!(test.are_sets());
    assert_eq!(sets(&data, &test), [vec!["9", "8"], vec!["7"]]);
    assert_eq!((data.n_test_without_history, data.n_later_training, data.times), (1, 0, Times::Unknown));
    assert!(data.validation.is_empty() && data.validation_sets().is_empty());
    // 9 and 8 are cold: they come after the items that train.
    assert_eq!((data.catalog.n_items(), data.catalog.n_trained()), (5, 3));
}

#[test]
fn each_file_of_a_split_is_in_the_order_of_its_own_times() {
    let files = [
        ("events", csv("u,c,30,x\nu,a,10,\nv,a,5,y\nu,b,20,x\nv,b,6,x\n")),
        ("valid", csv("u,e,50,z\nu,d,40,x\n")),
        ("test", csv("u,h,70,x\nu,g,60,w\nu,h,60,x\nv,h,60,\n")),
    ];
    let files = files.each_ref().map(|(name, text)| (*name, text.as_str()));
    let split = FilesSplit { train: Some("events".into()), validation: Some("valid".into()), ..by_files() };
    let raw = read(&tables(), &split, &files).unwrap();
    assert_eq!(raw.parts, Some(EventParts { validation: 5, test: 7 }));
    let devices = text_column(&raw.request, "device");
    assert_eq!((devices.len(), devices[1], devices[5], devices[8]), (11, None, Some("z"), Some("w")));
    let data = prepared(&raw, &split).unwrap();
    assert_eq!(items(&data, 0), ["a", "b", "c", "d", "e", "g", "h", "h"]);
    assert_eq!(
        (data.validation.len(), data.validation[0].position, &data.validation_lengths),
        (1, 3, &vec![2])
    );
    assert_eq!(sets(&data, &data.validation_sets()), [["d", "e"]]);
    assert_eq!(data.test, [Sample { user: 0, position: 5 }, Sample { user: 1, position: 2 }]);
    assert_eq!(data.test_lengths, [3, 1]);
    assert_eq!(sets(&data, &data.test_sets()), [vec!["g", "h"], vec!["h"]], "an item is relevant once");
}

#[test]
fn events_that_train_after_the_test_has_begun_are_counted_and_refused_unless_the_config_allows_them() {
    let events = csv("u,a,10,x\nu,b,60,x\nu,c,61,x\nv,a,1,x\nv,b,2,x\n");
    let cases = [
        // The first test event of u: later than all, at the same time as one, earlier than two.
        (62, 0, 0),
        (61, 0, 1),
        (50, 0, 2),
        // A validation event of u at the time of the test, and training events after it.
        (61, 61, 2),
        (62, 60, 2),
    ];
    for (test_s, validation_s, n_later) in cases {
        let test = csv(&format!("u,d,{test_s},x\nv,d,3,x\n"));
        let valid = csv(&format!("u,e,{validation_s},x\n"));
        let files = [("events", events.as_str()), ("valid", valid.as_str()), ("test", test.as_str())];
        let validation = (validation_s > 0).then(|| "valid".into());
        let split = FilesSplit { validation, ..by_files() };
        let raw = read(&tables(), &split, &files).unwrap();
        match prepared(&raw, &split) {
            Ok(data) => assert_eq!((data.n_later_training, n_later), (0, 0)),
            Err(error) => {
                assert!(
                    matches!(error, FeatureError::LaterTraining { events, .. } if events == n_later),
                    "{error}"
                );
                let message = error.to_string();
                assert!(
                    message.contains("user `u`") && message.contains("allow_later_training = true"),
                    "{message}"
                );
                assert_eq!(error.kind(), ErrorKind::Usage);
            }
        }
        let allowed = FilesSplit { allow_later_training: true, ..split };
        assert_eq!(prepared(&raw, &allowed).unwrap().n_later_training, n_later, "{test_s} {validation_s}");
    }
}

#[test]
fn a_split_by_files_that_does_not_fit_its_data_is_refused_with_the_key() {
    let good = [("events", "0 4 2\n"), ("test", "0 9\n")];
    let other = FilesSplit { train: Some("other".into()), ..by_files() };
    let error = read(&adjacency(), &other, &good).unwrap_err();
    assert!(
        error.to_string().starts_with("split.files.train: expected the file of events in data.files"),
        "{error}"
    );
    assert_eq!(error.kind(), ErrorKind::Usage);

    let movielens = MovieLensConfig { dir: "".into(), limits: ReadLimits::STRICT };
    let error = read(&DataConfig::Ml1m(movielens), &by_files(), &good).unwrap_err();
    assert!(error.to_string().starts_with("split.files: expected events in data.files.tables"), "{error}");

    let missing = FilesSplit { test: "nowhere".into(), ..by_files() };
    let error = read(&adjacency(), &missing, &good).unwrap_err();
    assert!(error.to_string().contains("nowhere: ") && error.kind() == ErrorKind::Files, "{error}");

    let text = csv("u,a,1,x\nu,b,2,x\n");
    let files = [("events", text.as_str()), ("test", "who,what\nu,c\n")];
    let error = read(&tables(), &by_files(), &files).unwrap_err();
    assert!(
        error.to_string().contains("test: there is no column `device` (key split.files.test.request)"),
        "{error}"
    );

    let raw = log(&[("u", "a", 1), ("u", "b", 2), ("u", "c", 3)]);
    let error = prepared(&raw, &by_files()).unwrap_err();
    assert!(matches!(error, FeatureError::NoFilesOfSplit) && error.kind() == ErrorKind::Usage);

    let raw = read(&adjacency(), &by_files(), &good).unwrap();
    for ties in [Ties::ItemId, Ties::Shuffled { seed: 1 }] {
        let error = prepared(&raw, &FilesSplit { ties, ..by_files() }).unwrap_err();
        assert!(error.to_string().starts_with("split.files.ties needs times"), "{error}");
    }
    let strangers = [("events", "0 4 2\n"), ("test", "1 9\n")];
    let error = prepared(&read(&adjacency(), &by_files(), &strangers).unwrap(), &by_files()).unwrap_err();
    assert!(matches!(error, FeatureError::NobodyToTest { .. }), "{error}");
}

/// What other splits make of the same events does not depend on the files; what this one makes does.
#[test]
fn the_hash_of_a_split_by_files_tells_its_sets() {
    let files = |test: &'static str| [("events", "0 4 2 7\n1 2 4\n"), ("test", test)];
    let hash = |test| {
        let raw = read(&adjacency(), &by_files(), &files(test)).unwrap();
        prepared(&raw, &by_files()).unwrap().split_hash
    };
    assert_eq!(hash("0 7 2\n1 7\n"), hash("0 7 2\n1 7\n"));
    assert_ne!(hash("0 7 2\n1 7\n"), hash("0 7 2\n1 4\n"));
    let raw = read(&adjacency(), &by_files(), &files("0 9 8\n1 7\n")).unwrap();
    let as_one =
        |raw: &RawData| prepare(raw, &leave_last_out(), &features(vec![]), &all_samples(), 0).unwrap();
    let whole = as_one(&RawData { parts: None, ..raw.clone() });
    assert_eq!(as_one(&raw).split_hash, whole.split_hash);
    assert!(!whole.test_sets().are_sets() && whole.test_lengths.is_empty());
}

#[test]
fn a_config_of_a_split_by_files_is_as_short_as_it_may_be() {
    let read = |text: &str| toml::from_str::<SplitConfig>(text);
    let short = read("[files]\ntest = \"data/test.txt\"\n").unwrap();
    assert_eq!(short, SplitConfig::Files(FilesSplit { test: "data/test.txt".into(), ..by_files() }));
    assert_eq!(toml::to_string(&short).unwrap(), "[files]\ntest = \"data/test.txt\"\n");
    let SplitConfig::Files(moved) = short.rebased(Path::new("/here")) else { unreachable!() };
    assert_eq!(moved.test, Path::new("/here/data/test.txt"));
    assert_eq!(short.anywhere(), SplitConfig::Files(FilesSplit { test: "test.txt".into(), ..by_files() }));
    let whole = "[files]\ntrain = \"a\"\nvalidation = \"b\"\ntest = \"c\"\nties = \"item_id\"\nallow_later_training = true\n";
    assert_eq!(toml::to_string(&read(whole).unwrap()).unwrap(), whole);
    for wrong in ["[files]\ntrain = \"a\"\n", "[files]\ntest = \"a\"\nvalid = \"b\"\n"] {
        assert!(read(wrong).is_err(), "{wrong}");
    }
}

/// A user trains at 100 and 200 and is tested on what happened at 150. Of searches at 120 and 170 only the first was before
/// that.
#[test]
fn a_test_event_before_one_that_trains_sees_no_search_after_itself() {
    let mut raw = log(&[("u", "a", 100), ("u", "b", 200), ("u", "c", 150)]);
    raw.parts = Some(EventParts { validation: 2, test: 2 });
    raw.sequences = vec![RawSequence {
        name: "searches".into(),
        user: vec![0, 0],
        value: vec![0, 1],
        values: vec!["x".into(), "y".into()],
        time_s: vec![120, 170],
        ..RawSequence::default()
    }];
    let one = 1.try_into().unwrap();
    let kind = ColumnKind::Sequence { length: 9.try_into().unwrap(), min_count: one };
    let columns = features(vec![column("searches", Side::Request, kind)]);
    let split = FilesSplit { allow_later_training: true, ..by_files() };
    let data = prepare(&raw, &SplitConfig::Files(split), &columns, &all_samples(), 0).unwrap();
    assert_eq!((data.n_later_training, data.test[0].position), (1, 2));
    let ColumnData::Windows { from, to, .. } = &data.events.request()[0] else { panic!("no windows") };
    let seen: Vec<u32> = from.iter().zip(to).map(|(from, to)| to - from).collect();
    assert_eq!(seen, [0, 1, 1]);
}
