use std::fs::File;
use std::io;
use std::ops::ControlFlow;
use std::path::Path;
use std::sync::Arc;

use parquet::basic::Compression;
use parquet::data_type::{ByteArray, ByteArrayType, Int64Type};
use parquet::errors::ParquetError;
use parquet::file::properties::WriterProperties;
use parquet::file::writer::{SerializedFileWriter, SerializedRowGroupWriter};
use parquet::schema::parser::parse_message_type;
use u2i_disk::{DiskError, replace_with};

use crate::{EventLog, LiveError, NewEvent};

const SCHEMA: &str = "message events {
    required binary user_id (utf8);
    required binary item_id (utf8);
    required int64 timestamp (timestamp(millis, true));
    optional binary kind (utf8);
    required binary event_id (utf8);
}";

/// Events of one row group, which are in memory at a time.
const ROW_GROUP: usize = 65_536;

/// Writes the events that happened at `since_s` (Unix seconds) or later, or all, to a Parquet file that takes the place of
/// one that is there, in the order in which they arrived. Its columns are `user_id`, `item_id`, `timestamp` (a moment
/// in UTC), `kind`, which is empty where it is not known, and `event_id`. Returns how many events it holds, or `None` if
/// `go_on`, which is told how many are done, broke; then nothing is written.
///
/// # Errors
///
/// Those of [`EventLog::export`], and [`Io`](LiveError::Io) if the file cannot be written. Whatever was at its place stays.
pub fn export_parquet(
    log: &dyn EventLog,
    since_s: Option<i64>,
    path: &Path,
    go_on: &mut dyn FnMut(u64) -> ControlFlow<()>,
) -> Result<Option<u64>, LiveError> {
    let mut n_events = 0;
    let written = replace_with(path, |file, _| {
        n_events = write(log, since_s, file, path, go_on).map_err(Ended::Failed)?.ok_or(Ended::Stopped)?;
        Ok(())
    });
    match written {
        Ok(()) => Ok(Some(n_events)),
        Err(Ended::Stopped) => Ok(None),
        Err(Ended::Failed(error)) => Err(error),
    }
}

/// Why there is no file.
enum Ended {
    Stopped,
    Failed(LiveError),
}

impl From<DiskError> for Ended {
    fn from(error: DiskError) -> Self {
        Ended::Failed(error.into())
    }
}

fn write(
    log: &dyn EventLog,
    since_s: Option<i64>,
    file: &mut File,
    path: &Path,
    go_on: &mut dyn FnMut(u64) -> ControlFlow<()>,
) -> Result<Option<u64>, LiveError> {
    let failed = |error: ParquetError| LiveError::io("write", path)(io::Error::other(error));
    let schema = Arc::new(parse_message_type(SCHEMA).map_err(failed)?);
    let properties = Arc::new(WriterProperties::builder().set_compression(Compression::SNAPPY).build());
    let mut writer = SerializedFileWriter::new(file, schema, properties).map_err(failed)?;
    let mut rows: Vec<NewEvent> = Vec::new();
    let (mut n_done, mut fault, mut is_stopped) = (0, None, false);
    let n = log.export(since_s, &mut |event| {
        rows.push(event);
        if rows.len() < ROW_GROUP {
            return ControlFlow::Continue(());
        }
        n_done += rows.len() as u64;
        fault = writer.next_row_group().and_then(|group| write_group(group, &rows)).err();
        rows.clear();
        is_stopped = go_on(n_done).is_break();
        if fault.is_some() || is_stopped { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    })?;
    if let Some(fault) = fault {
        return Err(failed(fault));
    }
    if is_stopped {
        return Ok(None);
    }
    if !rows.is_empty() {
        writer.next_row_group().and_then(|group| write_group(group, &rows)).map_err(failed)?;
    }
    writer.close().map_err(failed)?;
    Ok(if go_on(n).is_break() { None } else { Some(n) })
}

fn write_group<W: io::Write + Send>(
    mut group: SerializedRowGroupWriter<'_, W>,
    rows: &[NewEvent],
) -> Result<(), ParquetError> {
    let text = |text: &String| ByteArray::from(text.as_bytes().to_vec());
    let texts =
        |group: &mut SerializedRowGroupWriter<'_, W>, cells: Vec<ByteArray>, levels: Option<&[i16]>| {
            let mut column = group.next_column()?.ok_or_else(missing)?;
            column.typed::<ByteArrayType>().write_batch(&cells, levels, None)?;
            column.close()
        };
    texts(&mut group, rows.iter().map(|row| text(&row.user)).collect(), None)?;
    texts(&mut group, rows.iter().map(|row| text(&row.item)).collect(), None)?;
    let times: Vec<i64> = rows.iter().map(|row| row.time_s.saturating_mul(1000)).collect();
    let mut column = group.next_column()?.ok_or_else(missing)?;
    column.typed::<Int64Type>().write_batch(&times, None, None)?;
    column.close()?;
    let levels: Vec<i16> = rows.iter().map(|row| i16::from(row.kind.is_some())).collect();
    texts(&mut group, rows.iter().filter_map(|row| row.kind.as_ref().map(text)).collect(), Some(&levels))?;
    texts(&mut group, rows.iter().map(|row| text(&row.event_id)).collect(), None)?;
    group.close().map(drop)
}

/// The schema has a column for each call.
fn missing() -> ParquetError {
    ParquetError::General("the schema has too few columns".to_owned())
}
