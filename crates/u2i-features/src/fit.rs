use std::borrow::Cow;
use std::collections::HashMap;

use u2i_schema::{Column, ColumnData, Raw, Side, Transform, Vocabulary, Wave};

use crate::attributes::value;
use crate::config::{ColumnConfig, ColumnKind, FeaturesConfig};
use crate::error::{FeatureError, invalid};
use crate::ids::id_order;
use crate::order::Order;
use crate::raw::{RawData, RawValues};

/// What columns may be fitted on: users, items and events of training, as indices into the raw data.
pub(crate) struct Training {
    users: Vec<u32>,
    items: Vec<u32>,
    events: Vec<u32>,
}

impl Training {
    /// `lengths`: how many of each user's first events train. Events are listed only if a column of `features` is fitted
    /// on them.
    pub(crate) fn new(raw: &RawData, order: &Order, lengths: &[u32], features: &FeaturesConfig) -> Self {
        let users =
            (0..order.n_users()).filter(|&user| lengths[user] > 0).map(|user| order.users[user]).collect();
        let mut is_trained = vec![false; raw.item_ids.len()];
        for (user, &length) in lengths.iter().enumerate() {
            let rows = &order.of(user)[..length as usize];
            rows.iter().for_each(|&row| is_trained[raw.events.item[row as usize] as usize] = true);
        }
        let items =
            (0..).zip(is_trained).filter_map(|(item, is_trained)| is_trained.then_some(item)).collect();
        let fits_events = features.column.iter().any(|column| {
            column.side == Side::Request && !matches!(column.kind, ColumnKind::Sequence { .. })
        });
        let listed = if fits_events { order.n_users() } else { 0 };
        let trained = |user: usize| order.of(user)[..lengths[user] as usize].iter().copied();
        let events = (0..listed).flat_map(trained).collect();
        Training { users, items, events }
    }

    /// Users and items as indices into the raw data, where no column is fitted on events.
    pub(crate) fn of(users: Vec<u32>, items: Vec<u32>) -> Self {
        Training { users, items, events: Vec::new() }
    }

    /// Raw items that have events, ascending.
    pub(crate) fn items(&self) -> &[u32] {
        &self.items
    }

    fn on(&self, side: Side) -> &[u32] {
        match side {
            Side::User => &self.users,
            Side::Item => &self.items,
            Side::Request => &self.events,
        }
    }
}

/// A column together with the values it is made from.
pub(crate) struct Fitted<'a> {
    pub(crate) column: Column,
    values: Cow<'a, RawValues>,
}

impl Fitted<'_> {
    /// The entries of the raw data at `indices`, encoded.
    pub(crate) fn encode(&self, indices: &[u32]) -> Result<ColumnData, FeatureError> {
        Ok(self.column.encode(indices.iter().map(|&index| value(&self.values, index as usize)))?)
    }
}

/// Fits what one config makes, a column or two, on training entries alone.
pub(crate) fn fit<'a>(
    config: &ColumnConfig,
    values: Cow<'a, RawValues>,
    training: &Training,
) -> Result<Vec<Fitted<'a>>, FeatureError> {
    let values = match (&config.kind, values.as_ref()) {
        (ColumnKind::Categorical { .. } | ColumnKind::Hashed { .. }, RawValues::Number(numbers)) => {
            let text = |number: &f64| (!number.is_nan()).then(|| number.to_string());
            Cow::Owned(RawValues::Text(numbers.iter().map(text).collect()))
        }
        _ => values,
    };
    check_kind(config, &values)?;
    let entries = training.on(config.side).iter().map(|&index| value(&values, index as usize));
    let key = |field: &str| format!("features.column `{}`: {field}", config.name);
    let transform = match &config.kind {
        ColumnKind::Categorical { min_count } => Transform::Categorical(vocabulary(entries, min_count.get())),
        ColumnKind::MultiCategorical { min_count } => {
            Transform::MultiCategorical(vocabulary(entries, min_count.get()))
        }
        ColumnKind::Hashed { buckets } if buckets.get() > u32::MAX - 2 => {
            return Err(invalid(key("buckets"), "a number of rows that fits 32 bits with two more", buckets));
        }
        ColumnKind::Hashed { buckets } => Transform::Hashed { buckets: buckets.get() },
        ColumnKind::BucketizedQuantiles { buckets } if buckets.get() < 2 => {
            return Err(invalid(key("buckets"), "at least 2", buckets));
        }
        ColumnKind::BucketizedQuantiles { buckets } => {
            let numbers = numbers(entries, config)?;
            Transform::Bucketized { edges: quantiles(numbers, buckets.get() as usize) }
        }
        ColumnKind::BucketizedEdges { edges } => {
            let ascend = edges.windows(2).all(|pair| pair[0] < pair[1]);
            if edges.is_empty() || !ascend || !edges.iter().all(|edge| edge.is_finite()) {
                return Err(invalid(key("edges"), "finite numbers that ascend", edges));
            }
            Transform::Bucketized { edges: edges.clone() }
        }
        ColumnKind::Standardized {} => {
            let numbers = numbers(entries, config)?;
            let n = numbers.len() as f64;
            let mean = numbers.iter().sum::<f64>() / n;
            let sd = (numbers.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / n).sqrt();
            Transform::Standardized { mean, sd: if sd > 0.0 { sd } else { 1.0 } }
        }
        ColumnKind::Log { scale } if !(scale.is_finite() && *scale > 0.0) => {
            return Err(invalid(key("scale"), "a finite number above 0", scale));
        }
        ColumnKind::Log { scale } => Transform::Log { scale: *scale },
        ColumnKind::Sequence { .. } => unreachable!("sequences are fitted on their own events"),
        ColumnKind::Cyclic { period } => {
            let waves = [Wave::Sine, Wave::Cosine].map(|wave| Transform::Cyclic { period: *period, wave });
            let of_wave = |(transform, name)| Fitted {
                column: Column { name, side: config.side, transform },
                values: values.clone(),
            };
            return Ok(waves.into_iter().zip(config.names()).map(of_wave).collect());
        }
    };
    Ok(vec![Fitted { column: Column { name: config.name.clone(), side: config.side, transform }, values }])
}

