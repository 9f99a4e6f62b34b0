use std::collections::BTreeMap;

use polars::prelude::*;

/// Text that stands for a missing value in files of text, unless a config has a list of its own.
///
/// SQL's `NULL`, MySQL's and Hive's `\N`, R's and pandas' `NA`, numpy's `nan`, Python's `None`, Excel's `#N/A`.
///
/// ```
/// use u2i_features::MISSING_MARKS;
/// assert!(MISSING_MARKS.contains(&"NULL") && !MISSING_MARKS.contains(&"none"));
/// ```
pub const MISSING_MARKS: [&str; 15] = [
    "NULL", "Null", "null", "(null)", "\\N", "NA", "N/A", "n/a", "#N/A", "<NA>", "nan", "NaN", "NAN", "None",
    "NaT",
];

/// What stands for a missing value in a file of text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct MissingMarks {
    marks: Vec<String>,
    /// Whether a mark may begin with a byte.
    begins: [bool; 256],
}

impl Default for MissingMarks {
    fn default() -> Self {
        MissingMarks::new(&MISSING_MARKS)
    }
}

impl MissingMarks {
    /// These marks and no others; blank text is missing anyway.
    pub(crate) fn new<S: AsRef<str>>(marks: &[S]) -> Self {
        let marks: Vec<String> = marks.iter().map(|mark| mark.as_ref().trim().to_owned()).collect();
        let mut begins = [false; 256];
        for first in marks.iter().filter_map(|mark| mark.bytes().next()) {
            begins[usize::from(first)] = true;
        }
        MissingMarks { marks, begins }
    }

    /// Whether a text is one of them, blanks around it left out.
    pub(crate) fn has(&self, text: &str) -> bool {
        // Nearly every text is told by its first byte.
        let Some(&first) = text.as_bytes().first() else { return false };
        (self.begins[usize::from(first)] || first.is_ascii_whitespace())
            && self.marks.iter().any(|mark| mark == text.trim())
    }

    /// The cells without those that are marks, and how often each mark was there. `None` if there is no mark.
    pub(crate) fn masked(&self, cells: &StringChunked) -> Option<(StringChunked, BTreeMap<String, u64>)> {
        if !cells.iter().flatten().any(|text| self.has(text)) {
            return None;
        }
        let mut counts = BTreeMap::new();
        let mut is_value = |text: &&str| {
            let is_mark = self.has(text);
            if is_mark {
                *counts.entry(text.trim().to_owned()).or_default() += 1;
            }
            !is_mark
        };
        let masked = cells.iter().map(|text| text.filter(&mut is_value)).collect();
        Some((masked, counts))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn marks_are_missing_and_counted() {
        let marks = MissingMarks::default();
        let cells: StringChunked =
            ["a", "NULL", " NA ", "", "NULLs", "\\N", "NULL"].into_iter().map(Some).chain([None]).collect();
        let (masked, counts) = marks.masked(&cells).unwrap();
        let wanted = [Some("a"), None, None, Some(""), Some("NULLs"), None, None, None];
        assert!(masked.iter().eq(wanted));
        assert!(
            counts.into_iter().eq([("NA", 1), ("NULL", 2), ("\\N", 1)].map(|(mark, n)| (mark.to_owned(), n)))
        );
    }

    #[test]
    fn an_own_list_takes_the_place_of_the_usual_marks() {
        let own = MissingMarks::new(&["-", "k. A.", "—"]);
        assert!(["-", "k. A.", " — "].iter().all(|text| own.has(text)));
        assert!(["NULL", "a", "", "--"].iter().all(|text| !own.has(text)));
        let none = MissingMarks::new::<&str>(&[]);
        assert!(!none.has("NULL"));
        assert!(none.masked(&["NULL"].into_iter().map(Some).collect()).is_none());
    }
}
