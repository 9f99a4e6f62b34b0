//! Data sets by their names: the list, what is downloaded from a server on this machine, and folders that are there.

use std::fmt::Write as _;
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener};
use std::path::Path;
use std::process::{Command, Output};
use std::thread;

/// The command with a mirror and a folder of data, and a cache in `folder`.
fn u2i(arguments: &[&str], mirror: Option<SocketAddr>, data: Option<&Path>, folder: &Path) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_u2i"));
    command.args(arguments).env_remove("U2I_DATA_DIR").env_remove("U2I_MIRROR").env("RAYON_NUM_THREADS", "1");
    // Nothing may leave this machine: where no server is given, none answers.
    let closed = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    command.env("U2I_MIRROR", format!("http://{}", mirror.unwrap_or(closed)));
    if let Some(data) = data {
        command.env("U2I_DATA_DIR", data);
    }
    command.env("XDG_CACHE_HOME", folder).current_dir(folder).output().unwrap()
}

fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// Serves files under their paths, and status 404 for others.
fn serve(files: Vec<(&'static str, Vec<u8>)>) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let mut request = Vec::new();
            let mut byte = [0];
            while !request.ends_with(b"\r\n\r\n") && stream.read(&mut byte).unwrap_or(0) == 1 {
                request.push(byte[0]);
            }
            let request = String::from_utf8_lossy(&request).into_owned();
            let path = request.split(' ').nth(1).unwrap_or_default();
            let found = files.iter().find(|(own, _)| *own == path);
            let (status, body) =
                found.map_or(("404 Not Found", &[][..]), |(_, body)| ("200 OK", body.as_slice()));
            let head =
                format!("HTTP/1.1 {status}\r\nconnection: close\r\ncontent-length: {}\r\n\r\n", body.len());
            let _ = stream.write_all(&[head.as_bytes(), body].concat());
        }
    });
    address
}

/// A zip of files that are stored as they are (PKWARE, APPNOTE.TXT, 4.3).
fn zipped(files: &[(&str, &str)]) -> Vec<u8> {
    let (mut zip, mut directory) = (Vec::new(), Vec::new());
    for (name, text) in files {
        let at = zip.len() as u32;
        let size = (text.len() as u32).to_le_bytes();
        // Version, flags, method, time, date; then hash, both sizes, length of the name, nothing more.
        let mut entry = vec![20, 0, 0, 0, 0, 0, 0, 0, 0x21, 0];
        entry.extend([crc_32(text.as_bytes()).to_le_bytes(), size, size].concat());
        entry.extend((name.len() as u16).to_le_bytes());
        entry.extend([0, 0]);
        zip.extend([b"PK\x03\x04".as_slice(), entry.as_slice(), name.as_bytes(), text.as_bytes()].concat());
        directory.extend(
            [
                b"PK\x01\x02".as_slice(),
                &[20, 0],
                entry.as_slice(),
                &[0; 10],
                &at.to_le_bytes(),
                name.as_bytes(),
            ]
            .concat(),
        );
    }
    let n = (files.len() as u16).to_le_bytes();
    let (size, at) = ((directory.len() as u32).to_le_bytes(), (zip.len() as u32).to_le_bytes());
    let end = [b"PK\x05\x06".as_slice(), &[0; 4], &n, &n, &size, &at, &[0, 0]].concat();
    [zip, directory, end].concat()
}

/// A gzip file of text that is stored as it is (RFC 1951 and 1952).
fn gzipped(text: &str) -> Vec<u8> {
    let length = text.len() as u16;
    let head = [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255, 1];
    let lengths = [length.to_le_bytes(), (!length).to_le_bytes()].concat();
    let end = [crc_32(text.as_bytes()), text.len() as u32].map(u32::to_le_bytes).concat();
    [head.as_slice(), &lengths, text.as_bytes(), &end].concat()
}

/// CRC-32 of ISO 3309, bit by bit.
fn crc_32(bytes: &[u8]) -> u32 {
    let one = |crc: u32, byte: &u8| {
        (0..8).fold(crc ^ u32::from(*byte), |crc, _| (crc >> 1) ^ (0xedb8_8320 & (crc & 1).wrapping_neg()))
    };
    !bytes.iter().fold(!0, one)
}

