//! Criterion benchmarks of the parts that a run spends its time in: `cargo bench -p u2i-benches`.
//!
//! Sizes stand in the id of each bench; data is built outside of the measured loop.
