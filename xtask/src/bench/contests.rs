//! What is compared with what, and what is wanted of it.

use super::contest::{Asked, Bar, Contest, Measure, Peer};
use super::jobs::JOBS;

const BOTH: &[usize] = &[1, 2];
const ONE: &[usize] = &[1];

const RECHUB: Contest = Contest {
    id: "train-vs-rechub",
    variant: "20 negatives for each positive",
    what: "YouTubeDNN over plain means",
    ours: "train plain",
    peer: Peer::Python("rechub.py --model youtube_dnn --negatives 20"),
    measure: Measure::PerCpuSecond("positives / CPU s"),
    bar: Some(Bar::AtLeast(5.0)),
    fresh: false,
    rounds: 3,
    threads: BOTH,
    asked: Asked::Always,
};

const PANDAS: Contest = Contest {
    id: "prepare-vs-pandas",
    variant: "",
    what: "ML-1M, files to the first batch",
    ours: "prepare movielens",
    peer: Peer::Python("prepare_pandas.py"),
    measure: Measure::Faster,
    bar: Some(Bar::AtLeast(20.0)),
    fresh: true,
    rounds: 3,
    threads: BOTH,
    asked: Asked::Always,
};

const EVALUATE: Contest = Contest {
    id: "evaluate",
    variant: "",
    what: "the best 100 of 3,706 items × 64 for 6,040 users, seen ones excluded",
    ours: "search evaluate",
    peer: Peer::Python("faiss_flat.py --what evaluate"),
    measure: Measure::Faster,
    bar: Some(Bar::AtLeast(1.0)),
    fresh: false,
    rounds: 9,
    threads: BOTH,
    asked: Asked::Always,
};

const IVF_1: &str = "search faiss --kind ivf --batch 1 --side ours";
const IVF_64: &str = "search faiss --kind ivf --batch 64 --side ours";
const HNSW_1: &str = "search faiss --kind hnsw --batch 1 --side ours";
const HNSW_64: &str = "search faiss --kind hnsw --batch 64 --side ours";

const OVERHEAD: Contest = Contest {
    id: "search-overhead",
    variant: "IVF, one query at a time",
    what: "the best 100 of 10⁵ items × 64",
    ours: IVF_1,
    peer: Peer::Ours("search faiss --kind ivf --batch 1 --side bare"),
    measure: Measure::Slower,
    bar: Some(Bar::AtMost(1.05)),
    fresh: false,
    // A tenth of a second each, and a bar that is near to 1.
    rounds: 61,
    threads: ONE,
    asked: Asked::Always,
};

/// PyPI's faiss stands beside the linked one, and nothing is wanted of it.
const PYPI: Contest = Contest { bar: None, rounds: 5, ..OVERHEAD };

const FULL: Contest = Contest {
    id: "sampled-vs-full",
    variant: "1,000 negatives",
    what: "a step with full softmax over 10⁶ items, through one with sampled negatives",
    ours: "train million --loss full",
    peer: Peer::Ours("train million --loss 1000"),
    measure: Measure::StepSlower,
    bar: Some(Bar::AtLeast(100.0)),
    fresh: false,
    // A full step takes a minute.
    rounds: 1,
    threads: ONE,
    asked: Asked::Always,
};

const SERVICE: Contest = Contest {
    id: "serve-vs-fastapi",
    variant: "as many requests as there can be",
    what: "the best 100 of 10⁵ items × 64 (HNSW) for a history, over HTTP",
    ours: "serve peak --side ours",
    peer: Peer::Served("serve_peer.py", "serve peak --side peer"),
    measure: Measure::PerCpuSecond("requests / CPU s"),
    bar: Some(Bar::AtLeast(10.0)),
    fresh: false,
    rounds: 5,
    // Clients take their part of both cores.
    threads: &[2],
    asked: Asked::Always,
};

/// All contests, in the order they are run.
pub fn contests() -> impl Iterator<Item = &'static Contest> + Clone {
    CONTESTS.iter().chain(JOBS)
}

