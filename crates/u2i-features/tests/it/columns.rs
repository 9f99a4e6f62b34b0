use u2i_schema::{ErrorKind, Side, Slot, Transform};

use crate::*;

/// Four users of which the last has a single event, so all train; ages 10, 20, 30 and missing; three items that
/// train (a, b, c) and one that does not (d).
fn raw() -> RawData {
    let text = |values: &[&str]| {
        RawValues::Text(values.iter().map(|v| (!v.is_empty()).then(|| (*v).to_owned())).collect())
    };
    let list = |values: &[&[&str]]| {
        RawValues::List(values.iter().map(|list| list.iter().map(|v| (*v).to_owned()).collect()).collect())
    };
    let named = |name: &str, values| RawColumn { name: name.into(), values };
    RawData {
        user_ids: ["u", "v", "w", "x"].map(String::from).into(),
        item_ids: ["a", "b", "c", "d"].map(String::from).into(),
        titles: vec![None; 4],
        events: RawEvents {
            user: vec![0, 0, 0, 0, 1, 2, 3],
            item: vec![0, 1, 2, 3, 0, 1, 2],
            // Wednesday 1970-01-07, 01:00, and one second after the other.
            time_s: (0..7).map(|i| 6 * 86_400 + 3_600 + i).collect(),
            ..RawEvents::default()
        },
        users: vec![
            named("group", text(&["red", "red", "blue", ""])),
            named("age", RawValues::Number(vec![10.0, 20.0, 30.0, f64::NAN])),
        ],
        items: vec![
            named("tags", list(&[&["p", "q"], &["q"], &[], &["z"]])),
            named("price", RawValues::Number(vec![0.0, 0.0, 0.0, 1e9])),
        ],
        ..RawData::default()
    }
}

fn fit(name: &str, side: Side, kind: ColumnKind) -> Result<Transform, FeatureError> {
    let columns = features(vec![column(name, side, kind)]);
    let data = prepare(&raw(), &leave_last_out(), &columns, &all_samples(), 0);
    data.map(|data| data.columns[0].transform.clone())
}

fn n(n: u32) -> std::num::NonZeroU32 {
    n.try_into().unwrap()
}

fn vocabulary(values: &[&str]) -> Transform {
    Transform::Categorical(u2i_schema::Vocabulary::new(values.iter().copied()))
}

#[test]
fn columns_are_fitted_on_training_users_items_and_events() {
    use ColumnKind::*;
    let multi = |values: [&str; 2]| Transform::MultiCategorical(u2i_schema::Vocabulary::new(values));
    // Items of training are a, b; c and d are held out with u's last two events, but x trains on c.
    let cases = [
        ("group", Side::User, Categorical { min_count: n(1) }, vocabulary(&["blue", "red"])),
        ("group", Side::User, Categorical { min_count: n(2) }, vocabulary(&["red"])),
        ("age", Side::User, Categorical { min_count: n(1) }, vocabulary(&["10", "20", "30"])),
        ("user_id", Side::User, Hashed { buckets: n(9) }, Transform::Hashed { buckets: 9 }),
        ("item_id", Side::Item, Categorical { min_count: n(1) }, vocabulary(&["a", "b", "c"])),
        ("tags", Side::Item, MultiCategorical { min_count: n(1) }, multi(["p", "q"])),
        (
            "age",
            Side::User,
            BucketizedQuantiles { buckets: n(3) },
            Transform::Bucketized { edges: vec![20.0, 30.0] },
        ),
        ("price", Side::Item, BucketizedQuantiles { buckets: n(3) }, Transform::Bucketized { edges: vec![] }),
        (
            "age",
            Side::User,
            BucketizedEdges { edges: vec![18.0] },
            Transform::Bucketized { edges: vec![18.0] },
        ),
        (
            "age",
            Side::User,
            Standardized {},
            Transform::Standardized { mean: 20.0, sd: (200.0f64 / 3.0).sqrt() },
        ),
        ("price", Side::Item, Standardized {}, Transform::Standardized { mean: 0.0, sd: 1.0 }),
        ("age", Side::User, Log { scale: 2.0 }, Transform::Log { scale: 2.0 }),
        ("weekday", Side::Request, Categorical { min_count: n(1) }, vocabulary(&["2"])),
        ("hour", Side::Request, Categorical { min_count: n(1) }, vocabulary(&["1"])),
    ];
    for (name, side, kind, wanted) in cases {
        assert_eq!(fit(name, side, kind.clone()).unwrap(), wanted, "{name} {kind:?}");
    }
}

