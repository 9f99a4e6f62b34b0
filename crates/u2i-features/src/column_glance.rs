use std::path::Path;

use crate::error::FeatureError;
use crate::formats::{FileFormat, Formats};
use crate::limits::ReadLimits;
use crate::table::Table;
use crate::time::short;
use crate::typed_cells::Wanted;

/// What is seen of a column at the beginning of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ColumnGlance {
    /// Its name.
    pub name: String,
    /// Its first value; `None` where the beginning of the file has none that can be shown.
    pub example: Option<String>,
}

/// The columns of a file in their order. The beginning of the file is read, not all of it.
///
/// # Errors
///
/// If the file cannot be read, or its header cannot be used.
///
/// # Examples
///
/// ```
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use u2i_features::formats::Csv;
/// use u2i_features::{Encoding, ReadLimits, glance_at_columns};
/// let file = std::env::temp_dir().join(format!("u2i-glance-{}.csv", std::process::id()));
/// std::fs::write(&file, "listener,mood\nann,\nbob,calm\n")?;
/// let format = Csv::new(',', Encoding::Utf8).into();
/// let columns = glance_at_columns(&file, &format, &ReadLimits::STRICT)?;
/// assert_eq!((columns[1].name.as_str(), columns[1].example.as_deref()), ("mood", Some("calm")));
/// # std::fs::remove_file(&file)?;
/// # Ok(())
/// # }
/// ```
pub fn glance_at_columns(
    path: &Path,
    format: &FileFormat,
    limits: &ReadLimits,
) -> Result<Vec<ColumnGlance>, FeatureError> {
    let table = Table::open(path, format, &Formats::built_in(), limits, "data")?;
    let glance = |name: &String| {
        let cells = table.cells(name, "column", Wanted::Context).ok();
        let example = cells.and_then(|cells| (0..table.n_rows()).find_map(|row| cells.shown(row)));
        ColumnGlance { name: name.clone(), example: example.map(|text| short(&text)) }
    };
    Ok(table.names().iter().map(glance).collect())
}
