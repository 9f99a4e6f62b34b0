//! What a person sees: bars on a terminal, plain lines elsewhere.

use std::io::{IsTerminal as _, Write as _};
use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};
use serde::Serialize;
use u2i::{Error, Progress};

use crate::output::Output;
use crate::signals::Signals;

/// Bars on a terminal, plain lines elsewhere. Results go to standard output, everything else to standard error.
pub struct Terminal<'a> {
    output: Output,
    live: bool,
    bar: Option<ProgressBar>,
    signals: &'a Signals,
}

impl<'a> Terminal<'a> {
    pub fn new(signals: &'a Signals, output: Output) -> Self {
        Terminal { output, live: std::io::stderr().is_terminal(), bar: None, signals }
    }

    /// Which signals have come.
    pub fn signals(&self) -> &'a Signals {
        self.signals
    }

    /// Prints a result. A closed pipe ends nothing.
    pub fn print(&self, text: &str) {
        let _ = writeln!(std::io::stdout(), "{text}");
    }

    /// Prints a result as JSON.
    pub fn print_json(&self, value: &impl Serialize) {
        self.print(&serde_json::to_string_pretty(value).expect("results are plain data"));
    }

    /// Says something that is no result.
    pub fn say(&mut self, text: &str) {
        self.line(text);
    }
}

impl Progress for Terminal<'_> {
    fn line(&mut self, text: &str) {
        match &self.bar {
            Some(bar) => bar.suspend(|| say(text)),
            None => say(text),
        }
    }

    fn begin(&mut self, label: &str, steps: u64) {
        if !self.live {
            say(&format!("{label}: {steps} steps"));
            return;
        }
        let style = ProgressStyle::with_template("{prefix} [{bar:30}] {pos}/{len} {msg} · {eta} left");
        let bar = ProgressBar::new(steps).with_prefix(label.to_owned());
        bar.set_style(style.expect("the template is fixed").progress_chars("=> "));
        bar.enable_steady_tick(Duration::from_millis(500));
        self.bar = Some(bar);
    }

    fn advance(&mut self, done: u64, note: &str) {
        if let Some(bar) = &self.bar {
            bar.set_position(done);
            if done.is_multiple_of(16) {
                bar.set_message(note.to_owned());
            }
        }
    }

    fn end(&mut self) {
        if let Some(bar) = self.bar.take() {
            bar.finish_and_clear();
        }
    }

    fn stop_requested(&self) -> bool {
        self.signals.stop_requested()
    }

    fn table(&mut self, text: &str) {
        if self.output == Output::Text {
            self.print(&format!("\n{text}"));
        }
    }
}

/// Prints an error and its causes on one line.
pub fn error(error: &Error) {
    let mut text = format!("error: {error}");
    let mut cause = std::error::Error::source(error);
    while let Some(error) = cause {
        let message = error.to_string();
        if !text.ends_with(&message) {
            text += &format!(": {message}");
        }
        cause = error.source();
    }
    say(&text);
}

/// A closed standard error ends nothing.
fn say(text: &str) {
    let _ = writeln!(std::io::stderr(), "{text}");
}
