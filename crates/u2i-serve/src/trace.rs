//! The log: a line for each request and for what happens to the service, with the request's id.

use std::str::FromStr;

use tracing::level_filters::LevelFilter;

use crate::ServeError;

/// How lines of the log are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum LogFormat {
    /// For people.
    #[default]
    Text,
    /// A JSON object each.
    Json,
}

impl FromStr for LogFormat {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "text" => Ok(LogFormat::Text),
            "json" => Ok(LogFormat::Json),
            other => Err(format!("expected text or json, found `{other}`")),
        }
    }
}

/// Has the whole process write its log to standard error. A program that has a subscriber of its own leaves this out.
///
/// # Errors
///
/// [`ServeError::Start`] if the process has a subscriber already.
pub fn log_to_stderr(format: LogFormat, level: LevelFilter) -> Result<(), ServeError> {
    let log = tracing_subscriber::fmt().with_writer(std::io::stderr).with_max_level(level).with_target(false);
    let set = match format {
        LogFormat::Text => log.with_ansi(false).try_init(),
        LogFormat::Json => {
            log.json().flatten_event(true).with_current_span(true).with_span_list(false).try_init()
        }
    };
    set.map_err(|error| ServeError::Start { what: "the log", reason: error.to_string() })
}
