//! `users.parquet`: one row per user, with encoded columns and the events, oldest first.

use std::borrow::Cow;
use std::path::Path;

use u2i_schema::{Column, ColumnData, EventStore, Side, SideEvents, Transform, Users};

use crate::BundleError;
use crate::error::malformed;
use crate::manifest::{PartEntry, Sizes};
use crate::table::{self, Cells, Lists, TableFile};

/// Name of a user column in the table: what it holds are rows and numbers, not the values that people know.
fn stored_name(column: &Column) -> String {
    format!("encoded_{}", column.name)
}

/// Whether the events of other kinds that a column is made of are kept with the users.
pub(crate) fn is_sequence(column: &Column) -> bool {
    matches!(column.transform, Transform::Sequence { .. })
}

/// Names of the columns of a sequence: its rows and its times.
fn sequence_names(name: &str) -> [String; 2] {
    [format!("sequence_{name}"), format!("times_{name}")]
}

/// Writes the users and says how many rows and columns the table has.
pub(crate) fn write(
    path: &Path,
    columns: &[&Column],
    users: &Users,
    events: &EventStore,
    sequences: &[(&str, &SideEvents)],
    stamp: &str,
) -> Result<[u64; 2], BundleError> {
    let mut all = vec![("user_id".to_owned(), Cells::Text(users.ids().iter().map(String::as_str).collect()))];
    for (column, data) in columns.iter().zip(users.columns()) {
        let cells = match data {
            ColumnData::Rows(rows) => Cells::Rows(Cow::Borrowed(rows)),
            ColumnData::Values(values) => Cells::Values(values),
            ColumnData::Bags { offsets, rows } => Cells::RowLists(Lists {
                offsets: offsets.iter().map(|&offset| u64::from(offset)).collect(),
                values: Cow::Borrowed(rows),
            }),
            ColumnData::Windows { .. } => unreachable!("sequences are on the request side"),
        };
        all.push((stored_name(column), cells));
    }
    let offsets = || Cow::Borrowed(events.offsets());
    let items = Lists { offsets: offsets(), values: Cow::Borrowed(events.all_items()) };
    let times = Lists { offsets: offsets(), values: Cow::Borrowed(events.all_times_s()) };
    all.push(("history".to_owned(), Cells::RowLists(items)));
    all.push(("times".to_owned(), Cells::TimeLists(times)));
    for (name, SideEvents { offsets, rows, times_s }) in sequences {
        let offsets = || Cow::Borrowed(offsets.as_slice());
        let rows = Lists { offsets: offsets(), values: Cow::Borrowed(rows.as_slice()) };
        let times = Lists { offsets: offsets(), values: Cow::Borrowed(times_s.as_slice()) };
        let [of_rows, of_times] = sequence_names(name);
        all.push((of_rows, Cells::RowLists(rows)));
        all.push((of_times, Cells::TimeLists(times)));
    }
    table::write(path, &all, stamp)?;
    Ok([users.ids().len() as u64, all.len() as u64])
}

/// The users and their events, without request columns: those of a request come with it.
pub(crate) fn read(
    path: &Path,
    part: &PartEntry,
    sizes: Sizes,
    columns: &[Column],
) -> Result<(Users, EventStore, Vec<SideEvents>), BundleError> {
    let table = TableFile::open(path, part)?;
    let broken = |what: String| malformed(path, what);
    let ids: Vec<String> = table.cells("user_id")?;
    let mut encoded = Vec::new();
    for column in columns.iter().filter(|column| column.side == Side::User) {
        let name = stored_name(column);
        let data = match column.transform {
            _ if column.transform.n_rows().is_none() => ColumnData::Values(table.cells(&name)?),
            Transform::MultiCategorical(_) => {
                let (offsets, rows) = table.lists(&name)?;
                let offsets: Result<Vec<u32>, _> = offsets.into_iter().map(u32::try_from).collect();
                let offsets = offsets.map_err(|error| broken(format!("column `{name}`: {error}")))?;
                ColumnData::Bags { offsets, rows }
            }
            _ => ColumnData::Rows(table.cells(&name)?),
        };
        if let (ColumnData::Rows(rows) | ColumnData::Bags { rows, .. }, Some(n)) =
            (&data, column.transform.n_rows())
            && let Some(row) = rows.iter().find(|&&row| row as usize >= n)
        {
            return Err(broken(format!("column `{name}`: row {row} of {n}")));
        }
        if let ColumnData::Values(values) = &data
            && let Some(value) = values.iter().find(|value| !value.is_finite())
        {
            return Err(broken(format!("column `{name}`: {value}")));
        }
        encoded.push(data);
    }
    let (offsets, items) = table.lists::<u32>("history")?;
    let (of_times, times_s) = table.lists::<i64>("times")?;
    if offsets != of_times {
        return Err(broken("not one time for each item of a history".to_owned()));
    }
    if let Some(item) = items.iter().find(|&&item| item as usize > sizes.items) {
        return Err(broken(format!("a history with item {item} of {}", sizes.items)));
    }
    if (ids.len(), items.len()) != (sizes.users, sizes.events) {
        return Err(broken(format!(
            "{} users with {} events, not as the manifest says",
            ids.len(),
            items.len()
        )));
    }
    let events =
        EventStore::new(offsets, items, times_s, vec![]).map_err(|error| broken(error.to_string()))?;
    let mut sequences = Vec::new();
    for column in columns.iter().filter(|column| is_sequence(column)) {
        let [of_rows, of_times] = sequence_names(&column.name);
        let (offsets, rows) = table.lists::<u32>(&of_rows)?;
        let (also, times_s) = table.lists::<i64>(&of_times)?;
        if offsets != also {
            return Err(broken(format!("not one time for each of `{of_rows}`")));
        }
        let n = column.transform.n_rows().unwrap_or(0);
        if let Some(row) = rows.iter().find(|&&row| row as usize >= n) {
            return Err(broken(format!("`{of_rows}`: row {row} of {n}")));
        }
        sequences.push(SideEvents { offsets, rows, times_s });
    }
    Ok((Users::new(ids, encoded), events, sequences))
}
