//! An experiment on files of one's own. Tests of the command line include this file, too.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use crate::synthetic;

/// A CSV of other names than ours, and a config of ours with its data replaced and its columns removed.
pub(crate) fn own_experiment(folder: &Path) -> PathBuf {
    let raw = synthetic();
    let mut csv = "bought_at,customer,article\n".to_owned();
    for event in 0..raw.n_events() {
        let (user, item) = (raw.events.user[event] as usize, raw.events.item[event] as usize);
        writeln!(csv, "{},{},{}", raw.events.time_s[event], raw.user_ids[user], raw.item_ids[item]).unwrap();
    }
    std::fs::write(folder.join("events.csv"), csv).unwrap();

    let text = include_str!("../../../../configs/synthetic/youtube_dnn.toml");
    let own = "[data.files.tables.events]\nfile = \"events.csv\"\n\
               format = { csv = { separator = \",\", encoding = \"utf-8\" } }\n\
               user = \"customer\"\nitem = \"article\"\ntime = { column = \"bought_at\", unit = \"s\" }\n\n\
               [data.files.tables.limits]\nmax_reject_ratio = 0.0\nmax_line_bytes = 65536\n";
    let (before, rest) = text.split_once("[data.named]\ndataset = \"synthetic\"\n").unwrap();
    let (split, rest) = rest.split_once("[[features.column]]").unwrap();
    let (_, rest) = rest.split_once("[features.history]").unwrap();
    let path = folder.join("own.toml");
    std::fs::write(&path, format!("{before}{own}{split}[features.history]{rest}")).unwrap();
    path
}
