use u2i_schema::{
    Catalog, Column, ColumnData, Digest, EventStore, PADDING, Sample, SampleTable, Side, SideEvents, Slot,
    TrainEvents, Users,
};

use crate::attributes;
use crate::config::{ColumnConfig, ColumnKind, FeaturesConfig, FilesSplit, SamplesConfig, SplitConfig, Ties};
use crate::error::{FeatureError, invalid};
use crate::fit::{Fitted, Training, fit};
use crate::ids::id_order;
use crate::order::Order;
use crate::prepared::Prepared;
use crate::raw::{RawData, Times};
use crate::read_progress::ReadProgress;
use crate::samples::samples;
use crate::sequence_column::{FittedSequence, fit_sequence};
use crate::split::{Parts, split};

/// Orders and splits the events, fits the columns on training events, and chooses the training targets.
///
/// Users stand in the order of their raw ids, and so do items, those with training events first: by number if all
/// ids are canonical integers, else as text. So nothing depends on the order of rows in the file but what the
/// tie rule or the book's split leaves to it. `seed` decides draws of samples and nothing else.
///
/// # Errors
///
/// If the config does not fit the data, or the split leaves nothing to train or nobody to test.
///
/// # Panics
///
/// If a column of `raw` has another length than what it describes.
pub fn prepare(
    raw: &RawData,
    split_config: &SplitConfig,
    features: &FeaturesConfig,
    samples_config: &SamplesConfig,
    seed: u64,
) -> Result<Prepared, FeatureError> {
    prepare_following(raw, split_config, features, samples_config, seed, &mut ReadProgress::silent())
}

/// [`prepare`], while `progress` hears of the events that are prepared, out of all: half of it is putting them in order.
///
/// # Errors
///
/// As [`prepare`], and [`FeatureError::Stopped`].
///
/// # Panics
///
/// As [`prepare`].
pub fn prepare_following(
    raw: &RawData,
    split_config: &SplitConfig,
    features: &FeaturesConfig,
    samples_config: &SamplesConfig,
    seed: u64,
    progress: &mut ReadProgress<'_>,
) -> Result<Prepared, FeatureError> {
    let n_events = raw.n_events() as u64;
    let eighths = |n: u64| n * n_events / 8;
    check(raw, features)?;
    check_times(raw, split_config, features)?;
    let order = Order::new(raw, split_config, progress)?;
    progress.tell(eighths(4))?;
    let parts = split(split_config, raw, &order)?;
    progress.tell(eighths(5))?;

    let is_target = |user: usize, position: usize| raw.is_target(order.of(user)[position]);
    let samples = samples(samples_config, &parts.lengths, seed, is_target);
    if samples.is_empty() {
        let train = parts.lengths.iter().map(|&n| n as usize).sum();
        let (users, events) = (raw.user_ids.len(), raw.n_events());
        return Err(FeatureError::NoTrainingTargets { users, events, train });
    }
    let training = Training::new(raw, &order, &parts.lengths, features);
    let items = item_order(raw, &training);

    let mut fitted = [Side::User, Side::Item, Side::Request].map(|_| Vec::new());
    let mut id_dropout: Vec<(Slot, f64)> =
        features.item_id.iter().map(|item_id| (Slot::ItemId, item_id.id_dropout)).collect();
    for config in &features.column {
        progress.tell(eighths(6))?;
        let of_side = &mut fitted[config.side as usize];
        let slot = match config.side {
            Side::User => Slot::User,
            Side::Item => Slot::Item,
            Side::Request => Slot::Request,
        };
        id_dropout.extend(config.id_dropout.map(|share| (slot(of_side.len()), share)));
        match config.kind {
            ColumnKind::Sequence { .. } => {
                let fitted = fit_sequence(raw, config, &order, &parts.lengths)?;
                of_side.push(Made::Sequence(fitted));
            }
            _ => of_side
                .extend(fit(config, attributes::find(raw, config)?, &training)?.into_iter().map(Made::Of)),
        }
    }
    let [user_columns, item_columns, request_columns] = &fitted;
    let ids =
        |ids: &[String], order: &[u32]| order.iter().map(|&i| ids[i as usize].clone()).collect::<Vec<_>>();
    let users = Users::new(ids(&raw.user_ids, &order.users), encode(user_columns, &order.users)?);
    progress.tell(eighths(6))?;
    let events = store(raw, &order, &items, encode(request_columns, &order.rows)?);
    progress.tell(eighths(7))?;
    let n_ties = n_ties(raw, &order);
    drop(order);
    let train = TrainEvents::prefixes(&events, &parts.lengths);
    let titles = items.iter().map(|&item| raw.titles[item as usize].clone()).collect();
    let counts = train.counts(items.len());
    let catalog = Catalog::new(ids(&raw.item_ids, &items), titles, counts, encode(item_columns, &items)?);
    let catalog = if features.item_id.is_some() { catalog.with_unknown_row() } else { catalog };
    progress.tell(eighths(7))?;
    let split_hash = split_hash(&users, &catalog, &events, &parts, &samples);
    progress.tell(n_events)?;
    Ok(Prepared {
        sequences: request_columns.iter().filter_map(Made::side).cloned().collect(),
        columns: fitted.into_iter().flatten().map(Made::into_column).collect(),
        users,
        catalog,
        events,
        train,
        samples,
        id_dropout,
        gap_edges_s: features.history.as_ref().map_or(Vec::new(), |history| history.gap_edges_s.clone()),
        n_validation_users: parts.validation.len(),
        n_test_users: parts.test.len(),
        validation: parts.validation,
        test: parts.test,
        validation_lengths: parts.validation_lengths,
        test_lengths: parts.test_lengths,
        n_later_training: parts.n_later,
        n_test_without_history: parts.n_test_without_history,
        times: raw.times,
        n_ties,
        data_hash: raw.hash.clone(),
        split_hash,
    })
}

