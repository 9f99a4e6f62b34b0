use serde::{Deserialize, Serialize};

use crate::column_rows::ColumnRows;
use crate::hash::Digest;
use crate::vocabulary::{OUT_OF_VOCABULARY, PADDING, Vocabulary};

/// Whom a column describes, and so when its value is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Side {
    /// Fixed per user: gender, age. Known whenever the user is.
    User,
    /// Fixed per item: genres, year. Computed offline with the item vectors.
    Item,
    /// Known when recommendations are asked for: time of day, device. Stored per event, passed by the caller
    /// when serving; a sample may use that of its own target.
    Request,
}

/// One raw value, before a fitted [`Transform`] turns it into a row or a number.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Raw<'a> {
    /// No value.
    Missing,
    /// An id or a category. Ids are exact text and never pass through a float.
    Text(&'a str),
    /// A quantity. NaN counts as missing.
    Number(f64),
    /// Several categories, in file order.
    List(&'a [String]),
}

/// How raw values of a column become rows of a table or one real number. Fitted on training data only.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Transform {
    /// One row per known value. Missing and unknown values share row 1.
    Categorical(Vocabulary),
    /// `buckets` rows shared by hash (64-bit FNV-1a). Missing values have row 1.
    Hashed {
        /// Number of rows that values are hashed to.
        buckets: u32,
    },
    /// Several rows per value, summed. An item with no value is empty; unknown values share row 1.
    MultiCategorical(Vocabulary),
    /// The row of the interval between ascending edges: `(-∞, e_0)`, `[e_0, e_1)`, …, `[e_n, ∞)`. Missing
    /// values have row 1.
    Bucketized {
        /// Ascending edges.
        edges: Vec<f64>,
    },
    /// `(x - mean) / sd`. Missing values are 0, the mean.
    Standardized {
        /// Mean over the training data.
        mean: f64,
        /// Standard deviation over the training data; 1 where it was 0.
        sd: f64,
    },
    /// `ln(1 + x) / scale` for `x > 0`, else 0.
    Log {
        /// Divides the logarithm.
        scale: f64,
    },
    /// The newest `length` of a user's events of another kind, such as searches, before the moment of the request: one row
    /// per known value, oldest first. Unknown values share row 1.
    Sequence {
        /// The values.
        vocabulary: Vocabulary,
        /// The most events that are looked at.
        length: u32,
    },
    /// One coordinate of the point that `x` is on a circle of circumference `period`. Missing values are 0, the centre.
    Cyclic {
        /// What is the same again after it: 24 for hours of the day.
        period: f64,
        /// Which coordinate.
        wave: Wave,
    },
}

/// A coordinate of a point on the unit circle.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Wave {
    /// `sin(2πx / period)`.
    Sine,
    /// `cos(2πx / period)`.
    Cosine,
}

impl Wave {
    /// Of `x`. The remainder is taken first, so that times far from 1970 lose nothing.
    fn of(self, x: f64, period: f64) -> f64 {
        let angle = x.rem_euclid(period) / period * std::f64::consts::TAU;
        match self {
            Wave::Sine => angle.sin(),
            Wave::Cosine => angle.cos(),
        }
    }
}

/// A declared feature with its fitted transform.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Column {
    /// Name in the config and in reports.
    pub name: String,
    /// Whom it describes.
    pub side: Side,
    /// From raw value to row or number.
    pub transform: Transform,
}

/// A column with one entry per user, item or event, encoded.
#[derive(Debug, Clone, PartialEq)]
pub enum ColumnData {
    /// One table row each.
    Rows(Vec<u32>),
    /// `offsets[i]..offsets[i + 1]` are the entries of `rows` that belong to `i`.
    Bags {
        /// One more than there are entries, ascending from 0.
        offsets: Vec<u32>,
        /// Table rows.
        rows: Vec<u32>,
    },
    /// `rows[from[i]..to[i]]` are those of entry `i`, oldest first. Entries may share them.
    Windows {
        /// Where each entry begins.
        from: Vec<u32>,
        /// Where it ends.
        to: Vec<u32>,
        /// Table rows.
        rows: Vec<u32>,
    },
    /// One real number each.
    Values(Vec<f32>),
}

