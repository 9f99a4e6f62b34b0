//! The argument `--dataset`, and the list of what it takes.

use std::path::PathBuf;
use std::str::FromStr;

use serde::Serialize;
use u2i::Error;
use u2i_datasets::{Dataset, DatasetName, KnownSet, Layout, Places, UnknownDataset, known_sets, resolve};

use crate::output::Output;
use crate::terminal::Terminal;

/// What is asked for: a data set, or which there are.
#[derive(Debug, Clone, Copy)]
pub enum Asked {
    /// The names of all.
    List,
    /// A data set.
    Set(DatasetName),
}

impl FromStr for Asked {
    type Err = UnknownDataset;

    fn from_str(text: &str) -> Result<Self, UnknownDataset> {
        match text {
            "list" => Ok(Asked::List),
            name => name.parse().map(Asked::Set),
        }
    }
}

/// What `u2i init` is to look at of a data set: its files or their folder, and where columns have no names, the numbers of
/// those of users, items and times. Says what has to be known of it.
pub fn files(
    name: DatasetName,
    places: &Places,
    terminal: &mut Terminal<'_>,
) -> Result<(Vec<PathBuf>, Option<[String; 3]>), Error> {
    let resolved = resolve(name, places)?;
    for line in resolved.note.iter().chain(&resolved.licence) {
        terminal.say(line);
    }
    let Dataset::Files(found) = resolved.dataset else {
        return Err(Error::Usage(
            "synthetic data is in no files; its experiments are built in, such as `u2i train synthetic/youtube_dnn`"
                .to_owned(),
        ));
    };
    Ok(match &found.layout {
        Layout::Headerless { columns, .. } => (found.files(), Some(columns.map(|column| column.to_string()))),
        Layout::Tables(_) | Layout::Atomic(_) | Layout::Pairs(_) => (found.files(), None),
        // These are known by what their folders hold.
        _ => (vec![found.folder], None),
    })
}

/// A data set as the list in JSON has it.
#[derive(Serialize)]
struct Listed<'a> {
    name: &'a str,
    about: &'a str,
    bytes: Option<u64>,
    addresses: Vec<&'a str>,
    /// Whether the first download is held against a published hash, too.
    pinned: bool,
    page: &'a str,
    licence: &'a str,
    citation: &'a str,
}

/// Prints which data sets there are.
pub fn list(output: Output, terminal: &mut Terminal<'_>) {
    let sets = known_sets();
    match output {
        Output::Json => terminal.print_json(&sets.iter().map(listed).collect::<Vec<_>>()),
        Output::Text => terminal.print(&text(&sets)),
    }
}

fn listed(set: &KnownSet) -> Listed<'_> {
    Listed {
        name: set.name,
        about: &set.about,
        bytes: set.bytes(),
        addresses: set.addresses().collect(),
        pinned: set.is_pinned(),
        page: set.source.page,
        licence: set.source.licence,
        citation: set.source.citation,
    }
}

/// The data sets, those of one publisher below their terms.
fn text(sets: &[KnownSet]) -> String {
    let width = sets.iter().map(|set| set.name.len()).max().unwrap_or_default();
    let mut text = String::from(
        "auto, synthetic: MovieLens 1M where it is or can be had, else data from a seed; always data from a seed\n\
         size ?: not published; *: no hash is published, that of the first download is kept and checked from then on\n",
    );
    let mut source = None;
    for set in sets {
        if source != Some(set.source) {
            let u2i_datasets::Source { title, page, found_in, licence, citation } = set.source;
            text += &format!(
                "\n{title}, {page}\n  licence: {licence}\n  to cite: {citation}\n  addresses, sizes, hashes: as of \
                 {found_in}\n"
            );
            source = Some(set.source);
        }
        let size = set.bytes().map_or_else(|| "?".to_owned(), size);
        let mark = if set.is_pinned() { ' ' } else { '*' };
        text += &format!("  {:<width$}{mark} {size:>8}  {}\n", set.name, set.about);
    }
    text.truncate(text.trim_end().len());
    text
}

/// Bytes in megabytes.
fn size(bytes: u64) -> String {
    format!("{:.1} MB", bytes as f64 / 1e6)
}