pub(crate) fn check(raw: &RawData, features: &FeaturesConfig) -> Result<(), FeatureError> {
    let events = &raw.events;
    assert_eq!(events.user.len(), events.item.len(), "one item per event");
    assert_eq!(events.user.len(), events.time_s.len(), "one time per event");
    assert!(
        [0, events.user.len()].contains(&events.subsec_ns.len()),
        "the rest of the time of each event, or of none"
    );
    assert_eq!(raw.titles.len(), raw.item_ids.len(), "one title per item");
    for (columns, n) in
        [(&raw.users, raw.user_ids.len()), (&raw.items, raw.item_ids.len()), (&raw.request, raw.n_events())]
    {
        let other = columns.iter().find(|column| column.values.len() != n);
        assert!(other.is_none(), "expected {n} entries in column {:?}", other.map(|column| &column.name));
    }
    if u32::try_from(raw.n_events()).is_err() {
        return Err(FeatureError::TooManyEvents(raw.n_events()));
    }
    if raw.n_events() == 0 {
        return Err(FeatureError::NobodyToTest { users: 0, events: 0, train: 0 });
    }
    features.check()?;
    match features.history.as_ref().and_then(|history| history.shares.as_deref()) {
        None | Some("item_id") => Ok(()),
        Some(other) => {
            Err(invalid("features.history.shares", "item_id, or nothing for a table of its own", other))
        }
    }
}

/// Refuses what needs times where events have none.
pub(crate) fn check_times(
    raw: &RawData,
    split: &SplitConfig,
    features: &FeaturesConfig,
) -> Result<(), FeatureError> {
    if raw.times == Times::Known {
        return Ok(());
    }
    match split {
        SplitConfig::TimeCut { .. } => {
            return Err(FeatureError::NoTimes { key: "split.time_cut".to_owned() });
        }
        SplitConfig::LeaveLastOut { ties: Ties::ItemId } => {
            return Err(FeatureError::NoTimes { key: "split.leave_last_out.ties = \"item_id\"".to_owned() });
        }
        SplitConfig::LeaveLastOut { ties: Ties::Shuffled { .. } } => {
            return Err(FeatureError::NoTimes { key: "split.leave_last_out.ties.shuffled".to_owned() });
        }
        SplitConfig::Files(FilesSplit { ties: Ties::ItemId | Ties::Shuffled { .. }, .. }) => {
            return Err(FeatureError::NoTimes { key: "split.files.ties".to_owned() });
        }
        SplitConfig::LeaveLastOut { ties: Ties::File }
        | SplitConfig::Files(FilesSplit { ties: Ties::File, .. })
        | SplitConfig::Book { .. } => {}
    }
    let of_time = |column: &&ColumnConfig| {
        let is_declared = raw.request.iter().any(|declared| declared.name == column.source());
        column.side == Side::Request
            && !matches!(column.kind, ColumnKind::Sequence { .. })
            && attributes::built_in(Side::Request).contains(&column.source())
            && !is_declared
    };
    if features.history.as_ref().is_some_and(|history| !history.gap_edges_s.is_empty()) {
        return Err(FeatureError::NoTimes { key: "features.history.gap_edges_s".to_owned() });
    }
    match features.column.iter().find(of_time) {
        Some(column) => Err(FeatureError::NoTimes { key: format!("features.column `{}`", column.name) }),
        None => Ok(()),
    }
}

