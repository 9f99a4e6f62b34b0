//! D8: empty, tiny and degenerate data through the whole command: exit code 3 with the counts, or a run with a report.

use std::path::Path;

use crate::command_line::u2i;

/// `n` events; event `i` is of the user, item and second that `of` says.
fn events(n: usize, of: impl Fn(usize) -> (usize, usize, usize)) -> Vec<(usize, usize, usize)> {
    (0..n).map(of).collect()
}

/// The three files of MovieLens 100K, in which all users and items that occur are listed.
fn ml_100k(folder: &Path, events: &[(usize, usize, usize)]) {
    let row = |&(user, item, s): &(usize, usize, usize)| {
        format!("{}\t{}\t3\t{}\n", user + 1, item + 1, 880_000_000 + s)
    };
    let (users, items) = (events.iter().map(|e| e.0).max(), events.iter().map(|e| e.1).max());
    let user = |user| format!("{}|24|M|writer|85711\n", user + 1);
    let item = |item| format!("{}|A (1995)|01-Jan-1995||x|0{}\n", item + 1, "|1".repeat(18));
    files(
        folder,
        &[
            ("ml-100k/u.data", &events.iter().map(row).collect::<String>()),
            ("ml-100k/u.user", &(0..=users.unwrap_or(0)).map(user).collect::<String>()),
            ("ml-100k/u.item", &(0..=items.unwrap_or(0)).map(item).collect::<String>()),
        ],
    );
}

fn files(folder: &Path, files: &[(&str, &str)]) {
    for (name, text) in files {
        let path = folder.join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }
}

/// The exit code and standard error of the tuned YouTubeDNN on what is in `folder`, and whether there is a report. An
/// index that needs more items than there are is a mistake of the config, so there is none.
fn run(folder: &Path, dataset: &str, protocol: &str) -> (i32, String, bool) {
    let own = format!("{dataset}/youtube_dnn");
    let mut config = toml::Table::try_from(u2i::pipeline::load_config(&own).unwrap()).unwrap();
    config.remove("index");
    files(folder, &[(&format!("configs/{own}.toml"), &toml::to_string(&config).unwrap())]);
    let arguments = ["reproduce", "youtube_dnn", "--data-dir", ".", "--dataset", dataset];
    let more = ["--protocol", protocol, "--recipe", "tuned", "--configs", "configs"];
    let output = u2i(&[&arguments[..], &more[..]].concat(), "1", folder);
    let report = format!("runs/{dataset}/{protocol}/tuned/youtube_dnn/seed-1/report.json");
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    (output.status.code().unwrap_or(-1), text, folder.join(report).exists())
}

