use std::path::Path;

use u2i_schema::Digest;

use crate::config::SequencesConfig;
use crate::error::FeatureError;
use crate::ids::Ids;
use crate::raw::{RawData, Times};
use crate::tally::{Fate, Tally};
use crate::text::{Line, Lines};

/// Reads pairs `user item` in the order in which they happened; a relative path starts at `base`.
///
/// Ids are exact text. There are no times, so [`RawData::times`] is [`Times::Unknown`].
///
/// # Errors
///
/// If the file cannot be read, or holds more bad rows than the limits allow.
pub fn read_sequences(config: &SequencesConfig, base: &Path) -> Result<RawData, FeatureError> {
    let path = base.join(&config.file);
    let mut lines = Lines::open(&path, config.encoding, &config.limits)?;
    let mut tally = Tally::new(&path, &config.limits);
    let max_line_bytes = lines.max_line_bytes();
    let mut raw = RawData { times: Times::Unknown, ..RawData::default() };
    let (mut users, mut items) = (Ids::default(), Ids::default());
    while let Some((number, line)) = lines.next_line()? {
        tally.row();
        let pair = match line {
            Line::TooLong => Err(format!("longer than {max_line_bytes} bytes (key max_line_bytes)")),
            Line::Nul => Err("has a NUL byte".to_owned()),
            Line::Text(line) => config.encoding.decode(line).and_then(|text| {
                let (user, item) = pair(text.trim_start_matches('\u{feff}'))?;
                Ok((users.intern(user), items.intern(item)))
            }),
        };
        match pair {
            Ok((user, item)) => {
                raw.events.user.push(user);
                raw.events.item.push(item);
                tally.settle(Fate::Kept);
            }
            Err(reason) => tally.reject(number, "", reason),
        }
    }
    if tally.is_empty() {
        return Err(FeatureError::Empty { path });
    }
    raw.files.push(tally.finish()?);
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    raw.hash = Digest::new().part(&name, &lines.hash()).finish();
    raw.events.time_s = vec![0; raw.events.user.len()];
    raw.titles = vec![None; items.len()];
    (raw.user_ids, raw.item_ids) = (users.into_texts(), items.into_texts());
    Ok(raw)
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
