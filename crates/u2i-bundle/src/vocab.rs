//! `vocab.parquet`: one row per value of each categorical column, in the order of the columns and of their rows.

use std::path::Path;

use u2i_schema::{Column, Transform, Vocabulary};

use crate::BundleError;
use crate::error::malformed;
use crate::manifest::{ColumnEntry, PartEntry};
use crate::table::{self, Cells, TableFile};

/// Writes the vocabularies and says how many rows and columns the table has.
pub(crate) fn write<'a>(
    path: &Path,
    columns: impl Iterator<Item = &'a Column>,
    stamp: &str,
) -> Result<[u64; 2], BundleError> {
    let (mut names, mut rows, mut values) = (Vec::new(), Vec::new(), Vec::new());
    for column in columns {
        if let Transform::Categorical(vocabulary)
        | Transform::MultiCategorical(vocabulary)
        | Transform::Sequence { vocabulary, .. } = &column.transform
        {
            for value in vocabulary.values() {
                names.push(column.name.as_str());
                rows.push(vocabulary.row(value));
                values.push(value.as_str());
            }
        }
    }
    let n = rows.len() as u64;
    let columns = [
        ("column".to_owned(), Cells::Text(names)),
        ("row".to_owned(), Cells::Rows(rows.into())),
        ("value".to_owned(), Cells::Text(values)),
    ];
    table::write(path, &columns, stamp)?;
    Ok([n, columns.len() as u64])
}

/// The columns that the manifest describes, with their vocabularies.
pub(crate) fn read(
    path: &Path,
    part: &PartEntry,
    entries: &[ColumnEntry],
) -> Result<Vec<Column>, BundleError> {
    let table = TableFile::open(path, part)?;
    let names: Vec<String> = table.cells("column")?;
    let rows: Vec<u32> = table.cells("row")?;
    let mut values = table.cells::<String>("value")?.into_iter();
    let mut at = 0usize;
    let mut columns = Vec::new();
    for entry in entries {
        let n = entry.n_values();
        let own = at..at.saturating_add(n);
        let is_own = |i: usize| names[i] == entry.name && rows[i] as usize == i - at + 2;
        if own.end > names.len() || !own.clone().all(is_own) {
            return Err(malformed(
                path,
                format!("not the {n} values of column `{}` in row {at}", entry.name),
            ));
        }
        at = own.end;
        let vocabulary = Vocabulary::new(values.by_ref().take(n));
        if vocabulary.values().len() != n {
            return Err(malformed(path, format!("a value of column `{}` repeats", entry.name)));
        }
        columns.push(entry.column(vocabulary));
    }
    if at == names.len() {
        Ok(columns)
    } else {
        Err(malformed(path, format!("{} rows, wanted {at}", names.len())))
    }
}