/// A raw value that does not fit the transform of its column.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum ColumnError {
    /// Text where a number is needed, or the other way round.
    #[error("column `{column}`, entry {entry}: expected {expected}, found {found}")]
    Kind {
        /// Name of the column.
        column: String,
        /// Which user, item or event, counted from 0.
        entry: usize,
        /// What the transform takes.
        expected: &'static str,
        /// What was there.
        found: String,
    },
}

impl Transform {
    /// Rows of the embedding table that this column needs, padding included; `None` for real numbers.
    pub fn n_rows(&self) -> Option<usize> {
        match self {
            Transform::Categorical(vocabulary)
            | Transform::MultiCategorical(vocabulary)
            | Transform::Sequence { vocabulary, .. } => Some(vocabulary.n_rows()),
            Transform::Hashed { buckets } => Some(*buckets as usize + 2),
            Transform::Bucketized { edges } => Some(edges.len() + 3),
            Transform::Standardized { .. } | Transform::Log { .. } | Transform::Cyclic { .. } => None,
        }
    }
}

impl Column {
    /// Encodes one entry per element of `raw`.
    ///
    /// # Errors
    ///
    /// If a value is of a kind that the transform does not take.
    ///
    /// # Examples
    ///
    /// ```
    /// use u2i_schema::{Column, ColumnData, Raw, Side, Transform};
    /// let age = Column {
    ///     name: "age".into(),
    ///     side: Side::User,
    ///     transform: Transform::Bucketized { edges: vec![18.0, 35.0] },
    /// };
    /// let rows = age.encode([Raw::Number(17.0), Raw::Number(18.0), Raw::Missing]).unwrap();
    /// assert_eq!(rows, ColumnData::Rows(vec![2, 3, 1]));
    /// ```
    pub fn encode<'a>(&self, raw: impl IntoIterator<Item = Raw<'a>>) -> Result<ColumnData, ColumnError> {
        let error = |entry, expected, found: Raw<'_>| ColumnError::Kind {
            column: self.name.clone(),
            entry,
            expected,
            found: format!("{found:?}"),
        };
        let raw = raw.into_iter().enumerate();
        let text_row = |entry, value: Raw<'_>, row: &dyn Fn(&str) -> u32| match value {
            Raw::Missing => Ok(OUT_OF_VOCABULARY),
            Raw::Text(text) => Ok(row(text)),
            other => Err(error(entry, "text", other)),
        };
        match &self.transform {
            Transform::Categorical(vocabulary) => {
                raw_rows(raw, |entry, value| text_row(entry, value, &|text| vocabulary.row(text)))
            }
            Transform::Hashed { buckets } => {
                let bucket = |text: &str| (fnv1a(text) % u64::from((*buckets).max(1))) as u32 + 2;
                raw_rows(raw, |entry, value| text_row(entry, value, &bucket))
            }
            Transform::MultiCategorical(vocabulary) => {
                let (mut offsets, mut rows) = (vec![0], Vec::new());
                for (entry, value) in raw {
                    match value {
                        Raw::Missing => {}
                        Raw::Text(text) => rows.push(vocabulary.row(text)),
                        Raw::List(list) => rows.extend(list.iter().map(|text| vocabulary.row(text))),
                        other @ Raw::Number(_) => return Err(error(entry, "text or a list", other)),
                    }
                    offsets.push(rows.len() as u32);
                }
                Ok(ColumnData::Bags { offsets, rows })
            }
            Transform::Sequence { vocabulary, length } => {
                let (mut from, mut to, mut rows) = (Vec::new(), Vec::new(), Vec::new());
                for (entry, value) in raw {
                    let begin = rows.len();
                    match value {
                        Raw::Missing => {}
                        Raw::Text(text) => rows.push(vocabulary.row(text)),
                        Raw::List(list) => {
                            let newest = &list[list.len().saturating_sub(*length as usize)..];
                            rows.extend(newest.iter().map(|text| vocabulary.row(text)));
                        }
                        other @ Raw::Number(_) => return Err(error(entry, "text or a list", other)),
                    }
                    from.push(begin as u32);
                    to.push(rows.len() as u32);
                }
                Ok(ColumnData::Windows { from, to, rows })
            }
            Transform::Bucketized { edges } => raw_rows(raw, |entry, value| {
                Ok(number(value)
                    .map_err(|found| error(entry, "a number", found))?
                    .map_or(OUT_OF_VOCABULARY, |x| edges.partition_point(|&edge| edge <= x) as u32 + 2))
            }),
            Transform::Standardized { .. } | Transform::Log { .. } | Transform::Cyclic { .. } => {
                let mut values = Vec::new();
                for (entry, value) in raw {
                    let x = number(value).map_err(|found| error(entry, "a number", found))?;
                    values.push(x.map_or(0.0, |x| self.scale(x)) as f32);
                }
                Ok(ColumnData::Values(values))
            }
        }
    }

    fn scale(&self, x: f64) -> f64 {
        match self.transform {
            Transform::Standardized { mean, sd } => (x - mean) / sd,
            Transform::Log { scale } if x > 0.0 => x.ln_1p() / scale,
            Transform::Cyclic { period, wave } => wave.of(x, period),
            _ => 0.0,
        }
    }
}

