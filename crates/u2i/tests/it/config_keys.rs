//! S3: every key of every experiment file counts.

use std::path::Path;

use serde_json::json;
use toml::{Table, Value};
use u2i::ErrorKind;
use u2i::config::Experiment;
use u2i::datasets::{SyntheticConfig, synthetic};
use u2i::device::DeviceChoice;
use u2i::pipeline::{evaluate_model, prepare_features, train_model};
use u2i_features::RawData;
use u2i_index::{ExactIndex, Filter, Index as _, recall};
use u2i_models::TwoTower as _;
use u2i_train::user_vectors;

/// A step into a table or an array.
#[derive(Debug, Clone, PartialEq)]
enum Step {
    Key(String),
    Place(usize),
}

fn table(text: &str) -> Value {
    Value::Table(text.parse::<Table>().unwrap())
}

/// Every file below `configs/` but those that are no experiments: figures that are expected, and ablations.
fn configs() -> Vec<(String, Value)> {
    let mut folders = vec![Path::new(env!("CARGO_MANIFEST_DIR")).join("../../configs")];
    let mut all = Vec::new();
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.ends_with("ablations") || path.ends_with("expected.toml") {
                continue;
            }
            match path.is_dir() {
                true => folders.push(path),
                false => {
                    all.push((path.display().to_string(), table(&std::fs::read_to_string(&path).unwrap())));
                }
            }
        }
    }
    assert!(all.len() >= 16, "{} experiment files", all.len());
    all
}

/// The path of every key, inner ones, too.
fn keys(value: &Value, at: &[Step], found: &mut Vec<Vec<Step>>) {
    let mut go = |step: Step, value: &Value, is_key: bool| {
        let path = [at, &[step]].concat();
        if is_key {
            found.push(path.clone());
        }
        keys(value, &path, found);
    };
    match value {
        Value::Table(table) => table.iter().for_each(|(key, value)| go(Step::Key(key.clone()), value, true)),
        Value::Array(array) => {
            array.iter().enumerate().for_each(|(i, value)| go(Step::Place(i), value, false))
        }
        _ => {}
    }
}

fn at<'a>(value: &'a mut Value, path: &[Step]) -> &'a mut Value {
    path.iter().fold(value, |value, step| match step {
        Step::Key(key) => &mut value[key.as_str()],
        Step::Place(i) => &mut value[*i],
    })
}

fn parse(value: &Value) -> Result<Experiment, u2i::Error> {
    Experiment::parse(&toml::to_string(value).unwrap(), Path::new("x.toml"))
}

/// A key with a letter too many is refused with its line, and the key that was meant is named.
#[test]
fn every_key_of_every_file_is_refused_when_misspelt() {
    for (path, config) in configs() {
        let mut all = Vec::new();
        keys(&config, &[], &mut all);
        assert!(all.len() > 40, "{path}");
        for own in all {
            let (Some(Step::Key(key)), parent) = (own.last(), &own[..own.len() - 1]) else { unreachable!() };
            let mut broken = config.clone();
            let Value::Table(table) = at(&mut broken, parent) else { unreachable!() };
            let value = table.remove(key).unwrap();
            table.insert(format!("{key}x"), value);
            let error = parse(&broken).expect_err(&format!("{path}: {own:?} may be misspelt"));
            let message = error.to_string();
            assert_eq!(error.kind(), ErrorKind::Usage, "{message}");
            assert!(message.starts_with("x.toml:"), "{message}");
            assert!(message.contains(&format!("{key}x")), "{own:?}: {message}");
            assert!(message.ends_with(&format!("did you mean `{key}`?")), "{own:?}: {message}");
        }
    }
}