/// Neighbours in the order of a user's events that happened at the same time.
fn n_ties(raw: &RawData, order: &Order) -> usize {
    let is_tie = |pair: &&[u32]| raw.events.time(pair[0] as usize) == raw.events.time(pair[1] as usize);
    (0..order.n_users()).map(|user| order.of(user).windows(2).filter(is_tie).count()).sum()
}

/// The events in order; `items[i]` is the raw item that has `item_idx` `i + 1`.
fn store(raw: &RawData, order: &Order, items: &[u32], request: Vec<ColumnData>) -> EventStore {
    let mut item_idx = vec![PADDING; items.len()];
    items.iter().zip(1..).for_each(|(&item, idx)| item_idx[item as usize] = idx);
    let rows = || order.rows.iter().map(|&row| row as usize);
    EventStore::new(
        order.offsets.iter().map(|&offset| offset as u64).collect(),
        rows().map(|row| item_idx[raw.events.item[row] as usize]).collect(),
        rows().map(|row| raw.events.time_s[row]).collect(),
        request,
    )
    .expect("offsets ascend to the number of rows, and every item has an index")
}

/// Raw items in the order of `item_idx`: those with training events first, each group by raw id.
fn item_order(raw: &RawData, training: &Training) -> Vec<u32> {
    let is_trained = |item: &u32| training.items().binary_search(item).is_ok();
    let (mut items, cold): (Vec<_>, Vec<_>) = id_order(&raw.item_ids).into_iter().partition(is_trained);
    items.extend(cold);
    items
}

/// A column from attributes, or from events of another kind.
enum Made<'a> {
    Of(Fitted<'a>),
    Sequence(FittedSequence),
}

impl Made<'_> {
    fn encode(&self, indices: &[u32]) -> Result<ColumnData, FeatureError> {
        match self {
            Made::Of(fitted) => fitted.encode(indices),
            // It is on the request side, and has the order of users already.
            Made::Sequence(fitted) => Ok(fitted.windows.clone()),
        }
    }

    fn side(&self) -> Option<&SideEvents> {
        match self {
            Made::Of(_) => None,
            Made::Sequence(fitted) => Some(&fitted.side),
        }
    }

    fn into_column(self) -> Column {
        match self {
            Made::Of(fitted) => fitted.column,
            Made::Sequence(fitted) => fitted.column,
        }
    }
}

fn encode(columns: &[Made<'_>], indices: &[u32]) -> Result<Vec<ColumnData>, FeatureError> {
    columns.iter().map(|column| column.encode(indices)).collect()
}

fn split_hash(
    users: &Users,
    catalog: &Catalog,
    events: &EventStore,
    parts: &Parts,
    samples: &SampleTable,
) -> String {
    let mut digest = Digest::new();
    for id in users.ids() {
        digest = digest.part("user", id.as_bytes());
    }
    for item_idx in 1..=catalog.n_items() as u32 {
        digest = digest.part("item", catalog.item_id(item_idx).as_bytes());
    }
    let pairs = |digest: Digest, name, samples: &[Sample]| {
        digest.numbers_of(name, samples, |sample| [sample.user, sample.position])
    };
    let digest = digest
        .numbers("offsets", events.offsets())
        .numbers("items", events.all_items())
        .numbers("times_s", events.all_times_s())
        .numbers("lengths", &parts.lengths);
    let digest = pairs(digest, "samples", samples.samples());
    let digest = pairs(digest, "validation", &parts.validation);
    let mut digest = pairs(digest, "test", &parts.test);
    for (name, lengths) in
        [("validation_lengths", &parts.validation_lengths), ("test_lengths", &parts.test_lengths)]
    {
        // A split of single targets is hashed without.
        if !lengths.is_empty() {
            digest = digest.numbers(name, lengths);
        }
    }
    digest.finish()
}
