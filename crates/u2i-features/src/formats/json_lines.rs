use std::collections::HashMap;
use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::cells::Cells;
use crate::error::FeatureError;
use crate::file_beginning::{FileBeginning, TextBeginning};
use crate::json_columns::{JsonColumns, JsonKind, push_key};
use crate::json_text::{JsonFault, JsonValue, entries, members, unescaped};
use crate::limits::ReadLimits;
use crate::part::FilePart;
use crate::raw::Reject;
use crate::row_sample::RowSample;
use crate::row_source::{Evidence, Recognition, RowFormat, RowSource};
use crate::text::{Encoding, Line, Lines};

/// JSON Lines: an object on each line, in UTF-8. Its keys are columns, those of an object within by their path, `a.b`.
///
/// Numbers are exact text, as in CSV; `null` and a key that is not there are missing. The file is read twice: a column may
/// turn up in the last row.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct JsonLines {}

impl JsonLines {
    pub(super) const PROTOTYPE: Self = JsonLines {};
}

const ONE_BY_ONE: &str = "write an object on each line, as `jq -c '.[]' FILE` or pandas' to_json(orient=\"records\", \
                          lines=True) does";

impl RowFormat for JsonLines {
    fn name(&self) -> &str {
        "json_lines"
    }

    fn endings(&self) -> &[&'static str] {
        &["jsonl", "ndjson", "json"]
    }

    fn recognise(&self, beginning: &FileBeginning) -> Result<Recognition, FeatureError> {
        let text = beginning.text()?;
        let refused = |what| {
            Err(FeatureError::NotATable { path: beginning.path().to_owned(), what, advice: ONE_BY_ONE })
        };
        match look(text) {
            Look::Lines if matches!(text.encoding(), Encoding::Web(_)) => Err(FeatureError::NotATable {
                path: beginning.path().to_owned(),
                what: "JSON in another encoding than UTF-8",
                advice: "write it in UTF-8",
            }),
            Look::Lines => Ok(Recognition::Yes {
                format: Box::new(*self),
                evidence: Evidence::Mark,
                reason: "JSON, an object on each line.".to_owned(),
            }),
            Look::Array => refused("JSON in one array"),
            Look::Columns => refused("JSON with one object for all rows"),
            Look::Spread => refused("JSON whose objects go on over several lines"),
            Look::Python => refused("in Python's own notation and not JSON"),
            Look::Other => {
                Ok(Recognition::No { reason: "expected an object of JSON on each line".to_owned() })
            }
        }
    }

    fn open(&self, path: &Path, limits: &ReadLimits) -> Result<Box<dyn RowSource>, FeatureError> {
        let columns = columns(Lines::open(path, Encoding::Utf8, limits)?)?;
        Ok(Box::new(JsonRows::new(Lines::open(path, Encoding::Utf8, limits)?, columns)))
    }

    /// The columns are those of all lines: any may have one of its own.
    fn open_sample(
        &self,
        path: &Path,
        limits: &ReadLimits,
        sample: RowSample,
    ) -> Result<Option<Box<dyn RowSource>>, FeatureError> {
        let Some(lines) = Lines::open_sample(path, Encoding::Utf8, limits, sample)? else { return Ok(None) };
        let columns = columns(Lines::open(path, Encoding::Utf8, limits)?)?;
        Ok(Some(Box::new(JsonRows::new(lines, columns))))
    }
}

/// What the first lines of a file look like.
enum Look {
    Lines,
    Array,
    Columns,
    Spread,
    Python,
    Other,
}

/// Lines that are looked at: the first may be broken.
const TRIED_LINES: usize = 20;

fn look(text: &TextBeginning) -> Look {
    let lines: Vec<&str> = text.lines().map(str::trim).take(TRIED_LINES).collect();
    let first = lines[0];
    let next = |rest: &str| rest.trim_start().chars().next().or_else(|| lines.get(1)?.chars().next());
    if let Some(rest) = first.strip_prefix('[') {
        return if next(rest) == Some('{') { Look::Array } else { Look::Other };
    }
    if !first.starts_with('{') {
        return Look::Other;
    }
    let (mut n_values, mut n_nested) = (0, 0);
    let is_object = |line: &str| members(line, |_, _| Ok(())).is_ok();
    let whole = members(first, |_, value| {
        n_values += 1;
        n_nested += usize::from(matches!(value, JsonValue::Object(_) | JsonValue::List(_)));
        Ok(())
    });
    match next(&first[1..]) {
        // pandas writes so unless it is told otherwise: an object, or a list, of each column.
        _ if whole.is_ok() && lines.len() == 1 && n_values > 1 && n_nested == n_values => Look::Columns,
        _ if whole.is_ok() || lines.iter().any(|line| is_object(line)) => Look::Lines,
        Some('\'') => Look::Python,
        Some('"') => Look::Spread,
        _ => Look::Other,
    }
}