/// Another value for a key, or none if its value is a table that has keys of its own.
fn other(path: &[Step], value: &Value) -> Option<Value> {
    let key = path.iter().rev().find_map(|step| match step {
        Step::Key(key) => Some(key.as_str()),
        Step::Place(_) => None,
    })?;
    Some(match (key, value) {
        ("min_count", _) => Value::Integer(1000),
        ("length", _) => Value::Integer(3),
        ("gap_edges_s", _) => Value::Array(vec![Value::Integer(60)]),
        ("epsilon", _) => Value::Float(0.01),
        ("activation", _) => "relu".into(),
        ("norm", _) => "layer".into(),
        ("output", _) => "activated".into(),
        ("normalization", Value::String(own)) => if own == "l2" { "none" } else { "l2" }.into(),
        ("ties", _) => "item_id".into(),
        ("side", _) => "request".into(),
        ("seen", _) => "kept".into(),
        ("validation_metric", _) => "hit_rate@10".into(),
        ("metric", _) => "augmented_inner_product".into(),
        ("faiss", Value::String(_)) => table("faiss = { ivf = { nlist = 2, nprobe = 1 } }")["faiss"].clone(),
        ("sampler", _) => table("sampler = { log_uniform = {} }")["sampler"].clone(),
        ("per_user", _) => table("per_user = { newest = { n = 2 } }")["per_user"].clone(),
        (_, Value::Integer(n)) => Value::Integer(if *n < 8 { n + 1 } else { n / 2 }),
        (_, Value::Float(x)) if *x == 0.0 => Value::Float(0.25),
        (_, Value::Float(x)) => Value::Float(x / 2.0),
        (_, Value::Boolean(own)) => Value::Boolean(!own),
        (_, Value::String(own)) => Value::String(format!("{own}x")),
        (_, Value::Array(own)) => Value::Array(own[..own.len() - 1].to_vec()),
        _ => return None,
    })
}

/// Everything that a run of an experiment gives, or why it gives nothing.
fn outcome(experiment: &Experiment, raw: &RawData) -> Result<serde_json::Value, String> {
    let say = |error: u2i::Error| error.to_string();
    let device = DeviceChoice::Cpu.open().map_err(|error| say(error.into()))?;
    let prepared = prepare_features(experiment, raw).map_err(say)?;
    let trained = train_model(experiment, &prepared, &device, &mut ()).map_err(say)?;
    let evaluation = evaluate_model(experiment, &trained, &prepared, &device).map_err(say)?;
    let model = &trained.fitted.model;
    let users = &prepared.test[..20];
    let users = user_vectors(model, &prepared.eval_batches(model.history_len()), users, &device.device);
    let k = 10.try_into().unwrap();
    let exact = ExactIndex::new(trained.items.clone()).search(&users.data, k, Filter::ALL).unwrap();
    let mut indexes = Vec::new();
    for config in &experiment.index {
        let index = u2i_index::FaissIndex::build(&trained.items, config.faiss, config.metric)
            .map_err(|error| error.to_string())?;
        let found = index.search(&users.data, k, Filter::ALL).map_err(|error| error.to_string())?;
        indexes.push(json!([index.kind(), recall(&found, &exact)]));
    }
    let bits = |data: &[f32]| data.iter().map(|x| x.to_bits()).collect::<Vec<_>>();
    let validation: Vec<_> = trained.fitted.epochs.iter().map(|epoch| epoch.validation).collect();
    Ok(json!({
        "split": prepared.split_hash,
        "items": bits(trained.items.data()),
        "users": bits(&users.data),
        "validation": validation,
        "metrics": evaluation.metrics,
        "index": indexes,
    }))
}

/// Another value gives another result, or is refused; a key that changes nothing would be a promise without a deed.
#[cfg(feature = "faiss")]
#[test]
fn every_key_of_the_synthetic_files_changes_the_result() {
    let small = SyntheticConfig { users: 120, items: 100, events_per_user: 12, cold_users: 2, cold_items: 2 };
    let raw = synthetic(1, &small);
    let mut tried = 0;
    for (path, mut config) in configs().into_iter().filter(|(path, _)| path.contains("synthetic")) {
        let shrink = "epochs = 2\nchunks_per_step = 4\nwarm_up_steps = 6";
        let index = "[[i]]\nfaiss = 'flat'\nmetric = 'inner_product'\n\
                     [[i]]\nfaiss = { ivf = { nlist = 2, nprobe = 1 } }\nmetric = 'inner_product'\n\
                     [[i]]\nfaiss = { hnsw = { m = 4, ef_construction = 8, ef_search = 8 } }\n\
                     metric = 'inner_product'";
        let train = at(&mut config, &[Step::Key("train".into())]).as_table_mut().unwrap();
        for (key, value) in shrink.parse::<Table>().unwrap() {
            match key.as_str() {
                "warm_up_steps" => train["schedule"][key.as_str()] = value,
                _ => drop(train.insert(key, value)),
            }
        }
        config.as_table_mut().unwrap().insert("index".into(), table(index)["i"].clone());
        let base = outcome(&parse(&config).unwrap(), &raw).unwrap();
        let mut all = Vec::new();
        keys(&config, &[], &mut all);
        // Where data comes from is not part of a run on data that is given.
        for own in all.into_iter().filter(|own| own[0] != Step::Key("data".into())) {
            let mut changed = config.clone();
            let value = at(&mut changed, &own);
            let Some(other) = other(&own, value) else { continue };
            *value = other;
            tried += 1;
            match parse(&changed).map_err(|error| error.to_string()).map(|changed| outcome(&changed, &raw)) {
                Ok(Ok(found)) => assert!(found != base, "{path}: {own:?} changes nothing"),
                Ok(Err(message)) | Err(message) => assert!(!message.is_empty(), "{path}: {own:?}"),
            }
        }
    }
    assert!(tried > 100, "{tried} keys were tried");
}

