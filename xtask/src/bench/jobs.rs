//! Contests of the whole job, and of what a second thread and a checkpoint take.

use super::contest::{Asked, Bar, Contest, Library, Measure, Peer};

const TWO: &[usize] = &[2];

const MILLION: Contest = Contest {
    id: "whole-job-1e6",
    variant: "baselines and evaluation, of the whole",
    what: "10⁶ events of 180,000 users and 300,000 items, from the file to an evaluated, exported model, one epoch",
    ours: "job --events 1e6 --epochs 1",
    peer: Peer::Nobody,
    measure: Measure::Told("counting_share", "of the time"),
    bar: Some(Bar::AtMost(0.25)),
    fresh: true,
    rounds: 1,
    threads: TWO,
    asked: Asked::Named,
};

const ALS: Contest = Contest {
    id: "whole-job-vs-als",
    variant: "10⁶ events",
    what: "events to the best 100 for 10,000 users, against ALS of implicit",
    ours: "job --events 1e6 --epochs 1",
    peer: Peer::Job(Library::Implicit, "implicit_job.py --model als --events 1e6"),
    measure: Measure::Slower,
    bar: Some(Bar::AtMost(3.0)),
    ..MILLION
};

const TEN_MILLION: &str = "job --events 1e7 --epochs 1";

const SECOND_THREAD: Contest = Contest {
    id: "threads-2",
    variant: "a training step",
    what: "seconds with two threads through those with one",
    ours: "train recipe",
    peer: Peer::OneThread,
    measure: Measure::Slower,
    bar: Some(Bar::AtMost(0.6)),
    fresh: false,
    rounds: 7,
    ..MILLION
};

/// All of them, in the order they are run.
pub const JOBS: &[Contest] = &[
    MILLION,
    Contest {
        variant: "processor time",
        measure: Measure::Told("cpu_s", "CPU s"),
        bar: Some(Bar::AtMost(120.0)),
        ..MILLION
    },
    Contest {
        variant: "baselines where every user is evaluated, of the whole",
        ours: "job --events 1e6 --epochs 1 --every-user",
        measure: Measure::Told("baselines_share", "of the time"),
        bar: Some(Bar::AtMost(0.05)),
        ..MILLION
    },
    Contest {
        id: "whole-job-growth",
        variant: "",
        what: "10⁷ events of 418,000 users and 500,000 items, through 10⁶",
        ours: TEN_MILLION,
        peer: Peer::Ours("job --events 1e6 --epochs 1"),
        measure: Measure::CpuOfWork("CPU µs an event"),
        bar: Some(Bar::AtMost(1.3)),
        ..MILLION
    },
    Contest {
        id: "whole-job-1e8",
        variant: "",
        what: "10⁸ events of 2,000,000 users and 1,000,000 items, stopped above 16 GiB: memory beyond the tables",
        ours: "job --events 1e8 --epochs 1 --limit-gib 16",
        measure: Measure::Told("bytes_an_event", "bytes an event"),
        bar: Some(Bar::AtMost(24.0)),
        asked: Asked::InFull,
        ..MILLION
    },
    ALS,
    Contest {
        variant: "10⁷ events",
        ours: TEN_MILLION,
        peer: Peer::Job(Library::Implicit, "implicit_job.py --model als --events 1e7"),
        ..ALS
    },
    Contest {
        id: "whole-job-vs-bpr",
        what: "the same, against BPR of implicit",
        peer: Peer::Job(Library::Implicit, "implicit_job.py --model bpr --events 1e6"),
        bar: None,
        ..ALS
    },
    Contest {
        id: "whole-job-vs-bpr",
        variant: "10⁷ events",
        what: "the same, against BPR of implicit",
        ours: TEN_MILLION,
        peer: Peer::Job(Library::Implicit, "implicit_job.py --model bpr --events 1e7"),
        bar: None,
        ..ALS
    },
    Contest {
        id: "whole-job-vs-rectools",
        what: "the same, against SASRec of RecTools",
        peer: Peer::Job(Library::Neural, "rectools_job.py --events 1e6"),
        measure: Measure::Faster,
        bar: Some(Bar::AtLeast(5.0)),
        ..ALS
    },
    Contest {
        id: "whole-job-vs-rectools",
        variant: "10⁷ events",
        what: "the same, against SASRec of RecTools",
        ours: TEN_MILLION,
        peer: Peer::Job(Library::Neural, "rectools_job.py --events 1e7"),
        measure: Measure::Faster,
        bar: Some(Bar::AtLeast(5.0)),
        ..ALS
    },
    Contest {
        id: "whole-job-vs-rechub",
        variant: "10⁶ events, YouTubeDNN",
        what: "the same, against torch-rechub",
        peer: Peer::Job(Library::Neural, "rechub_job.py --model youtube_dnn --events 1e6"),
        measure: Measure::Faster,
        bar: Some(Bar::AtLeast(5.0)),
        ..ALS
    },
    Contest {
        id: "whole-job-vs-rechub",
        variant: "10⁶ events, DSSM",
        what: "the same, against torch-rechub",
        peer: Peer::Job(Library::Neural, "rechub_job.py --model dssm --events 1e6"),
        measure: Measure::Faster,
        bar: Some(Bar::AtLeast(5.0)),
        ..ALS
    },
    SECOND_THREAD,
    Contest {
        variant: "preparation of 10⁷ events",
        ours: "prepare events",
        fresh: true,
        rounds: 3,
        ..SECOND_THREAD
    },
    Contest {
        variant: "evaluation after 10⁶ events",
        ours: "job --events 1e6 --epochs 1",
        measure: Measure::SlowerPart("evaluate_s"),
        fresh: true,
        rounds: 1,
        ..SECOND_THREAD
    },
    Contest {
        id: "checkpoint-memory",
        variant: "",
        what: "memory above tables and moments of 10⁷ × 64 while they are written, through theirs",
        ours: "checkpoint --rows 10000000",
        measure: Measure::Told("share", "of tables and moments"),
        bar: Some(Bar::AtMost(0.05)),
        ..MILLION
    },
];