/// The text of a line that has one, or why it has none.
fn text_of<'a>(line: Line<'a>, number: u64, max_line_bytes: usize) -> Result<&'a str, String> {
    match line {
        Line::TooLong => Err(format!("longer than {max_line_bytes} bytes (key max_line_bytes)")),
        Line::Nul => Err("has a NUL byte".to_owned()),
        Line::Text(line) => {
            let text = match std::str::from_utf8(line) {
                Ok(text) => text,
                Err(_) => return Err(Encoding::Utf8.decode(line).err().unwrap_or_default()),
            };
            Ok(if number == 1 { text.trim_start_matches('\u{feff}') } else { text })
        }
    }
}

/// Reads a file for its columns.
fn columns(mut lines: Lines) -> Result<Vec<(String, JsonKind)>, FeatureError> {
    let refused = |lines: &Lines, what, advice| {
        Err(FeatureError::NotATable { path: lines.path().to_owned(), what, advice })
    };
    let (mut columns, mut n_lines) = (JsonColumns::default(), 0);
    let max_line_bytes = lines.max_line_bytes();
    while let Some((number, line)) = lines.next_line()? {
        n_lines += 1;
        let Ok(text) = text_of(line, number, max_line_bytes) else { continue };
        if columns.meet(text).is_err() {
            return refused(
                &lines,
                "JSON with more than 4,096 different keys",
                "write the same keys in each row",
            );
        }
    }
    let columns = columns.finish();
    match columns.is_empty() {
        true if n_lines == 0 => Err(FeatureError::Empty { path: lines.path().to_owned() }),
        true => refused(&lines, "without a line that is an object of JSON", ONE_BY_ONE),
        false => Ok(columns),
    }
}

/// The rows of a file, a part at a time.
struct JsonRows {
    lines: Lines,
    names: Vec<String>,
    kinds: Vec<JsonKind>,
    places: HashMap<String, usize>,
    /// The path of the object that is taken apart.
    path: String,
}

/// Bytes of the lines of a part.
const PART_BYTES: usize = 1 << 22;

/// The cells of a column of a part. The last may be of a row that turns out to be none.
enum Column {
    /// One text behind the other, and where each begins and ends.
    Scalars {
        text: String,
        cells: Vec<Option<(usize, usize)>>,
    },
    Lists(Vec<Vec<String>>),
    Unreadable(&'static str, usize),
}

impl JsonRows {
    fn new(lines: Lines, columns: Vec<(String, JsonKind)>) -> Self {
        let (names, kinds): (Vec<_>, Vec<_>) = columns.into_iter().unzip();
        let places = names.iter().cloned().zip(0..).collect();
        JsonRows { lines, names, kinds, places, path: String::new() }
    }
}

impl RowSource for JsonRows {
    fn columns(&self) -> &[String] {
        &self.names
    }

    fn next_part(&mut self) -> Result<Option<FilePart>, FeatureError> {
        let mut columns: Vec<Column> = self.kinds.iter().map(Column::new).collect();
        let (mut at, mut rejects, mut n_bytes) = (Vec::new(), Vec::new(), 0);
        let max_line_bytes = self.lines.max_line_bytes();
        while n_bytes < PART_BYTES {
            let Some((number, line)) = self.lines.next_line()? else { break };
            let row = text_of(line, number, max_line_bytes).and_then(|text| {
                n_bytes += text.len();
                if text.trim().is_empty() {
                    return Ok(false);
                }
                let mut row = Row {
                    columns: &mut columns,
                    places: &self.places,
                    n_rows: at.len(),
                    path: &mut self.path,
                };
                row.path.clear();
                row.put(text).map_err(|fault| fault.in_text(text)).map(|()| true)
            });
            match row {
                Ok(true) => {
                    at.push(number);
                    columns.iter_mut().for_each(|column| column.fill(at.len()));
                }
                Ok(false) => {}
                Err(reason) => {
                    columns.iter_mut().for_each(|column| column.cut(at.len()));
                    rejects.push(Reject { line: number, column: String::new(), reason });
                }
            }
        }
        if at.is_empty() && rejects.is_empty() {
            return Ok(None);
        }
        let columns = columns.into_iter().map(Column::finish).collect();
        Ok(Some(FilePart::new(columns, at).with_rejects(rejects)))
    }

    fn expected_rows(&self) -> usize {
        self.lines.expected()
    }

    fn may_lack_columns(&self) -> bool {
        true
    }

    fn finish(self: Box<Self>) -> [u8; 32] {
        self.lines.hash()
    }
}

/// A row while it is taken apart.
struct Row<'a> {
    columns: &'a mut [Column],
    places: &'a HashMap<String, usize>,
    /// Rows before it.
    n_rows: usize,
    path: &'a mut String,
}

