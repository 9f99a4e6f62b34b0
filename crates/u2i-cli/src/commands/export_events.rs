use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use clap::Args;
use serde_json::json;
use u2i::{Error, ErrorKind, Progress as _};
use u2i_live::{EventLog, LiveError, export_parquet, open_log};

use super::shared::moment;
use crate::output::Output;
use crate::terminal::Terminal;

/// Write the events that a service was told as a Parquet file, for the next training.
///
/// Example: `u2i export-events events.db --out events.parquet`
///
/// STORE is what `u2i serve --events` was given, and the service may go on meanwhile. The file has the columns user_id,
/// item_id, timestamp, kind and event_id, in the order in which events arrived; `u2i init` reads it. Users who were
/// forgotten are not in it.
///
/// With --backup a store in a file is copied as it is at one moment. Put in the place of STORE while nothing serves, it is
/// that store.
#[derive(Args)]
pub struct Arguments {
    /// The store: a file, or `postgres://USER:PASSWORD@HOST:PORT/DATABASE`.
    store: String,
    /// Where the events go. A file that is there is replaced.
    #[arg(long, value_name = "PARQUET", required_unless_present = "backup")]
    out: Option<PathBuf>,
    /// Only events that happened at this moment or later: 2001-02-03, 2001-02-03T04:05:06Z, or Unix seconds.
    #[arg(long, value_name = "TIME", value_parser = moment, requires = "out")]
    since: Option<i64>,
    /// Where a copy of the whole store goes. A file that is there is replaced. pg_dump copies what is on a server.
    #[arg(long, value_name = "FILE")]
    backup: Option<PathBuf>,
}

impl Arguments {
    pub fn run(self, output: Output, terminal: &mut Terminal<'_>) -> Result<(), Error> {
        let log = open_log(&self.store).map_err(failed)?;
        if let Some(to) = &self.backup {
            log.backup(to).map_err(failed)?;
            terminal.say(&format!("wrote {}, a copy of {}", to.display(), log.name()));
        }
        let n_events = match &self.out {
            Some(out) => Some(export(&*log, self.since, out, terminal)?),
            None => None,
        };
        match output {
            Output::Json => terminal.print_json(&json!({
                "store": log.name(),
                "out": self.out,
                "n_events": n_events,
                "since_s": self.since,
                "backup": self.backup,
            })),
            Output::Text => {
                if let (Some(n), Some(out)) = (n_events, &self.out) {
                    let events = if n == 1 { "event" } else { "events" };
                    terminal.print(&format!("{n} {events} in {}", out.display()));
                }
            }
        }
        Ok(())
    }
}

fn export(
    log: &dyn EventLog,
    since_s: Option<i64>,
    out: &Path,
    terminal: &mut Terminal<'_>,
) -> Result<u64, Error> {
    terminal.begin("events", log.n_events(since_s).map_err(failed)?);
    let exported = export_parquet(log, since_s, out, &mut |n| {
        terminal.advance(n, "");
        if terminal.stop_requested() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    });
    terminal.end();
    exported.map_err(failed)?.ok_or_else(|| Error::Other {
        kind: ErrorKind::Stopped,
        source: format!("stopped; {} is as it was", out.display()).into(),
    })
}

fn failed(error: LiveError) -> Error {
    Error::Other { kind: error.kind(), source: Box::new(error) }
}