const CONTESTS: &[Contest] = &[
    Contest {
        id: "train-vs-torch",
        variant: "",
        what: "YouTubeDNN of the recipe, ML-1M size, 2,048 positives a step",
        ours: "train recipe",
        peer: Peer::Python("youtube_dnn_torch.py"),
        bar: Some(Bar::AtLeast(1.5)),
        rounds: 7,
        ..RECHUB
    },
    RECHUB,
    Contest {
        variant: "20 that our batch shares, 20 for each positive in the peer",
        ours: "train plain --shared",
        bar: None,
        threads: ONE,
        ..RECHUB
    },
    Contest {
        id: "dssm-vs-rechub",
        variant: "",
        what: "DSSM, pointwise, 4 negatives of each positive",
        ours: "train pointwise --negatives 4",
        peer: Peer::Python("rechub.py --model dssm --negatives 4"),
        measure: Measure::PerCpuSecond("positives and negatives / CPU s"),
        bar: Some(Bar::AtLeast(4.0)),
        ..RECHUB
    },
    Contest {
        id: "table-growth",
        variant: "",
        what: "a step at 10⁷ rows × 32 in one table, through one at 10⁴",
        ours: "train rows --rows 10000000",
        peer: Peer::Ours("train rows --rows 10000"),
        measure: Measure::StepSlower,
        bar: Some(Bar::AtMost(1.5)),
        fresh: false,
        rounds: 7,
        threads: BOTH,
        asked: Asked::Always,
    },
    PANDAS,
    Contest {
        id: "prepare-vs-pandas-memory",
        what: "the same, memory at its peak",
        measure: Measure::Leaner,
        bar: Some(Bar::AtLeast(5.0)),
        threads: ONE,
        ..PANDAS
    },
    Contest {
        id: "prepare-vs-polars",
        what: "10⁷ events of a CSV file, read, split and made to samples, against polars reading and sorting it",
        ours: "prepare events",
        peer: Peer::Ours("prepare polars"),
        measure: Measure::Slower,
        bar: Some(Bar::AtMost(2.0)),
        ..PANDAS
    },
    Contest {
        id: "prepare-vs-polars-memory",
        what: "the same, memory at its peak",
        ours: "prepare events",
        peer: Peer::Ours("prepare polars"),
        measure: Measure::BytesOfWork("bytes an event"),
        bar: Some(Bar::AtMost(100.0)),
        ..PANDAS
    },
    EVALUATE,
    Contest {
        id: "exact",
        what: "the best 100 of 10⁶ items × 64 for 1,000 users",
        ours: "search exact",
        peer: Peer::Python("faiss_flat.py --what exact"),
        rounds: 3,
        ..EVALUATE
    },
    OVERHEAD,
    Contest {
        variant: "IVF, 64 queries at a time",
        ours: IVF_64,
        peer: Peer::Ours("search faiss --kind ivf --batch 64 --side bare"),
        threads: BOTH,
        ..OVERHEAD
    },
    Contest {
        variant: "HNSW, one query at a time",
        ours: HNSW_1,
        peer: Peer::Ours("search faiss --kind hnsw --batch 1 --side bare"),
        rounds: 15,
        ..OVERHEAD
    },
    Contest {
        variant: "HNSW, 64 queries at a time",
        ours: HNSW_64,
        peer: Peer::Ours("search faiss --kind hnsw --batch 64 --side bare"),
        rounds: 15,
        threads: BOTH,
        ..OVERHEAD
    },
    Contest {
        variant: "IVF, one query at a time, beside PyPI's faiss",
        peer: Peer::Python("faiss_flat.py --what ivf"),
        ..PYPI
    },
    Contest {
        variant: "IVF, 64 queries at a time, beside PyPI's faiss",
        ours: IVF_64,
        peer: Peer::Python("faiss_flat.py --what ivf --batch 64"),
        ..PYPI
    },
    Contest {
        variant: "HNSW, one query at a time, beside PyPI's faiss",
        ours: HNSW_1,
        peer: Peer::Python("faiss_flat.py --what hnsw"),
        ..PYPI
    },
    Contest {
        variant: "HNSW, 64 queries at a time, beside PyPI's faiss",
        ours: HNSW_64,
        peer: Peer::Python("faiss_flat.py --what hnsw --batch 64"),
        ..PYPI
    },
    Contest {
        id: "end-to-end",
        variant: "",
        what: "a user encoded and searched for among 10⁶ items (IVF), p50, against plain loops and bare faiss",
        ours: "search end-to-end --side ours",
        peer: Peer::Ours("search end-to-end --side bare"),
        measure: Measure::SlowerMedian,
        bar: Some(Bar::AtMost(1.2)),
        fresh: false,
        rounds: 7,
        threads: ONE,
        asked: Asked::Always,
    },
    FULL,
    Contest { variant: "5,000 negatives", peer: Peer::Ours("train million --loss 5000"), bar: None, ..FULL },
    SERVICE,
    Contest {
        variant: "at half of the peer's peak",
        ours: "serve half --side ours",
        peer: Peer::Served("serve_peer.py", "serve half --side peer"),
        measure: Measure::SlowerTail,
        bar: Some(Bar::AtMost(0.333)),
        ..SERVICE
    },
    Contest {
        id: "serve-overhead",
        what: "the same over HTTP and by a call of the library",
        variant: "one request after another, what HTTP adds",
        ours: "serve one --side ours",
        peer: Peer::Ours("serve one --side library"),
        measure: Measure::Added,
        bar: Some(Bar::AtMost(60.0)),
        rounds: 9,
        ..SERVICE
    },
    Contest {
        id: "serve-overhead",
        what: "the same over HTTP and by a call of the library",
        variant: "as many as there can be",
        ours: "serve peak --side ours",
        peer: Peer::Ours("serve peak --side library"),
        bar: Some(Bar::AtLeast(0.75)),
        ..SERVICE
    },
    Contest {
        id: "serve-1e6",
        variant: "",
        what: "the best 100 of 10⁶ items × 64 (IVF) over HTTP at .7 of the peak, p99",
        ours: "serve million",
        peer: Peer::Nobody,
        measure: Measure::Told("p99_ms", "ms"),
        bar: Some(Bar::AtMost(5.0)),
        ..SERVICE
    },
    Contest {
        id: "serve-memory",
        variant: "",
        what: "growth of the server's memory over 10⁶ requests, a tenth of which write events, after the first fifth",
        ours: "serve memory",
        peer: Peer::Nobody,
        measure: Measure::Told("growth_mib", "MiB"),
        bar: Some(Bar::AtMost(8.0)),
        fresh: true,
        rounds: 1,
        ..SERVICE
    },
    Contest {
        id: "serve-overload",
        variant: "",
        what: "answers a second at ten times as many requests as can be answered, through those at the peak",
        ours: "serve overload",
        peer: Peer::Nobody,
        measure: Measure::Told("goodput", "of the peak"),
        bar: Some(Bar::AtLeast(0.9)),
        rounds: 3,
        ..SERVICE
    },
    Contest {
        id: "serve-slow-clients",
        variant: "",
        what: "p99 of a good client beside 1,000 that send a byte a second, through that alone",
        ours: "serve slow-clients",
        peer: Peer::Nobody,
        measure: Measure::Told("times", "times"),
        bar: Some(Bar::AtMost(1.5)),
        rounds: 5,
        ..SERVICE
    },
];
