//! What is read, and what must hold of it.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use sha2::{Digest as _, Sha256};
use u2i::checkpoint::{CheckpointError, Checkpoints};
use u2i::config::Experiment;
use u2i::experiments::ModelName;
use u2i::features::formats::{Csv, Tsv};
use u2i::features::{
    AttributeConfig, AttributeKind, AttributesConfig, Encoding, EventsConfig, FeatureError, FileFormat,
    Formats, RawData, ReadLimits, SequencesConfig, TablesConfig, TimeConfig, TimeUnit, profile_table,
    read_ml_1m, read_ml_100k, read_sequences, read_tables, table_format,
};
use u2i::index::{ExactIndex, Index as _, ItemVectors};
use u2i::onboarding::{InitOptions, init};
use u2i::schema::Digest;
use u2i::train::{StateTensor, TrainProgress, TrainState};

use crate::{corpus, entries, folder, fuzz, word};

/// Every bad row is put up with, so that the rows behind it are read, too.
const ALL: ReadLimits = ReadLimits { max_reject_ratio: 1.0, ..ReadLimits::STRICT };

/// A file that is as it should be.
fn good(target: &str) -> Vec<u8> {
    fs::read(corpus(target).join("good")).unwrap()
}

/// What is left of a reason without what was found.
fn reason(text: &str) -> String {
    text.split(", found").next().unwrap_or_default().chars().filter(char::is_ascii_alphabetic).collect()
}

/// D4 for what was read: rows add up, and each event is of a user and an item.
fn outcome(input: &[u8], name: &str, read: Result<RawData, FeatureError>) -> String {
    let raw = match read {
        Ok(raw) => raw,
        Err(error) => return word(&error),
    };
    for file in &raw.files {
        assert_eq!(file.read, file.kept + file.rejects.len() as u64 + file.filtered, "{file:?}");
        if file.path.ends_with(name) {
            let lines = input.split(|&byte| byte == b'\n').count() as u64;
            assert!(file.read <= lines, "{} rows of {lines} lines", file.read);
            let mut rejected: Vec<u64> = file.rejects.iter().map(|reject| reject.line).collect();
            rejected.dedup();
            assert_eq!(rejected.len(), file.rejects.len(), "a line is rejected once");
            assert!(rejected.iter().all(|line| (1..=lines).contains(line)), "{rejected:?} of {lines} lines");
        }
    }
    assert!(raw.events.user.iter().all(|&user| (user as usize) < raw.user_ids.len()));
    assert!(raw.events.item.iter().all(|&item| (item as usize) < raw.item_ids.len()));
    let reasons: Vec<String> = raw
        .files
        .iter()
        .flat_map(|file| &file.rejects)
        .map(|reject| reason(&reject.reason))
        .take(2)
        .collect();
    format!("read, {} {reasons:?}", raw.n_events().min(1))
}

/// One file of a MovieLens folder is fuzzed, the others are good.
fn movielens(
    target: &str,
    name: &str,
    others: [(&str, &str); 2],
    tokens: &[&[u8]],
    read: fn(&Path, &ReadLimits) -> Result<RawData, FeatureError>,
) {
    let folder = folder(target);
    for (other, corpus) in others {
        fs::write(folder.join(other), good(corpus)).unwrap();
    }
    fuzz(target, vec![], tokens, 4_000, &mut |input| {
        fs::write(folder.join(name), input).unwrap();
        outcome(input, name, read(&folder, &ALL))
    });
}

const COLONS: [&[u8]; 5] = [b"::", b":", b":::", b"\r\n", b"1::2::3::978300760\n"];
const TABS: [&[u8]; 3] = [b"\t", b"\r\n", b"1\t2\t3\t881250949\n"];
const PIPES: [&[u8]; 4] = [b"|", b"\r\n", b"|0|0|0", b"\xe9"];

#[test]
fn ratings_of_ml_1m() {
    let others = [("users.dat", "users"), ("movies.dat", "movies")];
    movielens("ratings", "ratings.dat", others, &COLONS, read_ml_1m);
}

#[test]
fn users_of_ml_1m() {
    let others = [("ratings.dat", "ratings"), ("movies.dat", "movies")];
    movielens("users", "users.dat", others, &COLONS, read_ml_1m);
}

