use u2i::config::Experiment;
use u2i::datasets::{Mirror, Places};
use u2i::device::DeviceChoice;
use u2i::eval::Metric;
use u2i::pipeline::{evaluate_model, load_config, load_data, prepare_features, train_model};

use crate::own_experiment::own_experiment;
use crate::synthetic;

#[test]
fn events_of_ones_own_go_through_the_six_steps() {
    let folder = tempfile::tempdir().unwrap();
    let raw = synthetic();
    let path = own_experiment(folder.path());
    let config: Experiment = load_config(&path).unwrap();
    let places = Places { data_dir: None, env_dir: None, cache_dir: None, mirror: Mirror::publishers() };
    let data = load_data(&config, &places, folder.path()).unwrap();
    assert_eq!((data.n_events(), data.item_ids.len()), (raw.n_events(), raw.item_ids.len()));
    let prepared = prepare_features(&config, &data).unwrap();
    assert!(prepared.columns.is_empty());
    let device = DeviceChoice::Cpu.open().unwrap();
    let trained = train_model(&config, &prepared, &device, &mut ()).unwrap();
    let evaluation = evaluate_model(&config, &trained, &prepared, &device).unwrap();
    let hit_rate = evaluation.metrics.mean(Metric::HitRate(10)).unwrap();
    // Popularity reaches .06 and the Markov window .54 on these events.
    assert!(hit_rate > 0.4, "{hit_rate}");
}
