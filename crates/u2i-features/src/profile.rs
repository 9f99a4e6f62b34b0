use std::collections::HashSet;
use std::hash::{BuildHasherDefault, DefaultHasher, Hasher};
use std::num::NonZeroUsize;
use std::path::Path;

use crate::cells::{Cells, Stored};
use crate::error::FeatureError;
use crate::formats::{FileFormat, Formats};
use crate::limits::ReadLimits;
use crate::lists;
use crate::numerals::{Numerals, is_number_with_marks};
use crate::raw::Reject;
use crate::read_progress::ReadProgress;
use crate::row_sample::RowSample;
use crate::table::Table;
use crate::tally::Fate;
use crate::time::{self, TimeUnit};
use crate::time_guess::{PlausibleUnit, TimeGuess};
use crate::typed_cells::{TypedCells, Wanted};
use crate::unix_time::{NS_PER_S, UnixTime};
use crate::whole_number;

/// What the columns of a file hold, judged by all of its rows or by a sample.
#[derive(Debug, Clone)]
pub struct TableProfile {
    /// Rows of the right number of fields that were looked at.
    pub n_rows: usize,
    /// The columns, in the order of the file.
    pub columns: Vec<ColumnProfile>,
    /// Rows that could not be told apart into fields.
    pub rejects: Vec<Reject>,
}

/// What one column holds.
#[derive(Debug, Clone)]
pub struct ColumnProfile {
    /// Its name.
    pub name: String,
    /// How its values are stored.
    pub stored: Stored,
    /// Rows, blank ones included.
    pub n_rows: usize,
    /// Rows with nothing in them.
    pub n_missing: usize,
    /// Different values.
    pub n_distinct: usize,
    /// Values that are integers, of whatever size. In a column of floating-point numbers those without a fraction.
    pub n_integers: usize,
    /// Values that are whole numbers and are written or stored as if they had a fraction: `17.0`.
    pub n_whole_decimals: usize,
    /// Values that are finite numbers, integers among them.
    pub n_numbers: usize,
    /// Values that are dates, with or without a time of day.
    pub n_datetimes: usize,
    /// Values that are numbers only with a decimal comma or separators of thousands, which the format says nothing of:
    /// `12,50`, `1,234`.
    pub n_numbers_with_marks: usize,
    /// The smallest number; infinite if there is none.
    pub min: f64,
    /// The largest number; infinite if there is none.
    pub max: f64,
    /// The smallest and the largest integer, exactly; `None` if there is none.
    pub integers: Option<(i128, i128)>,
    /// What comes of taking each of [`SEPARATORS`] for one that stands between the entries of a list.
    pub separated: Vec<Separated>,
    /// The first value.
    pub example: Option<String>,
    /// Hashes of the different values.
    hashes: Hashes,
    times: TimeGuess,
}

/// A set of hashes, which are not hashed once more.
type Hashes = HashSet<u64, BuildHasherDefault<Itself>>;

#[derive(Debug, Clone, Default)]
struct Itself(u64);

impl Hasher for Itself {
    fn write(&mut self, bytes: &[u8]) {
        self.0 = hash(bytes);
    }

    fn write_u64(&mut self, hash: u64) {
        self.0 = hash;
    }

    fn finish(&self) -> u64 {
        self.0
    }
}

/// A column taken for one of lists.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Separated {
    /// Between the entries.
    pub separator: char,
    /// Rows with more than one entry.
    pub n_rows: usize,
    /// Different entries.
    pub n_distinct: usize,
    /// All entries.
    pub n_entries: usize,
}

/// What may stand between the entries of a list.
pub const SEPARATORS: [char; 4] = ['|', ';', ',', ' '];

impl ColumnProfile {
    /// Values that are there.
    pub fn n_values(&self) -> usize {
        self.n_rows - self.n_missing
    }

    /// The units in which some of the values are times from 1970 to 2099, those that read most values first. Two patterns
    /// that read as many are in doubt of which of day and month comes first.
    pub fn plausible_units(&self) -> Vec<PlausibleUnit> {
        self.times.units()
    }

    /// Whether all values are whole numbers of which some are written or stored as decimals, `17.0`.
    pub fn is_of_whole_decimals(&self) -> bool {
        let n_whole = match self.stored {
            Stored::Floats => self.n_integers,
            _ => self.n_integers + self.n_whole_decimals,
        };
        self.n_whole_decimals > 0 && n_whole == self.n_values()
    }

