//! On MovieLens, where `U2I_DATA_DIR` names it.

use std::num::NonZeroUsize;

use u2i::baselines::{Baseline, MarkovWindow, Popularity, rank_targets};
use u2i::datasets::{Dataset, FoundSet, Layout};
use u2i::pipeline::{load_config, prepare_features, read_dataset};
use u2i_eval::{Accumulator, Metric};

use crate::real_data;

/// The figures of the numpy prototype, .0369 and .2801, to within its rounding and half a standard error.
#[test]
fn counting_on_ml_1m_reaches_what_the_prototype_does() {
    let Some(folder) = real_data::folder("ml-1m") else { return };
    let found = FoundSet { name: "ml-1m", folder, layout: Layout::Ml1m };
    let raw = read_dataset(&Dataset::Files(found)).unwrap();
    let experiment = load_config("ml-1m/fm").unwrap();
    let prepared = prepare_features(&experiment, &raw).unwrap();
    let n_items = prepared.catalog.n_items();
    let hit_rate = |baseline: &dyn Baseline| {
        let mut metrics = Accumulator::new(&[10]).unwrap();
        let ranked = rank_targets(baseline, &prepared.events, &prepared.test, NonZeroUsize::MIN);
        for rank in ranked.ranks {
            metrics.add_rank(rank.excluded);
        }
        metrics.finish().unwrap().mean(Metric::HitRate(10)).unwrap()
    };
    let popularity = hit_rate(&Popularity::new(&prepared.train, n_items));
    let markov = hit_rate(&MarkovWindow::new(&prepared.train, n_items));
    assert!((popularity - 0.037).abs() < 0.003, "{popularity}");
    assert!((markov - 0.280).abs() < 0.005, "{markov}");
}
