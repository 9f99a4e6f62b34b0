//! Mutated files against the reader of exact indexes: no input may end in a panic.

#[path = "../../../u2i-features/tests/fuzz/harness.rs"]
mod harness;

use std::fs;

use sha2::{Digest as _, Sha256};
use u2i_index::{ExactIndex, Index as _, ItemVectors};

use harness::{folder, fuzz, word};

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