/// How many users are ranked for changes what is measured, and nothing that is learned from the targets.
#[cfg(feature = "faiss")]
#[test]
fn the_users_that_are_evaluated_change_the_metrics_alone() {
    let small = SyntheticConfig { users: 120, items: 100, events_per_user: 12, cold_users: 2, cold_items: 2 };
    let raw = synthetic(1, &small);
    let (_, config) = configs().into_iter().find(|(path, _)| path.ends_with("synthetic/fm.toml")).unwrap();
    let result = |evaluation: &str| {
        let mut config = config.clone();
        let table = config.as_table_mut().unwrap();
        table.remove("index");
        merge(table, self::table("train = { epochs = 1, chunks_per_step = 4 }").as_table().unwrap());
        merge(table, self::table(evaluation).as_table().unwrap());
        outcome(&parse(&config).unwrap(), &raw).unwrap()
    };
    let base = result("");
    for all in ["users = 'all'", "users = 121", "validation_users = 'all'", "validation_users = 10000"] {
        assert_eq!(result(&format!("evaluation.{all}")), base, "{all}");
    }
    for (fewer, changes) in [("users = 60", "metrics"), ("validation_users = 60", "validation")] {
        let found = result(&format!("evaluation.{fewer}"));
        for key in ["split", "items", "validation", "metrics"] {
            assert_eq!(found[key] == base[key], key != changes, "{fewer}: {key}");
        }
    }
}

/// The examples in TOML that a page of docs shows.
fn examples_of(page: &str) -> Vec<Value> {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs").join(page);
    let page = std::fs::read_to_string(page).unwrap();
    page.split("```toml\n").skip(1).map(|block| table(block.split("```").next().unwrap())).collect()
}

/// The `[loss]` sections that docs/losses.md shows.
fn examples() -> Vec<Value> {
    examples_of("losses.md").into_iter().map(|example| example["loss"].clone()).collect()
}

/// Adds the keys of `more`. Columns are added to those that are there; of ways to do something there is one.
fn merge(into: &mut Table, more: &Table) {
    for (key, value) in more {
        match (into.get_mut(key), value) {
            (Some(Value::Table(own)), Value::Table(more)) if key != "pooling" => merge(own, more),
            (Some(Value::Array(own)), Value::Array(more)) if key == "column" => {
                own.extend(more.iter().cloned())
            }
            _ => drop(into.insert(key.clone(), value.clone())),
        }
    }
}

