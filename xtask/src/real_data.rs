//! The real data sets for tests. Tests of other crates include this file:
//!
//! ```text
//! #[path = "../../../../xtask/src/real_data.rs"]
//! mod real_data;
//!
//! let Some(folder) = real_data::folder("ml-1m") else { return };
//! ```
//!
//! Without the data such a test passes and says so; where the data is promised, `cargo xtask test` reads the
//! list of those that did and fails.

#[path = "skipped.rs"]
pub mod skipped;

/// Names the folder that holds `ml-1m` and `ml-100k`.
pub const DATA_DIR: &str = "U2I_DATA_DIR";

/// `$U2I_DATA_DIR/<data_set>`, or `None` after saying which test is skipped and why.
#[cfg(test)]
#[track_caller]
pub fn folder(data_set: &str) -> Option<std::path::PathBuf> {
    let reason = match std::env::var_os(DATA_DIR) {
        Some(dir) => {
            let folder = std::path::Path::new(&dir).join(data_set);
            if folder.is_dir() {
                return Some(folder);
            }
            format!("{} is no folder", folder.display())
        }
        None => format!("{DATA_DIR} is not set, and {data_set} should be there"),
    };
    skipped::skip(&reason);
    None
}