    /// Puts all ids of the data in place of those that a sample has met. Ids are as they are read, `17` of `17.0`.
    pub fn set_ids(&mut self, ids: &[String]) {
        let id = |id: &String| hash(whole_number::digits(id).unwrap_or(id));
        self.hashes = ids.iter().map(id).collect();
        self.n_distinct = self.hashes.len();
    }

    /// Widens the times that a sample has met to the first and the last of the data, which `unit` reads.
    pub fn widen_times(&mut self, unit: &TimeUnit, [first, last]: [UnixTime; 2]) {
        self.times.widen(unit, [first, last]);
        let Some(per_second) = unit.per_second().filter(|_| self.n_numbers > 0) else { return };
        let ticks = |time: UnixTime| {
            i128::from(time.s()) * i128::from(per_second)
                + i128::from(time.subsec_ns() / (NS_PER_S / per_second))
        };
        let (first, last) = (ticks(first), ticks(last));
        (self.min, self.max) = (self.min.min(first as f64), self.max.max(last as f64));
        self.integers = self.integers.map(|(min, max)| (min.min(first), max.max(last)));
    }

    /// Share of the different values that `other` has, too; `17.0` and `17` are one.
    pub fn share_in(&self, other: &ColumnProfile) -> f64 {
        let common = self.hashes.iter().filter(|hash| other.hashes.contains(hash)).count();
        common as f64 / self.n_distinct.max(1) as f64
    }
}

/// Looks at every column of a file. Rows of another number of fields than the header are passed over.
///
/// # Errors
///
/// If the file cannot be read, or has no row.
pub fn profile_table(
    path: &Path,
    format: &FileFormat,
    max_line_bytes: NonZeroUsize,
) -> Result<TableProfile, FeatureError> {
    Formats::built_in().profile_table(path, format, max_line_bytes)
}

impl Formats {
    /// [`profile_table`] of a file in one of these formats.
    ///
    /// # Errors
    ///
    /// As [`profile_table`].
    pub fn profile_table(
        &self,
        path: &Path,
        format: &FileFormat,
        max_line_bytes: NonZeroUsize,
    ) -> Result<TableProfile, FeatureError> {
        let table = Table::open(path, format, self, &limits_of(max_line_bytes), "data")?;
        profile(table, usize::MAX, &mut ReadProgress::silent())
    }

    /// [`profile_table`], while `progress` hears of the bytes of the file that are looked at.
    ///
    /// # Errors
    ///
    /// As [`profile_table`], and [`FeatureError::Stopped`].
    pub fn profile_table_following(
        &self,
        path: &Path,
        format: &FileFormat,
        max_line_bytes: NonZeroUsize,
        progress: &mut ReadProgress<'_>,
    ) -> Result<TableProfile, FeatureError> {
        profile(Table::open(path, format, self, &limits_of(max_line_bytes), "data")?, usize::MAX, progress)
    }

    /// What the columns of a large file hold, judged by some of its rows: a few hundred thousand at most, from all over
    /// the file, as `sample` draws them. `None` for a file that is better looked at whole: a small one, one that is
    /// packed, one whose rows cannot be told apart in its middle.
    ///
    /// A value that is rare may be in none of these rows, and of values of which most come once nothing is known: how
    /// many there are, and whether they repeat.
    ///
    /// # Errors
    ///
    /// If the file cannot be read, or has no row.
    pub fn profile_sample(
        &self,
        path: &Path,
        format: &FileFormat,
        max_line_bytes: NonZeroUsize,
        sample: RowSample,
    ) -> Result<Option<TableProfile>, FeatureError> {
        let limits = limits_of(max_line_bytes);
        let Some(table) = Table::open_sample(path, format, self, &limits, sample)? else { return Ok(None) };
        let is_text = table.is_text();
        let found = profile(table, MOST_ROWS, &mut ReadProgress::silent())?;
        // A row that is none may be the end of one that begins before the place that was drawn.
        Ok((!is_text || found.rejects.is_empty()).then_some(found))
    }
}

fn limits_of(max_line_bytes: NonZeroUsize) -> ReadLimits {
    ReadLimits { max_reject_ratio: 1.0, max_line_bytes }
}

/// Rows of a part that are looked at where a sample is.
const MOST_ROWS: usize = 1 << 16;

