//! A second reader of text files without quotes, written from `docs/data.md` and the READMEs of MovieLens: slow,
//! short, and without a line in common with the crate.

use std::collections::{HashMap, HashSet};

use crate::*;

/// Whether the text of a column can be used.
pub type Rule = fn(&str) -> bool;

/// How the rows of a file are written.
pub struct Format {
    pub separator: &'static str,
    pub columns: Vec<(&'static str, Rule)>,
    pub max_line_bytes: usize,
}

/// What becomes of a row.
#[derive(Debug, Clone, PartialEq)]
pub enum Verdict {
    Kept(Vec<String>),
    /// Of a user or item without events.
    Filtered,
    /// The columns that are wrong; `[""]` if it is the row as a whole.
    Rejected(Vec<&'static str>),
}

impl Format {
    /// The verdict on every row of Latin-1.
    pub fn rows(&self, file: &[u8]) -> Vec<Verdict> {
        let mut lines: Vec<&[u8]> = file.split(|&byte| byte == b'\n').collect();
        // Behind the last newline there is nothing, and a blank last line is none.
        if lines.pop_if(|line| line.is_empty()).is_some() {
            lines.pop_if(|line| line.is_empty() || *line == b"\r");
        }
        lines.into_iter().map(|line| self.row(line.strip_suffix(b"\r").unwrap_or(line))).collect()
    }

    fn row(&self, line: &[u8]) -> Verdict {
        let text: String = line.iter().map(|&byte| char::from(byte)).collect();
        // From the right, so that the odd one of several colons belongs to the field before them.
        let mut fields: Vec<String> = text.rsplit(self.separator).map(str::to_owned).collect();
        fields.reverse();
        if line.len() > self.max_line_bytes || line.contains(&0) || fields.len() != self.columns.len() {
            return Verdict::Rejected(vec![""]);
        }
        let judged = fields.iter().zip(&self.columns);
        let wrong: Vec<_> =
            judged.filter(|(field, (_, rule))| !rule(field)).map(|(_, column)| column.0).collect();
        if wrong.is_empty() { Verdict::Kept(fields) } else { Verdict::Rejected(wrong) }
    }
}

fn kept(rows: &[Verdict]) -> impl Iterator<Item = &Vec<String>> {
    rows.iter().filter_map(|row| if let Verdict::Kept(fields) = row { Some(fields) } else { None })
}

/// Counts, lines and columns of a file are those of the reference; its first row is on line `first`.
pub fn assert_counts(file: &FileCounts, rows: &[Verdict], first: u64, context: &str) {
    let filtered = rows.iter().filter(|row| **row == Verdict::Filtered).count() as u64;
    let wanted = (rows.len() as u64, kept(rows).count() as u64, filtered);
    assert_eq!((file.read, file.kept, file.filtered), wanted, "read, kept, filtered: {context}");
    let wrong = (first..).zip(rows).filter_map(|(line, row)| match row {
        Verdict::Rejected(columns) => Some((line, columns)),
        _ => None,
    });
    assert_eq!(file.rejects.len() as u64, file.read - file.kept - file.filtered, "{context}");
    for (reject, (line, columns)) in file.rejects.iter().zip(wrong) {
        let is_right = reject.line == line && columns.contains(&reject.column.as_str());
        assert!(is_right, "{reject:?}, wanted line {line} and one of {columns:?}: {context}");
    }
}

/// The events of a file, whose first row is on line `first`, are those of the reference. Users, items and times stand
/// in the columns `places`.
pub fn assert_events(
    raw: &RawData,
    format: &Format,
    places: [usize; 3],
    rows: &[u8],
    first: u64,
    context: &str,
) {
    let rows = format.rows(rows);
    assert_counts(&raw.files[0], &rows, first, context);
    let wanted = kept(&rows).map(|row| {
        let [user, item, time] = places.map(|place| row[place].as_str());
        (user, item, time.parse::<i64>().unwrap())
    });
    let RawEvents { user, item, time_s, .. } = &raw.events;
    let found = (0..raw.n_events())
        .map(|i| (&*raw.user_ids[user[i] as usize], &*raw.item_ids[item[i] as usize], time_s[i]));
    assert!(found.eq(wanted), "events differ: {context}");
}

/// A set of MovieLens: events, users and items.
pub struct MovieLens {
    pub formats: [Format; 3],
    genres: fn(&[String]) -> Vec<String>,
}

impl MovieLens {
    pub fn one_million(max_line_bytes: usize) -> Self {
        let format = |columns| Format { separator: "::", columns, max_line_bytes };
        let events =
            vec![("user", digits as Rule), ("item", digits), ("rating", rating), ("timestamp", seconds)];
        let users: Vec<(_, Rule)> =
            vec![("user", digits), ("gender", text), ("age", years), ("occupation", text), ("zip", text)];
        let items: Vec<(_, Rule)> = vec![("item", digits), ("title", text), ("genres", text)];
        MovieLens {
            formats: [format(events), format(users), format(items)],
            genres: |row| row[2].split('|').map(str::to_owned).collect(),
        }
    }

