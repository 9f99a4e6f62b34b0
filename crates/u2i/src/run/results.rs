//! What a run leaves besides its report: where each target came, what is recommended, and the model.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, Write as _};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::Arc;

use parquet::basic::Compression;
use parquet::data_type::{ByteArray, ByteArrayType, DoubleType, Int32Type};
use parquet::errors::ParquetError;
use parquet::file::properties::WriterProperties;
use parquet::file::reader::{FileReader as _, SerializedFileReader};
use parquet::file::writer::{SerializedFileWriter, SerializedRowGroupWriter};
use parquet::record::{Row, RowAccessor as _};
use parquet::schema::parser::parse_message_type;
use serde_json::Value;
use sha2::{Digest as _, Sha256};
use u2i_features::Prepared;
use u2i_models::TwoTower;
use u2i_train::TensorView;

use super::{MODEL, RANKS, RECOMMENDED};
use crate::Error;
use crate::parquet_columns::{column, optional};
use crate::pipeline::{Evaluation, Trained};
use crate::report::write_bytes;
use crate::tensor_file::{self, OpenError, TensorFile, TensorFileError};

/// A test target, or one of the relevant items of a set, and where it came. Items of a set stand together.
#[derive(Debug, Clone, PartialEq)]
pub struct TargetRow {
    /// Raw id of the user.
    pub user_id: String,
    /// Raw id of the target.
    pub item_id: String,
    /// Events of the user before the target.
    pub n_earlier: u32,
    /// Training events of the target; 0 is a cold item.
    pub n_train: u32,
    /// Rank among the items that the user has not seen, the mean over ties; `None` for a miss: a target that the model
    /// cannot rank, or that was seen before.
    pub rank: Option<f64>,
    /// Its rank among all items.
    pub rank_kept: Option<f64>,
}

/// An item and how often it is recommended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ItemRow {
    /// Raw id.
    pub item_id: String,
    /// Its title, where the data has one.
    pub title: Option<String>,
    /// Training events; 0 is a cold item.
    pub n_train: u32,
    /// Test users whose top 10 holds it, seen items excluded.
    pub n_lists: u32,
}

const RANKS_SCHEMA: &str = "message ranks {
    REQUIRED BYTE_ARRAY user_id (UTF8);
    REQUIRED BYTE_ARRAY item_id (UTF8);
    REQUIRED INT32 n_earlier (UINT_32);
    REQUIRED INT32 n_train (UINT_32);
    OPTIONAL DOUBLE rank;
    OPTIONAL DOUBLE rank_kept;
}";

const RECOMMENDED_SCHEMA: &str = "message recommended {
    REQUIRED BYTE_ARRAY item_id (UTF8);
    OPTIONAL BYTE_ARRAY title (UTF8);
    REQUIRED INT32 n_train (UINT_32);
    REQUIRED INT32 n_lists (UINT_32);
}";

/// Writes all of it, and returns the SHA-256 of each file, for the report.
pub(super) fn write<M: TwoTower>(
    folder: &Path,
    trained: &Trained<M>,
    prepared: &Prepared,
    evaluation: &Evaluation,
) -> Result<BTreeMap<String, String>, Error> {
    let mut hashes = BTreeMap::new();
    let mut keep = |name: &str, bytes: &[u8]| {
        hashes.insert(name.to_owned(), sha256(bytes));
        write_bytes(&folder.join(name), bytes)
    };
    let Prepared { users, catalog, test, .. } = prepared;
    let sets = prepared.test_sets();
    let items = sets.items();
    let samples = || (0..test.len()).flat_map(|set| sets.range(set).map(move |_| &test[set]));
    let ranks = table(RANKS_SCHEMA, |group| {
        texts(group, samples().map(|sample| users.ids()[sample.user as usize].as_str()))?;
        texts(group, items.iter().map(|&item| catalog.item_id(item)))?;
        counts(group, samples().map(|sample| sample.position))?;
        counts(group, items.iter().map(|&item| catalog.counts()[item as usize]))?;
        optional::<DoubleType, _>(group, evaluation.ranks.iter().map(|rank| rank.excluded.get()))?;
        optional::<DoubleType, _>(group, evaluation.ranks.iter().map(|rank| rank.kept.get()))
    });
    keep(RANKS, &ranks)?;
    let items = || 1..=catalog.n_items() as u32;
    let recommended = table(RECOMMENDED_SCHEMA, |group| {
        texts(group, items().map(|item| catalog.item_id(item)))?;
        optional::<ByteArrayType, _>(group, items().map(|item| catalog.title(item).map(ByteArray::from)))?;
        counts(group, items().map(|item| catalog.counts()[item as usize]))?;
        counts(group, items().map(|item| evaluation.n_lists[item as usize]))
    });
    keep(RECOMMENDED, &recommended)?;
    hashes.insert(MODEL.to_owned(), write_weights(&folder.join(MODEL), &trained.fitted.model)?);
    Ok(hashes)
}

