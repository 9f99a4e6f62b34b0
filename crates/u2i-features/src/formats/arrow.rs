use std::fs::File;
use std::io::BufReader;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use polars::prelude::{PolarsResult, polars_bail, polars_ensure};
use polars_arrow::array::Array;
use polars_arrow::datatypes::{ArrowDataType, ArrowSchema, Field};
use polars_arrow::io::ipc::read::{
    Dictionaries, FileMetadata, StreamReader, StreamState, get_row_count_from_blocks, read_batch,
    read_file_dictionaries, read_file_metadata, read_stream_metadata,
};
use polars_arrow::io::ipc::{IpcField, IpcSchema};
use polars_arrow::record_batch::RecordBatchT;
use serde::{Deserialize, Serialize};

use super::arrow_cells::{cells_of, cells_of_keys, columns_of, is_readable, type_name};
use super::columnar_file::{ColumnarFile, guarded};
use crate::cells::Cells;
use crate::error::FeatureError;
use crate::file_beginning::FileBeginning;
use crate::limits::ReadLimits;
use crate::part::FilePart;
use crate::row_sample::{LEAST_ROWS, N_GROUPS, RowSample};
use crate::row_source::{Evidence, Recognition, RowFormat, RowSource};

/// Apache Arrow's own files, called IPC or Feather of version 2, and streams written to a file. Rows have no lines and
/// are named by their numbers, from 1 on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Arrow {}

/// What a file begins with.
const FILE: &[u8] = b"ARROW1\0\0";
/// What a stream begins with: a mark and the length of its schema, of less than 16 MiB.
const STREAM: &[u8] = b"\xff\xff\xff\xff";

impl Arrow {
    pub(super) const PROTOTYPE: Self = Arrow {};
}

impl RowFormat for Arrow {
    fn name(&self) -> &str {
        "arrow"
    }

    fn endings(&self) -> &[&'static str] {
        &["arrow", "arrows", "feather", "ipc"]
    }

    fn recognise(&self, beginning: &FileBeginning) -> Result<Recognition, FeatureError> {
        let bytes = beginning.bytes();
        let kind = match bytes {
            _ if bytes.starts_with(FILE) => "file",
            _ if bytes.starts_with(STREAM) && bytes.get(7) == Some(&0) => "stream",
            _ => {
                let reason = "expected ARROW1 in its first six bytes, or the mark of a stream".to_owned();
                return Ok(Recognition::No { reason });
            }
        };
        Ok(Recognition::Yes {
            format: Box::new(*self),
            evidence: Evidence::Mark,
            reason: format!("An Arrow {kind}, by its first bytes."),
        })
    }

    fn open(&self, path: &Path, _limits: &ReadLimits) -> Result<Box<dyn RowSource>, FeatureError> {
        let file = ColumnarFile::open(path, &[FILE, STREAM], "an Arrow file, which begins with ARROW1")?;
        Ok(Box::new(ArrowRows::open(file)?))
    }

    /// Some of the batches of a file; a stream can only be read one after the other.
    fn open_sample(
        &self,
        path: &Path,
        _limits: &ReadLimits,
        sample: RowSample,
    ) -> Result<Option<Box<dyn RowSource>>, FeatureError> {
        let mut rows = ArrowRows::open(ColumnarFile::open_unhashed(path)?)?;
        let Batches::File(batches) = &mut rows.batches else { return Ok(None) };
        if rows.n_rows < LEAST_ROWS {
            return Ok(None);
        }
        let blocks = &mut batches.metadata.blocks;
        let places = sample.places(blocks.len(), N_GROUPS.div_ceil(sample.n_files.max(1)).max(2));
        *blocks = places.into_iter().map(|place| blocks[place]).collect();
        Ok(Some(Box::new(rows)))
    }
}

impl ArrowRows {
    fn open(file: ColumnarFile) -> Result<Self, FeatureError> {
        let (path, hash) = (file.path.clone(), file.hash);
        let (batches, fields, n_rows) = guarded(&path, || open(file))?;
        let names = fields.iter().flat_map(|field| columns_of(&field.field)).map(|(name, _)| name).collect();
        Ok(ArrowRows { path, batches, fields, names, n_rows, n_read: 0, hash })
    }
}

/// Batches of rows of the fields that can be read.
enum Batches {
    File(Box<FileBatches>),
    Stream(Box<StreamReader<BufReader<File>>>),
}

/// The batches of a file. Where a field is a dictionary its keys are read, as integers: the decoder wants those of missing
/// cells to be keys as well, and pandas writes -1.
struct FileBatches {
    reader: BufReader<File>,
    metadata: FileMetadata,
    dictionaries: Dictionaries,
    next: usize,
    message: Vec<u8>,
    data: Vec<u8>,
}

impl FileBatches {
    fn next(&mut self, projection: Option<&[usize]>) -> PolarsResult<Option<RecordBatchT<Box<dyn Array>>>> {
        let FileBatches { reader, metadata, dictionaries, next, message, data } = self;
        if *next == metadata.blocks.len() {
            return Ok(None);
        }
        let is_checked = Default::default();
        let batch = read_batch(
            reader,
            dictionaries,
            metadata,
            projection,
            None,
            *next,
            false,
            message,
            data,
            is_checked,
        )?;
        *next += 1;
        Ok(Some(batch))
    }
}

/// A field, and the dictionary whose keys its arrays are, if they are such.
struct BatchField {
    field: Field,
    dictionary: Option<Box<dyn Array>>,
}