/// Every example of docs/features.md trains to another result than without it, and each of its keys counts.
#[cfg(feature = "faiss")]
#[test]
fn every_key_of_the_features_in_the_docs_changes_the_result() {
    let small = SyntheticConfig { users: 120, items: 100, events_per_user: 12, cold_users: 2, cold_items: 2 };
    let raw = synthetic(1, &small);
    let configs = configs();
    let mut tried = 0;
    for example in examples_of("features.md") {
        let of_youtube = example.get("model").is_some_and(|model| model.get("youtube_dnn").is_some());
        let base = if of_youtube { "synthetic/youtube_dnn.toml" } else { "synthetic/dssm.toml" };
        let (_, config) = configs.iter().find(|(path, _)| path.ends_with(base)).unwrap();
        let mut config = config.clone();
        let shrink = table("train = { epochs = 2, chunks_per_step = 4 }");
        merge(config.as_table_mut().unwrap(), shrink.as_table().unwrap());
        config.as_table_mut().unwrap().remove("index");
        let result = |example: &Value| {
            let mut config = config.clone();
            merge(config.as_table_mut().unwrap(), example.as_table().unwrap());
            let experiment = parse(&config).map_err(|error| error.to_string())?;
            outcome(&experiment, &raw)
        };
        let plain = result(&table("")).unwrap();
        let with = result(&example).unwrap();
        assert!(with != plain, "{example} changes nothing");
        let mut all = Vec::new();
        keys(&example, &[], &mut all);
        for own in all {
            let mut changed = example.clone();
            let value = at(&mut changed, &own);
            let Some(other) = other(&own, value).filter(|other| other != value) else { continue };
            *value = other;
            tried += 1;
            match result(&changed) {
                Ok(found) => assert!(found != with, "{own:?} changes nothing"),
                Err(message) => assert!(!message.is_empty(), "{own:?}"),
            }
        }
    }
    assert!(tried > 15, "{tried} keys were tried");
}

/// What cannot be is refused where it stands in the file.
#[test]
fn features_that_cannot_be_are_refused_with_their_line() {
    let text = |name: &str| {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../configs/synthetic").join(name);
        std::fs::read_to_string(path).unwrap()
    };
    let column = "\n[[features.column]]\nname = \"genres\"\nside = \"item\"\n\
                  kind = { multi_categorical = { min_count = 1 } }\n";
    let hour =
        "\n[[features.column]]\nname = \"hour\"\nside = \"request\"\nkind = { cyclic = { period = 24.0 } }\n";
    // A file, what is put at its end, the line of that which is at fault, counted from where it begins, and what is said.
    let cases = [
        (
            "dssm.toml",
            "\n[features.item_id]\nid_dropout = 1.0\n",
            3,
            "features.item_id.id_dropout: expected a share",
        ),
        ("youtube_dnn.toml", "\n[features.item_id]\nid_dropout = 0.1\n", 2, "no column of items"),
        ("youtube_dnn.toml", column, 2, "unless `item_attributes` is true"),
        (
            "dssm.toml",
            &hour.replace("24.0", "0.0"),
            5,
            "kind.cyclic.period: expected a finite number above 0",
        ),
        ("dssm.toml", &format!("{hour}id_dropout = 0.1\n"), 6, "a column with a row for unknown values"),
        ("dssm.toml", &hour.replace("cyclic", "cyclik"), 5, "did you mean `cyclic`?"),
    ];
    for (file, more, line, said) in cases {
        let own = text(file);
        let error = Experiment::parse(&format!("{own}{more}"), Path::new("x.toml")).expect_err(said);
        let line = own.matches('\n').count() + line;
        assert_eq!(error.kind(), ErrorKind::Usage);
        assert!(error.to_string().starts_with(&format!("x.toml:{line}:")), "line {line}: {error}");
        assert!(error.to_string().contains(said), "{error}");
    }
    for (edges, pooling, said) in [
        ("[60, 60]", "recency = { slopes = [0.0] }", "gap_edges_s: expected seconds above 0 that ascend"),
        ("[0, 60]", "recency = { slopes = [0.0] }", "gap_edges_s: expected seconds above 0 that ascend"),
        ("[60]", "mean = {}", "is for pooling with weights"),
    ] {
        let mut config = table(&text("dssm.toml"));
        let more = format!(
            "features.history.gap_edges_s = {edges}\nmodel.dssm.user.history.pooling = {{ {pooling} }}"
        );
        merge(config.as_table_mut().unwrap(), table(&more).as_table().unwrap());
        let error = parse(&config).expect_err(said).to_string();
        assert!(
            error.starts_with("x.toml:") && !error.starts_with("x.toml:1:") && error.contains(said),
            "{error}"
        );
    }
    // A column that models see under a name that another has.
    let twice = "\n[[features.column]]\nname = \"hour_sin\"\nside = \"request\"\nsource = \"hour\"\nkind = { standardized = {} }\n";
    let own = text("dssm.toml") + hour;
    assert!(Experiment::parse(&own, Path::new("x.toml")).is_ok());
    let error = Experiment::parse(&format!("{own}{twice}"), Path::new("x.toml")).unwrap_err().to_string();
    let line = own.matches('\n').count() + 3;
    assert!(error.starts_with(&format!("x.toml:{line}:")) && error.contains("called `hour_sin`"), "{error}");
}