#[test]
fn movies_of_ml_1m() {
    let others = [("ratings.dat", "ratings"), ("users.dat", "users")];
    movielens("movies", "movies.dat", others, &COLONS, read_ml_1m);
}

#[test]
fn ratings_of_ml_100k() {
    movielens("u_data", "u.data", [("u.user", "u_user"), ("u.item", "u_item")], &TABS, read_ml_100k);
}

#[test]
fn users_of_ml_100k() {
    movielens("u_user", "u.user", [("u.data", "u_data"), ("u.item", "u_item")], &PIPES, read_ml_100k);
}

#[test]
fn items_of_ml_100k() {
    movielens("u_item", "u.item", [("u.data", "u_data"), ("u.user", "u_user")], &PIPES, read_ml_100k);
}

#[test]
fn rows_of_a_csv() {
    let folder = folder("csv");
    let format = FileFormat::from(Csv { separator: ',', encoding: Encoding::Utf8 });
    let attribute = |name: &str, kind| AttributeConfig { name: name.into(), column: None, kind };
    let config = TablesConfig {
        events: EventsConfig {
            file: "events.csv".into(),
            format: format.clone(),
            user: "user".into(),
            item: "item".into(),
            time: TimeConfig { column: "time".into(), unit: TimeUnit::Milliseconds },
            request: vec![
                attribute("device", AttributeKind::Text {}),
                attribute("x", AttributeKind::Number {}),
            ],
        },
        users: Some(AttributesConfig {
            file: "events.csv".into(),
            format,
            id: "user".into(),
            attributes: vec![attribute("tags", AttributeKind::List { separator: '|' })],
        }),
        items: None,
        sequences: vec![],
        limits: ALL,
    };
    let tokens: [&[u8]; 6] =
        [b"\"", b"\"\"", b",", b"\r\n", b"\xef\xbb\xbf", b"user,item,time,device,x,tags\n"];
    fuzz("csv", vec![], &tokens, 1_500, &mut |input| {
        fs::write(folder.join("events.csv"), input).unwrap();
        outcome(input, "events.csv", read_tables(&config, &folder))
    });
}

#[test]
fn pairs() {
    let folder = folder("pairs");
    let config = SequencesConfig { file: "pairs.txt".into(), encoding: Encoding::Utf8, limits: ALL };
    let tokens: [&[u8]; 5] = [b" ", b"\t", b"\r\n", b"\xef\xbb\xbf", b"1 2 3\n"];
    fuzz("pairs", vec![], &tokens, 2_000, &mut |input| {
        fs::write(folder.join("pairs.txt"), input).unwrap();
        outcome(input, "pairs.txt", read_sequences(&config, &folder))
    });
}

#[test]
fn atomic_files() {
    let folder = folder("atomic");
    let config = TablesConfig {
        events: EventsConfig {
            file: "x.inter".into(),
            format: Tsv { encoding: Encoding::Utf8 }.into(),
            user: "user_id:token".into(),
            item: "item_id:token".into(),
            time: TimeConfig { column: "time:token".into(), unit: TimeUnit::Datetime },
            request: vec![],
        },
        users: None,
        items: None,
        sequences: vec![],
        limits: ALL,
    };
    let tokens: [&[u8]; 6] = [b"\t", b"\"", b"2000-12-31", b"T25:00", b"+01:00", b"[UTC]"];
    fuzz("atomic", vec![], &tokens, 1_500, &mut |input| {
        fs::write(folder.join("x.inter"), input).unwrap();
        outcome(input, "x.inter", read_tables(&config, &folder))
    });
}

/// The corpus of a format of the list. Bytes of Parquet are read by polars and not by us.
fn corpus_of(format: &str) -> Option<&'static str> {
    match format {
        "csv" => Some("csv"),
        "tsv" => Some("atomic"),
        "parquet" => None,
        other => panic!("the format {other} has no corpus"),
    }
}