/// 40 users with 12 events each; a row is made of user, item and seconds, in the order of time.
fn rows(row: impl Fn(usize, usize, usize) -> String) -> String {
    let events =
        (0..12).flat_map(|n| (0..40).map(move |user| (user, (user * 7 + n * 5) % 60, n * 40 + user)));
    events.map(|(user, item, s)| row(user + 1, item + 1, 1_300_000_000 + 60 * s)).collect()
}

fn movies(row: impl Fn(usize, &str) -> String) -> String {
    (1..=60).map(|item| row(item, ["Drama", "Comedy|Romance", "(no genres listed)"][item % 3])).collect()
}

fn ratings_csv() -> String {
    "userId,movieId,rating,timestamp\n".to_owned() + &rows(|user, item, s| format!("{user},{item},3.5,{s}\n"))
}

fn movies_csv() -> String {
    "movieId,title,genres\n".to_owned()
        + &movies(|item, genres| format!("{item},\"Film {item}, The (1995)\",{genres}\n"))
}

fn tags_csv() -> String {
    "userId,movieId,tag,timestamp\n".to_owned() + &rows(|user, item, s| format!("{user},{item},slow,{s}\n"))
}

/// Makes a config of a data set and reads it; returns the config.
fn initialised(name: &str, mirror: Option<SocketAddr>, data: Option<&Path>, folder: &Path) -> String {
    let output = u2i(&["init", "--dataset", name, "--out", "own.toml"], mirror, data, folder);
    assert!(output.status.success(), "{name}: {}", stderr(&output));
    assert!(stderr(&output).contains("To cite: "), "{name}: {}", stderr(&output));
    let validated = u2i(&["validate", "own.toml"], None, None, folder);
    assert!(validated.status.success(), "{name}: {}", stderr(&validated));
    let config = std::fs::read_to_string(folder.join("own.toml")).unwrap();
    assert!(config.starts_with("# 480 events of 40 users with 60 items"), "{name}: {config}");
    config
}

#[test]
fn the_list_names_every_data_set_with_its_terms() {
    let folder = tempfile::tempdir().unwrap();
    for command in [&["init", "--dataset", "list"][..], &["reproduce", "--dataset", "list"]] {
        let output = u2i(command, None, None, folder.path());
        assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
        let text = String::from_utf8(output.stdout).unwrap();
        for name in
            ["ml-25m", "amazon-2014-Beauty", "amazon-2023-Books", "gowalla", "steam", "recbole-ml-100k"]
        {
            let is_it = |line: &str| {
                line.split_whitespace().next().is_some_and(|first| first.trim_end_matches('*') == name)
            };
            assert!(text.lines().any(is_it), "{name}: {text}");
        }
        for words in ["The MovieLens Datasets: History and Context", "licence: ", "262.0 MB"] {
            assert!(text.contains(words), "{words}: {text}");
        }
    }
    let output = u2i(&["--json", "init", "--dataset", "list"], None, None, folder.path());
    let listed: Vec<serde_json::Value> = serde_json::from_slice(&output.stdout).unwrap();
    let ml_25m = listed.iter().find(|set| set["name"] == "ml-25m").unwrap();
    assert_eq!(ml_25m["bytes"], 261_978_986);
}

#[test]
fn an_unknown_name_ends_with_2_and_near_ones() {
    let folder = tempfile::tempdir().unwrap();
    for command in ["init", "reproduce"] {
        let output = u2i(&[command, "--dataset", "ml25m", "--out", "x.toml"], None, None, folder.path());
        assert_eq!(output.status.code(), Some(2));
        assert!(stderr(&output).contains("did you mean ml-25m"), "{}", stderr(&output));
    }
    let cases: [(&[&str], &str); 4] = [
        (&["init", "--dataset", "ml-25m"], "--out CONFIG"),
        (&["init", "x.csv", "--dataset", "ml-25m", "--out", "x.toml"], "cannot be used with"),
        (&["init", "--dataset", "synthetic", "--out", "x.toml"], "u2i train synthetic/youtube_dnn"),
        (&["reproduce", "--dataset", "ml-25m"], "u2i init --dataset ml-25m --out"),
    ];
    for (command, message) in cases {
        let output = u2i(command, None, None, folder.path());
        assert_eq!(output.status.code(), Some(2), "{command:?}: {}", stderr(&output));
        assert!(stderr(&output).contains(message), "{command:?}: {}", stderr(&output));
    }
}

