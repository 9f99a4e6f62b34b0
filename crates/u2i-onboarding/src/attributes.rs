//! What columns about users or items become.

use std::num::NonZeroU32;

use u2i_features::formats::{AtomicType, atomic_field};
use u2i_features::{AttributeKind, ColumnKind, ColumnProfile, Stored};

use crate::names::is_title;
use crate::recipe::counted;

/// What becomes of a column.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Use {
    /// It names items.
    Title { reason: String },
    /// It becomes an attribute and a feature column.
    Feature { attribute: AttributeKind, column: ColumnKind, reason: String },
    /// It is not used.
    Nothing { reason: String },
}

/// Fewer rows than this to a value, and a value says too little to have a row of its own.
const ROWS_PER_VALUE: usize = 5;
/// So many different integers may still be codes; more are quantities.
const MOST_CODES: usize = 50;
/// Intervals that quantities are cut into.
const INTERVALS: u32 = 10;

/// What to make of a column of a table that has one row for each of some users or items.
pub(crate) fn guess(column: &ColumnProfile, is_items: bool) -> Use {
    let n = column.n_values();
    let nothing = |reason: String| Use::Nothing { reason };
    let atomic = atomic_field(&column.name);
    let name = atomic.map_or(column.name.as_str(), |(name, _)| name);
    let kind = atomic.map(|(_, kind)| kind);
    match &column.stored {
        Stored::Other(dtype) => return nothing(format!("{dtype} is of no use here")),
        Stored::Times => return nothing("dates are no attributes".to_owned()),
        _ => {}
    }
    if column.n_distinct <= 1 {
        return nothing("it is the same in every row".to_owned());
    }
    if 10 * n < column.n_rows {
        return nothing(format!("{} of {} rows have none", column.n_missing, column.n_rows));
    }
    if kind == Some(AtomicType::FloatSeq) {
        return nothing("lists of numbers are no attributes".to_owned());
    }
    if is_items && is_title(name) && column.stored == Stored::Text && 2 * column.n_distinct > n {
        return Use::Title { reason: "By its name; nearly every item has its own.".to_owned() };
    }
    if n > 0 && column.n_numbers_with_marks == n {
        return nothing(format!(
            "numbers with commas or separators of thousands, such as {:?}: say which by decimal = \",\" or \".\" (key \
             format.csv.decimal)",
            column.example.as_deref().unwrap_or_default()
        ));
    }
    if let Some(list) = list(column, kind) {
        return list;
    }
    if column.n_numbers == n && kind != Some(AtomicType::Token) {
        return number(column);
    }
    if 2 * column.n_datetimes > n {
        return nothing("dates are no attributes".to_owned());
    }
    match text(column) {
        Use::Nothing { reason } if 10 * column.n_numbers >= 9 * n => nothing(format!(
            "{reason}; {} of them are numbers: name what stands for missing ones (key data.files.tables.missing)",
            column.n_numbers
        )),
        found => found,
    }
}

/// One row for each value, if values come up often enough.
fn text(column: &ColumnProfile) -> Use {
    let (n, n_distinct) = (column.n_values(), column.n_distinct);
    let attribute = AttributeKind::Text {};
    if n_distinct * ROWS_PER_VALUE <= n {
        let reason = format!("{} in {}.", counted(n_distinct, "value"), counted(n, "row"));
        return Use::Feature {
            attribute,
            column: ColumnKind::Categorical { min_count: min_count(n) },
            reason,
        };
    }
    if 2 * n_distinct <= n {
        let buckets = u32::try_from(n_distinct / 2).unwrap_or(u32::MAX).next_power_of_two();
        let reason = format!(
            "{} in {}: too rare for rows of their own.",
            counted(n_distinct, "value"),
            counted(n, "row")
        );
        let buckets = NonZeroU32::new(buckets).unwrap_or(NonZeroU32::MIN);
        return Use::Feature { attribute, column: ColumnKind::Hashed { buckets }, reason };
    }
    Use::Nothing {
        reason: format!(
            "{} in {}: nearly every row has its own",
            counted(n_distinct, "value"),
            counted(n, "row")
        ),
    }
}

fn number(column: &ColumnProfile) -> Use {
    let (n, n_distinct) = (column.n_values(), column.n_distinct);
    let all_integers = column.n_integers == n;
    if all_integers && n_distinct <= MOST_CODES && column.stored != Stored::Floats {
        return text(column);
    }
    if all_integers && 5 * n_distinct > 4 * n {
        return Use::Nothing {
            reason: format!(
                "{} in {}: numbers of records",
                counted(n_distinct, "integer"),
                counted(n, "row")
            ),
        };
    }
    Use::Feature {
        attribute: AttributeKind::Number {},
        column: ColumnKind::BucketizedQuantiles {
            buckets: NonZeroU32::new(INTERVALS).unwrap_or(NonZeroU32::MIN),
        },
        reason: format!(
            "{} from {} to {}, in {INTERVALS} intervals.",
            counted(n_distinct, "number"),
            column.min,
            column.max
        ),
    }
}