/// A file with its fields, and its number of rows as far as it says so.
fn open(file: ColumnarFile) -> PolarsResult<(Batches, Vec<BatchField>, usize)> {
    let mut reader = BufReader::new(file.file);
    if file.beginning.starts_with(STREAM) {
        let metadata = read_stream_metadata(&mut reader)?;
        let fields = fields(&metadata.schema, &metadata.ipc_schema)?;
        let reader = StreamReader::new(reader, metadata, projection(&fields));
        return Ok((Batches::Stream(Box::new(reader)), fields, 0));
    }
    let mut metadata = read_file_metadata(&mut reader)?;
    let n_rows = get_row_count_from_blocks(&mut reader, &metadata.blocks)?;
    let mut fields = fields(&metadata.schema, &metadata.ipc_schema)?;
    let dictionaries = read_file_dictionaries(&mut reader, &metadata, &mut Vec::new(), Default::default())?;
    let mut schema = ArrowSchema::clone(&metadata.schema);
    for (field, stored) in fields.iter_mut().zip(&mut metadata.ipc_schema.fields) {
        if let (&ArrowDataType::Dictionary(keys, ..), Some(id)) = (&field.field.dtype, stored.dictionary_id) {
            field.dictionary = dictionaries.get(&id).cloned();
            if field.dictionary.is_some() {
                let name = field.field.name.clone();
                let field = Field { dtype: keys.into(), metadata: None, ..field.field.clone() };
                schema.insert(name, field);
                *stored = IpcField::default();
            }
        }
    }
    metadata.schema = Arc::new(schema);
    let (message, data) = (Vec::new(), Vec::new());
    let batches = FileBatches { reader, metadata, dictionaries, next: 0, message, data };
    Ok((Batches::File(Box::new(batches)), fields, usize::try_from(n_rows).unwrap_or_default()))
}

fn fields(schema: &ArrowSchema, stored: &IpcSchema) -> PolarsResult<Vec<BatchField>> {
    polars_ensure!(schema.len() == stored.fields.len(), ComputeError: "two of its columns have one name");
    Ok(schema.iter_values().map(|field| BatchField { field: field.clone(), dictionary: None }).collect())
}

fn is_wanted(field: &Field) -> bool {
    columns_of(field).iter().any(|(_, dtype)| is_readable(dtype))
}

/// Places of the fields that have a column that can be read; all of them if there is none.
fn projection(fields: &[BatchField]) -> Option<Vec<usize>> {
    let places: Vec<usize> = (0..fields.len()).filter(|&place| is_wanted(&fields[place].field)).collect();
    Some(places).filter(|places| !places.is_empty())
}

/// The rows of a file, a batch at a time.
struct ArrowRows {
    path: PathBuf,
    batches: Batches,
    fields: Vec<BatchField>,
    names: Vec<String>,
    n_rows: usize,
    /// Rows of the batches before the next.
    n_read: usize,
    /// BLAKE3 of the file.
    hash: [u8; 32],
}

impl RowSource for ArrowRows {
    fn columns(&self) -> &[String] {
        &self.names
    }

    fn next_part(&mut self) -> Result<Option<FilePart>, FeatureError> {
        let ArrowRows { path, batches, fields, .. } = self;
        let part = guarded(path, || match batches.next(fields)? {
            Some(batch) => Ok(Some((batch.len(), cells(fields, batch)?))),
            None => Ok(None),
        })?;
        let Some((n_rows, cells)) = part else { return Ok(None) };
        let part = FilePart::numbered(cells, self.n_read as u64 + 1, n_rows);
        self.n_read += n_rows;
        Ok(Some(part))
    }

    fn expected_rows(&self) -> usize {
        self.n_rows.max(self.n_read)
    }

    fn finish(self: Box<Self>) -> [u8; 32] {
        self.hash
    }
}

impl Batches {
    fn next(&mut self, fields: &[BatchField]) -> PolarsResult<Option<RecordBatchT<Box<dyn Array>>>> {
        match self {
            Batches::File(batches) => batches.next(projection(fields).as_deref()),
            Batches::Stream(reader) => match reader.next().transpose()? {
                Some(StreamState::Some(batch)) => Ok(Some(batch)),
                // Batches may be missing after the last that is whole, and nothing would say so.
                Some(StreamState::Waiting) => polars_bail!(
                    ComputeError: "the stream has no end: it was cut off, or its writer was not closed"
                ),
                None => Ok(None),
            },
        }
    }
}

/// The cells of a batch of the readable fields, and of those that were left out.
fn cells(fields: &[BatchField], batch: RecordBatchT<Box<dyn Array>>) -> PolarsResult<Vec<Cells>> {
    let n_rows = batch.len();
    let mut arrays = batch.into_arrays().into_iter();
    let mut cells = Vec::new();
    for BatchField { field, dictionary } in fields {
        if !is_wanted(field) {
            cells.extend(columns_of(field).iter().map(|(_, dtype)| Cells::unreadable(type_name(dtype))));
            continue;
        }
        let array = arrays.next().filter(|array| array.len() == n_rows);
        let Some(array) = array else { polars_bail!(ComputeError: "column `{}` is not whole", field.name) };
        match dictionary {
            Some(values) => cells.push(cells_of_keys(array, values.clone())?),
            None => cells.extend(cells_of(array)?),
        }
    }
    Ok(cells)
}
