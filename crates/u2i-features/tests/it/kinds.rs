//! Events of several kinds, in one file or in one each, joined by time.

use u2i_schema::{ErrorKind, Sample};

use crate::*;

fn events(file: &str) -> EventsConfig {
    EventsConfig { file: file.into(), ..events_csv(Encoding::Utf8, lenient()).events }
}

fn named(name: &str, file: &str) -> LogConfig {
    LogConfig { kind: KindConfig::Name(name.into()), events: events(file) }
}

fn config(targets: &[&str], log: Vec<LogConfig>) -> LogsConfig {
    let targets = targets.iter().map(|target| (*target).to_owned()).collect();
    LogsConfig {
        targets,
        log,
        users: None,
        items: None,
        missing: None,
        whole_number_ids: false,
        limits: lenient(),
    }
}

fn read(config: &LogsConfig, files: &[(&str, &str)]) -> Result<RawData, FeatureError> {
    let files: Vec<(&str, &[u8])> = files.iter().map(|(name, text)| (*name, text.as_bytes())).collect();
    DataConfig::Logs(Box::new(config.clone())).read(folder(&files).path())
}

fn prepared(raw: &RawData, split: &SplitConfig, per_user: PerUser) -> Result<Prepared, FeatureError> {
    prepare(raw, split, &features(vec![]), &SamplesConfig { per_user }, 0)
}

fn items(data: &Prepared, user: usize) -> Vec<&str> {
    data.events.items(user).iter().map(|&item| data.catalog.item_id(item)).collect()
}

const CLICKS: &str = "who,what,when\nu,a,1\nu,b,2\nu,c,4\nu,d,6\nu,e,7\nv,a,1\nw,a,9\n";
const BUYS: &str = "who,what,when\nu,b,3\nu,c,4\nu,d,7\nv,b,2\n";

/// By hand: clicks a1 b2 c4 d6 e7, buys b3 c4 d7. At the same time the file that is listed first comes first.
#[test]
fn kinds_of_several_files_are_one_order_by_time_and_then_by_file() {
    let files = [("clicks", CLICKS), ("buys", BUYS)];
    let clicks_first = config(&["buy"], vec![named("click", "clicks"), named("buy", "buys")]);
    let raw = read(&clicks_first, &files).unwrap();
    let kinds = raw.kinds.clone().unwrap();
    assert_eq!((kinds.names, kinds.is_target), (vec!["click".into(), "buy".into()], vec![false, true]));
    assert_eq!(kinds.of_event, [0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1]);
    assert_balanced(&raw.files);
    assert_eq!(raw.files.iter().map(|file| file.kept).collect::<Vec<_>>(), [7, 4]);
    let data = prepared(&raw, &leave_last_out(), PerUser::All {}).unwrap();
    assert_eq!(items(&data, 0), ["a", "b", "b", "c", "c", "d", "e", "d"]);
    // The last two buys of u are held back; what lies between them trains nothing. v and w have too few buys.
    assert_eq!(data.test, [Sample { user: 0, position: 7 }]);
    assert_eq!(data.validation, [Sample { user: 0, position: 4 }]);
    assert_eq!(data.train.events().offsets(), [0, 4, 6, 7]);
    let buys = [(0, 2), (1, 1)].map(|(user, position)| Sample { user, position });
    assert_eq!(data.samples.samples(), buys, "targets are buys alone");

    let buys_first = config(&["buy"], vec![named("buy", "buys"), named("click", "clicks")]);
    let data = prepared(&read(&buys_first, &files).unwrap(), &leave_last_out(), PerUser::All {}).unwrap();
    assert_eq!(items(&data, 0), ["a", "b", "b", "c", "c", "d", "d", "e"]);
    assert_eq!((data.test[0].position, data.validation[0].position), (6, 3));
}

#[test]
fn a_column_of_kinds_in_one_file_is_as_good_as_a_file_for_each() {
    let one = "who,what,when,event_type\nu,a,1,click\nu,b,2,click\nu,b,3,buy\nu,c,4,click\nu,c,4,buy\nu,d,6,click\n\
               u,e,7,click\nu,d,7,buy\nv,a,1,click\nv,b,2,buy\nw,a,9,click\nw,a,9,\n";
    let log = LogConfig { kind: KindConfig::Column("event_type".into()), events: events("all") };
    let raw = read(&config(&["buy"], vec![log]), &[("all", one)]).unwrap();
    assert_eq!((raw.files[0].rejects.len(), raw.files[0].rejects[0].column.as_str()), (1, "event_type"));
    let several = config(&["buy"], vec![named("click", "clicks"), named("buy", "buys")]);
    let several = read(&several, &[("clicks", CLICKS), ("buys", BUYS)]).unwrap();
    let [one, several] =
        [&raw, &several].map(|raw| prepared(raw, &leave_last_out(), PerUser::All {}).unwrap());
    assert_eq!(one.split_hash, several.split_hash);
    assert_eq!((one.events, one.samples, one.catalog), (several.events, several.samples, several.catalog));
}

