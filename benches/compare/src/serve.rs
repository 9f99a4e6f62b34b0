//! `u2i serve`, and what people write instead, under load from this process.

mod bundle;
mod client;
mod drip;
mod faults;
mod library;
mod load;
mod process;
mod service;

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use clap::{Args, Subcommand, ValueEnum};
use serde_json::{Value, json};

use crate::rounds::serve as rounds;
use bundle::Size;
use load::{BUSY, OPEN, ROUND_S};
use service::{Service, round};

/// What is measured, and of which programs.
#[derive(Args)]
pub struct Options {
    #[command(flatten)]
    programs: Programs,
    #[command(subcommand)]
    contest: Contest,
}

#[derive(Args)]
struct Programs {
    /// The program `u2i`
    #[arg(long, global = true)]
    u2i: Option<PathBuf>,
    /// Python with the peer's packages
    #[arg(long, global = true)]
    python: Option<PathBuf>,
    /// The peer's script
    #[arg(long, global = true)]
    script: Option<PathBuf>,
    /// Threads of ours, workers of the peer
    #[arg(long, global = true, default_value_t = 2)]
    threads: usize,
}

#[derive(Clone, Copy, Subcommand)]
enum Contest {
    /// As many single requests as there can be, of 10⁵ items
    Peak {
        #[arg(long)]
        side: Side,
    },
    /// Half as many as the peer managed in its last `peak`
    Half {
        #[arg(long)]
        side: Side,
    },
    /// One request after another
    One {
        #[arg(long)]
        side: Side,
    },
    /// 10⁶ items, seven tenths of as many requests as there can be
    Million,
    /// 10⁶ requests, a tenth of which write events
    Memory,
    /// Ten times as many requests as can be answered
    Overload,
    /// No contest: `--write` makes a bundle of any size, for `scripts/serving/capacity.py`
    Bundle {
        #[arg(long)]
        items: usize,
        #[arg(long)]
        dim: usize,
    },
    /// A good client beside a thousand that send a byte now and then
    SlowClients,
}

/// Who answers.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Side {
    /// Our service
    Ours,
    /// The peer's service
    Peer,
    /// Our library, called in this process
    Library,
}

/// Requests of a round of one client.
const SINGLE: usize = 2_000;

impl Options {
    /// Writes what both sides read.
    pub fn write(&self, data: &Path) -> Result<()> {
        self.contest.size().write(data)
    }

    /// Asks, a round at a time.
    pub fn run(&self, data: &Path) -> Result<()> {
        // Sleeps end when they should, not up to 50 µs later. Where the system has no such setting they do not.
        let _ = fs::write("/proc/self/timerslack_ns", "1");
        match self.contest {
            Contest::Peak { side: Side::Library } => library::busy(data, self.programs.threads, ROUND_S),
            Contest::Peak { side } => peak(&self.start(data, side)?, side, &peak_file(data)),
            Contest::Half { side } => half(&self.start(data, side)?, &peak_file(data)),
            Contest::One { side: Side::Library } => library::single(data, SINGLE),
            Contest::One { side } => {
                let service = self.start(data, side)?;
                rounds(json!({}), || {
                    let (told, spent) = service.during(1, |load| load.closed(60.0, SINGLE))?;
                    round(&told, spent, &[])
                })
            }
            Contest::Million => million(&self.start(data, Side::Ours)?),
            Contest::Memory => faults::memory(&self.start(data, Side::Ours)?),
            Contest::Overload => faults::overload(&self.start(data, Side::Ours)?, data),
            Contest::Bundle { .. } => anyhow::bail!("a bundle is written, with `--write`"),
            Contest::SlowClients => faults::slow_clients(&self.start(data, Side::Ours)?),
        }
    }

    fn start(&self, data: &Path, side: Side) -> Result<Service> {
        let Programs { u2i, python, script, threads } = &self.programs;
        let size = self.contest.size();
        match side {
            Side::Ours => Service::ours(u2i.as_deref().context("--u2i")?, size, data, *threads),
            Side::Peer => {
                let (python, script) =
                    python.as_deref().zip(script.as_deref()).context("--python and --script")?;
                Service::peer(python, script, size, data, *threads)
            }
            Side::Library => anyhow::bail!("the library is no service"),
        }
    }
}

impl Contest {
    fn size(self) -> Size {
        match self {
            Contest::Peak { .. } | Contest::Half { .. } | Contest::One { .. } | Contest::SlowClients => {
                Size::MEDIUM
            }
            Contest::Million | Contest::Overload => Size::LARGE,
            Contest::Memory => Size::SMALL,
            Contest::Bundle { items, dim } => Size { items, dim },
        }
    }
}

/// Where a peer's peak is kept for those who are asked for half of it.
fn peak_file(data: &Path) -> PathBuf {
    data.join("serve-peer-peak.json")
}

fn peak(service: &Service, side: Side, file: &Path) -> Result<()> {
    let recall = service.recall()?;
    let mut best = 0.0_f64;
    rounds(json!({ "versions": service.versions()? }), || {
        let (told, spent) = service.during(BUSY, |load| load.closed(ROUND_S, usize::MAX))?;
        best = best.max(told.per_s());
        if side == Side::Peer {
            fs::write(file, json!({ "per_s": best }).to_string())
                .with_context(|| format!("cannot write {}", file.display()))?;
        }
        round(&told, spent, &[("recall@100", recall)])
    })
}

fn half(service: &Service, file: &Path) -> Result<()> {
    let text = fs::read_to_string(file).context("the peer's peak is measured first")?;
    let peak: Value = serde_json::from_str(&text).context("the peer's peak")?;
    let per_s = peak["per_s"].as_f64().context("a peak is a number")? / 2.0;
    let recall = service.recall()?;
    rounds(json!({ "versions": service.versions()? }), || {
        let (told, spent) = service.during(OPEN, |load| load.open(per_s, ROUND_S))?;
        round(&told, spent, &[("recall@100", recall), ("offered a second", per_s)])
    })
}

fn million(service: &Service) -> Result<()> {
    let recall = service.recall()?;
    // The first moments warm caches up.
    service.during(BUSY, |load| load.closed(2.0, usize::MAX))?;
    let (peak, _) = service.during(2 * BUSY, |load| load.closed(2.0 * ROUND_S, usize::MAX))?;
    peak.check()?;
    let per_s = 0.7 * peak.per_s();
    rounds(json!({}), || {
        let (told, spent) = service.during(OPEN, |load| load.open(per_s, 2.0 * ROUND_S))?;
        round(&told, spent, &[("recall@100", recall), ("offered a second", per_s)])
    })
}
