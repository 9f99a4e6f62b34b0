//! What the docs show is read as it stands there.

use crate::*;

/// The examples in TOML of `docs/data.md`.
fn examples() -> Vec<toml::Table> {
    let page = include_str!("../../../../docs/data.md");
    let blocks = page.split("```toml\n").skip(1).map(|block| block.split("```").next().unwrap());
    blocks.map(|block| toml::from_str(block).unwrap_or_else(|error| panic!("{error}\n{block}"))).collect()
}

#[test]
fn every_whole_section_of_data_and_split_in_the_docs_is_one() {
    let (mut n_data, mut n_splits) = (0, 0);
    for example in examples() {
        // An excerpt of tables that names no file of events is no whole section.
        let files = example.get("data").and_then(|data| data.get("files"));
        let has_events =
            |tables: &toml::Value| tables.get("events").is_some_and(|events| events.get("file").is_some());
        let whole = files.filter(|files| files.get("tables").is_none_or(has_events));
        if let Some(files) = whole {
            let read: Result<DataConfig, _> = files.clone().try_into();
            read.unwrap_or_else(|error| panic!("{error}\n{example}"));
            n_data += 1;
        }
        if let Some(split) = example.get("split") {
            let read: Result<SplitConfig, _> = split.clone().try_into();
            read.unwrap_or_else(|error| panic!("{error}\n{example}"));
            n_splits += 1;
        }
    }
    assert!(n_data >= 5 && n_splits >= 2, "{n_data} sections of data, {n_splits} splits");
}
