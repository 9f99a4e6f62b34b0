//! Recommendations for all users of a file.

use std::fmt;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use parquet::basic::Compression;
use parquet::data_type::{ByteArray, ByteArrayType, FloatType, Int32Type};
use parquet::errors::ParquetError;
use parquet::file::properties::WriterProperties;
use parquet::file::writer::SerializedFileWriter;
use parquet::schema::parser::parse_message_type;
use serde::Serialize;
use u2i_bundle::{Answer, Options, Recommender, Request, Seen, Strategy};
use u2i_disk::{folder_of, replace_with};

use crate::parquet_columns::{column, optional};
use crate::progress::Progress;
use crate::request_file::{RequestFile, read_file};
use crate::{Error, Stage};

/// What to recommend to whom, and where it goes.
#[derive(Debug, Clone)]
pub struct BatchOptions {
    /// A file with a column of user ids, of histories, or both.
    pub users: PathBuf,
    /// The Parquet file to write.
    pub out: PathBuf,
    /// The moment of the requests that have none of their own, in Unix seconds; `None` for all events of each user.
    pub at_s: Option<i64>,
    /// What the clock says, in Unix seconds, which columns of time are made from where there is no moment.
    pub now_s: i64,
    /// What to recommend.
    pub options: Options,
}

/// What was recommended.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Batch {
    /// Requests that were answered.
    pub n_requests: usize,
    /// Those of users whom the bundle does not know.
    pub n_unknown_users: usize,
    /// Those of which nothing was known, which got the popular list.
    pub n_popular: usize,
    /// Ids of histories that are no items of the bundle.
    pub n_unknown_items: usize,
    /// Events at or after the moments of their requests, which were left out.
    pub n_later_events: usize,
    /// Recommendations that were written.
    pub n_recommended: usize,
    /// What became of seen items.
    pub seen: Seen,
    /// Columns of the file that were not looked at.
    pub unused_columns: Vec<String>,
    /// Wall time of encoding, searching and writing, in seconds.
    pub wall_s: f64,
    /// Requests per second.
    pub requests_per_s: f64,
    /// The file.
    pub out: PathBuf,
}

impl fmt::Display for Batch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Batch { n_requests, n_unknown_users, n_popular, n_unknown_items, n_recommended, .. } = self;
        write!(
            f,
            "{n_recommended} recommendations for {n_requests} requests in {:.2} s ({:.0} a second): {n_unknown_users} \
             of unknown users, {n_popular} answered with popular items, {n_unknown_items} unknown ids in histories\n\
             wrote {}",
            self.wall_s,
            self.requests_per_s,
            self.out.display()
        )
    }
}

/// Requests that are answered together: a row group of the file.
const BLOCK: usize = 8192;

const SCHEMA: &str = "message recommendations {
    REQUIRED INT32 request (UINT_32);
    OPTIONAL BYTE_ARRAY user_id (UTF8);
    REQUIRED INT32 rank (UINT_32);
    REQUIRED BYTE_ARRAY item_id (UTF8);
    OPTIONAL BYTE_ARRAY title (UTF8);
    REQUIRED FLOAT score;
    REQUIRED BYTE_ARRAY strategy (UTF8);
}";

/// Answers each row of a file. The result is written aside and renamed, so it is whole or not there.
///
/// # Errors
///
/// If the file cannot be read, a value of it is none of its column, the search fails, or the result cannot be written.
pub fn recommend_users(
    recommender: &Recommender,
    batch: &BatchOptions,
    progress: &mut dyn Progress,
) -> Result<Batch, Error> {
    let RequestFile { rows, notes, unused_columns } = read_file(&batch.users, recommender.manifest())?;
    notes.iter().for_each(|note| progress.line(note));
    let request = |row: u2i_features::RequestRow| Request {
        user: row.user,
        history: row.history,
        at_s: row.at_s.or(batch.at_s),
        now_s: Some(batch.now_s),
        context: row.context.into_iter().collect(),
        lists: row.lists.into_iter().collect(),
        ..Request::default()
    };
    let requests: Vec<Request> = rows.into_iter().map(request).collect();
    let stage = Stage::begin();
    let mut done = Batch {
        n_requests: requests.len(),
        n_unknown_users: 0,
        n_popular: 0,
        n_unknown_items: 0,
        n_later_events: 0,
        n_recommended: 0,
        seen: batch.options.seen.unwrap_or(recommender.manifest().seen),
        unused_columns,
        wall_s: 0.0,
        requests_per_s: 0.0,
        out: batch.out.clone(),
    };
    progress.begin("recommend", requests.len() as u64);
    fs::create_dir_all(folder_of(&batch.out)).map_err(|source| failed(&batch.out, source))?;
    let written =
        replace_with(&batch.out, |file, _| write(file, recommender, batch, &requests, &mut done, progress));
    progress.end();
    written?;
    if done.n_later_events > 0 {
        let n = done.n_later_events;
        progress.line(&format!("{n} events at or after the moments of their requests were left out"));
    }
    done.wall_s = stage.cost().wall_s;
    done.requests_per_s = done.n_requests as f64 / done.wall_s;
    Ok(done)
}