/// That a file is the one that the report names, before it is read.
pub(super) fn check(folder: &Path, report: &Value, name: &str) -> Result<(), Error> {
    let path = folder.join(name);
    let bytes = fs::read(&path).map_err(|source| Error::Io { action: "read", path: path.clone(), source })?;
    let (wanted, found) = (report["files"][name].as_str().unwrap_or("nothing"), sha256(&bytes));
    if wanted == found {
        return Ok(());
    }
    Err(Error::RunFile { path, reason: format!("its SHA-256 is {found}, the report says {wanted}") })
}

/// Writes the weights of a model piece by piece; returns the SHA-256 of the file.
fn write_weights<M: TwoTower>(path: &Path, model: &M) -> Result<String, Error> {
    let tensors = u2i_train::weight_views(model);
    let tensors = TensorFile::new(&tensors);
    let failed = |source| Error::Write { path: path.into(), bytes: tensors.n_bytes(), source };
    let mut hash = Sha256::new();
    let write = |file: &mut File, _: &Path| {
        let take = |piece: &[u8]| {
            hash.update(piece);
            file.write_all(piece)
        };
        tensors.write(take).map_err(|error| match error {
            TensorFileError::Write(source) => failed(source),
            TensorFileError::Numbers(_, source) => failed(io::Error::other(source)),
        })
    };
    u2i_disk::replace_with(path, write).map_err(|error| match error {
        // Whichever step of writing failed.
        Error::Io { source, .. } => failed(source),
        other => other,
    })?;
    Ok(u2i_disk::hex(&hash.finalize()))
}

fn sha256(bytes: &[u8]) -> String {
    u2i_disk::hex(&Sha256::digest(bytes))
}

/// Puts the weights of a run's model into a model of its shape.
pub(super) fn read_weights<M: TwoTower>(path: &Path, model: M) -> Result<M, Error> {
    let broken = |reason: String| Error::RunFile { path: path.into(), reason };
    let tensors = tensor_file::open(path).map_err(|error| match error {
        OpenError::Io(source) => Error::Io { action: "read", path: path.into(), source },
        OpenError::Content(reason) => broken(reason),
    })?;
    let read = |(name, tensor): (String, TensorView<'_>)| match tensor.to_owned() {
        Ok(tensor) => Ok((name, tensor)),
        Err(error) => Err(broken(error.to_string())),
    };
    let tensors = tensors.into_iter().map(read).collect::<Result<_, _>>()?;
    u2i_models::with_weights(model, tensors).map_err(|error| broken(error.to_string()))
}

/// Reads the targets of a run.
pub(super) fn read_ranks(path: &Path) -> Result<Vec<TargetRow>, Error> {
    read_table(path, RANKS_SCHEMA, |row| {
        let rank = |column| if row.is_null(column)? { Ok(None) } else { row.get_double(column).map(Some) };
        let row = TargetRow {
            user_id: row.get_string(0)?.clone(),
            item_id: row.get_string(1)?.clone(),
            n_earlier: row.get_uint(2)?,
            n_train: row.get_uint(3)?,
            rank: rank(4)?,
            rank_kept: rank(5)?,
        };
        match [row.rank, row.rank_kept].into_iter().flatten().find(|rank| rank.is_nan() || *rank < 1.0) {
            Some(rank) => Err(ParquetError::General(format!("a rank is at least 1, found {rank}"))),
            None => Ok(row),
        }
    })
}

/// Reads the items of a run.
pub(super) fn read_recommended(path: &Path) -> Result<Vec<ItemRow>, Error> {
    read_table(path, RECOMMENDED_SCHEMA, |row| {
        Ok(ItemRow {
            item_id: row.get_string(0)?.clone(),
            title: if row.is_null(1)? { None } else { Some(row.get_string(1)?.clone()) },
            n_train: row.get_uint(2)?,
            n_lists: row.get_uint(3)?,
        })
    })
}

type Written = Result<(), ParquetError>;
type Group<'a, 'b> = SerializedRowGroupWriter<'a, &'b mut Vec<u8>>;

/// A table of one row group, as a file.
fn table(schema: &str, columns: impl FnOnce(&mut Group<'_, '_>) -> Written) -> Vec<u8> {
    let schema = Arc::new(parse_message_type(schema).expect("schemas stand in this file"));
    let properties = Arc::new(WriterProperties::builder().set_compression(Compression::SNAPPY).build());
    let mut bytes = Vec::new();
    let write = |bytes: &mut Vec<u8>| -> Written {
        let mut writer = SerializedFileWriter::new(bytes, schema, properties)?;
        let mut group = writer.next_row_group()?;
        columns(&mut group)?;
        group.close()?;
        writer.close().map(drop)
    };
    write(&mut bytes).expect("columns are written to memory as their schema says");
    bytes
}