#[test]
fn a_download_that_is_not_what_was_published_ends_with_5_and_names_both_hashes() {
    let folder = tempfile::tempdir().unwrap();
    let body = "A,B,5.0,1300000000\n".to_owned();
    let server = serve(vec![("/amazon-2018-All_Beauty/All_Beauty.csv", body.into_bytes())]);
    let arguments = ["init", "--dataset", "amazon-2018-All_Beauty", "--out", "own.toml"];
    let output = u2i(&arguments, Some(server), None, folder.path());
    assert_eq!(output.status.code(), Some(5), "{}", stderr(&output));
    let wanted = "b3d9260771f9fe489a61180b9ff407e15e10f481a287848f69bc4709b669246f";
    assert!(
        stderr(&output).contains(wanted) && stderr(&output).contains("has SHA-256"),
        "{}",
        stderr(&output)
    );
    let cache = folder.path().join("u2i/data");
    assert_eq!(std::fs::read_dir(cache).unwrap().count(), 0);
    assert!(!folder.path().join("own.toml").exists());
}

/// MovieLens 32M, RecBole and Steam have no hash that is published: what comes first counts.
#[test]
fn a_config_is_made_of_what_is_downloaded() {
    let ml_32m = zipped(&[
        ("ml-32m/ratings.csv", &ratings_csv()),
        ("ml-32m/movies.csv", &movies_csv()),
        ("ml-32m/tags.csv", &tags_csv()),
        ("ml-32m/README.txt", "free"),
    ]);
    let head = "user_id:token\titem_id:token\trating:float\ttimestamp:float\n";
    let inter = head.to_owned() + &rows(|user, item, s| format!("{user}\t{item}\t4.0\t{s}\n"));
    let items =
        "item_id:token\tclass:token_seq\n".to_owned() + &movies(|item, _| format!("{item}\tDrama War\n"));
    let anime = zipped(&[("anime.inter", &inter), ("anime.item", &items)]);
    let head = "user_id,parent_asin,rating,timestamp\n".to_owned();
    let of_2023 = head + &rows(|user, item, s| format!("A{user},B{item},5.0,{s}123\n"));
    let steam = rows(|user, item, _| format!("{user} {item}\n"));
    let server = serve(vec![
        ("/ml-32m/ml-32m.zip", ml_32m),
        ("/recbole-anime/anime.zip", anime),
        ("/steam/Steam.txt", steam.into_bytes()),
        ("/amazon-2023-5core-All_Beauty/All_Beauty.csv.gz", gzipped(&of_2023)),
    ]);
    let cases: [(&str, &[&str]); 4] = [
        ("ml-32m", &["ratings.csv", "movies.csv", "\"genres\""]),
        ("recbole-anime", &["anime.inter", "anime.item", "\"timestamp:float\""]),
        ("steam", &["[data.files.sequences]"]),
        ("amazon-2023-5core-All_Beauty", &["parent_asin", "unit = \"ms\""]),
    ];
    for (name, words) in cases {
        let folder = tempfile::tempdir().unwrap();
        let config = initialised(name, Some(server), None, folder.path());
        words.iter().for_each(|word| assert!(config.contains(word), "{name}, {word}: {config}"));
        assert!(!config.contains("tags.csv"), "{name}: {config}");
        // From now on it is there: no server is asked.
        std::fs::remove_file(folder.path().join("own.toml")).unwrap();
        initialised(name, None, None, folder.path());
        assert!(folder.path().join(format!("u2i/data/{name}.sha256")).is_file(), "{name}");
    }
}

/// The name of a set, its files, and what a config of it says.
type Set = (&'static str, Vec<(&'static str, String)>, &'static [&'static str]);

