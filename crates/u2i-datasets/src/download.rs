//! Downloads that are checked before they count.

use std::fs::{self, File};
use std::io::{self, Seek, Write};
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};
use u2i_disk::{Action, DiskError, FolderAside, hex};

use crate::first_hashes::FirstHashes;
use crate::http;
use crate::known::{KnownSet, Part};
use crate::mirror::{DownloadError, Mirror};
use crate::unpack::UnpackError;

/// Downloads, verifies and unpacks into `cache_dir`; returns the folder of the data set.
///
/// What is downloaded has no name and the unpacked files a temporary one until all is verified and synced; the folder
/// appears by one rename. Whatever fails, nothing is left behind but the hashes of what was downloaded first.
pub(crate) fn download(
    set: &KnownSet,
    mirror: &Mirror,
    cache_dir: Option<&Path>,
) -> Result<PathBuf, DownloadError> {
    let cache_dir = cache_dir.ok_or(DownloadError::NoCache)?;
    let at = |path: &Path| {
        let path = path.to_owned();
        move |source| DownloadError::Write { path, source }
    };
    fs::create_dir_all(cache_dir).map_err(at(cache_dir))?;
    let mut first_hashes = FirstHashes::read(cache_dir, set.name)?;
    let mut downloads = Vec::new();
    for part in &set.parts {
        let url = mirror.url(set, part);
        let mut file = tempfile::tempfile_in(cache_dir).map_err(at(cache_dir))?;
        let found = fetch(part, &url, mirror, &mut file, cache_dir)?;
        match &part.sha256 {
            Some(wanted) if found != *wanted => {
                return Err(DownloadError::Checksum { url, found, wanted: wanted.clone() });
            }
            Some(_) => {}
            None => first_hashes.check(&url, part.file_name(), found)?,
        }
        file.rewind().map_err(at(cache_dir))?;
        downloads.push((part, url, file));
    }

    let write = |error: DiskError| DownloadError::Write { path: error.path, source: error.source };
    let dir = cache_dir.join(set.name);
    let unpacked = FolderAside::begin(&dir, ".unpacking-").map_err(write)?;
    for (part, url, file) in downloads {
        part.unpack(io::BufReader::new(file), unpacked.path()).map_err(|error| match error {
            UnpackError::Write { path, source } => DownloadError::Write { path, source },
            error => DownloadError::Unpack { url, source: error.into() },
        })?;
    }
    // After what shows that it is whole, before what makes it count.
    first_hashes.keep()?;
    match unpacked.publish() {
        // Another process was faster.
        Err(error) if error.action == Action::Rename && set.folder_in(cache_dir).is_some() => {}
        published => published.map_err(write)?,
    }
    Ok(dir)
}

/// Writes what is at `url` into `file`, if it is as long as it should be; returns its SHA-256.
fn fetch(
    part: &Part,
    url: &str,
    mirror: &Mirror,
    file: &mut File,
    cache_dir: &Path,
) -> Result<String, DownloadError> {
    let body = http::get(url, mirror)?;
    let announced = body.announced;
    if let (Some(found), Some(wanted)) = (announced, part.bytes)
        && found != wanted
    {
        return Err(DownloadError::Size { url: url.to_owned(), found, wanted });
    }
    let nothing_tells_the_end = announced.is_none() && !body.is_chunked;
    if nothing_tells_the_end && part.bytes.is_none() && part.sha256.is_none() {
        return Err(DownloadError::NoLength { url: url.to_owned() });
    }

    let most = part.bytes.unwrap_or(part.max_file_bytes);
    let mut hash = Sha256::new();
    let mut beginning = Vec::new();
    let mut read = 0;
    // One more, to see that there is more.
    for piece in body.pieces(most + 1) {
        let piece = piece.map_err(|source| {
            let wanted = part.bytes.or(announced);
            DownloadError::Interrupted { url: url.to_owned(), read, wanted, source }
        })?;
        read += piece.len() as u64;
        hash.update(&piece);
        beginning.extend(piece.iter().take(BEGINNING - beginning.len().min(BEGINNING)));
        file.write_all(&piece)
            .map_err(|source| DownloadError::Write { path: cache_dir.to_owned(), source })?;
    }
    if is_page(&beginning) {
        return Err(DownloadError::Page { url: url.to_owned() });
    }
    match part.bytes {
        Some(wanted) if read != wanted => {
            Err(DownloadError::Size { url: url.to_owned(), found: read, wanted })
        }
        None if read > most => Err(DownloadError::TooLarge { url: url.to_owned(), max_bytes: most }),
        _ => Ok(hex(&hash.finalize())),
    }
}