/// Every loss that the page shows trains, each to another result, and each key below it counts, those that may be left out,
/// too.
#[cfg(feature = "faiss")]
#[test]
fn every_key_of_the_losses_in_the_docs_changes_the_result() {
    let small = SyntheticConfig { users: 120, items: 100, events_per_user: 12, cold_users: 2, cold_items: 2 };
    let raw = synthetic(1, &small);
    let (_, mut config) =
        configs().into_iter().find(|(path, _)| path.ends_with("synthetic/youtube_dnn.toml")).unwrap();
    let train = at(&mut config, &[Step::Key("train".into())]).as_table_mut().unwrap();
    train.insert("epochs".into(), Value::Integer(2));
    train.insert("chunks_per_step".into(), Value::Integer(4));
    config.as_table_mut().unwrap().remove("index");
    let result = |loss: &Value| {
        let mut config = config.clone();
        config.as_table_mut().unwrap().insert("loss".into(), loss.clone());
        parse(&config).map_err(|error| error.to_string()).map(|config| outcome(&config, &raw))
    };
    let (mut results, mut n_streaming) = (Vec::new(), 0);
    for mut loss in examples() {
        // So few items that as many negatives as the page has would be all of them.
        let name = loss.as_table().unwrap().keys().next().unwrap().clone();
        if let Some(negatives) = loss[name.as_str()].as_table_mut().unwrap().get_mut("negatives") {
            *negatives = Value::Integer(negatives.as_integer().unwrap().min(16));
        }
        let base = result(&loss).unwrap().unwrap();
        assert!(!results.contains(&base), "{name} comes to what another loss does");
        let own = loss[name.as_str()].as_table().unwrap().clone();
        for (key, value) in own {
            let mut changed = loss.clone();
            let at = changed[name.as_str()].as_table_mut().unwrap();
            match (key.as_str(), &value) {
                ("temperature_floor" | "draw" | "mask" | "streaming", _) => drop(at.remove(&key)),
                _ => {
                    let path = [Step::Key(key.clone())];
                    at.insert(key.clone(), other(&path, &value).unwrap());
                }
            }
            assert_ne!(result(&changed).unwrap().unwrap(), base, "{name}.{key} changes nothing");
        }
        if loss[name.as_str()].get("streaming").is_some() {
            // So few places that items share them.
            let streaming = |alpha: f64, buckets: i64, hashes: i64| {
                let mut changed = loss.clone();
                let own = format!("alpha = {alpha}\nbuckets = {buckets}\nhashes = {hashes}");
                changed[name.as_str()].as_table_mut().unwrap().insert("streaming".into(), table(&own));
                result(&changed).unwrap().unwrap()
            };
            let base = streaming(0.1, 20, 2);
            for (key, changed) in
                [("alpha", (0.2, 20, 2)), ("buckets", (0.1, 30, 2)), ("hashes", (0.1, 20, 1))]
            {
                let (alpha, buckets, hashes) = changed;
                assert_ne!(streaming(alpha, buckets, hashes), base, "streaming.{key} changes nothing");
            }
            n_streaming += 1;
        }
        results.push(base);
    }
    assert_eq!((results.len(), n_streaming), (4, 1));
}

