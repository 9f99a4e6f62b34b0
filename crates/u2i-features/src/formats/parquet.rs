use std::fs::File;
use std::io::{Cursor, Read as _, Seek as _, SeekFrom};
use std::path::Path;

use polars::prelude::{PolarsResult, polars_ensure, polars_err};
use polars_arrow::compute::concatenate::concatenate;
use polars_arrow::datatypes::Field;
use polars_parquet::parquet::metadata::FileMetadata;
use polars_parquet::read::{
    BasicDecompressor, ColumnChunkMetadata, PageReader, RowGroupMetadata, column_iter_to_arrays,
};
use serde::{Deserialize, Serialize};

use super::arrow_cells::cells_of;
use super::columnar_file::{ColumnarFile, guarded};
use super::parquet_columns::{ParquetColumn, parquet_columns};
use super::parquet_footer::{MARK, read_footer};
use crate::cells::Cells;
use crate::error::FeatureError;
use crate::file_beginning::FileBeginning;
use crate::limits::ReadLimits;
use crate::part::FilePart;
use crate::row_sample::{LEAST_ROWS, N_GROUPS, RowSample};
use crate::row_source::{Evidence, Recognition, RowFormat, RowSource};

/// Apache Parquet. Rows have no lines and are named by their numbers, from 1 on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Parquet {}

impl Parquet {
    pub(super) const PROTOTYPE: Self = Parquet {};
}

impl RowFormat for Parquet {
    fn name(&self) -> &str {
        "parquet"
    }

    fn endings(&self) -> &[&'static str] {
        &["parquet", "pq"]
    }

    fn recognise(&self, beginning: &FileBeginning) -> Result<Recognition, FeatureError> {
        Ok(match beginning.bytes().starts_with(MARK) {
            true => Recognition::Yes {
                format: Box::new(*self),
                evidence: Evidence::Mark,
                reason: "Parquet, by its first four bytes.".to_owned(),
            },
            false => Recognition::No { reason: "expected PAR1 in its first four bytes".to_owned() },
        })
    }

    fn open(&self, path: &Path, _limits: &ReadLimits) -> Result<Box<dyn RowSource>, FeatureError> {
        let file = ColumnarFile::open(path, &[MARK], "Parquet, which begins with PAR1")?;
        Ok(Box::new(ParquetRows::open(file)?))
    }

    /// Some of the groups of rows.
    fn open_sample(
        &self,
        path: &Path,
        _limits: &ReadLimits,
        sample: RowSample,
    ) -> Result<Option<Box<dyn RowSource>>, FeatureError> {
        let mut rows = ParquetRows::open(ColumnarFile::open_unhashed(path)?)?;
        if rows.expected_rows() < LEAST_ROWS {
            return Ok(None);
        }
        let groups = &mut rows.metadata.row_groups;
        let places = sample.places(groups.len(), N_GROUPS.div_ceil(sample.n_files.max(1)).max(2));
        let mut place = 0..;
        groups.retain(|_| place.next().is_some_and(|place| places.binary_search(&place).is_ok()));
        Ok(Some(Box::new(rows)))
    }
}

impl ParquetRows {
    fn open(mut file: ColumnarFile) -> Result<Self, FeatureError> {
        let path = file.path.clone();
        let (metadata, columns) = guarded(&path, || {
            let metadata = read_footer(&mut file.file, file.n_bytes)?;
            let columns = parquet_columns(&metadata);
            Ok((metadata, columns))
        })?;
        let names = columns.iter().map(|column| column.name.clone()).collect();
        Ok(ParquetRows { file, metadata, columns, names, next_group: 0, n_read: 0 })
    }
}

/// The rows of a file, a row group at a time.
struct ParquetRows {
    file: ColumnarFile,
    metadata: FileMetadata,
    columns: Vec<ParquetColumn>,
    names: Vec<String>,
    next_group: usize,
    /// Rows of the groups before the next.
    n_read: usize,
}

impl RowSource for ParquetRows {
    fn columns(&self) -> &[String] {
        &self.names
    }