fn texts<'a>(group: &mut Group<'_, '_>, values: impl Iterator<Item = &'a str>) -> Written {
    let bytes = |text: &str| ByteArray::from(text.as_bytes().to_vec());
    column::<ByteArrayType, _>(group, &values.map(bytes).collect::<Vec<_>>(), None)
}

fn counts(group: &mut Group<'_, '_>, values: impl Iterator<Item = u32>) -> Written {
    column::<Int32Type, _>(group, &values.map(u32::cast_signed).collect::<Vec<_>>(), None)
}

fn read_table<T>(
    path: &Path,
    schema: &str,
    parse: impl Fn(&Row) -> Result<T, ParquetError>,
) -> Result<Vec<T>, Error> {
    let file = File::open(path).map_err(|source| Error::Io { action: "read", path: path.into(), source })?;
    let wanted = parse_message_type(schema).expect("schemas stand in this file");
    let read = || -> Result<Vec<T>, ParquetError> {
        let reader = SerializedFileReader::new(file)?;
        let found = reader.metadata().file_metadata().schema().clone();
        if found.get_fields() != wanted.get_fields() {
            return Err(ParquetError::General(format!("its columns are not those of a run: {found:?}")));
        }
        reader.get_row_iter(None)?.map(|row| parse(&row?)).collect()
    };
    // Behind a hash that was made anew the reader of Parquet asserts what it should report; nothing outlives it here.
    let read = catch_unwind(AssertUnwindSafe(read));
    let read =
        read.unwrap_or_else(|_| Err(ParquetError::General("no Parquet file as it was written".into())));
    read.map_err(|error| Error::RunFile { path: path.into(), reason: error.to_string() })
}

#[cfg(test)]
mod tests {
    use u2i_random::{Purpose, Stream};

    use super::*;
    use crate::ErrorKind;

    fn rows() -> Vec<TargetRow> {
        let row = |i: u32| TargetRow {
            user_id: format!("user {i}"),
            item_id: format!("item {}", i % 7),
            n_earlier: i,
            n_train: 3 * i,
            rank: (!i.is_multiple_of(3)).then_some(f64::from(i) + 0.5),
            rank_kept: Some(f64::from(i) + 1.0),
        };
        (1..40).map(row).collect()
    }

    fn ranks(rows: &[TargetRow]) -> Vec<u8> {
        table(RANKS_SCHEMA, |group| {
            texts(group, rows.iter().map(|row| row.user_id.as_str()))?;
            texts(group, rows.iter().map(|row| row.item_id.as_str()))?;
            counts(group, rows.iter().map(|row| row.n_earlier))?;
            counts(group, rows.iter().map(|row| row.n_train))?;
            optional::<DoubleType, _>(group, rows.iter().map(|row| row.rank))?;
            optional::<DoubleType, _>(group, rows.iter().map(|row| row.rank_kept))
        })
    }

    /// C6: any change is refused by its hash; with the hash made anew the file is refused or read, and no rank is below
    /// 1.
    #[test]
    fn every_change_of_a_runs_table_is_refused_and_behind_its_hash_it_is_read_safely() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(RANKS);
        let good = ranks(&rows());
        let report = |bytes: &[u8]| serde_json::json!({ "files": { RANKS: sha256(bytes) } });
        fs::write(&path, &good).unwrap();
        check(folder.path(), &report(&good), RANKS).unwrap();
        assert_eq!(read_ranks(&path).unwrap(), rows());
        let mut rng = Stream::new(1, Purpose::SYNTHETIC, 0, 0);
        let (mut refused, mut read) = (0, 0);
        for _ in 0..3000 {
            let mut bytes = good.clone();
            for _ in 0..=rng.index(3) {
                match rng.index(4) {
                    0 => bytes.truncate(rng.index(bytes.len()) + 1),
                    1 => bytes.insert(rng.index(bytes.len()), rng.index(256) as u8),
                    _ => {
                        let i = rng.index(bytes.len());
                        bytes[i] = rng.index(256) as u8;
                    }
                }
            }
            fs::write(&path, &bytes).unwrap();
            if bytes != good {
                assert_eq!(
                    check(folder.path(), &report(&good), RANKS).unwrap_err().kind(),
                    ErrorKind::Integrity
                );
            }
            check(folder.path(), &report(&bytes), RANKS).unwrap();
            match read_ranks(&path) {
                Ok(rows) => {
                    assert!(rows.iter().all(|row| row.rank.is_none_or(|rank| rank >= 1.0)));
                    read += 1;
                }
                Err(error) => {
                    assert_eq!(error.kind(), ErrorKind::Integrity, "{error}");
                    refused += 1;
                }
            }
        }
        assert!(refused > 1000 && read > 0, "{refused} refused, {read} read");
    }
}
