#[cfg(not(feature = "otel"))]
use std::convert::Infallible;
use std::net::SocketAddr;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

use clap::Args;
use u2i::{Error, ErrorKind};
use u2i_serve::{LevelFilter, LogFormat, ServeError, ServeOptions, Service, Shutdown, Token, log_to_stderr};

use super::serve_check::check;
use super::shared::ServingDevice;
use crate::terminal::Terminal;

/// The variable that a token may stand in.
const TOKEN: &str = "U2I_TOKEN";
/// The variable that the store of events may be named in: command lines, and passwords in them, can be read by others.
const EVENTS: &str = "U2I_EVENTS";
/// The variables that name a collector of traces.
const COLLECTOR: [&str; 2] = ["OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT"];

/// Answer requests over HTTP from a bundle, count what users do meanwhile, and show a page to try it all.
///
/// Example: `u2i serve bundle`
///
/// The page is at the address that the log names; /openapi.json describes the endpoints, docs/serving.md everything.
/// SIGTERM and Ctrl-C end it after the requests under way are answered (exit code 0; 143 if that took over 10 seconds).
/// In a build with the feature otel, requests are traced to the collector that OTEL_EXPORTER_OTLP_ENDPOINT names.
#[derive(Args)]
pub struct Arguments {
    /// The folder of the bundle, or a link to it. A new bundle may take its place.
    #[arg(required_unless_present = "check")]
    bundle: Option<PathBuf>,
    /// Where to listen. An address that other machines can reach needs a token.
    #[arg(long, default_value = "127.0.0.1:8080")]
    addr: SocketAddr,
    /// Where events are kept: a file, postgres://…, or `none` to take no events. By default a file beside the bundle,
    /// BUNDLE.events.sqlite. It may also stand in the variable U2I_EVENTS.
    #[arg(long, value_name = "PATH|URL")]
    events: Option<String>,
    /// A file with the token that callers must show. It may also stand in the variable U2I_TOKEN.
    #[arg(long, value_name = "FILE")]
    token_file: Option<PathBuf>,
    /// Take a new bundle as soon as it is in the folder, if it stands the tests.
    #[arg(long)]
    watch: bool,
    /// A second bundle that answers, too, for comparison.
    #[arg(long, value_name = "BUNDLE")]
    shadow: Option<PathBuf>,
    /// Threads that encode and search; one for each core if it is not given.
    #[arg(long, value_name = "N")]
    threads: Option<NonZeroUsize>,
    /// The kinds of events that count in histories, with commas between them; all if it is not given.
    #[arg(long, value_name = "KIND,…", value_delimiter = ',')]
    kinds: Option<Vec<String>>,
    /// Remove events that are older: 90d, 12h. By default they are kept.
    #[arg(long, value_name = "TIME", value_parser = period)]
    keep_events: Option<Duration>,
    /// How lines of the log are written: text or json.
    #[arg(long, default_value = "text", value_name = "FORMAT")]
    log: LogFormat,
    /// What is logged: error, warn, info (a line for each request) or debug.
    #[arg(long, default_value = "info", value_name = "LEVEL")]
    log_level: LevelFilter,
    /// Serve nothing: ask the service at this address whether it is ready, and end with 0 if it is, else with 4. Of an
    /// address with a path that path is asked: http://127.0.0.1:8080/healthz.
    #[arg(long, value_name = "URL", conflicts_with = "bundle")]
    check: Option<String>,
    #[command(flatten)]
    device: ServingDevice,
}

impl Arguments {
    pub fn run(self, terminal: &mut Terminal<'_>) -> Result<(), Error> {
        let bundle = match (self.check, self.bundle) {
            (None, Some(bundle)) => bundle,
            (url, _) => {
                terminal.print(&check(&url.unwrap_or_default())?);
                return Ok(());
            }
        };
        let device = self.device.device.open()?;
        let _traces = log(self.log, self.log_level, terminal).map_err(failed)?;
        let defaults = ServeOptions::new(&bundle);
        let options = ServeOptions {
            addr: self.addr,
            events: events(self.events.or_else(|| std::env::var(EVENTS).ok()), &bundle),
            token: token(self.token_file.as_deref())?,
            watch: self.watch,
            shadow: self.shadow,
            threads: self.threads.unwrap_or(defaults.threads),
            kinds: self.kinds,
            keep_events: self.keep_events,
            ..defaults
        };
        let service = Service::start(&options, &device.device).map_err(failed)?;
        let stop = service.stop();
        let signals = terminal.signals();
        let ended = thread::scope(|scope| {
            let serving = scope.spawn(|| service.run());
            while !serving.is_finished() {
                if signals.stop_requested() {
                    stop.stop();
                }
                thread::sleep(Duration::from_millis(20));
            }
            serving.join()
        });
        match ended {
            Ok(Shutdown::Drained) => Ok(()),
            Ok(Shutdown::Cut(n)) => Err(Error::Other {
                kind: ErrorKind::Stopped,
                source: format!("{n} connections were cut: their requests took too long").into(),
            }),
            Err(panic) => std::panic::resume_unwind(panic),
        }
    }
}

