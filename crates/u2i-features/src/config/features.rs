use std::collections::HashSet;
use std::num::{NonZeroU32, NonZeroUsize};

use serde::{Deserialize, Serialize};
use u2i_schema::Side;

use crate::error::{FeatureError, invalid};

/// Feature columns: the `[features]` section.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FeaturesConfig {
    /// The columns, written `[[features.column]]`. None if left out.
    #[serde(default)]
    pub column: Vec<ColumnConfig>,
    /// The sequence of a user's earlier items, for models that pool it.
    pub history: Option<HistoryConfig>,
    /// Gives all items without training events a row in id tables. They have no id vector if left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub item_id: Option<ItemIdConfig>,
}

/// The row of items whose ids say nothing.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ItemIdConfig {
    /// Share of the items of a training step, above 0 and below 1, whose ids are taken for unknown, so that the row is
    /// trained.
    pub id_dropout: f64,
}

impl FeaturesConfig {
    /// Checks what can be told without data.
    ///
    /// # Errors
    ///
    /// [`InvalidValue`](FeatureError::InvalidValue) with the path of the key, such as
    /// `features.column.2.id_dropout`, for a value that is out of range or does not go with the kind of column, and
    /// [`DuplicateColumn`](FeatureError::DuplicateColumn).
    pub fn check(&self) -> Result<(), FeatureError> {
        if let Some(ItemIdConfig { id_dropout }) = self.item_id {
            check_share("features.item_id.id_dropout".to_owned(), id_dropout)?;
        }
        if let Some(HistoryConfig { gap_edges_s: edges, .. }) = &self.history {
            let ascend = edges.first().is_none_or(|&first| first > 0) && edges.is_sorted_by(|a, b| a < b);
            if !ascend {
                return Err(invalid("features.history.gap_edges_s", "seconds above 0 that ascend", edges));
            }
        }
        let mut names = HashSet::new();
        for (i, column) in self.column.iter().enumerate() {
            let key = |field: &str| format!("features.column.{i}.{field}");
            if let Some(twice) = column.names().into_iter().find(|name| !names.insert(name.clone())) {
                return Err(FeatureError::DuplicateColumn { key: key("name"), name: twice });
            }
            if let Some(share) = column.id_dropout {
                check_share(key("id_dropout"), share)?;
                if column.kind.is_number() {
                    let wanted = "a column with a row for unknown values";
                    return Err(invalid(key("id_dropout"), wanted, &column.kind));
                }
            }
            match column.kind {
                ColumnKind::Sequence { .. } if column.side != Side::Request => {
                    return Err(invalid(key("side"), "request, for a sequence", column.side));
                }
                ColumnKind::Cyclic { period } if !(period.is_finite() && period > 0.0) => {
                    return Err(invalid(key("kind.cyclic.period"), "a finite number above 0", period));
                }
                _ => {}
            }
        }
        Ok(())
    }
}

fn check_share(key: String, share: f64) -> Result<(), FeatureError> {
    if share > 0.0 && share < 1.0 {
        return Ok(());
    }
    Err(invalid(key, "a share above 0 and below 1", share))
}

/// The sequence of items before a target.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HistoryConfig {
    /// How many of the newest items are used.
    pub length: NonZeroUsize,
    /// The column whose embedding table the history shares: `item_id`, the table of target items. A table of its
    /// own if left out.
    pub shares: Option<String>,
    /// Ascending edges, in seconds above 0, of the intervals that the time from an event to the target is told by.
    /// Pooling then weighs events by that time, too; by their order alone if left out.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub gap_edges_s: Vec<i64>,
}

/// A feature column, before it is fitted.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ColumnConfig {
    /// Name in models and reports.
    pub name: String,
    /// Whom it describes.
    pub side: Side,
    /// The attribute it is made from; the one of the same name if left out. Besides the attributes of the data
    /// there are `user_id` (user side), `item_id` (item side) and, from the event's time in UTC, `time_s`, `hour`
    /// and `weekday` (0 is Monday) on the request side.
    pub source: Option<String>,
    /// How values become rows of a table or a number.
    pub kind: ColumnKind,
    /// Share of the known values of a training step, above 0 and below 1, that are taken for unknown: the row of
    /// out-of-vocabulary values learns what is true on the whole. It is hardly trained if left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id_dropout: Option<f64>,
}

impl ColumnConfig {
    /// Names of the columns that models see: its own, or two of a cyclic one.
    pub fn names(&self) -> Vec<String> {
        match self.kind {
            ColumnKind::Cyclic { .. } => ["sin", "cos"].map(|wave| format!("{}_{wave}", self.name)).into(),
            _ => vec![self.name.clone()],
        }
    }

    /// The attribute it is made from.
    pub fn source(&self) -> &str {
        self.source.as_deref().unwrap_or(&self.name)
    }
}

/// How values of a column become rows of a table or a number.
///
/// Fitted on training data only. A user counts once if it has a training event, and so does an item; request
/// columns count every training event.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum ColumnKind {
    /// One row per value that occurs often enough; the others share the out-of-vocabulary row. Numbers are taken
    /// as text: 25, not 25.0.
    Categorical {
        /// Fewest occurrences that earn a row.
        min_count: NonZeroU32,
    },
    /// Rows shared by hash, without a vocabulary. Numbers are taken as text.
    Hashed {
        /// Number of rows.
        buckets: NonZeroU32,
    },
    /// Several categories at once.
    MultiCategorical {
        /// Fewest occurrences that earn a row.
        min_count: NonZeroU32,
    },
    /// One row per interval between quantiles; equal quantiles are merged.
    BucketizedQuantiles {
        /// Number of intervals, at least 2.
        buckets: NonZeroU32,
    },
    /// One row per interval between given edges.
    BucketizedEdges {
        /// Strictly ascending, finite.
        edges: Vec<f64>,
    },
    /// `(x - mean) / sd`.
    Standardized {},
    /// `ln(1 + x) / scale`.
    Log {
        /// Finite and above 0.
        scale: f64,
    },
    /// The newest `length` events of another kind, from `source`, strictly before a target: a sequence of the data's
    /// ([`RawData::sequences`](crate::RawData::sequences)), on the request side, with a vocabulary of its own.
    Sequence {
        /// The most events that are looked at.
        length: NonZeroU32,
        /// Fewest occurrences that earn a row.
        min_count: NonZeroU32,
    },
    /// `sin(2πx / period)` and `cos(2πx / period)`, as two columns `NAME_sin` and `NAME_cos`: the hour 23 is as near to 0
    /// as 1 is.
    Cyclic {
        /// Finite and above 0: 24 for hours, 7 for days of the week, 86,400 for `time_s` by the second of the day.
        period: f64,
    },
}

impl ColumnKind {
    /// Whether it makes real numbers instead of rows of a table.
    fn is_number(&self) -> bool {
        matches!(self, ColumnKind::Standardized {} | ColumnKind::Log { .. } | ColumnKind::Cyclic { .. })
    }
}