/// Looks at no more than `most` rows of each part, evenly spread.
fn profile(
    mut table: Table,
    most: usize,
    progress: &mut ReadProgress<'_>,
) -> Result<TableProfile, FeatureError> {
    let mut stored: Vec<Stored> = table.part().columns().iter().map(Cells::stored).collect();
    let mut gathered: Vec<Gathered> = stored.iter().map(|_| Gathered::default()).collect();
    let numerals = table.numerals();
    let (mut n_rows, mut n_all, n_columns) = (0, 0, gathered.len().max(1));
    loop {
        let every = table.n_rows().div_ceil(most).max(1);
        for (place, gathered) in gathered.iter_mut().enumerate() {
            // Bytes may be text in one part of a column and not in the next.
            if let unreadable @ Stored::Other(_) = table.part().columns()[place].stored() {
                stored[place] = unreadable;
            }
            let Some(wanted) = wanted(&stored[place]) else { continue };
            let cells = match table.cells(&table.names()[place], "column", wanted) {
                Ok(cells) => cells,
                // Files of one table may differ in columns that nobody names.
                Err(FeatureError::MissingColumn { .. } | FeatureError::ColumnType { .. }) => {
                    stored[place] = Stored::Other("not alike in all files".to_owned());
                    continue;
                }
                Err(error) => return Err(error),
            };
            for row in (0..table.n_rows()).step_by(every) {
                table.step((place * table.n_rows() + row) / n_columns, progress)?;
                gathered.add(&cells, row, numerals);
            }
        }
        n_rows += table.n_rows().div_ceil(every);
        n_all += table.n_rows();
        if !table.next_part()? {
            break;
        }
    }
    let names = table.names().iter();
    let finish =
        |((gathered, name), stored): ((Gathered, &String), Stored)| gathered.finish(name, stored, n_rows);
    let columns = gathered.into_iter().zip(names).zip(stored).map(finish).collect();
    (0..n_all).for_each(|_| table.tally.settle(Fate::Kept));
    let rejects = table.counts()?.rejects;
    Ok(TableProfile { n_rows, columns, rejects })
}

/// What a column is read for, if it can be.
fn wanted(stored: &Stored) -> Option<Wanted<'static>> {
    match stored {
        Stored::Times => Some(Wanted::Time(&TimeUnit::Datetime)),
        Stored::Text | Stored::Integers => Some(Wanted::Text),
        Stored::Floats => Some(Wanted::Number),
        Stored::Lists => Some(Wanted::List),
        Stored::Other(_) => None,
    }
}

#[derive(Default)]
struct Gathered {
    n_missing: usize,
    n_integers: usize,
    n_whole_decimals: usize,
    n_numbers: usize,
    n_datetimes: usize,
    n_numbers_with_marks: usize,
    range: Option<(f64, f64)>,
    integers: Option<(i128, i128)>,
    times: TimeGuess,
    hashes: Hashes,
    entries: [(usize, usize, Hashes); SEPARATORS.len()],
    example: Option<String>,
}

impl Gathered {
    fn add(&mut self, cells: &TypedCells, row: usize, numerals: Option<Numerals>) {
        if cells.is_blank(row) {
            self.n_missing += 1;
            return;
        }
        match cells {
            TypedCells::Float(_) => self.number(cells.float(row).unwrap_or(f64::NAN)),
            TypedCells::Times(cells, ticks) => {
                self.n_datetimes += 1;
                let Some(found) = cells.get(row).map(|found| ticks.time(found)) else { return };
                self.times.datetime(found);
                self.hashes.insert(hash(&found));
            }
            TypedCells::List(_) | TypedCells::Lists(_) => {
                let list = cells.list(row, ' ');
                let (n_rows, n_entries, distinct) = &mut self.entries[0];
                *n_rows += usize::from(list.len() > 1);
                *n_entries += list.len();
                distinct.extend(list.iter().map(|entry| hash(entry.as_str())));
                self.hashes.insert(hash(&list));
            }
            _ => {
                let Some(text) = cells.text(row) else { return };
                self.text(&text, numerals);
            }
        }
    }

