//! D9: memory stays bounded, however long a line is.

use std::io::Write as _;
use std::path::Path;
use std::process::Command;

use u2i::Stage;
use u2i::features::formats::Csv;
use u2i::features::{Encoding, EventsConfig, Incomplete, ReadLimits, TablesConfig, TimeConfig, TimeUnit};
use u2i::features::{read_ml_100k, read_tables};

use crate::full;

/// Names the folder to the process that reads it.
const FOLDER: &str = "U2I_TEST_LONG_LINES";

/// One good row, a row of `mib` MiB that begins with `start`, and another good row.
fn write(path: &Path, rows: [&str; 2], start: &str, mib: usize) {
    let mut file = std::fs::File::create(path).unwrap();
    file.write_all(format!("{}\n{start}", rows[0]).as_bytes()).unwrap();
    let block = vec![b'a'; 1 << 20];
    (0..mib).for_each(|_| file.write_all(&block).unwrap());
    file.write_all(format!("\n{}\n", rows[1]).as_bytes()).unwrap();
}

fn events(file: &str) -> TablesConfig {
    TablesConfig {
        events: EventsConfig {
            file: file.into(),
            format: Csv::new(',', Encoding::Utf8).into(),
            user: "user".into(),
            item: "item".into(),
            time: Some(TimeConfig { column: "time".into(), unit: TimeUnit::Seconds }),
            request: vec![],
            without_user: Incomplete::Rejected,
            without_item: Incomplete::Rejected,
            without_time: Incomplete::Rejected,
        },
        users: None,
        items: None,
        whole_number_ids: false,
        sequences: vec![],
        missing: None,
        limits: ReadLimits::STRICT,
    }
}

/// A line of 64 MiB (1 GiB with `U2I_FULL=1`) is refused in a process of its own that never holds as much as 64 MiB
/// (256 MiB): between tabs, in a CSV row, and in an open quote.
#[cfg(target_os = "linux")]
#[test]
fn a_line_of_any_length_is_refused_in_bounded_memory() {
    let (mib, most_mib) = if full() { (1024, 256.0) } else { (64, 64.0) };
    let folder = tempfile::tempdir().unwrap();
    let header = "user,item,time\n1,1,10";
    let reads: [(&str, [&str; 2], &str); 3] = [
        ("u.data", ["1\t1\t3\t10", "1\t2\t3\t20"], ""),
        ("long.csv", [header, "1,2,20"], "1,"),
        ("open.csv", [header, "1,2,20"], "1,\""),
    ];
    for (file, rows, start) in reads {
        write(&folder.path().join(file), rows, start, mib);
        let output = Command::new(std::env::current_exe().unwrap())
            .args(["long_lines::reads_a_folder", "--exact", "--nocapture", "--test-threads=1"])
            .env(FOLDER, folder.path())
            .output()
            .unwrap();
        std::fs::remove_file(folder.path().join(file)).unwrap();
        let said = String::from_utf8_lossy(&output.stdout);
        assert!(output.status.success(), "{file}: {said}{}", String::from_utf8_lossy(&output.stderr));
        let peak = said.lines().find_map(|line| line.split_once("peak: ")?.1.parse::<f64>().ok());
        let peak = peak.unwrap_or_else(|| panic!("no peak in {said}"));
        assert!(peak <= most_mib, "{file}: {peak} MiB for a line of {mib} MiB");
    }
}

/// Reads what the test above wrote and says how much memory it took: that test starts it in a process of its own.
#[test]
#[expect(clippy::print_stdout, reason = "the other test reads it")]
fn reads_a_folder() {
    let Some(folder) = std::env::var_os(FOLDER) else { return };
    let folder = Path::new(&folder);
    let stage = Stage::begin();
    let error = if folder.join("u.data").exists() {
        read_ml_100k(folder, &ReadLimits::STRICT).unwrap_err()
    } else {
        let files = ["long.csv", "open.csv"];
        let file = files.into_iter().find(|file| folder.join(file).exists()).unwrap();
        read_tables(&events(file), folder).unwrap_err()
    };
    let message = error.to_string();
    println!("\n{message}\npeak: {}", stage.cost().peak_rss_mib.unwrap());
    assert!(message.contains("1048576"), "{message}");
}
