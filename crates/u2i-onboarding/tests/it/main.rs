//! Configs that are made from files, and what is said of them.

mod layouts;
mod onboarding;
#[path = "../../../../xtask/src/real_data.rs"]
mod real_data;
mod roles;
mod stopped;

use u2i_datasets::{Mirror, Places};

/// 2026-11-30, so that what is later is in the future whenever a test runs.
const NOW_S: i64 = 1_796_000_000;

fn nowhere() -> Places {
    Places { data_dir: None, env_dir: None, cache_dir: None, mirror: Mirror::publishers() }
}
