//! Mutated experiments and checkpoints against their readers: no input may end in a panic.

#[path = "../../../u2i-features/tests/fuzz/harness.rs"]
mod harness;

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use u2i::ErrorKind;
use u2i::checkpoint::{CheckpointError, Checkpoints};
use u2i::config::Experiment;
use u2i::schema::Digest;
use u2i::train::{StateTensor, StateView, TrainProgress, TrainState};

use harness::{folder, fuzz, word};

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
                assert_eq!(error.kind(), ErrorKind::Usage, "{message}");
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
    checkpoints.save(&StateView::from(TrainState { progress, tensors })).unwrap();
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
