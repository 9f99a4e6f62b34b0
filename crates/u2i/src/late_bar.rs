use std::time::{Duration, Instant};

use crate::progress::Progress;

/// What is done in less is not shown.
const SHOWN_AFTER: Duration = Duration::from_secs(1);

/// A bar of bytes that appears only where a job takes longer than a second. It takes the place of another one that is there.
pub(crate) struct LateBar<'a> {
    label: &'a str,
    progress: &'a mut dyn Progress,
    begun: Instant,
    is_shown: bool,
}

impl<'a> LateBar<'a> {
    pub fn new(label: &'a str, progress: &'a mut dyn Progress) -> Self {
        LateBar { label, progress, begun: Instant::now(), is_shown: false }
    }

    /// So many bytes of so many are done.
    pub fn advance(&mut self, done: u64, bytes: u64) {
        if !self.is_shown && self.begun.elapsed() >= SHOWN_AFTER {
            self.is_shown = true;
            self.progress.end();
            self.progress.begin_in(self.label, bytes, "bytes");
        }
        if self.is_shown {
            self.progress.advance(done, "");
        }
    }

    /// Whether somebody wants the job to stop.
    pub fn stop_requested(&self) -> bool {
        self.progress.stop_requested()
    }

    /// Takes it away; returns whether it was there.
    pub fn end(self) -> bool {
        if self.is_shown {
            self.progress.end();
        }
        self.is_shown
    }
}