#[test]
fn configs_that_do_not_fit_the_data_are_refused() {
    use ColumnKind::*;
    let cases = [
        (
            "gender",
            Side::User,
            Standardized {},
            "no user attribute `gender`, only [\"group\", \"age\", \"user_id\"]",
        ),
        ("price", Side::User, Standardized {}, "`price` has side user, but `price` is of side item"),
        ("hour", Side::Item, Standardized {}, "`hour` has side item, but `hour` is of side request"),
        ("group", Side::User, Standardized {}, "of kind standardized takes numbers, but `group` holds text"),
        (
            "tags",
            Side::Item,
            Categorical { min_count: n(1) },
            "takes text or numbers, but `tags` holds lists",
        ),
        (
            "age",
            Side::User,
            MultiCategorical { min_count: n(1) },
            "takes lists or text, but `age` holds numbers",
        ),
        ("age", Side::User, BucketizedEdges { edges: vec![2.0, 1.0] }, "expected finite numbers that ascend"),
        ("age", Side::User, BucketizedEdges { edges: vec![] }, "expected finite numbers that ascend"),
        ("age", Side::User, BucketizedQuantiles { buckets: n(1) }, "expected at least 2, found 1"),
        ("age", Side::User, Log { scale: 0.0 }, "expected a finite number above 0, found 0.0"),
        ("group", Side::User, Hashed { buckets: n(u32::MAX) }, "fits 32 bits"),
    ];
    for (name, side, kind, message) in cases {
        let error = fit(name, side, kind).unwrap_err();
        assert!(error.to_string().contains(message), "{error}");
        assert_eq!(error.kind(), ErrorKind::Usage);
    }
}

#[test]
fn a_source_renames_an_attribute_and_names_are_unique() {
    let age = |name: &str| ColumnConfig {
        source: Some("age".into()),
        ..column(name, Side::User, ColumnKind::Standardized {})
    };
    let run = |columns| prepare(&raw(), &leave_last_out(), &features(columns), &all_samples(), 0);
    let data = run(vec![age("years"), age("years_again")]).unwrap();
    assert_eq!(data.columns[0].name, "years");
    let error = run(vec![age("years"), age("years")]).unwrap_err();
    assert!(matches!(error, FeatureError::DuplicateColumn { name, .. } if name == "years"));
}

#[test]
fn a_cyclic_column_is_a_point_on_a_circle() {
    let cyclic = |name: &str, source: &str, period| ColumnConfig {
        source: Some(source.into()),
        ..column(name, Side::Request, ColumnKind::Cyclic { period })
    };
    let run = |columns| prepare(&raw(), &leave_last_out(), &features(columns), &all_samples(), 0);
    // One in the morning; a quarter of a year of four days.
    let data = run(vec![cyclic("day", "hour", 24.0), cyclic("year", "time_s", 4.0 * 86_400.0)]).unwrap();
    let names: Vec<_> = data.columns.iter().map(|column| column.name.as_str()).collect();
    assert_eq!(names, ["day_sin", "day_cos", "year_sin", "year_cos"]);
    let first = |i: usize| match &data.events.request()[i] {
        u2i_schema::ColumnData::Values(values) => f64::from(values[0]),
        other => panic!("{other:?}"),
    };
    let turns = [1.0 / 24.0, (2.0 + 1.0 / 24.0) / 4.0].map(|turns| turns * std::f64::consts::TAU);
    let wanted = turns.map(|angle| [angle.sin(), angle.cos()]).concat();
    for (i, wanted) in wanted.into_iter().enumerate() {
        assert!((first(i) - wanted).abs() < 1e-6, "{}: {} and {wanted}", names[i], first(i));
    }

    let taken =
        run(vec![cyclic("day", "hour", 24.0), column("day_sin", Side::User, ColumnKind::Standardized {})]);
    assert!(matches!(taken.unwrap_err(), FeatureError::DuplicateColumn { name, .. } if name == "day_sin"));
    for period in [0.0, -1.0, f64::NAN, f64::INFINITY] {
        let error = run(vec![cyclic("day", "hour", period)]).unwrap_err();
        assert!(error.to_string().starts_with("features.column.0.kind.cyclic.period: "), "{error}");
    }
}