#[test]
fn a_config_is_made_of_a_folder_that_is_there() {
    let ratings_dat = rows(|user, item, s| format!("{user}::{item}::0.5::{s}\n"));
    let movies_dat = movies(|item, genres| format!("{item}::Film {item} (1995)::{genres}\n"));
    let of_2014 = rows(|user, item, s| format!("A{user},B{item},5.0,{s}\n"));
    let of_2018 = rows(|user, item, s| format!("B{item},A{user},5.0,{s}\n"));
    let sets: [Set; 4] = [
        (
            "ml-10m",
            vec![("ml-10M100K/ratings.dat", ratings_dat), ("ml-10M100K/movies.dat", movies_dat)],
            &["[data.files.ml_10m]"],
        ),
        (
            "ml-latest-small",
            vec![
                ("ml-latest-small/ratings.csv", ratings_csv()),
                ("ml-latest-small/movies.csv", movies_csv()),
                ("ml-latest-small/tags.csv", tags_csv()),
            ],
            &["ratings.csv", "user = \"userId\""],
        ),
        (
            "amazon-2014-Beauty",
            vec![("amazon-2014-Beauty/ratings_Beauty.csv", of_2014)],
            &["user = \"1\"", "item = \"2\"", "column = \"4\""],
        ),
        (
            "amazon-2018-All_Beauty",
            vec![("amazon-2018-All_Beauty/All_Beauty.csv", of_2018)],
            &["user = \"2\"", "item = \"1\"", "column = \"4\""],
        ),
    ];
    for (name, files, words) in sets {
        let data = tempfile::tempdir().unwrap();
        for (file, text) in files {
            let path = data.path().join(file);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        }
        let folder = tempfile::tempdir().unwrap();
        let config = initialised(name, None, Some(data.path()), folder.path());
        words.iter().for_each(|word| assert!(config.contains(word), "{name}, {word}: {config}"));
    }
}

#[test]
fn the_split_of_light_gcn_is_kept() {
    let data = tempfile::tempdir().unwrap();
    let gowalla = data.path().join("gowalla");
    std::fs::create_dir(&gowalla).unwrap();
    let lists = |from: usize, to: usize| {
        (0..40).fold(String::new(), |mut text, user| {
            // The first user has fewer items than the others.
            let to = if user == 0 { to - 1 } else { to };
            let items: Vec<String> = (from..to).map(|n| ((user * 7 + n * 5) % 60).to_string()).collect();
            writeln!(text, "{user} {}", items.join(" ")).unwrap();
            text
        })
    };
    std::fs::write(gowalla.join("train.txt"), lists(0, 9)).unwrap();
    std::fs::write(gowalla.join("test.txt"), lists(9, 12)).unwrap();
    std::fs::write(gowalla.join("item_list.txt"), "org_id remap_id\n").unwrap();
    let folder = tempfile::tempdir().unwrap();
    let output =
        u2i(&["init", "--dataset", "gowalla", "--out", "own.toml"], None, Some(data.path()), folder.path());
    assert!(output.status.success(), "{}", stderr(&output));
    let config = std::fs::read_to_string(folder.path().join("own.toml")).unwrap();
    for words in ["layout = \"adjacency\"", "train.txt", "[split.files]", "test = \""] {
        assert!(config.contains(words), "{words}: {config}");
    }
    let output = u2i(&["validate", "own.toml"], None, None, folder.path());
    assert!(output.status.success(), "{}", stderr(&output));
}

/// A process that is killed in the middle of a download leaves no part of it.
#[test]
fn a_download_that_is_killed_leaves_nothing() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let folder = tempfile::tempdir().unwrap();
    let mut child = Command::new(env!("CARGO_BIN_EXE_u2i"))
        .args(["init", "--dataset", "steam", "--out", "own.toml"])
        .env_remove("U2I_DATA_DIR")
        .env("U2I_MIRROR", format!("http://{address}"))
        .env("XDG_CACHE_HOME", folder.path())
        .current_dir(folder.path())
        .spawn()
        .unwrap();
    let (mut stream, _) = listener.accept().unwrap();
    stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 1000000\r\n\r\n1 2\n1 3\n").unwrap();
    let cache = folder.path().join("u2i/data");
    while !cache.is_dir() {
        thread::yield_now();
    }
    child.kill().unwrap();
    child.wait().unwrap();
    assert_eq!(std::fs::read_dir(cache).unwrap().count(), 0);
}
