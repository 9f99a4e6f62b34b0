//! Reviews on Steam, as SASRec was measured on them.

use super::set::{Contents, KnownSet, Layout, MAX_FILE_BYTES, Part, Source};

static SOURCE: Source = Source {
    title: "Steam, as SASRec has it",
    page: "https://github.com/kang205/SASRec",
    found_in: "the README of that repository, at the commit in the address",
    licence: "The repository is under the Apache licence; the reviews are by users of Steam, and no terms stand with them.",
    citation: "Wang-Cheng Kang and Julian McAuley, \"Self-Attentive Sequential Recommendation\", ICDM 2018, \
               https://doi.org/10.1109/ICDM.2018.00035",
};

pub(super) fn sets() -> Vec<KnownSet> {
    let commit = "e3738967fddab206d6eeb4fda433e7a7034dd8b1";
    vec![KnownSet {
        name: "steam",
        about: "3.7 million reviews of 334,730 users and 13,047 games in time order, without times"
            .to_owned(),
        source: &SOURCE,
        layout: Layout::Pairs("Steam.txt".to_owned()),
        parts: vec![Part {
            url: format!("https://raw.githubusercontent.com/kang205/SASRec/{commit}/data/Steam.txt"),
            bytes: None,
            sha256: None,
            contents: Contents::File("Steam.txt".to_owned()),
            max_file_bytes: MAX_FILE_BYTES,
        }],
        other_folders: &[],
    }]
}
