//! The chapter's six steps as six calls.
#![expect(clippy::print_stdout, reason = "an example shows its result")]

use u2i::datasets::{Mirror, Places};
use u2i::device::DeviceChoice;
use u2i::eval::Metric;
use u2i::pipeline::{
    build_metrics_table, evaluate_model, load_config, load_data, prepare_features, train_model,
};

fn main() -> Result<(), u2i::Error> {
    let places = Places { data_dir: None, env_dir: None, cache_dir: None, mirror: Mirror::publishers() };
    let device = DeviceChoice::Cpu.open()?;

    let config = load_config("synthetic/fm")?;
    let data = load_data(&config, &places, ".".as_ref())?;
    let features = prepare_features(&config, &data)?;
    let trained = train_model(&config, &features, &device, &mut ())?;
    let evaluation = evaluate_model(&config, &trained, &features, &device)?;
    println!("{}", build_metrics_table(&[("fm", &evaluation.metrics)]));

    // Far better than ten random items out of the catalog.
    let by_chance = 10.0 / features.catalog.n_items() as f64;
    assert!(evaluation.metrics.mean(Metric::HitRate(10)).unwrap() > 3.0 * by_chance);
    Ok(())
}