fn failed(out: &Path, source: std::io::Error) -> Error {
    Error::Io { action: "write", path: out.to_owned(), source }
}

fn write(
    file: &mut File,
    recommender: &Recommender,
    batch: &BatchOptions,
    requests: &[Request],
    done: &mut Batch,
    progress: &mut dyn Progress,
) -> Result<(), Error> {
    let schema = Arc::new(parse_message_type(SCHEMA).expect("the schema stands in this file"));
    let properties = Arc::new(WriterProperties::builder().set_compression(Compression::SNAPPY).build());
    let disk = |error: ParquetError| failed(&batch.out, std::io::Error::other(error));
    let mut writer = SerializedFileWriter::new(file, schema, properties).map_err(disk)?;
    for (block, requests) in requests.chunks(BLOCK).enumerate() {
        if progress.stop_requested() {
            return Err(Error::Stopped);
        }
        let answers = recommender.recommend(requests, &batch.options)?;
        for answer in &answers {
            done.n_unknown_users += usize::from(answer.unknown_user);
            done.n_popular += usize::from(answer.strategy == Strategy::Popular);
            done.n_unknown_items += answer.unknown_items.len();
            done.n_later_events += answer.n_later_events;
            done.n_recommended += answer.items.len();
        }
        group(&mut writer, block * BLOCK, requests, &answers).map_err(disk)?;
        progress.advance((block * BLOCK + requests.len()) as u64, "");
    }
    writer.close().map_err(disk)?;
    Ok(())
}

fn group(
    writer: &mut SerializedFileWriter<&mut File>,
    first: usize,
    requests: &[Request],
    answers: &[Answer<'_>],
) -> Result<(), ParquetError> {
    let mut group = writer.next_row_group()?;
    let rows = || {
        let of = |(i, answer): (usize, &'_ Answer<'_>)| (i, answer.items.len());
        answers.iter().enumerate().map(of).flat_map(|(i, n)| (0..n).map(move |rank| (i, rank)))
    };
    let text = |text: &str| ByteArray::from(text.as_bytes().to_vec());
    let item = |(i, rank): (usize, usize)| &answers[i].items[rank];
    let numbers: Vec<i32> = rows().map(|(i, _)| ((first + i) as u32).cast_signed()).collect();
    column::<Int32Type, _>(&mut group, &numbers, None)?;
    optional::<ByteArrayType, _>(&mut group, rows().map(|(i, _)| requests[i].user.as_deref().map(text)))?;
    let ranks: Vec<i32> = rows().map(|(_, rank)| (rank as u32 + 1).cast_signed()).collect();
    column::<Int32Type, _>(&mut group, &ranks, None)?;
    let ids: Vec<ByteArray> = rows().map(|row| text(item(row).item_id)).collect();
    column::<ByteArrayType, _>(&mut group, &ids, None)?;
    optional::<ByteArrayType, _>(&mut group, rows().map(|row| item(row).title.map(text)))?;
    let scores: Vec<f32> = rows().map(|row| item(row).score).collect();
    column::<FloatType, _>(&mut group, &scores, None)?;
    let strategies: Vec<ByteArray> = rows()
        .map(|(i, _)| match answers[i].strategy {
            Strategy::Model => text("model"),
            Strategy::Popular => text("popular"),
        })
        .collect();
    column::<ByteArrayType, _>(&mut group, &strategies, None)?;
    group.close().map(drop)
}