/// `[train]` as docs/training.md shows it trains, each optimizer of its table to another result, each key of these counts, and
/// so does what tables are stored in.
#[cfg(feature = "faiss")]
#[test]
fn every_optimizer_and_precision_in_the_docs_changes_the_result() {
    let small = SyntheticConfig { users: 120, items: 100, events_per_user: 12, cold_users: 2, cold_items: 2 };
    let raw = synthetic(1, &small);
    let (_, mut config) =
        configs().into_iter().find(|(path, _)| path.ends_with("synthetic/youtube_dnn.toml")).unwrap();
    config.as_table_mut().unwrap().remove("index");
    let examples = examples_of("training.md");
    let [example] = &examples[..] else { panic!("{} examples", examples.len()) };
    config.as_table_mut().unwrap().insert("train".into(), example["train"].clone());
    let train = config["train"].as_table_mut().unwrap();
    train.insert("chunks_per_step".into(), Value::Integer(4));
    train["schedule"].as_table_mut().unwrap().insert("warm_up_steps".into(), Value::Integer(2));
    let shown = train.remove("table_precision");
    assert_eq!(shown.as_ref().and_then(Value::as_str), Some("bf16"));
    let result = |optimizer: &Value, precision: Option<&str>| {
        let mut config = config.clone();
        let train = config["train"].as_table_mut().unwrap();
        train.insert("optimizer".into(), optimizer.clone());
        precision.map(|precision| train.insert("table_precision".into(), precision.into()));
        outcome(&parse(&config).unwrap(), &raw).unwrap()
    };
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/training.md");
    let page = std::fs::read_to_string(page).unwrap();
    let mut results = Vec::new();
    for line in page.lines().filter(|line| line.starts_with("| `") && line.contains("`learning_rate`")) {
        let mut words = line.split('`').skip(1).step_by(2).filter(|word| !word.starts_with('['));
        let name = words.next().unwrap();
        let mut keys = Table::new();
        for key in words {
            let value = match key {
                "learning_rate" if name == "sgd" => 0.5,
                "learning_rate" => 0.05,
                "beta_1" | "beta_2" => 0.9,
                "epsilon" => 1e-8,
                other => panic!("{other} of {name}"),
            };
            keys.insert(key.into(), Value::Float(value));
        }
        let optimizer = |keys: &Table| {
            Value::Table([(name.to_owned(), Value::Table(keys.clone()))].into_iter().collect())
        };
        for precision in [None, Some("f16"), Some("bf16")] {
            let own = result(&optimizer(&keys), precision);
            assert!(!results.contains(&own), "{name} in {precision:?} comes to what another does");
            results.push(own);
        }
        let base = &results[results.len() - 3];
        for (key, value) in &keys {
            let mut changed = keys.clone();
            changed.insert(key.clone(), other(&[Step::Key(key.clone())], value).unwrap());
            assert_ne!(&result(&optimizer(&changed), None), base, "{name}.{key} changes nothing");
        }
    }
    assert_eq!(results.len(), 4 * 3);
}

#[test]
fn a_loss_that_cannot_be_is_refused() {
    let (_, config) = configs().into_iter().find(|(path, _)| path.ends_with("youtube_dnn.toml")).unwrap();
    for (loss, said) in [
        ("full_softmax = { temperature = 0.0 }", "temperature is 0"),
        ("full_softmax = { temperature = nan }", "temperature is NaN"),
        ("full_softmax = { temperature = 0.1, temperature_floor = -1.0 }", "temperature is -1"),
        ("full_softmax = { temperature = 0.1, temperature_floor = 0.1 }", "`loss.temperature_floor` is 0.1"),
        ("bpr = { negatives = 1, sampler = { unigram = { exponent = -1.0 } } }", "`exponent` is -1"),
        ("bpr = { negatives = 1, sampler = { unigram = { exponent = inf } } }", "`exponent` is inf"),
        (
            "in_batch_softmax = { temperature = 0.1, streaming = { alpha = 1.0, buckets = 9, hashes = 2 } }",
            "`alpha` is 1",
        ),
        (
            "in_batch_softmax = { temperature = 0.1, streaming = { alpha = nan, buckets = 9, hashes = 2 } }",
            "`alpha` is NaN",
        ),
        ("bpr = { negatives = 0, sampler = { uniform = {} } }", "nonzero"),
        ("bpr = { negatives = 1, sampler = { unigram = {} } }", "exponent"),
        ("mixed_softmax = { negatives = 1, temperature = 1.0 }", "sampler"),
    ] {
        let mut config = config.clone();
        config.as_table_mut().unwrap().insert("loss".into(), table(loss));
        let error = parse(&config).expect_err(loss).to_string();
        assert!(error.starts_with("x.toml:") && error.contains(said), "{loss}: {error}");
    }
}