    fn next_part(&mut self) -> Result<Option<FilePart>, FeatureError> {
        let Some(group) = self.metadata.row_groups.get(self.next_group) else { return Ok(None) };
        let ColumnarFile { path, file, n_bytes, .. } = &mut self.file;
        let cells = guarded(path, || {
            check_rows(group, *n_bytes)?;
            self.columns.iter().map(|column| cells(column, group, file, *n_bytes)).collect()
        })?;
        let part = FilePart::numbered(cells, self.n_read as u64 + 1, group.num_rows());
        self.next_group += 1;
        self.n_read += group.num_rows();
        Ok(Some(part))
    }

    fn expected_rows(&self) -> usize {
        let rows = self.metadata.row_groups.iter().map(RowGroupMetadata::num_rows);
        rows.fold(0, usize::saturating_add)
    }

    fn finish(self: Box<Self>) -> [u8; 32] {
        self.file.hash
    }
}

/// Refuses a row group that claims more rows than a file of this size has: room is made for them before the first is
/// decoded.
fn check_rows(group: &RowGroupMetadata, n_bytes: u64) -> PolarsResult<()> {
    // Encoded in runs, many equal values take a few bytes. No writer makes groups of more rows than this unless they do
    // take bytes.
    const FREE: u64 = 1 << 26;
    let most = n_bytes.saturating_mul(64).max(FREE);
    let values =
        group.parquet_columns().iter().map(|chunk| u64::try_from(chunk.num_values()).unwrap_or(u64::MAX));
    let claimed = values.chain([group.num_rows() as u64]).max();
    polars_ensure!(
        claimed <= Some(most),
        ComputeError: "a row group claims {} rows in a file of {n_bytes} bytes", claimed.unwrap_or_default()
    );
    Ok(())
}

fn cells(
    column: &ParquetColumn,
    group: &RowGroupMetadata,
    file: &mut File,
    n_bytes: u64,
) -> PolarsResult<Cells> {
    let field = match &column.field {
        Ok(field) => field,
        Err(type_name) => return Ok(Cells::unreadable(type_name)),
    };
    let cells = decode(column, field, group, file, n_bytes)
        .map_err(|error| error.context(format!("column `{}`", column.name).into()))?;
    let found = cells.len().unwrap_or(group.num_rows());
    polars_ensure!(
        found == group.num_rows(),
        ComputeError: "column `{}` has {found} values for {} rows", column.name, group.num_rows()
    );
    Ok(cells)
}

fn decode(
    column: &ParquetColumn,
    field: &Field,
    group: &RowGroupMetadata,
    file: &mut File,
    n_bytes: u64,
) -> PolarsResult<Cells> {
    let chunks = &group.parquet_columns()[column.stored.clone()];
    let (mut pages, mut types) = (Vec::new(), Vec::new());
    for chunk in chunks {
        let bytes = stored_bytes(chunk, file, n_bytes)?;
        let reader = PageReader::new(Cursor::new(bytes.into()), chunk, Vec::new(), usize::MAX);
        pages.push(BasicDecompressor::new(reader, Vec::new()));
        types.push(&chunk.descriptor().descriptor.primitive_type);
    }
    let (arrays, _) = column_iter_to_arrays(pages, types, field.clone(), None)?;
    let array = match <[_; 1]>::try_from(arrays) {
        Ok([array]) => array,
        Err(arrays) => concatenate(&arrays.iter().map(|array| &**array).collect::<Vec<_>>())?,
    };
    let cells = <[_; 1]>::try_from(cells_of(array)?);
    cells
        .map(|[cells]| cells)
        .map_err(|_| polars_err!(ComputeError: "its structs hold other than was looked for"))
}

/// The bytes of a column in a row group.
fn stored_bytes(chunk: &ColumnChunkMetadata, file: &mut File, n_bytes: u64) -> PolarsResult<Vec<u8>> {
    let range = chunk.byte_range();
    polars_ensure!(
        range.start <= range.end && range.end <= n_bytes,
        ComputeError: "bytes {} to {} of a file of {n_bytes}: it was cut off, or is encrypted", range.start, range.end
    );
    file.seek(SeekFrom::Start(range.start))?;
    let mut bytes = vec![0; (range.end - range.start) as usize];
    file.read_exact(&mut bytes)?;
    Ok(bytes)
}
