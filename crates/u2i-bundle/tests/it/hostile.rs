//! Files that were changed together with their hashes: refused, or read and answered from, and never a panic.

use std::fs;
use std::path::Path;

use sha2::{Digest as _, Sha256};
use u2i_bundle::{BundleError, Manifest, Options, Part, Recommender, Request};
use u2i_random::{Purpose, Stream};
use u2i_schema::ErrorKind;

use crate::damage::{files, write};
use crate::fixture::{Size, device, history, top, user};

const TINY: Size = Size { users: 6, trained: 12, cold: 2 };

fn sha256(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The text of a manifest with its own hash made anew, as `docs/bundle.md` says.
fn sealed(mut manifest: serde_json::Value) -> String {
    manifest["manifest_sha256"] = "".into();
    resealed(serde_json::to_string_pretty(&manifest).unwrap().strip_suffix("\"\n}").unwrap())
}

fn resealed(text: &str) -> String {
    format!("{text}{}\"\n}}\n", sha256(text.as_bytes()))
}

/// The manifest says of a part what is there now.
fn rehash(dir: &Path, part: &str) {
    let path = dir.join(Manifest::FILE_NAME);
    let mut manifest: serde_json::Value = serde_json::from_str(&fs::read_to_string(&path).unwrap()).unwrap();
    let bytes = fs::read(dir.join(part)).unwrap();
    manifest["parts"][part]["sha256"] = sha256(&bytes).into();
    manifest["parts"][part]["bytes"] = bytes.len().into();
    fs::write(&path, sealed(manifest)).unwrap();
}

/// Opens and, if that goes well, asks in every way there is.
fn use_it(dir: &Path) -> Result<(), BundleError> {
    let recommender = Recommender::open(dir, &device())?;
    let asked = [user("user 1"), user("user 5"), history(&["film 1", "film 2"]), Request::default()];
    let options = Options { explain: 2, ..top(5) };
    // A weight may have become so large that a vector is not finite, which is an error of its own.
    let _ = recommender.recommend(&asked, &options);
    let _ = recommender.similar("film 3", 3.try_into().unwrap());
    Ok(())
}

fn mutant(good: &[u8], rng: &mut Stream) -> Vec<u8> {
    let mut bytes = good.to_vec();
    for _ in 0..=rng.index(3) {
        // Half of the changes at the ends, where headers and footers are.
        let n = bytes.len();
        let at = match rng.index(4) {
            0 => rng.index(n.min(300)),
            1 => n - 1 - rng.index(n.min(900)),
            _ => rng.index(n),
        };
        match rng.index(12) {
            0 if n > 1 => bytes.truncate(at.max(1)),
            1 => bytes.insert(at, rng.index(256) as u8),
            2 if n > 1 => drop(bytes.remove(at)),
            3 => bytes[at] = [0, 1, 0x7f, 0x80, 0xff][rng.index(5)],
            4 => bytes[at..].iter_mut().take(4).for_each(|byte| *byte = 0xff),
            5 => bytes[at..].iter_mut().take(8).for_each(|byte| *byte = 0x80 | (rng.index(128) as u8)),
            _ => bytes[at] ^= 1 << rng.index(8),
        }
    }
    bytes
}

/// C6 behind the hashes, for every file. `U2I_FUZZ_SECONDS` gives each file that long in place of a number of mutants.
#[test]
fn changes_with_hashes_made_anew_are_refused_or_read_safely() {
    let seconds: Option<u64> = std::env::var("U2I_FUZZ_SECONDS").ok().and_then(|text| text.parse().ok());
    for seed in 0..3 {
        let folder = tempfile::tempdir().unwrap();
        let dir = folder.path().join("bundle");
        write(&dir, TINY, seed);
        let manifest = fs::read(dir.join(Manifest::FILE_NAME)).unwrap();
        let mut rng = Stream::new(7 + seed, Purpose::SYNTHETIC, 0, 0);
        for path in &files(&dir)[1..] {
            let good = fs::read(path).unwrap();
            let (mut refused, mut read) = (0, 0);
            let begin = std::time::Instant::now();
            let goes_on =
                |n: usize| seconds.map_or(n < 200, |seconds| begin.elapsed().as_secs() * 3 < seconds);
            while goes_on(refused + read) {
                fs::write(path, mutant(&good, &mut rng)).unwrap();
                fs::write(dir.join(Manifest::FILE_NAME), &manifest).unwrap();
                rehash(&dir, path.file_name().unwrap().to_str().unwrap());
                match use_it(&dir) {
                    Ok(()) => read += 1,
                    Err(error) => {
                        assert_eq!(error.kind(), ErrorKind::Integrity, "{error}");
                        refused += 1;
                    }
                }
            }
            // Serving does not read the vectors that are there for other programs.
            let is_read = !path.ends_with(Part::ItemVectorTable.file_name());
            assert_eq!(refused > 0, is_read, "{}: {refused} refused, {read} read", path.display());
            fs::write(path, &good).unwrap();
        }
        fs::write(dir.join(Manifest::FILE_NAME), &manifest).unwrap();
        use_it(&dir).unwrap();
    }
}

/// Numbers in the manifest that would take all memory there is are refused before any is taken.
#[test]
fn changes_of_the_manifest_with_its_hash_made_anew_are_refused_or_read_safely() {
    for seed in 0..3 {
        let folder = tempfile::tempdir().unwrap();
        let dir = folder.path().join("bundle");
        write(&dir, TINY, seed);
        let path = dir.join(Manifest::FILE_NAME);
        let good = fs::read_to_string(&path).unwrap();
        let text = &good[..good.len() - 64 - 4];
        let digits: Vec<usize> =
            text.bytes().enumerate().filter(|(_, b)| b.is_ascii_digit()).map(|(i, _)| i).collect();
        let mut rng = Stream::new(17 + seed, Purpose::SYNTHETIC, 0, 0);
        let (mut refused, mut read) = (0, 0);
        for i in 0..2_000 {
            let mut bytes = text.as_bytes().to_vec();
            match i % 2 {
                0 => bytes = mutant(&bytes, &mut rng),
                _ => {
                    let at = digits[rng.index(digits.len())];
                    let more = b"000000000000000000"[..rng.index(18)].iter().copied();
                    bytes.splice(at + 1..at + 1, more);
                    bytes[at] = b'0' + rng.index(10) as u8;
                }
            }
            let Ok(text) = String::from_utf8(bytes) else { continue };
            fs::write(&path, resealed(&text)).unwrap();
            match use_it(&dir) {
                Ok(()) => read += 1,
                Err(error) => {
                    assert!(
                        [ErrorKind::Files, ErrorKind::Integrity, ErrorKind::Mixture].contains(&error.kind()),
                        "{error}"
                    );
                    refused += 1;
                }
            }
        }
        assert!(refused > 100 && read > 0, "{refused} refused, {read} read");
    }
}

/// A bundle that says it needs more weights than it has gets no memory for them.
#[test]
fn a_model_larger_than_its_weights_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path().join("bundle");
    write(&dir, TINY, 2);
    let path = dir.join(Manifest::FILE_NAME);
    let good: serde_json::Value = serde_json::from_str(&fs::read_to_string(&path).unwrap()).unwrap();
    let large = [
        ("/columns/6/transform/hashed/buckets", 4_000_000_000u64),
        ("/model/youtube_dnn/user/mlp/layers/0", 1 << 40),
        ("/model/youtube_dnn/user/column_dim", 1 << 50),
        ("/history/length", 1 << 40),
        ("/sizes/items_trained", 1 << 60),
        ("/sizes/dim", 1 << 60),
        ("/sizes/weights", 1),
        ("/parts/users.parquet/shape/0", 1 << 60),
        ("/parts/item_vectors.npy/shape/0", 1 << 60),
        ("/parts/item_vectors.npy/bytes", 1 << 60),
    ];
    for (place, number) in large {
        let mut manifest = good.clone();
        *manifest.pointer_mut(place).unwrap_or_else(|| panic!("{place} in {good}")) = number.into();
        fs::write(&path, sealed(manifest)).unwrap();
        let error = use_it(&dir).expect_err(place);
        assert_eq!(error.kind(), ErrorKind::Integrity, "{place}: {error}");
    }
}

/// An event between such edges would be in no interval, or in several.
#[test]
fn edges_of_intervals_that_do_not_ascend_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path().join("bundle");
    write(&dir, TINY, 2);
    let path = dir.join(Manifest::FILE_NAME);
    let mut manifest: serde_json::Value = serde_json::from_str(&fs::read_to_string(&path).unwrap()).unwrap();
    manifest["history"]["gap_edges_s"] = [20, 10].into_iter().collect();
    fs::write(&path, sealed(manifest)).unwrap();
    let error = use_it(&dir).expect_err("edges descend");
    assert!(error.to_string().contains("edges of intervals that do not ascend"), "{error}");
}