/// Several categories in one field, if entries come up in other rows as well.
fn list(column: &ColumnProfile, kind: Option<AtomicType>) -> Option<Use> {
    let n = column.n_values();
    let found = column.separated.iter().find(|separated| {
        // Words have spaces between them, so a space counts only where the header says so.
        let may = match (&column.stored, kind) {
            (Stored::Lists, _) => separated.separator == '|',
            (_, Some(AtomicType::TokenSeq)) => separated.separator == ' ',
            (_, Some(_)) => false,
            (_, None) => separated.separator != ' ',
        };
        let are_shared = 3 * separated.n_distinct <= separated.n_entries && 2 * separated.n_distinct <= n;
        may && are_shared && 10 * separated.n_rows >= n
    })?;
    let reason = match &column.stored {
        Stored::Lists => format!("Lists of {}.", counted(found.n_distinct, "category").replace("ys", "ies")),
        _ => format!(
            "Lists with {:?} between {}.",
            found.separator,
            counted(found.n_distinct, "category").replace("ys", "ies")
        ),
    };
    Some(Use::Feature {
        attribute: AttributeKind::List { separator: found.separator },
        column: ColumnKind::MultiCategorical { min_count: min_count(n) },
        reason,
    })
}

/// One of a thousand rows, from 1 to 10: rarer values share a row.
fn min_count(n: usize) -> NonZeroU32 {
    NonZeroU32::new((n / 1_000).clamp(1, 10) as u32).unwrap_or(NonZeroU32::MIN)
}

#[cfg(test)]
mod tests {
    use u2i_features::formats::{Csv, Tsv};

    use super::*;

    /// What is made of the second column of a file with this separator.
    fn check(separator: char, header: &str, value: impl Fn(usize) -> String, is_items: bool) -> Use {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x");
        let rows = (0..1_000).map(|row| format!("{row}{separator}{}\n", value(row)));
        std::fs::write(
            &path,
            std::iter::once(format!("id{separator}{header}\n")).chain(rows).collect::<String>(),
        )
        .unwrap();
        let encoding = u2i_features::Encoding::Utf8;
        let format = match separator {
            '\t' => Tsv { encoding }.into(),
            separator => Csv::new(separator, encoding).into(),
        };
        let table = u2i_features::profile_table(&path, &format, 1_000.try_into().unwrap()).unwrap();
        guess(&table.columns[1], is_items)
    }

    #[test]
    fn columns_become_what_they_hold() {
        let n = |n: u32| NonZeroU32::new(n).unwrap();
        let text = AttributeKind::Text {};
        let list = |separator| AttributeKind::List { separator };
        let multi = ColumnKind::MultiCategorical { min_count: n(1) };
        let categorical = ColumnKind::Categorical { min_count: n(1) };
        let quantiles = ColumnKind::BucketizedQuantiles { buckets: n(10) };
        type Value = fn(usize) -> String;
        type Wanted = Option<(AttributeKind, ColumnKind)>;
        let cases: [(char, &str, Value, Wanted); 19] = [
            (',', "gender", |row| ["F", "M"][row % 2].into(), Some((text.clone(), categorical.clone()))),
            (',', "age", |row| (18 + row % 40).to_string(), Some((text.clone(), categorical.clone()))),
            (
                ',',
                "followers",
                |row| (row % 300).to_string(),
                Some((AttributeKind::Number {}, quantiles.clone())),
            ),
            (',', "price", |row| format!("{row}.25"), Some((AttributeKind::Number {}, quantiles.clone()))),
            (',', "imdb", |row| (row * 7).to_string(), None),
            (',', "tags", |row| format!("t{}|t{}", row % 7, row % 5), Some((list('|'), multi.clone()))),
            (
                ',',
                "city",
                |row| format!("c{}", row % 400),
                Some((text.clone(), ColumnKind::Hashed { buckets: n(256) })),
            ),
            (',', "street", |row| format!("s {row}"), None),
            (',', "born", |row| format!("2001-01-{:02}", 1 + row % 28), None),
            (',', "same", |_| "x".into(), None),
            (
                ',',
                "cost",
                |row| if row % 20 == 7 { ["NULL", "\\N", "NA"][row % 3].into() } else { format!("{row}.25") },
                Some((AttributeKind::Number {}, quantiles.clone())),
            ),
            (',', "weight", |row| format!("\"{row},125\""), None),
            (',', "cost", |row| if row % 20 == 7 { "-".into() } else { format!("{row}.25") }, None),
            (',', "tags", |row| format!("\"t{}, t{}\"", row % 7, row % 5), Some((list(','), multi.clone()))),
            (
                ',',
                "tags",
                |row| format!("\"['t{}', 'u{}']\"", row % 7, row % 5),
                Some((list(','), multi.clone())),
            ),
            ('|', "tags", |row| format!("{{t{},u{}}}", row % 7, row % 5), Some((list(','), multi.clone()))),
            (',', "rare", |row| if row % 20 == 0 { format!("{}", row % 3) } else { String::new() }, None),
            ('\t', "class:token_seq", |row| format!("c{} d{}", row % 7, row % 5), Some((list(' '), multi))),
            ('\t', "zip:token", |row| (row % 90).to_string(), Some((text, categorical))),
        ];
        for (separator, header, value, wanted) in cases {
            let found = match check(separator, header, value, true) {
                Use::Feature { attribute, column, .. } => Some((attribute, column)),
                Use::Nothing { .. } => None,
                Use::Title { .. } => panic!("{header} is a title"),
            };
            assert_eq!(found, wanted, "{header}");
        }
    }

    #[test]
    fn titles_are_of_items() {
        let title = |row: usize| format!("Film {row}");
        assert!(matches!(check(',', "movie_title", title, true), Use::Title { .. }));
        assert!(matches!(check('\t', "movie_title:token_seq", title, true), Use::Title { .. }));
        assert!(matches!(check(',', "name", title, false), Use::Nothing { .. }));
        assert!(matches!(check(',', "title", |row| ["Dr", "Ms"][row % 2].into(), true), Use::Feature { .. }));
    }
}
