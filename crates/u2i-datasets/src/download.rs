//! Downloads that are checked before they count.

use std::fs::{self, File};
use std::io::{self, Read, Seek, Write};
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};
use u2i_disk::{Action, DiskError, FolderAside, hex};

use crate::archive::Archive;
use crate::mirror::{DownloadError, Mirror};
use crate::unpack::UnpackError;

/// Downloads, verifies and unpacks into `cache_dir`; returns the folder of the data set.
///
/// The zip has no name and the unpacked files a temporary one until all is verified and synced; the folder
/// appears by one rename. Whatever fails, nothing is left behind.
pub(crate) fn download(
    archive: &Archive<'_>,
    mirror: &Mirror,
    cache_dir: Option<&Path>,
) -> Result<PathBuf, DownloadError> {
    let cache_dir = cache_dir.ok_or(DownloadError::NoCache)?;
    let at = |path: &Path| {
        let path = path.to_owned();
        move |source| DownloadError::Write { path, source }
    };
    fs::create_dir_all(cache_dir).map_err(at(cache_dir))?;
    let mut zip = tempfile::tempfile_in(cache_dir).map_err(at(cache_dir))?;
    fetch(archive, mirror, &mut zip, cache_dir)?;
    zip.rewind().map_err(at(cache_dir))?;

    let write = |error: DiskError| DownloadError::Write { path: error.path, source: error.source };
    let dir = cache_dir.join(archive.name);
    let unpacked = FolderAside::begin(&dir, ".unpacking-").map_err(write)?;
    archive.unpack(io::BufReader::new(zip), unpacked.path()).map_err(|error| match error {
        UnpackError::Write { path, source } => DownloadError::Write { path, source },
        error => DownloadError::Unpack { url: mirror.url(archive), source: error.into() },
    })?;
    match unpacked.publish() {
        // Another process was faster.
        Err(error) if error.action == Action::Rename && archive.folder_in(&dir).is_some() => {}
        published => published.map_err(write)?,
    }
    Ok(dir)
}

/// Writes the verified zip into `file`.
fn fetch(
    archive: &Archive<'_>,
    mirror: &Mirror,
    file: &mut File,
    cache_dir: &Path,
) -> Result<(), DownloadError> {
    let url = mirror.url(archive);
    let wanted = archive.bytes;
    let proxy = match &mirror.proxy {
        Some(proxy) => Some(ureq::Proxy::new(proxy).map_err(|_| DownloadError::Proxy(proxy.clone()))?),
        None => None,
    };
    let agent = ureq::Agent::config_builder()
        .proxy(proxy)
        .timeout_resolve(Some(mirror.connect_timeout))
        .timeout_connect(Some(mirror.connect_timeout))
        .timeout_global(Some(mirror.timeout))
        .http_status_as_error(false)
        .max_redirects(0)
        .build()
        .new_agent();
    let mut response = match agent.get(&url).call() {
        Ok(response) => response,
        Err(source) => return Err(DownloadError::Request { url, source: Box::new(source) }),
    };
    let status = response.status();
    if status.is_redirection() {
        let to =
            response.headers().get("location").map(|to| String::from_utf8_lossy(to.as_bytes()).into_owned());
        return Err(DownloadError::Redirect { url, to: to.unwrap_or_default() });
    }
    if status != 200 {
        return Err(DownloadError::Status { url, status: status.as_u16() });
    }
    if let Some(found) = response.body().content_length().filter(|&found| found != wanted) {
        return Err(DownloadError::Size { url, found, wanted });
    }

    let mut body = response.body_mut().as_reader().take(wanted + 1);
    let mut hash = Sha256::new();
    let mut buffer = vec![0; 1 << 16];
    let mut read = 0;
    loop {
        let n = match body.read(&mut buffer) {
            Ok(0) => break,
            Ok(n) => n,
            Err(source) => return Err(DownloadError::Interrupted { url, read, wanted, source }),
        };
        read += n as u64;
        hash.update(&buffer[..n]);
        file.write_all(&buffer[..n])
            .map_err(|source| DownloadError::Write { path: cache_dir.to_owned(), source })?;
    }
    if read != wanted {
        return Err(DownloadError::Size { url, found: read, wanted });
    }
    let found = hex(&hash.finalize());
    if found != archive.sha256 {
        return Err(DownloadError::Checksum { url, found, wanted: archive.sha256.to_owned() });
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::net::{SocketAddr, TcpListener};
    use std::thread;
    use std::time::Duration;

    use super::*;
    use crate::archive::tests::SMALL;
    use crate::chain;
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
        Mirror { base_url: format!("http://{address}"), proxy: None, connect_timeout: timeout, timeout }
    }

    /// Downloads from `mirror` into an empty cache, where `zip` is what is pinned; returns the cache's files.
    fn attempt(mirror: &Mirror, zip: &[u8]) -> (Result<PathBuf, DownloadError>, Vec<String>) {
        let cache = tempfile::tempdir().unwrap();
        let sha256 = sha256(zip);
        let archive = Archive { bytes: zip.len() as u64, sha256: &sha256, ..SMALL };
        let outcome = download(&archive, mirror, Some(cache.path()));
        let files = fs::read_dir(cache.path()).unwrap();
        let mut files: Vec<String> =
            files.map(|file| file.unwrap().file_name().into_string().unwrap()).collect();
        files.sort();
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
        assert_eq!(error.to_string(), format!("cannot get http://{closed}/small.zip"));
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
            let (zip, sha256) = (good(), sha256(&good()));
            let archive = Archive { bytes: zip.len() as u64, sha256: &sha256, ..SMALL };
            let outcome =
                download(&archive, &mirror(serve(with_length(&zip), Duration::ZERO)), Some(cache.path()));
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
        let error = download(&SMALL, &mirror(closed), Some(&file.join("cache"))).unwrap_err();
        assert_eq!(error.to_string(), format!("cannot write {}", file.join("cache").display()));
        assert_eq!(error.kind(), ErrorKind::Files);
    }
}