/// Bytes that tell a page from data.
const BEGINNING: usize = 256;

/// Whether a download begins as a page for people does, which servers send with status 200 for all kinds of trouble.
fn is_page(beginning: &[u8]) -> bool {
    let text =
        String::from_utf8_lossy(beginning).trim_start_matches('\u{feff}').trim_start().to_ascii_lowercase();
    ["<!doctype html", "<html"].iter().any(|start| text.starts_with(start))
}

#[cfg(test)]
mod tests {
    use std::net::{SocketAddr, TcpListener};
    use std::thread;
    use std::time::Duration;

    use std::io::Read as _;

    use super::*;
    use crate::chain::chain;
    use crate::known::small_set::small;
    use crate::known::{Contents, Layout};
    use crate::unpack::tests::{good, zipped};
    use u2i_schema::ErrorKind;

    use u2i_disk::follow;

    /// Answers one request with `answer`, then closes; `stall` keeps the connection open for as long.
    fn serve(answer: Vec<u8>, stall: Duration) -> SocketAddr {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            let mut request = Vec::new();
            while !request.ends_with(b"\r\n\r\n") {
                let mut byte = [0];
                if stream.read(&mut byte).unwrap_or(0) == 0 {
                    return;
                }
                request.push(byte[0]);
            }
            // A client that has seen enough hangs up: not an error here.
            let _ = stream.write_all(&answer);
            thread::sleep(stall);
        });
        address
    }

    fn response(head: &str, body: &[u8]) -> Vec<u8> {
        [format!("HTTP/1.1 {head}\r\nconnection: close\r\n\r\n").as_bytes(), body].concat()
    }

    fn with_length(body: &[u8]) -> Vec<u8> {
        response(&format!("200 OK\r\ncontent-length: {}", body.len()), body)
    }

    fn sha256(bytes: &[u8]) -> String {
        hex(&Sha256::digest(bytes))
    }

    fn mirror(address: SocketAddr) -> Mirror {
        // Never reached but where a test is about it.
        let timeout = Duration::from_secs(10);
        Mirror { base_url: Some(format!("http://{address}")), proxy: None, connect_timeout: timeout, timeout }
    }

    /// The small data set, of which `zip` is what is pinned.
    fn pinned(zip: &[u8]) -> KnownSet {
        let mut set = small();
        set.parts[0].bytes = Some(zip.len() as u64);
        set.parts[0].sha256 = Some(sha256(zip));
        set
    }

    /// The small data set as one file of text, of which nothing is known beforehand.
    fn unpinned() -> KnownSet {
        let mut set = small();
        set.layout = Layout::Pairs("events".to_owned());
        set.parts[0].url = "https://small.invalid/events".to_owned();
        set.parts[0].contents = Contents::File("events".to_owned());
        set
    }

    /// The files in a folder, by name.
    fn listed(folder: &Path) -> Vec<String> {
        let files = fs::read_dir(folder).unwrap();
        let mut files: Vec<String> =
            files.map(|file| file.unwrap().file_name().into_string().unwrap()).collect();
        files.sort();
        files
    }

    /// Downloads from `mirror` into an empty cache, where `zip` is what is pinned; returns the cache's files.
    fn attempt(mirror: &Mirror, zip: &[u8]) -> (Result<PathBuf, DownloadError>, Vec<String>) {
        let cache = tempfile::tempdir().unwrap();
        let outcome = download(&pinned(zip), mirror, Some(cache.path()));
        let files = listed(cache.path());
        if let Ok(dir) = &outcome {
            assert_eq!(fs::read_to_string(dir.join("events")).unwrap(), "1 2 3");
            assert_eq!(fs::read_to_string(dir.join("README")).unwrap(), "free");
        }
        (outcome, files)
    }

    #[test]
    fn a_good_download_is_unpacked_into_the_cache() {
        for answer in [with_length(&good()), response("200 OK", &good())] {
            let (outcome, files) = attempt(&mirror(serve(answer, Duration::ZERO)), &good());
            outcome.unwrap();
            assert_eq!(files, ["small"]);
        }
    }

    /// C4: every file, then the folder that holds them, then its name.
    #[test]
    fn a_download_is_synced_before_it_is_renamed_and_its_cache_after() {
        let mirror = mirror(serve(with_length(&good()), Duration::ZERO));
        let ((outcome, _), steps) = follow(None, || attempt(&mirror, &good()));
        let dir = outcome.unwrap();
        let (actions, paths): (Vec<Action>, Vec<PathBuf>) =
            steps.into_iter().map(|step| (step.action, step.path)).unzip();
        let end = [Action::SyncFolder, Action::Rename, Action::SyncFolder];
        assert_eq!(actions, [[Action::Sync; 3], end].concat());
        let [unpacked, named, cache] = &paths[3..] else { panic!("{paths:?}") };
        assert!(paths[..3].iter().all(|file| file.parent() == Some(unpacked)), "{paths:?}");
        assert!(*named == dir && Some(cache.as_path()) == dir.parent(), "{paths:?}");
    }

    /// C3: whichever step fails, the cache holds nothing or, once it has its name, all of it.
    #[test]
    fn a_download_that_cannot_be_kept_leaves_nothing_or_all_of_it() {
        for fails in 0..6 {
            let mirror = mirror(serve(with_length(&good()), Duration::ZERO));
            let ((outcome, files), _) = follow(Some(fails), || attempt(&mirror, &good()));
            let error = outcome.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Files, "step {fails}: {error}");
            assert_eq!(files, if fails == 5 { vec!["small"] } else { vec![] }, "step {fails}: {error}");
        }
    }

    #[test]
    fn whatever_goes_wrong_the_cache_stays_empty() {
        let zip = good();
        let mut altered = zip.clone();
        altered[50] ^= 1;
        let longer = [zip.as_slice(), b"x"].concat();
        let shorter = &zip[..zip.len() - 1];
        let announced = format!("200 OK\r\ncontent-length: {}", zip.len());
        let chunked = [b"8\r\n", &zip[..8], b"\r\n"].concat();
        let elsewhere = "302 Found\r\nlocation: http://elsewhere.invalid/small.zip\r\ncontent-length: 0";
        let cases = [
            ("cut off", response(&announced, &zip[..40]), ErrorKind::Files, "broke off after 40 of"),
            (
                "cut off, no length",
                response("200 OK", &zip[..40]),
                ErrorKind::Integrity,
                "has 40 bytes, wanted",
            ),
            (
                "a chunk missing",
                response("200 OK\r\ntransfer-encoding: chunked", &chunked),
                ErrorKind::Files,
                "broke off after 8 of",
            ),
            ("altered", with_length(&altered), ErrorKind::Integrity, "has SHA-256"),
            ("longer", with_length(&longer), ErrorKind::Integrity, "bytes, wanted"),
            ("longer, no length", response("200 OK", &longer), ErrorKind::Integrity, "bytes, wanted"),
            ("endless", response("200 OK", &vec![0; 1 << 22]), ErrorKind::Integrity, "bytes, wanted"),
            ("shorter", with_length(shorter), ErrorKind::Integrity, "bytes, wanted"),
            ("empty", with_length(b""), ErrorKind::Integrity, "has 0 bytes, wanted"),
            (
                "missing",
                response("404 Not Found\r\ncontent-length: 0", b""),
                ErrorKind::Files,
                "answers with status 404",
            ),
            (
                "broken server",
                response("500 Oops\r\ncontent-length: 0", b""),
                ErrorKind::Files,
                "answers with status 500",
            ),
            (
                "redirected",
                response(elsewhere, b""),
                ErrorKind::Files,
                "redirects to `http://elsewhere.invalid/small.zip`",
            ),
            (
                "redirected to another server of this machine",
                response("301 Moved\r\nlocation: //localhost/small.zip\r\ncontent-length: 0", b""),
                ErrorKind::Files,
                "which is not followed",
            ),
            (
                "redirected nowhere",
                response("302 Found\r\ncontent-length: 0", b""),
                ErrorKind::Files,
                "redirects to ``",
            ),
            (
                "a page by its type",
                response("200 OK\r\ncontent-type: text/html; charset=utf-8\r\ncontent-length: 5", b"sorry"),
                ErrorKind::Integrity,
                "is a page in HTML",
            ),
            (
                "a page by its beginning",
                response("200 OK", b"\n<!DOCTYPE html><title>Maintenance</title>"),
                ErrorKind::Integrity,
                "is a page in HTML",
            ),
            ("not HTTP", b"hello\r\n\r\n".to_vec(), ErrorKind::Files, "cannot get http://127.0.0.1"),
            ("hung up", Vec::new(), ErrorKind::Files, "cannot get http://127.0.0.1"),
        ];
        for (fault, answer, kind, message) in cases {
            let (outcome, files) = attempt(&mirror(serve(answer, Duration::ZERO)), &zip);
            let error = outcome.expect_err(fault);
            assert!(error.to_string().contains(message), "{fault}: {error}");
            assert_eq!(error.kind(), kind, "{fault}: {error}");
            assert_eq!(files, [""; 0], "{fault}");
        }
    }

    #[test]
    fn a_server_that_stalls_is_given_up() {
        let announced = format!("200 OK\r\ncontent-length: {}", good().len());
        for answer in [response(&announced, &good()[..40]), Vec::new()] {
            let patient = mirror(serve(answer, Duration::from_millis(600)));
            let (outcome, files) =
                attempt(&Mirror { timeout: Duration::from_millis(200), ..patient }, &good());
            assert_eq!(outcome.unwrap_err().kind(), ErrorKind::Files);
            assert_eq!(files, [""; 0]);
        }
    }

    #[test]
    fn offline_is_an_error_that_names_the_url() {
        let closed = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let (outcome, files) = attempt(&mirror(closed), &good());
        let error = outcome.unwrap_err();
        assert_eq!(error.to_string(), format!("cannot get http://{closed}/small/small.zip"));
        assert_eq!((error.kind(), files), (ErrorKind::Files, vec![]));
    }

    #[test]
    fn an_archive_that_cannot_be_unpacked_leaves_nothing() {
        let bomb = zipped(&[("small/events", b"1"), ("small/users", &[0; 10_000]), ("small/README", b"")]);
        let (outcome, files) = attempt(&mirror(serve(with_length(&bomb), Duration::ZERO)), &bomb);
        let error = outcome.unwrap_err();
        assert!(chain(&error).ends_with("zip: `small/users` unpacks to more than 1000 bytes"), "{error}");
        assert_eq!((error.kind(), files), (ErrorKind::Integrity, vec![]));
    }

    #[test]
    fn a_folder_that_appeared_meanwhile_is_taken_and_a_broken_one_is_named() {
        for (members, is_taken) in [(["events", "users"], true), (["events", "other"], false)] {
            let cache = tempfile::tempdir().unwrap();
            let dir = cache.path().join("small");
            fs::create_dir(&dir).unwrap();
            members.iter().for_each(|member| fs::write(dir.join(member), "own").unwrap());
            let mirror = mirror(serve(with_length(&good()), Duration::ZERO));
            let outcome = download(&pinned(&good()), &mirror, Some(cache.path()));
            match outcome {
                Ok(found) => assert!(is_taken && found == dir),
                Err(error) => {
                    assert!(!is_taken);
                    assert_eq!(error.to_string(), format!("cannot write {}", dir.display()));
                }
            }
            assert_eq!(fs::read_to_string(dir.join("events")).unwrap(), "own");
            assert_eq!(fs::read_dir(cache.path()).unwrap().count(), 1);
        }
    }

    #[test]
    fn a_cache_that_cannot_be_written_is_named() {
        let root = tempfile::tempdir().unwrap();
        let file = root.path().join("file");
        fs::write(&file, "").unwrap();
        let closed = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let error = download(&small(), &mirror(closed), Some(&file.join("cache"))).unwrap_err();
        assert_eq!(error.to_string(), format!("cannot write {}", file.join("cache").display()));
        assert_eq!(error.kind(), ErrorKind::Files);
    }

    /// Answers one request after another, each with the next answer.
    fn serve_all(answers: Vec<Vec<u8>>) -> SocketAddr {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        thread::spawn(move || {
            for answer in answers {
                let (mut stream, _) = listener.accept().unwrap();
                let mut request = Vec::new();
                while !request.ends_with(b"\r\n\r\n") {
                    let mut byte = [0];
                    if stream.read(&mut byte).unwrap_or(0) == 0 {
                        return;
                    }
                    request.push(byte[0]);
                }
                let _ = stream.write_all(&answer);
            }
        });
        address
    }

    #[test]
    fn a_redirect_on_the_same_server_is_followed_and_a_circle_is_not() {
        let onward = response("302 Found\r\nlocation: /other/place.zip\r\ncontent-length: 0", b"");
        let address = serve_all(vec![onward.clone(), onward.clone(), with_length(&good())]);
        let (outcome, files) = attempt(&mirror(address), &good());
        outcome.unwrap();
        assert_eq!(files, ["small"]);
        let (outcome, files) = attempt(&mirror(serve_all(vec![onward; 10])), &good());
        let error = outcome.unwrap_err();
        assert!(
            error.to_string().ends_with("redirects to `/other/place.zip`, which is not followed"),
            "{error}"
        );
        assert_eq!(files, [""; 0]);
    }

    #[test]
    fn what_came_first_is_what_must_come_again() {
        let cache = tempfile::tempdir().unwrap();
        let get = |body: &[u8]| {
            let _ = fs::remove_dir_all(cache.path().join("small"));
            download(&unpinned(), &mirror(serve(with_length(body), Duration::ZERO)), Some(cache.path()))
        };
        get(b"1 2\n").unwrap();
        assert_eq!(listed(cache.path()), ["small", "small.sha256"]);
        let record = cache.path().join("small.sha256");
        let first = sha256(b"1 2\n");
        assert_eq!(fs::read_to_string(&record).unwrap(), format!("{first}  events\n"));
        get(b"1 2\n").unwrap();

        let error = get(b"1 3\n").unwrap_err();
        let message = error.to_string();
        assert!(message.contains(&sha256(b"1 3\n")) && message.contains(&first), "{message}");
        assert!(message.ends_with(&format!("remove {}", record.display())), "{message}");
        assert_eq!(
            (error.kind(), listed(cache.path())),
            (ErrorKind::Integrity, vec!["small.sha256".to_owned()])
        );

        fs::remove_file(&record).unwrap();
        get(b"1 3\n").unwrap();
        fs::write(&record, "hello\n").unwrap();
        let error = get(b"1 3\n").unwrap_err();
        assert!(error.to_string().starts_with(&format!("{}:1: ", record.display())), "{error}");
    }

    #[test]
    fn nothing_is_remembered_of_what_is_refused() {
        let zip = good();
        let announced = format!("200 OK\r\ncontent-length: {}", zip.len());
        let cases = [
            ("cut off", response(&announced, b"1 2"), "broke off after 3 of"),
            ("without a length", response("200 OK", b"1 2"), "comes without its length"),
            ("a page", with_length(b"<html>sorry"), "is a page in HTML"),
            ("too long", with_length(&[b'1'; 2_000]), "has more than 1000 bytes"),
        ];
        for (fault, answer, message) in cases {
            let cache = tempfile::tempdir().unwrap();
            let server = mirror(serve(answer, Duration::ZERO));
            let error = download(&unpinned(), &server, Some(cache.path())).expect_err(fault);
            assert!(error.to_string().contains(message), "{fault}: {error}");
            assert_eq!(listed(cache.path()), [""; 0], "{fault}");
        }
        // A zip that cannot be unpacked.
        let cache = tempfile::tempdir().unwrap();
        let server = mirror(serve(with_length(&zip[..60]), Duration::ZERO));
        download(&small(), &server, Some(cache.path())).unwrap_err();
        assert_eq!(listed(cache.path()), [""; 0]);
    }

    /// As LightGCN's: one file to train on, one to test on; both or none.
    #[test]
    fn a_set_of_two_files_is_there_with_both_or_not_at_all() {
        let mut set = unpinned();
        set.layout = Layout::Adjacency { train: "events".to_owned(), test: "more".to_owned() };
        let mut second = set.parts[0].clone();
        second.url = "https://small.invalid/more".to_owned();
        second.contents = Contents::File("more".to_owned());
        set.parts.push(second);

        let cache = tempfile::tempdir().unwrap();
        let missing = response("404 Not Found\r\ncontent-length: 0", b"");
        let server = mirror(serve_all(vec![with_length(b"0 1 2\n"), missing]));
        let error = download(&set, &server, Some(cache.path())).unwrap_err();
        assert!(error.to_string().contains("/small/more answers with status 404"), "{error}");
        assert_eq!(listed(cache.path()), [""; 0]);

        let server = mirror(serve_all(vec![with_length(b"0 1 2\n"), with_length(b"0 3\n")]));
        let dir = download(&set, &server, Some(cache.path())).unwrap();
        assert_eq!(listed(&dir), ["events", "more"]);
        assert_eq!(fs::read_to_string(dir.join("more")).unwrap(), "0 3\n");
        let record = fs::read_to_string(cache.path().join("small.sha256")).unwrap();
        assert_eq!(record, format!("{}  events\n{}  more\n", sha256(b"0 1 2\n"), sha256(b"0 3\n")));
    }
}
