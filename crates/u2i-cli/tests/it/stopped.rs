//! Ctrl-C while the command reads, and what a log says meanwhile.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// A file that is read for some seconds: ids of many users are slow to tell apart.
fn events(path: &Path, n_rows: usize) {
    let mut file = std::io::BufWriter::new(std::fs::File::create(path).unwrap());
    writeln!(file, "user_id,item_id,timestamp").unwrap();
    for row in 0..n_rows {
        writeln!(file, "u{},i{},{}", row * 7_919 % 900_001, row % 90_001, 1_500_000_000 + row).unwrap();
    }
}

fn start(folder: &Path, args: &[&str]) -> Child {
    let mut command = Command::new(env!("CARGO_BIN_EXE_u2i"));
    command.current_dir(folder).args(args).stdout(Stdio::null()).stderr(Stdio::piped());
    command.spawn().unwrap()
}

/// One SIGINT once something is under way, which the log says after a second: the command ends soon, with 130, and has
/// written nothing.
#[cfg(unix)]
#[test]
fn one_sigint_stops_reading_and_leaves_no_file() {
    let folder = tempfile::tempdir().unwrap();
    events(&folder.path().join("events.csv"), 6_000_000);
    let mut child = start(folder.path(), &["init", "events.csv", "--out", "experiment.toml"]);
    let mut log = BufReader::new(child.stderr.take().unwrap());
    let mut first = String::new();
    log.read_line(&mut first).unwrap();
    assert!(first.starts_with("reading: ") && first.contains("MiB"), "{first:?}");
    let asked = Instant::now();
    let status = Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap();
    assert!(status.success());
    let code = child.wait().unwrap().code();
    let took = asked.elapsed();
    let mut rest = String::new();
    log.read_to_string(&mut rest).unwrap();
    assert_eq!(code, Some(130), "{rest}");
    assert!(rest.contains("stopped"), "{rest:?}");
    // Wanted are two seconds; a busy machine has five times as many.
    assert!(took < Duration::from_secs(10), "it took {took:?}");
    let names: Vec<_> =
        std::fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(names, ["events.csv"]);
}
