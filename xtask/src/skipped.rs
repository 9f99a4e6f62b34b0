//! Tests that cannot run on a machine, and say so. Tests of other crates include this file.

/// Names the file to which each skipped test adds a line.
pub const SKIP_LOG: &str = "U2I_SKIP_LOG";

/// Says past the capture of the test's output, so that a passing test is heard, that it is skipped and why.
#[cfg(test)]
#[track_caller]
pub fn skip(reason: &str) {
    let line = format!("skipped: {}: {reason}\n", std::panic::Location::caller());
    std::io::Write::write_all(&mut std::io::stderr(), line.as_bytes())
        .expect("standard error can be written");
    if let Some(log) = std::env::var_os(SKIP_LOG) {
        record(&line, log.as_ref());
    }
}

/// Adds a line to the list of skipped tests, which the processes of all tests write.
#[cfg(test)]
pub fn record(line: &str, log: &std::path::Path) {
    let file = std::fs::File::options().create(true).append(true).open(log);
    file.and_then(|mut file| std::io::Write::write_all(&mut file, line.as_bytes())).expect(SKIP_LOG);
}