fn check_kind(config: &ColumnConfig, values: &RawValues) -> Result<(), FeatureError> {
    let (kind, wanted, fits) = match &config.kind {
        ColumnKind::Categorical { .. } => {
            ("categorical", "text or numbers", matches!(values, RawValues::Text(_)))
        }
        ColumnKind::Hashed { .. } => ("hashed", "text or numbers", matches!(values, RawValues::Text(_))),
        ColumnKind::MultiCategorical { .. } => {
            ("multi_categorical", "lists or text", !matches!(values, RawValues::Number(_)))
        }
        ColumnKind::BucketizedQuantiles { .. } => {
            ("bucketized_quantiles", "numbers", matches!(values, RawValues::Number(_)))
        }
        ColumnKind::BucketizedEdges { .. } => {
            ("bucketized_edges", "numbers", matches!(values, RawValues::Number(_)))
        }
        ColumnKind::Standardized {} => ("standardized", "numbers", matches!(values, RawValues::Number(_))),
        ColumnKind::Sequence { .. } => ("sequence", "events of another kind", false),
        ColumnKind::Log { .. } => ("log", "numbers", matches!(values, RawValues::Number(_))),
        ColumnKind::Cyclic { .. } => ("cyclic", "numbers", matches!(values, RawValues::Number(_))),
    };
    let found = match values {
        RawValues::Text(_) => "text",
        RawValues::Number(_) => "numbers",
        RawValues::List(_) => "lists",
    };
    let (column, source_name) = (config.name.clone(), config.source().to_owned());
    if fits { Ok(()) } else { Err(FeatureError::KindMismatch { column, kind, wanted, source_name, found }) }
}

/// Values that occur at least `min_count` times, in the order of ids: independent of the order in the file.
pub(crate) fn vocabulary<'a>(entries: impl Iterator<Item = Raw<'a>>, min_count: u32) -> Vocabulary {
    let mut counts: HashMap<&str, u32> = HashMap::new();
    for entry in entries {
        match entry {
            Raw::Text(text) => *counts.entry(text).or_default() += 1,
            Raw::List(list) => list.iter().for_each(|text| *counts.entry(text).or_default() += 1),
            Raw::Missing | Raw::Number(_) => {}
        }
    }
    let known: Vec<&str> =
        counts.into_iter().filter(|&(_, count)| count >= min_count).map(|(text, _)| text).collect();
    Vocabulary::new(id_order(&known).into_iter().map(|i| known[i as usize]))
}

fn numbers<'a>(
    entries: impl Iterator<Item = Raw<'a>>,
    config: &ColumnConfig,
) -> Result<Vec<f64>, FeatureError> {
    let mut numbers: Vec<f64> = entries
        .filter_map(|entry| match entry {
            Raw::Number(number) if !number.is_nan() => Some(number),
            _ => None,
        })
        .collect();
    if numbers.is_empty() {
        return Err(FeatureError::NothingToFit { column: config.name.clone(), side: config.side });
    }
    // Sums do not depend on the order in the file.
    numbers.sort_unstable_by(f64::total_cmp);
    Ok(numbers)
}

/// The numbers at ranks `⌊i·n/buckets⌋` of `n` sorted ones, each once; the smallest divides nothing.
fn quantiles(sorted: Vec<f64>, buckets: usize) -> Vec<f64> {
    let mut edges: Vec<f64> = (1..buckets).map(|i| sorted[i * sorted.len() / buckets]).collect();
    edges.dedup();
    edges.retain(|&edge| edge > sorted[0]);
    edges
}
