use std::path::{Path, PathBuf};

use u2i_schema::Digest;

use crate::config::SequencesConfig;
use crate::error::FeatureError;
use crate::ids::Ids;
use crate::part_files::part_files;
use crate::raw::{RawData, RawEvents, Times};
use crate::tally::{Fate, Tally, reason_in};
use crate::text::{Line, Lines};

/// Reads pairs `user item` in the order in which they happened, from a file or from part files one behind the other; a
/// relative path starts at `base`.
///
/// Ids are exact text. There are no times, so [`RawData::times`] is [`Times::Unknown`].
///
/// # Errors
///
/// If a file cannot be read, or they hold more bad rows than the limits allow.
pub fn read_sequences(config: &SequencesConfig, base: &Path) -> Result<RawData, FeatureError> {
    let path = base.join(&config.file);
    let mut pairs = Pairs {
        config,
        tally: Tally::new(&path, &config.limits),
        users: Ids::default(),
        items: Ids::default(),
        events: RawEvents::default(),
        digest: Digest::new(),
    };
    match part_files(&path)? {
        None => {
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            pairs.read(&path, &name, None)?;
        }
        Some(files) => {
            files.iter().try_for_each(|file| pairs.read(&file.path, &file.name, Some(&file.name)))?
        }
    }
    pairs.finish(path)
}

/// Pairs while they are read.
struct Pairs<'a> {
    config: &'a SequencesConfig,
    tally: Tally,
    users: Ids,
    items: Ids,
    events: RawEvents,
    digest: Digest,
}

impl Pairs<'_> {
    /// Reads a file, which rejects name if it is one of several.
    fn read(&mut self, path: &Path, name: &str, part: Option<&str>) -> Result<(), FeatureError> {
        let mut lines = Lines::open(path, self.config.encoding, &self.config.limits)?;
        let max_line_bytes = lines.max_line_bytes();
        self.tally.next_file();
        while let Some((number, line)) = lines.next_line()? {
            self.tally.row();
            let pair = match line {
                Line::TooLong => Err(format!("longer than {max_line_bytes} bytes (key max_line_bytes)")),
                Line::Nul => Err("has a NUL byte".to_owned()),
                Line::Text(line) => self.config.encoding.decode(line).and_then(|text| {
                    let (user, item) = pair(text.trim_start_matches('\u{feff}'))?;
                    Ok((self.users.intern(user), self.items.intern(item)))
                }),
            };
            match pair {
                Ok((user, item)) => {
                    self.events.user.push(user);
                    self.events.item.push(item);
                    self.tally.settle(Fate::Kept);
                }
                Err(reason) => self.tally.reject(number, "", reason_in(part, reason)),
            }
        }
        self.digest = std::mem::take(&mut self.digest).part(name, &lines.hash());
        Ok(())
    }

    fn finish(self, path: PathBuf) -> Result<RawData, FeatureError> {
        let Pairs { tally, users, items, mut events, digest, .. } = self;
        if tally.is_empty() {
            return Err(FeatureError::Empty { path });
        }
        events.time_s = vec![0; events.user.len()];
        Ok(RawData {
            times: Times::Unknown,
            titles: vec![None; items.len()],
            user_ids: users.into_texts(),
            item_ids: items.into_texts(),
            events,
            files: vec![tally.finish()?],
            hash: digest.finish(),
            ..RawData::default()
        })
    }
}

/// The two fields of a line, and no more.
fn pair(line: &str) -> Result<(&str, &str), String> {
    let mut fields = line.split_ascii_whitespace();
    match (fields.next(), fields.next(), fields.count()) {
        (Some(user), Some(item), 0) => Ok((user, item)),
        (first, second, further) => {
            let found = usize::from(first.is_some()) + usize::from(second.is_some()) + further;
            Err(format!("expected the 2 fields user, item, found {found}"))
        }
    }
}
