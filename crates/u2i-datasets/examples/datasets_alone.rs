//! A small data set from a seed, and a name that finds it.

use u2i_datasets::{Dataset, DatasetName, Mirror, Places, SyntheticConfig, resolve, synthetic};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let small = SyntheticConfig { users: 100, items: 50, ..SyntheticConfig::STANDARD };
    let raw = synthetic(7, &small);
    assert_eq!(raw.user_ids.len(), 100);
    assert_eq!(raw.hash, synthetic(7, &small).hash);

    let nowhere = Places { data_dir: None, env_dir: None, cache_dir: None, mirror: Mirror::publishers() };
    let name: DatasetName = "synthetic".parse()?;
    assert_eq!(resolve(name, &nowhere)?.dataset, Dataset::Synthetic);
    Ok(())
}
