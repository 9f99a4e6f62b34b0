//! How far a stage is: a bar on a terminal, and elsewhere a line now and then.

use std::time::{Duration, Instant};

use indicatif::{HumanBytes, HumanCount, HumanDuration, ProgressBar, ProgressStyle};

/// A stage that is under way.
pub enum Bar {
    /// On a terminal.
    Live(ProgressBar),
    /// Elsewhere.
    Lines(Lines),
}

/// Lines are so far apart.
const EVERY: Duration = Duration::from_secs(10);
/// A stage that is over sooner has no line.
const WORTH_A_LINE: Duration = Duration::from_secs(1);

impl Bar {
    /// A bar on a terminal. With 0 steps it is not known how many there are.
    pub fn live(label: &str, steps: u64, unit: &'static str) -> Self {
        let template = match (steps, unit) {
            (0, _) => "{prefix} {spinner} {elapsed}".to_owned(),
            (_, "bytes") => {
                "{prefix} [{bar:30}] {bytes} of {total_bytes} · {bytes_per_sec} · {eta} left".to_owned()
            }
            (_, "steps") => "{prefix} [{bar:30}] {pos}/{len} {msg} · {per_sec} · {eta} left".to_owned(),
            (_, unit) => {
                format!(
                    "{{prefix}} [{{bar:30}}] {{human_pos}} of {{human_len}} {unit} · {{per_sec}} · {{eta}} left"
                )
            }
        };
        let style = ProgressStyle::with_template(&template).expect("the templates are fixed");
        let bar = match steps {
            0 => ProgressBar::new_spinner(),
            steps => ProgressBar::new(steps),
        };
        bar.set_style(style.progress_chars("=> "));
        bar.set_prefix(label.to_owned());
        bar.enable_steady_tick(Duration::from_millis(500));
        Bar::Live(bar)
    }

    /// So many steps are done; the text is to be said where it is a line.
    pub fn advance(&mut self, done: u64, note: &str, now: Instant) -> Option<String> {
        match self {
            Bar::Live(bar) => {
                bar.set_position(done);
                if done.is_multiple_of(16) && !note.is_empty() {
                    bar.set_message(note.to_owned());
                }
                None
            }
            Bar::Lines(lines) => lines.advance(done, now),
        }
    }
}

/// A stage that is told in lines.
pub struct Lines {
    label: String,
    steps: u64,
    unit: &'static str,
    begun: Instant,
    /// When the next line is due.
    due: Instant,
    /// Whether it has been said what has begun.
    is_named: bool,
}

impl Lines {
    /// A stage that begins `now`. `named` says that it has been said.
    pub fn begin(label: &str, steps: u64, unit: &'static str, now: Instant) -> Self {
        Lines { label: label.to_owned(), steps, unit, begun: now, due: now + WORTH_A_LINE, is_named: false }
    }

    /// The stage, after its first line is printed.
    pub fn named(self) -> Self {
        Lines { is_named: true, due: self.begun + EVERY, ..self }
    }

    /// What is being done.
    pub fn name(&self) -> String {
        match self.steps {
            0 => self.label.clone(),
            steps => format!("{}: {}", self.label, self.counted(steps)),
        }
    }

    fn advance(&mut self, done: u64, now: Instant) -> Option<String> {
        if now < self.due {
            return None;
        }
        if !std::mem::replace(&mut self.is_named, true) {
            self.due = self.begun + EVERY;
            return Some(self.name());
        }
        self.due = now + EVERY;
        let seconds = now.duration_since(self.begun).as_secs_f64();
        if self.steps == 0 {
            return Some(format!("{}: {seconds:.0} s", self.label));
        }
        let per_second = done as f64 / seconds;
        let left = match per_second > 0.0 {
            true => {
                let left_s = self.steps.saturating_sub(done) as f64 / per_second;
                format!("{} left", HumanDuration(Duration::from_secs_f64(left_s.min(1e9))))
            }
            false => "nothing yet".to_owned(),
        };
        let rate = match self.unit {
            "bytes" => format!("{}/s", HumanBytes(per_second as u64)),
            _ => format!("{per_second:.1}/s"),
        };
        Some(format!("{}: {} of {}, {rate}, {left}", self.label, self.number(done), self.counted(self.steps)))
    }

    fn number(&self, n: u64) -> String {
        match self.unit {
            "bytes" => HumanBytes(n).to_string(),
            _ => HumanCount(n).to_string(),
        }
    }

    fn counted(&self, n: u64) -> String {
        match self.unit {
            "bytes" => HumanBytes(n).to_string(),
            // As before there were other units.
            "steps" => format!("{n} steps"),
            unit => format!("{} {unit}", HumanCount(n)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is said if `done` steps are done so many seconds after the beginning.
    fn said(lines: Lines, done: &[(u64, u64)]) -> Vec<String> {
        let begun = lines.begun;
        let mut bar = Bar::Lines(lines);
        done.iter().filter_map(|&(s, done)| bar.advance(done, "", begun + Duration::from_secs(s))).collect()
    }

    #[test]
    fn a_long_stage_is_named_once_and_then_told_every_ten_seconds() {
        let begin = |label, steps, unit| Lines::begin(label, steps, unit, Instant::now());
        assert!(said(begin("reading", 1 << 30, "bytes"), &[(0, 9), (0, 1 << 30)]).is_empty());
        assert_eq!(
            said(
                begin("reading", 1 << 30, "bytes"),
                &[(2, 1 << 26), (9, 1 << 28), (16, 1 << 29), (20, 1 << 29)]
            ),
            ["reading: 1.00 GiB", "reading: 512.00 MiB of 1.00 GiB, 32.00 MiB/s, 16 seconds left"]
        );
        assert_eq!(
            said(begin("preparing", 10_000_000, "events"), &[(1, 5), (10, 0), (20, 2_000_000)]),
            [
                "preparing: 10,000,000 events",
                "preparing: 0 of 10,000,000 events, 0.0/s, nothing yet",
                "preparing: 2,000,000 of 10,000,000 events, 100000.0/s, 80 seconds left",
            ]
        );
        assert_eq!(said(begin("linking", 0, "vectors"), &[(1, 0), (12, 0)]), ["linking", "linking: 12 s"]);
        let steps = begin("fm seed 1", 3000, "steps").named();
        assert_eq!(steps.name(), "fm seed 1: 3000 steps");
        assert_eq!(said(steps, &[(5, 9), (10, 20)]), ["fm seed 1: 20 of 3000 steps, 2.0/s, 25 minutes left"]);
    }
}