impl Row<'_> {
    fn put(&mut self, object: &str) -> Result<(), JsonFault> {
        let n_path = self.path.len();
        let mut objects: Vec<String> = Vec::new();
        members(object, |key, value| {
            self.path.truncate(n_path);
            push_key(self.path, &key);
            if let JsonValue::Object(within) = value {
                if objects.contains(self.path) {
                    return Err(repeated(self.path));
                }
                objects.push(self.path.clone());
                // A column of objects and other values has cells of neither.
                if let Some(place) = self.place() {
                    self.columns[place].begin(self.n_rows, self.path)?;
                }
                return self.put(within).map_err(|fault| fault.in_text(within));
            }
            let Some(place) = self.place() else { return Ok(()) };
            self.columns[place].begin(self.n_rows, self.path)?;
            self.columns[place].put(value)
        })
    }

    /// The column of the key at the path.
    fn place(&self) -> Option<usize> {
        self.places.get(self.path.as_str()).copied()
    }
}

fn repeated(path: &str) -> String {
    format!("expected each key once, `{path}` comes again")
}

impl Column {
    fn new(kind: &JsonKind) -> Self {
        match kind {
            JsonKind::Scalars => Column::Scalars { text: String::new(), cells: Vec::new() },
            JsonKind::Lists => Column::Lists(Vec::new()),
            JsonKind::Unreadable(what) => Column::Unreadable(what, 0),
        }
    }

    fn n_cells(&mut self) -> usize {
        match self {
            Column::Scalars { cells, .. } => cells.len(),
            Column::Lists(cells) => cells.len(),
            Column::Unreadable(_, n) => *n,
        }
    }

    /// Begins the cell of a row behind `n_rows` others, as a missing one.
    fn begin(&mut self, n_rows: usize, path: &str) -> Result<(), String> {
        if self.n_cells() > n_rows {
            return Err(repeated(path));
        }
        self.fill(n_rows + 1);
        Ok(())
    }

    /// Puts a value into the cell that has begun.
    fn put(&mut self, value: JsonValue<'_>) -> Result<(), String> {
        match self {
            Column::Scalars { text, cells } => {
                let start = text.len();
                match value {
                    JsonValue::Word(word) => text.push_str(word),
                    JsonValue::Text(raw, has_escape) => text.push_str(&unescaped(raw, has_escape)?),
                    JsonValue::Missing | JsonValue::List(_) | JsonValue::Object(_) => return Ok(()),
                }
                if let Some(cell) = cells.last_mut() {
                    *cell = Some((start, text.len()));
                }
            }
            Column::Lists(cells) => {
                if let Some(cell) = cells.last_mut() {
                    *cell = list(value)?;
                }
            }
            Column::Unreadable(..) => {}
        }
        Ok(())
    }

    /// Missing cells up to so many.
    fn fill(&mut self, n_rows: usize) {
        match self {
            Column::Scalars { cells, .. } => cells.resize(n_rows, None),
            Column::Lists(cells) => cells.resize_with(n_rows, Vec::new),
            Column::Unreadable(_, n) => *n = n_rows,
        }
    }

    /// Takes back what is more than so many.
    fn cut(&mut self, n_rows: usize) {
        match self {
            Column::Scalars { cells, .. } => cells.truncate(n_rows),
            Column::Lists(cells) => cells.truncate(n_rows),
            Column::Unreadable(_, n) => *n = n_rows,
        }
    }

    fn finish(self) -> Cells {
        match self {
            Column::Scalars { text, cells } => {
                Cells::text(cells.into_iter().map(|cell| cell.map(|(start, end)| &text[start..end])))
            }
            Column::Lists(lists) => Cells::lists(lists),
            Column::Unreadable(what, _) => Cells::unreadable(what),
        }
    }
}

/// The entries of a list that are there; one value by itself is a list of one.
fn list(value: JsonValue<'_>) -> Result<Vec<String>, String> {
    let one = |value: JsonValue<'_>| match value {
        JsonValue::Word(word) => Ok(Some(word.to_owned())),
        JsonValue::Text(raw, has_escape) => Ok(Some(unescaped(raw, has_escape)?.into_owned())),
        JsonValue::Missing | JsonValue::List(_) | JsonValue::Object(_) => Ok(None),
    };
    let JsonValue::List(text) = value else { return Ok(one(value)?.into_iter().collect()) };
    let (mut found, mut fault) = (Vec::new(), None);
    let each = |value| match one(value) {
        Ok(entry) => found.extend(entry),
        Err(reason) => fault = Some(reason),
    };
    entries(text, each).map_err(|fault| fault.in_text(text))?;
    fault.map_or(Ok(found), Err)
}