/// Every format of the list is recognised in its own corpus, and whatever is recognised is looked through.
#[test]
fn every_format_of_the_list() {
    for name in Formats::built_in().names() {
        let Some(own) = corpus_of(name) else { continue };
        let target = format!("format_{name}");
        let path = folder(&target).join("rows");
        fs::write(&path, good(own)).unwrap();
        assert_eq!(table_format(&path).unwrap().name(), name);
        let tokens: [&[u8]; 5] = [b"\t", b",", b"\"", b"\r\n", b"a:token\tb:float\n"];
        fuzz(&target, entries(own), &tokens, 1_000, &mut |input| {
            fs::write(&path, input).unwrap();
            let format = match table_format(&path) {
                Ok(format) if corpus_of(format.name()).is_some() => format,
                Ok(format) => return format.name().to_owned(),
                Err(error) => return word(&error),
            };
            match profile_table(&path, &format, ALL.max_line_bytes) {
                Ok(profile) => format!("{}, {} columns", format.name(), profile.columns.len().min(5)),
                Err(error) => word(&error),
            }
        });
    }
}

/// A config is made or refused, and one that is made loads.
#[test]
fn files_that_a_config_is_made_from() {
    let folder = folder("init");
    let path = folder.join("events.csv");
    let out = folder.join("own.toml");
    let (data, model) = (vec![path.clone()], ModelName::YoutubeDnn);
    let options = InitOptions { data, out: out.clone(), user: None, item: None, time: None, model };
    let tokens: [&[u8]; 8] = [
        b",",
        b";",
        b"\t",
        b"\"",
        b"user,item,time\n",
        b"2000-12-31",
        b"978300760000",
        b"a:token\tb:float\n",
    ];
    fuzz("init", vec![], &tokens, 600, &mut |input| {
        fs::write(&path, input).unwrap();
        match init(&options) {
            Ok(made) => {
                assert_eq!(Experiment::parse(&made.text, &out).unwrap(), made.experiment);
                "made".into()
            }
            Err(error) => {
                assert!(matches!(error.exit_code(), 2 | 3), "{error}");
                word(&error)
            }
        }
    });
}

#[test]
fn experiments() {
    let tokens: [&[u8]; 8] =
        [b"[model.fm]\n", b"[[index]]\n", b"= {}", b"\"\"\"", b"dim", b"seed = 1\n", b"per_user", b"loss"];
    fuzz("experiment", vec![], &tokens, 4_000, &mut |input| {
        let Ok(text) = std::str::from_utf8(input) else { return "no text".into() };
        match Experiment::parse(text, Path::new("x.toml")) {
            Ok(experiment) => {
                let written = toml::to_string(&experiment).unwrap();
                assert_eq!(Experiment::parse(&written, Path::new("x.toml")).unwrap(), experiment);
                "read".into()
            }
            Err(error) => {
                let message = error.to_string();
                assert_eq!(error.exit_code(), 2, "{message}");
                assert!(message.starts_with("x.toml:"), "{message}");
                word(&error)
            }
        }
    });
}

/// A checkpoint on disk, its manifest and its state.
struct Saved {
    checkpoints: Checkpoints,
    manifest: std::path::PathBuf,
    state: std::path::PathBuf,
}

fn saved(target: &str) -> Saved {
    let folder = folder(target).join("checkpoints");
    if folder.exists() {
        fs::remove_dir_all(&folder).unwrap();
    }
    let run = BTreeMap::from([("config_hash".into(), "c".into()), ("seed".into(), "1".into())]);
    let mut checkpoints = Checkpoints::new(folder, run);
    checkpoints.begin().unwrap();
    let tensor = |n: usize| StateTensor { shape: vec![n, 2], data: vec![0.5; 2 * n] };
    let tensors = BTreeMap::from([("model/a".into(), tensor(3)), ("table/0/weight".into(), tensor(5))]);
    let progress = TrainProgress { step: 3, epochs: vec![(1, Some(2))], ..TrainProgress::default() };
    checkpoints.save(&TrainState { progress, tensors }).unwrap();
    let path = checkpoints.newest().unwrap().unwrap().path;
    Saved { checkpoints, manifest: path.join("manifest.json"), state: path.join("state.safetensors") }
}

/// The manifest with its own hash made anew, if it is one at all.
fn sealed(
    manifest: &[u8],
    change: impl FnOnce(&mut serde_json::Map<String, serde_json::Value>),
) -> Option<Vec<u8>> {
    let mut manifest: serde_json::Value = serde_json::from_slice(manifest).ok()?;
    let fields = manifest.as_object_mut()?;
    change(fields);
    fields.insert("manifest_hash".into(), "".into());
    let text = |fields: &serde_json::Map<_, _>| serde_json::to_string_pretty(fields).unwrap() + "\n";
    let hash = Digest::new().part("file", text(fields).as_bytes()).finish();
    fields.insert("manifest_hash".into(), hash.into());
    Some(text(fields).into_bytes())
}

