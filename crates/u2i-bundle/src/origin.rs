//! Whether a file that is not the one in the manifest was damaged, or is of another bundle.

use std::path::Path;

use u2i_index::{ExactIndex, IndexError};

use crate::seal::read_stamp;
use crate::{Part, npy, table, weights};

/// Where a file comes from that is not the one in the manifest.
pub(crate) enum Origin {
    /// This bundle: it was damaged or changed.
    Changed,
    /// Another bundle, with this seal where the part carries one; the file is whole.
    OtherBundle(Option<String>),
}

/// Looks for the seal in a file whose hash is wrong. What cannot be read is damaged.
pub(crate) fn find_origin(path: &Path, part: Part, seal: &str) -> Origin {
    let found = match part {
        Part::Weights => weights::stamp(path),
        Part::ItemVectors => npy::stamp(path),
        Part::Vocabulary | Part::Items | Part::Users | Part::ItemVectorTable => table::stamp(path),
        // An index file ends with its own SHA-256: it is whole if what is wrong with it is not its bytes.
        Part::Index => match ExactIndex::load(path) {
            Ok(_) | Err(IndexError::Mismatch { .. }) => return Origin::OtherBundle(None),
            Err(_) => None,
        },
    };
    match found.and_then(|stamp| read_stamp(&stamp, part)) {
        Some(found) if found != seal => Origin::OtherBundle(Some(found)),
        _ => Origin::Changed,
    }
}
