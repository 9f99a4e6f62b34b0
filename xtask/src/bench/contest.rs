//! What a comparison is, and what may be wanted of one.

/// A comparison.
pub struct Contest {
    /// As `--only` and the rows of `--json` name it.
    pub id: &'static str,
    /// Which of several under one name, empty where there is one.
    pub variant: &'static str,
    /// What is measured.
    pub what: &'static str,
    /// Arguments of our side.
    pub ours: &'static str,
    /// Who it is measured against.
    pub peer: Peer,
    /// What of a round is compared.
    pub measure: Measure,
    /// What is wanted; nothing of what only stands beside another for comparison.
    pub bar: Option<Bar>,
    /// Whether each round has a process of its own, as where files are read and memory is measured.
    pub fresh: bool,
    /// Rounds of each side.
    pub rounds: usize,
    /// Numbers of threads that both sides are held to, one after another.
    pub threads: &'static [usize],
    /// What has it run.
    pub asked: Asked,
}

/// What has a contest run.
#[derive(Clone, Copy, PartialEq)]
pub enum Asked {
    /// No name, or its own.
    Always,
    /// The first part of its id, or all of it: it takes many minutes.
    Named,
    /// All of its id: it takes hours, or most of the memory of a machine.
    InFull,
}

/// The other side.
pub enum Peer {
    /// A script in `benches/peers` with its arguments.
    Python(&'static str),
    /// Our binary again, with other arguments.
    Ours(&'static str),
    /// Our binary again, which puts a script in `benches/peers` that serves under load.
    Served(&'static str, &'static str),
    /// A script in `benches/peers` that does the whole job, with its arguments.
    Job(Library, &'static str),
    /// Our side again, with one thread.
    OneThread,
    /// Nobody: a round itself tells what is wanted.
    Nobody,
}

/// What a peer of the whole job is made with.
#[derive(Clone, Copy)]
pub enum Library {
    /// implicit.
    Implicit,
    /// RecTools or torch-rechub.
    Neural,
}

impl Peer {
    /// What `scripts/peers.sh` is asked for to have its packages of Python, if it needs any.
    pub fn environment(&self) -> Option<&'static str> {
        match self {
            Peer::Python(_) | Peer::Served(..) => Some("--python"),
            Peer::Job(Library::Implicit, _) => Some("--implicit"),
            Peer::Job(Library::Neural, _) => Some("--neural"),
            Peer::Ours(_) | Peer::OneThread | Peer::Nobody => None,
        }
    }
}

/// What of a round is compared, and its unit.
#[derive(Clone, Copy, PartialEq)]
pub enum Measure {
    /// Work a second of processor time; ours through the peer's.
    PerCpuSecond(&'static str),
    /// Seconds of a round; the peer's through ours.
    Faster,
    /// Seconds of a round; ours through the peer's.
    Slower,
    /// Seconds that a round itself measured; ours through the peer's.
    SlowerMedian,
    /// Seconds of a step; ours through the peer's.
    StepSlower,
    /// MiB at the peak; the peer's through ours.
    Leaner,
    /// Bytes at the peak through the work of a round; ours, whatever the peer's.
    BytesOfWork(&'static str),
    /// Seconds that 99 of 100 requests stay below; ours through the peer's.
    SlowerTail,
    /// Seconds that a round itself measured; ours less the peer's, in µs.
    Added,
    /// What a round tells under a name, and its unit; ours, whatever the peer's.
    Told(&'static str, &'static str),
    /// Seconds that a round tells under a name; ours through the peer's.
    SlowerPart(&'static str),
    /// Microseconds of processor time through the work of a round; ours through the peer's.
    CpuOfWork(&'static str),
}

/// What a ratio must be.
#[derive(Clone, Copy)]
pub enum Bar {
    AtLeast(f64),
    AtMost(f64),
}

impl Bar {
    pub fn is_met(self, ratio: f64) -> bool {
        match self {
            Bar::AtLeast(bar) => ratio >= bar,
            Bar::AtMost(bar) => ratio <= bar,
        }
    }

    pub fn text(self) -> String {
        match self {
            Bar::AtLeast(bar) => format!("≥ {bar}"),
            Bar::AtMost(bar) => format!("≤ {bar}"),
        }
    }
}