    pub fn hundred_thousand(max_line_bytes: usize) -> Self {
        let format = |separator, columns| Format { separator, columns, max_line_bytes };
        let [events, users, _] = Self::one_million(max_line_bytes).formats.map(|format| format.columns);
        let users = [0, 2, 1, 3, 4].map(|place| users[place]).to_vec();
        let mut items: Vec<(_, Rule)> = vec![("item", digits), ("title", text)];
        items.extend(["release_date", "video_release_date", "imdb_url"].map(|name| (name, any as Rule)));
        items.extend(GENRES.split('|').map(|genre| (genre, flag as Rule)));
        MovieLens {
            formats: [format("\t", events), format("|", users), format("|", items)],
            genres: |row| {
                let flagged = GENRES.split('|').zip(&row[5..]).filter(|(_, flag)| *flag == "1");
                flagged.map(|(genre, _)| genre.to_owned()).collect()
            },
        }
    }

    /// What was read from the three files is what the reference reads.
    pub fn assert_reads(&self, raw: &RawData, files: [&[u8]; 3], context: &str) {
        let [events, users, items] = &self.formats;
        assert_events(raw, events, [0, 1, 3], files[0], 1, context);
        let rows = of_known_ids(users, files[1], &raw.user_ids);
        assert_counts(&raw.files[1], &rows, 1, context);
        for name in ["gender", "occupation", "zip"] {
            let place = users.columns.iter().position(|column| column.0 == name).unwrap();
            let wanted = by_id(&rows, &raw.user_ids, |row| row[place].clone());
            assert!(
                text_column(&raw.users, name) == wanted.iter().map(Option::as_deref).collect::<Vec<_>>(),
                "{name}: {context}"
            );
        }
        let place = users.columns.iter().position(|column| column.0 == "age").unwrap();
        let ages = by_id(&rows, &raw.user_ids, |row| row[place].parse::<f64>().unwrap());
        let found = number_column(&raw.users, "age").into_iter().map(|age| (!age.is_nan()).then_some(age));
        assert!(found.eq(ages), "age: {context}");

        let rows = of_known_ids(items, files[2], &raw.item_ids);
        assert_counts(&raw.files[2], &rows, 1, context);
        assert!(raw.titles == by_id(&rows, &raw.item_ids, |row| row[1].clone()), "titles: {context}");
        let genres =
            by_id(&rows, &raw.item_ids, |row| (self.genres)(row)).into_iter().map(Option::unwrap_or_default);
        assert!(genres.eq(list_column(&raw.items, "genres").iter().cloned()), "genres: {context}");
    }
}

/// Rows whose first column is an id: those of unknown ids are filtered, and the second one of an id is wrong.
pub fn of_known_ids(format: &Format, file: &[u8], known: &[String]) -> Vec<Verdict> {
    let known: HashSet<&String> = known.iter().collect();
    let mut seen = HashSet::new();
    let judge = |row| match row {
        Verdict::Kept(fields) if !known.contains(&fields[0]) => Verdict::Filtered,
        Verdict::Kept(fields) if !seen.insert(fields[0].clone()) => {
            Verdict::Rejected(vec![format.columns[0].0])
        }
        other => other,
    };
    format.rows(file).into_iter().map(judge).collect()
}

/// What the row of each id holds; `None` for an id without a row.
pub fn by_id<T>(rows: &[Verdict], ids: &[String], value: impl Fn(&[String]) -> T) -> Vec<Option<T>> {
    let rows: HashMap<&String, &Vec<String>> = kept(rows).map(|row| (&row[0], row)).collect();
    ids.iter().map(|id| rows.get(id).map(|row| value(row))).collect()
}

/// Of `u.genre`, in the order of the flags.
pub const GENRES: &str = "unknown|Action|Adventure|Animation|Children's|Comedy|Crime|Documentary|Drama|Fantasy|\
                          Film-Noir|Horror|Musical|Mystery|Romance|Sci-Fi|Thriller|War|Western";

pub fn any(_: &str) -> bool {
    true
}

fn text(field: &str) -> bool {
    !field.is_empty()
}

pub fn not_blank(field: &str) -> bool {
    !field.trim().is_empty()
}

pub fn blank_or_number(field: &str) -> bool {
    field.trim().is_empty() || field.trim().parse::<f64>().is_ok_and(f64::is_finite)
}

fn digits(field: &str) -> bool {
    !field.is_empty() && field.chars().all(|char| char.is_ascii_digit())
}

/// 2100-01-01 is 47,482 days after 1970-01-01.
pub fn seconds(field: &str) -> bool {
    digits(field) && field.parse::<u128>().is_ok_and(|time_s| time_s < 47_482 * 86_400)
}

fn rating(field: &str) -> bool {
    ["1", "2", "3", "4", "5"].contains(&field)
}

fn years(field: &str) -> bool {
    digits(field) && field.parse::<u16>().is_ok()
}

fn flag(field: &str) -> bool {
    ["0", "1"].contains(&field)
}
