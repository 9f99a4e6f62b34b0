//! What a person sees: bars on a terminal, plain lines elsewhere.

use std::io::{IsTerminal as _, Write as _};
use std::time::Instant;

use serde::Serialize;
use u2i::{Error, Progress};

use crate::bar::{Bar, Lines};
use crate::output::Output;
use crate::signals::Signals;

/// Bars on a terminal, plain lines elsewhere. Results go to standard output, everything else to standard error.
pub struct Terminal<'a> {
    output: Output,
    live: bool,
    bar: Option<Bar>,
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
            Some(Bar::Live(bar)) => bar.suspend(|| say(text)),
            Some(Bar::Lines(_)) | None => say(text),
        }
    }

    fn begin(&mut self, label: &str, steps: u64) {
        self.bar = Some(match self.live {
            true => Bar::live(label, steps, "steps"),
            false => {
                let lines = Lines::begin(label, steps, "steps", Instant::now()).named();
                say(&lines.name());
                Bar::Lines(lines)
            }
        });
    }

    fn begin_in(&mut self, label: &str, steps: u64, unit: &'static str) {
        self.bar = Some(match self.live {
            true => Bar::live(label, steps, unit),
            false => Bar::Lines(Lines::begin(label, steps, unit, Instant::now())),
        });
    }

    fn advance(&mut self, done: u64, note: &str) {
        let line = self.bar.as_mut().and_then(|bar| bar.advance(done, note, Instant::now()));
        if let Some(line) = line {
            say(&line);
        }
    }

    fn end(&mut self) {
        if let Some(Bar::Live(bar)) = self.bar.take() {
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
