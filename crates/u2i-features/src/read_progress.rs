use std::ops::ControlFlow;

use crate::error::FeatureError;

/// Follows reading and preparing, and may stop them: a callback hears how many units are done, and breaks to stop.
///
/// It is asked many times a second. What a unit is, each function that takes one says. Whoever is stopped ends with
/// [`FeatureError::Stopped`].
///
/// # Examples
///
/// ```
/// use std::ops::ControlFlow;
/// use u2i_features::{DataConfig, FeatureError, ReadProgress};
/// # let dir = tempfile::tempdir().unwrap();
/// let pairs: String = (0..1_000).map(|n| format!("ann {n}\n")).collect();
/// std::fs::write(dir.path().join("pairs"), &pairs).unwrap();
/// let config = "sequences = { file = 'pairs', layout = 'pairs', encoding = 'utf-8', \
///               limits = { max_reject_ratio = 0.0, max_line_bytes = 1000 } }";
/// let config: DataConfig = toml::from_str(config).unwrap();
/// assert_eq!(config.n_bytes(None, dir.path()), pairs.len() as u64);
/// let stopped = config.read_following(None, dir.path(), &mut ReadProgress::new(&mut |_| ControlFlow::Break(())));
/// assert!(matches!(stopped, Err(FeatureError::Stopped)));
/// ```
#[derive(Default)]
pub struct ReadProgress<'a> {
    tell: Option<&'a mut dyn FnMut(u64) -> ControlFlow<()>>,
    /// Units of what is through.
    before: u64,
    n_steps: u32,
}

/// Small steps between two times that the callback is told: a few microseconds of work.
const STEPS: u32 = 256;

impl<'a> ReadProgress<'a> {
    /// Tells `tell` the units that are done so far.
    pub fn new(tell: &'a mut dyn FnMut(u64) -> ControlFlow<()>) -> Self {
        ReadProgress { tell: Some(tell), before: 0, n_steps: 0 }
    }

    /// Tells nobody, and is never stopped.
    pub fn silent() -> Self {
        ReadProgress::default()
    }

    /// Tells that so many units are done of what is under way.
    pub(crate) fn tell(&mut self, units: u64) -> Result<(), FeatureError> {
        let Some(tell) = &mut self.tell else { return Ok(()) };
        match tell(self.before + units) {
            ControlFlow::Continue(()) => Ok(()),
            ControlFlow::Break(()) => Err(FeatureError::Stopped),
        }
    }

    /// Takes one of many small steps, and tells after some of them.
    #[inline]
    pub(crate) fn step(&mut self, units: impl FnOnce() -> u64) -> Result<(), FeatureError> {
        self.n_steps = self.n_steps.wrapping_add(1);
        if !self.n_steps.is_multiple_of(STEPS) || self.tell.is_none() {
            return Ok(());
        }
        self.tell(units())
    }

    /// What was under way is through, so many units of it.
    pub(crate) fn pass(&mut self, units: u64) -> Result<(), FeatureError> {
        self.before += units;
        self.tell(0)
    }
}

impl std::fmt::Debug for ReadProgress<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ReadProgress").field("before", &self.before).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn units_of_what_is_through_are_added_and_a_break_stops() {
        let mut told = Vec::new();
        let mut tell = |done| {
            told.push(done);
            if done < 60 { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
        };
        let mut progress = ReadProgress::new(&mut tell);
        progress.tell(10).unwrap();
        progress.pass(50).unwrap();
        assert!((1..STEPS).all(|_| progress.step(|| 9).is_ok()));
        assert!(progress.step(|| 5).is_ok());
        assert!(matches!(progress.tell(10), Err(FeatureError::Stopped)));
        assert_eq!(told, [10, 50, 55, 60]);
        assert!((0..10 * STEPS).all(|_| ReadProgress::silent().step(|| 99).is_ok()));
    }
}