    fn number(&mut self, number: f64) {
        // A whole number has the hash that it has as text, so that ids of both kinds are found to be the same.
        self.hashes.insert(match whole_number::of_float(number) {
            Ok(whole) => hash(whole.as_str()),
            Err(_) => hash(&number.to_bits()),
        });
        if number.is_finite() {
            self.n_numbers += 1;
            let is_whole = number.fract() == 0.0;
            self.n_integers += usize::from(is_whole);
            self.n_whole_decimals += usize::from(is_whole);
            if is_whole {
                self.integer(number as i128);
            }
            self.times.decimal(number);
            let (min, max) = self.range.get_or_insert((number, number));
            (*min, *max) = (min.min(number), max.max(number));
        }
    }

    fn integer(&mut self, integer: i128) {
        let (min, max) = self.integers.get_or_insert((integer, integer));
        (*min, *max) = (integer.min(*min), integer.max(*max));
    }

    fn text(&mut self, text: &str, numerals: Option<Numerals>) {
        self.hashes.insert(hash(whole_number::digits(text).unwrap_or(text)));
        if self.example.is_none() {
            self.example = Some(time::short(text));
        }
        if let Some(integer) = short_integer(text) {
            // As nearly all numbers are: what is below does the same, and takes longer.
            self.n_numbers += 1;
            self.n_integers += 1;
            self.integer(integer.into());
            self.times.integer(integer.into());
            let number = integer as f64;
            let (min, max) = self.range.get_or_insert((number, number));
            (*min, *max) = (min.min(number), max.max(number));
            return;
        }
        let number = match numerals {
            Some(numerals) => numerals.number(text),
            None => text.trim().parse::<f64>().ok().filter(|number| number.is_finite()),
        };
        if let Some(number) = number {
            self.n_numbers += 1;
            match text.parse::<i128>() {
                Ok(integer) => {
                    self.n_integers += 1;
                    self.integer(integer);
                    self.times.integer(integer);
                }
                Err(_) => {
                    self.n_whole_decimals += usize::from(number.fract() == 0.0);
                    self.times.decimal(number);
                }
            }
            let (min, max) = self.range.get_or_insert((number, number));
            (*min, *max) = (min.min(number), max.max(number));
            return;
        }
        self.n_datetimes += usize::from(self.times.text(text));
        self.n_numbers_with_marks += usize::from(numerals.is_none() && is_number_with_marks(text));
        // Lists in brackets have commas between their entries, whatever the separator of the others is.
        let is_bracketed = lists::is_bracketed(text);
        for (separator, (n_rows, n_entries, distinct)) in SEPARATORS.into_iter().zip(&mut self.entries) {
            let before = *n_entries;
            let mut add = |entry: &str| {
                distinct.insert(hash(entry));
                *n_entries += 1;
            };
            match (is_bracketed, separator) {
                (false, _) => lists::separated(text, separator).for_each(&mut add),
                (true, ',') => lists::entries(text, ',').iter().for_each(|entry| add(entry)),
                (true, _) => {}
            }
            *n_rows += usize::from(*n_entries > before + 1);
        }
    }

    fn finish(self, name: &str, stored: Stored, n_rows: usize) -> ColumnProfile {
        let (min, max) = self.range.unwrap_or((f64::INFINITY, f64::NEG_INFINITY));
        let is_other = matches!(stored, Stored::Other(_));
        let separated = |(separator, (n_rows, n_entries, distinct)): (char, (usize, usize, Hashes))| {
            Separated { separator, n_rows, n_distinct: distinct.len(), n_entries }
        };
        ColumnProfile {
            name: name.to_owned(),
            stored,
            n_rows,
            n_missing: if is_other { n_rows } else { self.n_missing },
            n_distinct: self.hashes.len(),
            n_integers: self.n_integers,
            n_whole_decimals: self.n_whole_decimals,
            n_numbers: self.n_numbers,
            n_datetimes: self.n_datetimes,
            n_numbers_with_marks: self.n_numbers_with_marks,
            min,
            max,
            separated: SEPARATORS.into_iter().zip(self.entries).map(separated).collect(),
            integers: self.integers,
            times: self.times,
            example: self.example,
            hashes: self.hashes,
        }
    }
}

/// The number of a text of a few digits and nothing else.
fn short_integer(text: &str) -> Option<i64> {
    let is_short = (1..=18).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit());
    is_short.then(|| text.bytes().fold(0, |number, digit| 10 * number + i64::from(digit - b'0')))
}

/// A hash that does not differ from run to run.
fn hash(value: &(impl std::hash::Hash + ?Sized)) -> u64 {
    let mut hasher = DefaultHasher::new();
    value.hash(&mut hasher);
    hasher.finish()
}
