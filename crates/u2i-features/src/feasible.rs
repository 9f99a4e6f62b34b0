use u2i_schema::Side;

use crate::attributes;
use crate::config::{ColumnKind, FeaturesConfig, SamplesConfig, SplitConfig, Ties};
use crate::error::FeatureError;
use crate::fit::{Training, fit};
use crate::prepare::{check, check_times, prepare_following};
use crate::raw::RawData;
use crate::read_progress::ReadProgress;
use crate::unix_time::UnixTime;

/// Tells whether [`prepare`](crate::prepare()) can do its work, by the error that it would end with.
///
/// Where each user's last two events are held out, this costs two looks at each event and the fitting of columns; other
/// splits are prepared. `progress` hears of the events that were looked at.
///
/// # Errors
///
/// As [`prepare`](crate::prepare()), and [`FeatureError::Stopped`].
///
/// # Panics
///
/// As [`prepare`](crate::prepare()).
///
/// # Examples
///
/// ```
/// use u2i_features::{FeatureError, FeaturesConfig, RawData, ReadProgress, SamplesConfig, SplitConfig, UnixTime};
/// use u2i_features::can_prepare;
/// let split: SplitConfig = toml::from_str("leave_last_out = { ties = 'file' }").unwrap();
/// let samples: SamplesConfig = toml::from_str("per_user = { all = {} }").unwrap();
/// let features: FeaturesConfig = toml::from_str("history = { length = 10 }").unwrap();
/// let mut raw = RawData {
///     user_ids: vec!["ann".into()],
///     item_ids: vec!["7".into()],
///     titles: vec![None],
///     ..RawData::default()
/// };
/// let mut check = |n_events| {
///     raw.events = Default::default();
///     (0..n_events).for_each(|time_s| raw.events.push(0, 0, UnixTime::from_s(time_s)));
///     can_prepare(&raw, &split, &features, &samples, 1, &mut ReadProgress::silent())
/// };
/// assert!(matches!(check(2), Err(FeatureError::NobodyToTest { .. })));
/// assert!(matches!(check(3), Err(FeatureError::NoTrainingTargets { train: 1, .. })));
/// assert!(check(4).is_ok());
/// ```
pub fn can_prepare(
    raw: &RawData,
    split: &SplitConfig,
    features: &FeaturesConfig,
    samples: &SamplesConfig,
    seed: u64,
    progress: &mut ReadProgress<'_>,
) -> Result<(), FeatureError> {
    let is_plain = matches!(split, SplitConfig::LeaveLastOut { ties: Ties::File })
        && raw.kinds.is_none()
        && features.column.iter().all(|column| {
            column.side != Side::Request && !matches!(column.kind, ColumnKind::Sequence { .. })
        });
    if !is_plain {
        return prepare_following(raw, split, features, samples, seed, progress).map(drop);
    }
    check(raw, features)?;
    check_times(raw, split, features)?;
    let of_users = last_events(raw, progress)?;
    let (users, events) = (raw.user_ids.len(), raw.n_events());
    let lengths = || of_users.iter().map(LastEvents::n_training);
    let train = lengths().map(|n| n as usize).sum();
    if !of_users.iter().any(LastEvents::is_tested) {
        return Err(FeatureError::NobodyToTest { users, events, train });
    }
    // Each rule for samples takes one of a user who has any.
    if lengths().all(|n| n < 2) {
        return Err(FeatureError::NoTrainingTargets { users, events, train });
    }
    let mut is_trained = vec![false; raw.item_ids.len()];
    for (row, (&user, &item)) in (0..).zip(raw.events.user.iter().zip(&raw.events.item)) {
        if row % TOLD == 0 {
            progress.tell(u64::from(events as u32 / 2 + row / 2))?;
        }
        is_trained[item as usize] |= !of_users[user as usize].holds_out(row);
    }
    let trained_users = (0..).zip(lengths()).filter_map(|(user, n)| (n > 0).then_some(user)).collect();
    let items = (0..).zip(is_trained).filter_map(|(item, is_trained)| is_trained.then_some(item)).collect();
    let training = Training::of(trained_users, items);
    for config in &features.column {
        let n = if config.side == Side::User { users } else { raw.item_ids.len() };
        let all: Vec<u32> = (0..n as u32).collect();
        for fitted in fit(config, attributes::find(raw, config)?, &training)? {
            fitted.encode(&all)?;
        }
        progress.tell(events as u64)?;
    }
    Ok(())
}

/// Events between two times that the caller is told.
const TOLD: u32 = 1 << 16;

/// The last two events of a user: what is held out.
#[derive(Clone, Copy, Default)]
struct LastEvents {
    n: u32,
    /// The one before the last, and the last, by time and row.
    last: [(UnixTime, u32); 2],
}

impl LastEvents {
    fn add(&mut self, time: UnixTime, row: u32) {
        self.n += 1;
        let event = (time, row);
        let [before, last] = &mut self.last;
        if self.n == 1 || event > *last {
            (*before, *last) = (*last, event);
        } else if self.n == 2 || event > *before {
            *before = event;
        }
    }

    /// Whether events are held out: a first event has no history to be told from.
    fn is_tested(&self) -> bool {
        self.n >= 3
    }

    fn n_training(&self) -> u32 {
        if self.is_tested() { self.n - 2 } else { self.n }
    }

    fn holds_out(&self, row: u32) -> bool {
        self.is_tested() && self.last.iter().any(|&(_, own)| own == row)
    }
}

fn last_events(raw: &RawData, progress: &mut ReadProgress<'_>) -> Result<Vec<LastEvents>, FeatureError> {
    let mut of_users = vec![LastEvents::default(); raw.user_ids.len()];
    for (row, &user) in (0..).zip(&raw.events.user) {
        if row % TOLD == 0 {
            progress.tell(u64::from(row / 2))?;
        }
        of_users[user as usize].add(raw.events.time(row as usize), row);
    }
    Ok(of_users)
}
