//! Figures of pytrec_eval-terrier 0.5.11 (trec_eval's own C code), printed by this script; no list has ties.
//!
//! ```python
//! import pytrec_eval
//! run = {"a": ["3", "7", "1", "9", "4", "2", "8", "5", "6", "0"],
//!        "b": ["5", "2", "8", "1", "0", "3"],
//!        "c": ["9", "6", "4", "7", "1", "2", "0", "8"],
//!        "d": ["1", "2", "3"]}
//! qrel = {"a": ["1"], "b": ["2", "3", "7"], "c": ["0", "4", "5", "8", "9"], "d": ["6"]}
//! scores = {u: {i: float(-r) for r, i in enumerate(ids)} for u, ids in run.items()}
//! wanted = {"success.2,5", "ndcg_cut.2,5", "P.2,5", "recall.2,5", "recip_rank"}
//! evaluator = pytrec_eval.RelevanceEvaluator({u: {i: 1 for i in ids} for u, ids in qrel.items()}, wanted)
//! per_user = evaluator.evaluate(scores)
//! for m in sorted(per_user["a"]):
//!     print(m, sum(v[m] for v in per_user.values()) / 4)
//! ```

use std::collections::HashSet;

use u2i_eval::{Accumulator, Metric};

/// What the script printed: `(metric, mean over users)`.
const PRINTED: [(Metric, f64); 9] = [
    (Metric::Precision(2), 0.25),
    (Metric::Precision(5), 0.2),
    (Metric::Ndcg(2), 0.25),
    (Metric::Ndcg(5), 0.326_205_554_719_072_3),
    (Metric::Recall(2), 0.133_333_333_333_333_33),
    (Metric::Recall(5), 0.433_333_333_333_333_35),
    (Metric::Mrr, 0.458_333_333_333_333_3),
    (Metric::HitRate(2), 0.5),
    (Metric::HitRate(5), 0.75),
];

#[test]
fn metrics_are_those_of_trec_eval() {
    let users: [(&[u32], &[u32]); 4] = [
        (&[3, 7, 1, 9, 4, 2, 8, 5, 6, 0], &[1]),
        (&[5, 2, 8, 1, 0, 3], &[2, 3, 7]),
        (&[9, 6, 4, 7, 1, 2, 0, 8], &[0, 4, 5, 8, 9]),
        (&[1, 2, 3], &[6]),
    ];
    let mut accumulator = Accumulator::new(&[2, 5]).unwrap();
    for (ranked, relevant) in users {
        accumulator.add_list(ranked, &relevant.iter().copied().collect::<HashSet<_>>());
    }
    let metrics = accumulator.finish().unwrap();
    for (metric, printed) in PRINTED {
        let found = metrics.mean(metric).unwrap();
        assert!((found - printed).abs() < 1e-12, "{metric}: {found}, trec_eval {printed}");
    }
}