/// Of the files of MovieLens 100K or 1M one is replaced.
#[test]
fn files_without_a_usable_row_end_with_3_and_say_why() {
    let good = events(40, |i| (i % 4, i, i));
    let ml_1m = [
        (
            "ml-1m/ratings.dat",
            "1::1::3::880000000\n1::2::3::880000001\n1::3::3::880000002\n1::4::3::880000003\n",
        ),
        ("ml-1m/users.dat", "1::M::25::4::55117\n"),
        (
            "ml-1m/movies.dat",
            "1::A (1995)::Comedy\n2::B (1995)::Comedy\n3::C (1995)::Drama\n4::D (1995)::Drama\n",
        ),
    ];
    let cases = [
        ("ml-100k/u.data", "", "u.data: the file is empty"),
        ("ml-100k/u.data", "\n", "u.data"),
        ("ml-100k/u.data", "\n\n\n", "u.data"),
        ("ml-100k/u.data", "user id\titem id\trating\ttimestamp\n", "u.data:1"),
        ("ml-100k/u.data", "a\tb\tc\td\nx\ty\tz\tw\n", "2"),
        ("ml-100k/u.data", "\0", "u.data"),
        ("ml-100k/u.data", "999\t1\t3\t880000000\n", "u.user: no row to use: 4 read"),
        ("ml-100k/u.data", "1\t999\t3\t880000000\n", "u.item: no row to use: 40 read"),
        ("ml-100k/u.user", "", "u.user: the file is empty"),
        ("ml-100k/u.user", "900|24|M|writer|85711\n", "u."),
        ("ml-100k/u.item", "", "u.item: the file is empty"),
        ("ml-100k/u.item", "900|A (1995)\n", "u.item:1"),
        ("ml-1m/ratings.dat", "", "ratings.dat: the file is empty"),
        ("ml-1m/ratings.dat", "UserID::MovieID::Rating::Timestamp\n", "ratings.dat:1"),
        ("ml-1m/users.dat", "", "users.dat: the file is empty"),
        ("ml-1m/movies.dat", "", "movies.dat: the file is empty"),
    ];
    for (name, text, said) in cases {
        let folder = tempfile::tempdir().unwrap();
        ml_100k(folder.path(), &good);
        files(folder.path(), &ml_1m);
        files(folder.path(), &[(name, text)]);
        let (code, message, report) = run(folder.path(), name.split('/').next().unwrap(), "time");
        assert_eq!(code, 3, "{name} {text:?}: {message}");
        assert!(message.contains(said) && !report, "{name} {text:?}: {message}");
    }
}

/// Data of which a protocol leaves nothing to train or to test on, and data of which it does.
#[test]
fn data_too_small_for_its_protocol_ends_with_3_and_the_counts() {
    let too_small = [
        ("time", "one event", events(1, |i| (0, i, i)), "1 users with 1 events, 1 of them to train on"),
        ("time", "two events", events(2, |i| (0, i, i)), "1 users with 2 events, 2 of them to train on"),
        ("time", "three events", events(3, |i| (0, i, i)), "1 users with 3 events, 1 of them to train on"),
        ("time", "two of each user", events(20, |i| (i / 2, i, i)), "10 users with 20 events, 20 of them"),
        ("time", "three of each user", events(30, |i| (i / 3, i, i)), "10 users with 30 events, 10 of them"),
        ("time", "each its own user", events(30, |i| (i, i, i)), "30 users with 30 events, 30 of them"),
        ("time", "one user, one item", events(2, |i| (0, 0, i)), "1 users with 2 events"),
        ("cut", "one event", events(1, |i| (0, i, i)), "1 users with 1 events, 0 of them to train on"),
        ("cut", "one second", events(30, |i| (i % 4, i, 7)), "4 users with 30 events, 0 of them to train on"),
        ("cut", "each its own user", events(40, |i| (i, i, i)), "40 users with 40 events, 32 of them"),
    ];
    for (protocol, what, events, counts) in too_small {
        let folder = tempfile::tempdir().unwrap();
        ml_100k(folder.path(), &events);
        let (code, message, report) = run(folder.path(), "ml-100k", protocol);
        assert_eq!(code, 3, "{protocol}, {what}: {message}");
        assert!(
            message.contains("the split leaves ") && message.contains(counts),
            "{protocol}, {what}: {message}"
        );
        assert!(!report, "{protocol}, {what}");
    }
    let enough = [
        ("time", "four events of one user", events(4, |i| (0, i, i))),
        ("time", "one user", events(30, |i| (0, i, i))),
        ("time", "one item", events(30, |i| (i % 4, 0, i))),
        ("time", "one user, one item", events(30, |i| (0, 0, i))),
        ("time", "one second", events(30, |i| (i % 4, i, 7))),
        ("cut", "one user", events(30, |i| (0, i, i))),
    ];
    for (protocol, what, events) in enough {
        let folder = tempfile::tempdir().unwrap();
        ml_100k(folder.path(), &events);
        let (code, message, report) = run(folder.path(), "ml-100k", protocol);
        assert_eq!(code, 0, "{protocol}, {what}: {message}");
        assert!(report, "{protocol}, {what}");
    }
}