/// Starts the log. Where a collector is named, spans are sent there as long as what comes back lives.
#[cfg(feature = "otel")]
fn log(
    format: LogFormat,
    level: LevelFilter,
    _: &mut Terminal<'_>,
) -> Result<Option<u2i_serve::Traces>, ServeError> {
    match is_traced() {
        true => u2i_serve::log_and_trace(format, level).map(Some),
        false => log_to_stderr(format, level).map(|()| None),
    }
}

/// Starts the log, and says so where a collector is named, of which this build knows nothing.
#[cfg(not(feature = "otel"))]
fn log(
    format: LogFormat,
    level: LevelFilter,
    terminal: &mut Terminal<'_>,
) -> Result<Option<Infallible>, ServeError> {
    if is_traced() {
        terminal.say("no traces are sent: this build lacks the feature otel");
    }
    log_to_stderr(format, level).map(|()| None)
}

/// Whether a collector is named, and not switched off.
fn is_traced() -> bool {
    let is =
        |name: &str, value: &str| std::env::var(name).is_ok_and(|found| found.eq_ignore_ascii_case(value));
    COLLECTOR.iter().any(|name| std::env::var_os(name).is_some_and(|value| !value.is_empty()))
        && !is("OTEL_SDK_DISABLED", "true")
        && !is("OTEL_TRACES_EXPORTER", "none")
}

fn failed(error: ServeError) -> Error {
    Error::Other { kind: error.kind(), source: Box::new(error) }
}

/// Where events are kept: a file beside the bundle if nothing is said.
fn events(given: Option<String>, bundle: &Path) -> Option<String> {
    match given.as_deref() {
        Some("none") => None,
        Some(_) => given,
        None => {
            let mut name = bundle.file_name().unwrap_or_default().to_owned();
            name.push(".events.sqlite");
            Some(bundle.with_file_name(name).display().to_string())
        }
    }
}

fn token(file: Option<&Path>) -> Result<Option<Token>, Error> {
    Ok(match (file, std::env::var(TOKEN)) {
        (Some(file), _) => Some(Token::read(file).map_err(failed)?),
        (None, Ok(secret)) => Some(Token::new(&secret, TOKEN).map_err(failed)?),
        (None, Err(_)) => None,
    })
}

/// A number of days, hours, minutes or seconds.
fn period(text: &str) -> Result<Duration, String> {
    let wanted = || format!("expected a period such as 90d, 12h, 30m or 45s, found `{text}`");
    let (number, unit) = text.split_at_checked(text.len().saturating_sub(1)).ok_or_else(wanted)?;
    let seconds = match unit {
        "d" => 86_400,
        "h" => 3_600,
        "m" => 60,
        "s" => 1,
        _ => return Err(wanted()),
    };
    let number: u64 = number.parse().map_err(|_| wanted())?;
    let seconds = number.checked_mul(seconds).filter(|&seconds| seconds > 0).ok_or_else(wanted)?;
    Ok(Duration::from_secs(seconds))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn periods_are_numbers_with_a_unit() {
        for (text, seconds) in [("90d", 7_776_000), ("12h", 43_200), ("30m", 1_800), ("45s", 45)] {
            assert_eq!(period(text), Ok(Duration::from_secs(seconds)));
        }
        for text in ["", "d", "90", "-1d", "1.5h", "0s", "1w", "é", "999999999999999999d"] {
            assert!(period(text).is_err(), "{text}");
        }
    }

    #[test]
    fn events_are_beside_the_bundle() {
        let of = |given: Option<&str>, bundle: &str| events(given.map(str::to_owned), Path::new(bundle));
        assert_eq!(of(None, "a/bundle").as_deref(), Some("a/bundle.events.sqlite"));
        assert_eq!(of(None, "a/bundle/").as_deref(), Some("a/bundle.events.sqlite"));
        assert_eq!(of(Some("e.sqlite"), "b").as_deref(), Some("e.sqlite"));
        assert_eq!(of(Some("none"), "b"), None);
    }
}
