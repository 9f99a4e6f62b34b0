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

/// Names the folder that holds `ml-1m` and `ml-100k`.
pub const DATA_DIR: &str = "U2I_DATA_DIR";
/// Names the file to which each skipped test adds a line.
pub const SKIP_LOG: &str = "U2I_SKIP_LOG";

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
    let line = format!("skipped: {}: {reason}\n", std::panic::Location::caller());
    // Written past the capture of the test's output, so that a passing test is heard.
    std::io::Write::write_all(&mut std::io::stderr(), line.as_bytes())
        .expect("standard error can be written");
    if let Some(log) = std::env::var_os(SKIP_LOG) {
        record(&line, log.as_ref());
    }
    None
}

/// Adds a line to the list of skipped tests, which the processes of all tests write.
#[cfg(test)]
pub fn record(line: &str, log: &std::path::Path) {
    let file = std::fs::File::options().create(true).append(true).open(log);
    file.and_then(|mut file| std::io::Write::write_all(&mut file, line.as_bytes())).expect(SKIP_LOG);
}