fn resumed(checkpoints: &mut Checkpoints) -> String {
    match checkpoints.resume() {
        Ok(state) => format!("read {:?}", state.map(|state| state.tensors.len())),
        Err(error) => {
            assert!(!matches!(error, CheckpointError::Locked { .. }), "{error}");
            word(&error)
        }
    }
}

#[test]
fn manifests_of_checkpoints() {
    let Saved { mut checkpoints, manifest, .. } = saved("manifest");
    let good = fs::read(&manifest).unwrap();
    let tokens: [&[u8]; 5] = [b"\"format\": 2", b"null", b"[]", b"{}", b"\"seed\""];
    fuzz("manifest", vec![good.clone()], &tokens, 4_000, &mut |input| {
        fs::write(&manifest, input).unwrap();
        let as_it_is = checkpoints.resume();
        assert_eq!(as_it_is.is_ok(), input == good, "a change is refused");
        let Some(sealed) = sealed(input, |_| {}) else { return "no manifest".into() };
        fs::write(&manifest, sealed).unwrap();
        resumed(&mut checkpoints)
    });
}

#[test]
fn states_of_checkpoints() {
    let Saved { mut checkpoints, manifest, state } = saved("state");
    let (good, text) = (fs::read(&state).unwrap(), fs::read(&manifest).unwrap());
    let tokens: [&[u8]; 5] = [b"\"F32\"", b"\"shape\":[", b"data_offsets", b"{\"", b"\"F64\""];
    fuzz("state", vec![good.clone()], &tokens, 2_500, &mut |input| {
        fs::write(&state, input).unwrap();
        fs::write(&manifest, &text).unwrap();
        assert_eq!(checkpoints.resume().is_ok(), input == good, "a change is refused");
        // Behind the hash, too, and then with the length of the header made anew.
        let mut header_end = input.to_vec();
        if let Some(end) = input.windows(2).rposition(|pair| pair == b"}}").filter(|&end| end >= 8) {
            header_end[..8].copy_from_slice(&(end as u64 + 2 - 8).to_le_bytes());
        }
        let mut outcome = String::new();
        for bytes in [input, &header_end] {
            fs::write(&state, bytes).unwrap();
            let hash = Digest::new().part("file", bytes).finish();
            let sealed = sealed(&text, |fields| {
                fields.insert("state_bytes".into(), bytes.len().into());
                fields.insert("state_hash".into(), hash.into());
            });
            fs::write(&manifest, sealed.unwrap()).unwrap();
            outcome += &resumed(&mut checkpoints);
        }
        outcome
    });
}

#[test]
fn headers_of_indexes() {
    let path = folder("index").join("index");
    let items = ItemVectors::new(vec![1, 2, 5], 2, vec![0.5; 6]).unwrap();
    ExactIndex::new(items).save(&path).unwrap();
    let good = fs::read(&path).unwrap();
    let tokens: [&[u8]; 5] =
        [b"u2i-idx\n", b"{\"format\":1", b"\"items\":", b"\"exact\"", b"\"payload_bytes\":"];
    fuzz("index", vec![good.clone()], &tokens, 4_000, &mut |input| {
        fs::write(&path, input).unwrap();
        assert_eq!(ExactIndex::load(&path).is_ok(), input == good, "a change is refused");
        // Behind the hash, too, and then with the length of the description made anew.
        let body = &input[..input.len().saturating_sub(48)];
        let length = &input[body.len()..input.len().saturating_sub(40)];
        let start = body.windows(10).rposition(|bytes| bytes == b"{\"format\":").unwrap_or(0);
        let made_anew = ((body.len() - start) as u64).to_le_bytes();
        let mut outcome = String::new();
        for length in [length, &made_anew] {
            let mut bytes = [body, length].concat();
            let hash = Sha256::digest(&bytes);
            bytes.extend_from_slice(&hash);
            bytes.extend_from_slice(b"u2i-idx\n");
            fs::write(&path, bytes).unwrap();
            outcome += &match ExactIndex::load(&path) {
                Ok(index) => {
                    assert_eq!(index.vectors().data().len(), index.len() * index.dim());
                    "read".into()
                }
                Err(error) => word(&error),
            };
        }
        outcome
    });
}