#[test]
fn ids_are_dropped_where_there_is_a_row_for_unknown_ones() {
    let dropping =
        |name: &str, side, kind, share| ColumnConfig { id_dropout: Some(share), ..column(name, side, kind) };
    let categorical = || ColumnKind::Categorical { min_count: n(1) };
    let run = |columns, item_id| {
        let features = FeaturesConfig { item_id, ..features(columns) };
        prepare(&raw(), &leave_last_out(), &features, &all_samples(), 0)
    };
    let item_id = Some(ItemIdConfig { id_dropout: 0.2 });
    let hour = ColumnConfig {
        source: Some("hour".into()),
        ..column("day", Side::Request, ColumnKind::Cyclic { period: 24.0 })
    };
    let weekday = dropping("weekday", Side::Request, categorical(), 0.3);
    let data = run(vec![dropping("group", Side::User, categorical(), 0.1), hour, weekday], item_id).unwrap();
    // A cyclic column has two places.
    let wanted = [(Slot::ItemId, 0.2), (Slot::User(0), 0.1), (Slot::Request(2), 0.3)];
    assert_eq!(data.id_dropout, wanted);
    assert_eq!(data.catalog.unknown_row(), Some(data.catalog.n_trained() as u32 + 1));
    assert_eq!(run(vec![], None).unwrap().catalog.unknown_row(), None);

    for share in [0.0, 1.0, -0.1, f64::NAN] {
        let error = run(vec![dropping("group", Side::User, categorical(), share)], None).unwrap_err();
        assert!(error.to_string().starts_with("features.column.0.id_dropout: expected a share"), "{error}");
        let error = run(vec![], Some(ItemIdConfig { id_dropout: share })).unwrap_err();
        assert!(error.to_string().starts_with("features.item_id.id_dropout: "), "{error}");
    }
    let number = dropping("age", Side::User, ColumnKind::Standardized {}, 0.1);
    let error = run(vec![number], None).unwrap_err();
    assert!(error.to_string().contains("a column with a row for unknown values"), "{error}");
}

#[test]
fn columns_come_by_side_and_then_as_configured() {
    let data = prepare(&random_log(0), &leave_last_out(), &every_kind(), &all_samples(), 0).unwrap();
    let names: Vec<_> = data.columns.iter().map(|column| column.name.as_str()).collect();
    assert_eq!(names, ["group", "user_id", "tags", "price", "device", "load"]);
    let mut config = every_kind();
    config.column.rotate_left(3);
    let data = prepare(&random_log(0), &leave_last_out(), &config, &all_samples(), 0).unwrap();
    let names: Vec<_> = data.columns.iter().map(|column| column.name.as_str()).collect();
    assert_eq!(names, ["group", "user_id", "price", "tags", "device", "load"]);
    assert_eq!(
        (data.users.columns().len(), data.catalog.columns().len(), data.events.request().len()),
        (2, 2, 2)
    );
}

#[test]
fn a_history_shares_the_item_table_or_none() {
    let share = |shares: Option<&str>| {
        let history = HistoryConfig {
            length: 5.try_into().unwrap(),
            shares: shares.map(String::from),
            gap_edges_s: vec![],
        };
        let features = FeaturesConfig { column: vec![], history: Some(history), item_id: None };
        prepare(&raw(), &leave_last_out(), &features, &all_samples(), 0)
    };
    assert!(share(None).is_ok() && share(Some("item_id")).is_ok());
    assert!(share(Some("tags")).unwrap_err().to_string().contains("features.history.shares"));
}

#[derive(Debug, serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    data: DataConfig,
    split: SplitConfig,
    features: FeaturesConfig,
    samples: SamplesConfig,
}

const FILE: &str = r#"
[data.tables]
limits = { max_reject_ratio = 0.0, max_line_bytes = 1048576 }

[data.tables.events]
file = "events.csv"
format.csv = { separator = ",", encoding = "utf-8" }
user = "user"
item = "item"
time = { column = "time", unit = "s" }
request = [{ name = "device", kind.text = {} }]

[data.tables.items]
file = "items.parquet"
format.parquet = {}
id = "item"

[[data.tables.items.attributes]]
name = "tags"
column = "labels"
kind.list = { separator = "|" }

[split.time_cut]
ties = "file"
validation_quantile = 0.8
test_quantile = 0.9

[features]
history = { length = 50, shares = "item_id" }

[[features.column]]
name = "gender"
side = "user"
kind.categorical = { min_count = 1 }

[[features.column]]
name = "age"
side = "user"
source = "years"
kind.standardized = {}

[samples]
per_user.newest = { n = 200 }
"#;

#[test]
fn every_section_is_plain_toml() {
    let file: File = toml::from_str(FILE).unwrap();
    assert!(
        matches!(file.data, DataConfig::Tables(tables) if tables.items.as_ref().unwrap().attributes.len() == 1)
    );
    assert!(matches!(file.split, SplitConfig::TimeCut { ties: Ties::File, .. }));
    assert_eq!(file.features.column[1].source(), "years");
    assert_eq!(file.samples.per_user, PerUser::Newest { n: n(200) });
}

/// A key is misspelt in turn, in every line that has one.
#[test]
fn unknown_keys_are_refused() {
    let lines: Vec<&str> = FILE.lines().collect();
    let mut tried = 0;
    for (at, line) in lines.iter().enumerate() {
        for (place, _) in line.match_indices('=') {
            let end = line[..place].trim_end().len();
            let misspelt = format!("{}x{}", &line[..end], &line[end..]);
            let mut lines = lines.clone();
            lines[at] = &misspelt;
            assert!(toml::from_str::<File>(&lines.join("\n")).is_err(), "{misspelt}");
            tried += 1;
        }
    }
    assert!(tried > 30, "{tried}");
}