fn raw_rows<'a>(
    raw: impl Iterator<Item = (usize, Raw<'a>)>,
    row: impl Fn(usize, Raw<'a>) -> Result<u32, ColumnError>,
) -> Result<ColumnData, ColumnError> {
    raw.map(|(entry, value)| row(entry, value)).collect::<Result<_, _>>().map(ColumnData::Rows)
}

fn number(value: Raw<'_>) -> Result<Option<f64>, Raw<'_>> {
    match value {
        Raw::Missing => Ok(None),
        Raw::Number(x) if x.is_nan() => Ok(None),
        Raw::Number(x) => Ok(Some(x)),
        other => Err(other),
    }
}

/// 64-bit FNV-1a (Fowler, Noll, Vo): the hash of `hashing` columns, fixed for ever.
fn fnv1a(text: &str) -> u64 {
    text.bytes()
        .fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3))
}

impl ColumnData {
    /// Number of entries.
    pub fn len(&self) -> usize {
        match self {
            ColumnData::Rows(rows) => rows.len(),
            ColumnData::Bags { offsets, .. } => offsets.len() - 1,
            ColumnData::Windows { from, .. } => from.len(),
            ColumnData::Values(values) => values.len(),
        }
    }

    /// Whether there is no entry.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Adds the column to a digest.
    #[must_use]
    pub fn digest(&self, name: &str, digest: Digest) -> Digest {
        match self {
            ColumnData::Rows(rows) => digest.numbers(name, rows),
            ColumnData::Bags { offsets, rows } => digest.numbers(name, offsets).numbers(name, rows),
            ColumnData::Windows { from, to, rows } => {
                digest.numbers(name, from).numbers(name, to).numbers(name, rows)
            }
            ColumnData::Values(values) => digest.numbers(name, values),
        }
    }

    /// The entries `indices` in the form of a batch; an index of `None` is padding.
    pub(crate) fn gather(&self, indices: impl ExactSizeIterator<Item = Option<usize>> + Clone) -> ColumnRows {
        match self {
            ColumnData::Rows(rows) => {
                ColumnRows::Rows(indices.map(|index| index.map_or(PADDING, |i| rows[i])).collect())
            }
            ColumnData::Values(values) => {
                ColumnRows::Values(indices.map(|index| index.map_or(0.0, |i| values[i])).collect())
            }
            ColumnData::Bags { offsets, rows } => {
                let bag = |index: Option<usize>| match index {
                    None => &[][..],
                    Some(i) => &rows[offsets[i] as usize..offsets[i + 1] as usize],
                };
                let width = indices.clone().map(|index| bag(index).len()).max().unwrap_or(0).max(1);
                let mut padded = vec![PADDING; width * indices.len()];
                for (out, index) in padded.chunks_exact_mut(width).zip(indices) {
                    let bag = bag(index);
                    out[..bag.len()].copy_from_slice(bag);
                }
                ColumnRows::Bags { width, rows: padded }
            }
            ColumnData::Windows { from, to, rows } => {
                let window = |index: Option<usize>| match index {
                    None => &[][..],
                    Some(i) => &rows[from[i] as usize..to[i] as usize],
                };
                let width = indices.clone().map(|index| window(index).len()).max().unwrap_or(0).max(1);
                let mut padded = vec![PADDING; width * indices.len()];
                for (out, index) in padded.chunks_exact_mut(width).zip(indices) {
                    let window = window(index);
                    // The newest stand in one column, so that a column is a lag.
                    out[width - window.len()..].copy_from_slice(window);
                }
                ColumnRows::Bags { width, rows: padded }
            }
        }
    }
}