/// Without `targets` kinds change nothing: the split, and samples of every sort, are those of one file of all events.
#[test]
fn where_all_kinds_are_targets_they_are_as_events_of_one_kind() {
    let two = 2.try_into().unwrap();
    let cut = SplitConfig::TimeCut { ties: Ties::File, validation_quantile: 0.5, test_quantile: 0.7 };
    for (seed, split) in (0..40).flat_map(|seed| [leave_last_out(), cut.clone()].map(|split| (seed, split))) {
        let plain = random_log(seed);
        let n = plain.n_events();
        let kinds = |is_target: [bool; 2]| RawKinds {
            names: vec!["click".into(), "buy".into()],
            of_event: (0..n).map(|event| u16::from(event % 3 == 0)).collect(),
            is_target: is_target.to_vec(),
        };
        let all = RawData { kinds: Some(kinds([true; 2])), ..plain.clone() };
        for per_user in [
            PerUser::All {},
            PerUser::Newest { n: two },
            PerUser::Drawn { n: two },
            PerUser::Fixed { n: two },
        ] {
            let [a, b] = [&plain, &all].map(|raw| prepared(raw, &split, per_user).unwrap());
            assert_eq!(a.split_hash, b.split_hash, "{seed} {split:?} {per_user:?}");
        }
        // With one kind alone, no other is ever a target, and histories are still of both.
        let some = RawData { kinds: Some(kinds([false, true])), ..plain.clone() };
        for per_user in [PerUser::All {}, PerUser::Drawn { n: two }, PerUser::Fixed { n: two }] {
            let Ok(data) = prepared(&some, &split, per_user) else { continue };
            let order = |user: u32| {
                let user = data.users.ids()[user as usize].clone();
                let own = some.user_ids.iter().position(|id| *id == user).unwrap() as u32;
                let mut rows: Vec<usize> = (0..n).filter(|&row| some.events.user[row] == own).collect();
                rows.sort_by_key(|&row| (some.events.time_s[row], row));
                rows
            };
            for sample in data.samples.samples().iter().chain(&data.validation).chain(&data.test) {
                assert_eq!(
                    order(sample.user)[sample.position as usize] % 3,
                    0,
                    "{seed} {split:?} {sample:?}"
                );
                assert!(sample.position > 0);
            }
            let n_train: usize = data.train.events().n_events();
            assert!(data.samples.len() < n_train && data.events.n_events() == n);
        }
    }
}

#[test]
fn kinds_that_cannot_be_are_refused_with_the_key() {
    let files = [("clicks", CLICKS), ("buys", BUYS)];
    let both = || vec![named("click", "clicks"), named("buy", "buys")];
    let error = read(&config(&["purchase"], both()), &files).unwrap_err();
    assert!(
        error.to_string().starts_with(
            "data.logs.targets: no event is of the kind `purchase`, only of [\"click\", \"buy\"]"
        ),
        "{error}"
    );
    assert_eq!(error.kind(), ErrorKind::Usage);

    let log = LogConfig { kind: KindConfig::Column("type".into()), events: events("clicks") };
    let error = read(&config(&[], vec![log]), &files).unwrap_err();
    assert!(
        error.to_string().contains("there is no column `type` (key data.logs.log.events.kind)"),
        "{error}"
    );

    let mut other = both();
    other[1].events.request =
        vec![AttributeConfig { name: "what".into(), column: None, kind: AttributeKind::Text {} }];
    let error = read(&config(&[], other), &files).unwrap_err();
    assert!(
        error.to_string().starts_with("data.logs.log.events.request: expected the request columns"),
        "{error}"
    );

    let error = read(&config(&[], vec![]), &files).unwrap_err();
    assert!(error.to_string().starts_with("data.logs.log: expected at least one file"), "{error}");

    let raw = read(&config(&["buy"], both()), &files).unwrap();
    let error = prepared(&raw, &SplitConfig::Book { min_events: 3 }, PerUser::All {}).unwrap_err();
    assert!(error.to_string().starts_with("split: expected a split by times"), "{error}");
    let split = toml::from_str::<SplitConfig>("[files]\ntest = \"buys\"\n").unwrap();
    let error = DataConfig::Logs(Box::new(config(&[], both()))).read_for(&split, Path::new("")).unwrap_err();
    assert!(error.to_string().starts_with("split.files: expected events in data.files.tables"), "{error}");
}

#[test]
fn a_config_of_kinds_names_and_moves_all_its_files() {
    let items = AttributesConfig {
        file: "shop/items.csv".into(),
        format: events("x").format,
        id: "what".into(),
        attributes: vec![],
    };
    let logs = LogsConfig {
        items: Some(items),
        ..config(&["buy"], vec![named("click", "shop/clicks.csv"), named("buy", "shop/buys.csv")])
    };
    let data = DataConfig::Logs(Box::new(logs));
    assert_eq!(data.name(), "clicks");
    let files = |data: DataConfig| match data {
        DataConfig::Logs(logs) => {
            let events = logs.log.iter().map(|log| log.events.file.clone());
            events.chain(logs.items.map(|items| items.file)).collect::<Vec<_>>()
        }
        other => panic!("{other:?}"),
    };
    let wanted = |folder: &str| {
        ["clicks", "buys", "items"].map(|name| Path::new(&format!("{folder}{name}.csv")).to_owned())
    };
    assert_eq!(files(data.rebased(Path::new("/here"))), wanted("/here/shop/"));
    assert_eq!(files(data.anywhere()), wanted(""));
    let written = toml::to_string(&data).unwrap();
    assert_eq!(toml::from_str::<DataConfig>(&written).unwrap(), data, "{written}");
}
