use std::path::Path;

use u2i_schema::Digest;

use crate::config::{FilesSplit, SequencesConfig, SequencesLayout};
use crate::error::FeatureError;
use crate::ids::Ids;
use crate::part_files::part_files;
use crate::raw::{EventParts, RawData, Times};
use crate::read_progress::ReadProgress;
use crate::tally::{Fate, Tally, reason_in};
use crate::text::{Line, Lines};

/// Reads users and items in the order in which they met, without times, from a file or from part files one behind the
/// other; a relative path starts at `base`.
///
/// Ids are exact text. There are no times, so [`RawData::times`] is [`Times::Unknown`].
///
/// # Errors
///
/// If a file cannot be read, or they hold more bad rows than the limits allow.
pub fn read_sequences(config: &SequencesConfig, base: &Path) -> Result<RawData, FeatureError> {
    read_sequences_in(config, None, base, &mut ReadProgress::silent())
}

/// [`read_sequences`], and the files of a split behind it.
pub(crate) fn read_sequences_in(
    config: &SequencesConfig,
    split: Option<&FilesSplit>,
    base: &Path,
    progress: &mut ReadProgress<'_>,
) -> Result<RawData, FeatureError> {
    let mut found = Found::default();
    found.read(config, &base.join(&config.file), progress)?;
    if let Some(FilesSplit { validation, test, .. }) = split {
        let mut next = |file: &Path| {
            let begin = found.raw.n_events();
            found.read(config, &base.join(file), progress).map(|()| begin)
        };
        let validation = validation.as_deref().map(&mut next).transpose()?;
        let test = next(test)?;
        found.raw.parts = Some(EventParts { validation: validation.unwrap_or(test), test });
    }
    Ok(found.finish())
}

/// What the lines so far hold.
#[derive(Default)]
struct Found {
    raw: RawData,
    users: Ids,
    items: Ids,
    digest: Digest,
}

impl Found {
    /// Adds the lines of a file, or of part files.
    fn read(
        &mut self,
        config: &SequencesConfig,
        path: &Path,
        progress: &mut ReadProgress<'_>,
    ) -> Result<(), FeatureError> {
        let mut tally = Tally::new(path, &config.limits);
        match part_files(path)? {
            None => {
                let name = path.file_name().unwrap_or_default().to_string_lossy();
                self.read_file(config, path, (&name, None), &mut tally, progress)?;
            }
            Some(files) => files.iter().try_for_each(|file| {
                self.read_file(config, &file.path, (&file.name, Some(&file.name)), &mut tally, progress)
            })?,
        }
        if tally.is_empty() {
            return Err(FeatureError::Empty { path: path.to_owned() });
        }
        self.raw.files.push(tally.finish()?);
        Ok(())
    }

    /// Adds the lines of one file, which rejects name if it is a `part` of several.
    fn read_file(
        &mut self,
        config: &SequencesConfig,
        path: &Path,
        (name, part): (&str, Option<&str>),
        tally: &mut Tally,
        progress: &mut ReadProgress<'_>,
    ) -> Result<(), FeatureError> {
        let mut lines = Lines::open(path, config.encoding, &config.limits)?;
        let max_line_bytes = lines.max_line_bytes();
        tally.next_file();
        while let Some((number, line)) = lines.next_line()? {
            tally.row();
            let added = match line {
                Line::TooLong => Err(format!("longer than {max_line_bytes} bytes (key max_line_bytes)")),
                Line::Nul => Err("has a NUL byte".to_owned()),
                Line::Text(line) => config.encoding.decode(line).and_then(|text| {
                    let text = text.trim_start_matches('\u{feff}');
                    match config.layout {
                        SequencesLayout::Pairs => pair(text).map(|(user, item)| self.add(user, [item])),
                        SequencesLayout::Adjacency => {
                            adjacent(text).map(|(user, items)| self.add(user, items))
                        }
                    }
                }),
            };
            match added {
                Ok(fate) => tally.settle(fate),
                Err(reason) => tally.reject(number, "", reason_in(part, reason)),
            }
            progress.step(|| lines.passed_bytes())?;
        }
        progress.pass(lines.passed_bytes())?;
        self.digest = std::mem::take(&mut self.digest).part(name, &lines.hash());
        Ok(())
    }

    /// Adds the items of a line. A user without any is no user of the data.
    fn add<'a>(&mut self, user: &str, items: impl IntoIterator<Item = &'a str>) -> Fate {
        let mut items = items.into_iter().peekable();
        if items.peek().is_none() {
            return Fate::Filtered;
        }
        let user = self.users.intern(user);
        for item in items {
            self.raw.events.user.push(user);
            self.raw.events.item.push(self.items.intern(item));
        }
        Fate::Kept
    }

    fn finish(self) -> RawData {
        let Found { mut raw, users, items, digest } = self;
        raw.times = Times::Unknown;
        raw.hash = digest.finish();
        raw.events.time_s = vec![0; raw.events.user.len()];
        raw.titles = vec![None; items.len()];
        (raw.user_ids, raw.item_ids) = (users.into_texts(), items.into_texts());
        raw
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

/// A user and the items behind it.
fn adjacent(line: &str) -> Result<(&str, impl Iterator<Item = &str>), String> {
    let mut fields = line.split_ascii_whitespace();
    let user = fields.next().ok_or("expected a user and items, found nothing")?;
    Ok((user, fields))
}
