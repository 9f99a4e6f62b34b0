use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use u2i::config::Experiment;
use u2i::data::{Mirror, Places};
use u2i::device::DeviceChoice;
use u2i::eval::Metric;
use u2i::pipeline::{evaluate_model, load_config, load_data, prepare_features, train_model};

use crate::synthetic;

/// A CSV of other names than ours, and a config of ours with its data replaced and its columns removed.
pub(crate) fn own_experiment(folder: &Path) -> PathBuf {
    let raw = synthetic();
    let mut csv = "bought_at,customer,article\n".to_owned();
    for event in 0..raw.n_events() {
        let (user, item) = (raw.events.user[event] as usize, raw.events.item[event] as usize);
        writeln!(csv, "{},{},{}", raw.events.time_s[event], raw.user_ids[user], raw.item_ids[item]).unwrap();
    }
    std::fs::write(folder.join("events.csv"), csv).unwrap();

    let text = include_str!("../../../../configs/synthetic/youtube_dnn.toml");
    let own = "[data.files.tables.events]\nfile = \"events.csv\"\n\
               format = { csv = { separator = \",\", encoding = \"utf-8\" } }\n\
               user = \"customer\"\nitem = \"article\"\ntime = { column = \"bought_at\", unit = \"s\" }\n\n\
               [data.files.tables.limits]\nmax_reject_ratio = 0.0\nmax_line_bytes = 65536\n";
    let (before, rest) = text.split_once("[data.named]\ndataset = \"synthetic\"\n").unwrap();
    let (split, rest) = rest.split_once("[[features.column]]").unwrap();
    let (_, rest) = rest.split_once("[features.history]").unwrap();
    let path = folder.join("own.toml");
    std::fs::write(&path, format!("{before}{own}{split}[features.history]{rest}")).unwrap();
    path
}

#[test]
fn events_of_ones_own_go_through_the_six_steps() {
    let folder = tempfile::tempdir().unwrap();
    let raw = synthetic();
    let path = own_experiment(folder.path());
    let config: Experiment = load_config(&path).unwrap();
    let places = Places { data_dir: None, env_dir: None, cache_dir: None, mirror: Mirror::grouplens() };
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
