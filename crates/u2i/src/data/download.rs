use std::fs::{self, File};
use std::io::{self, Read, Seek, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use sha2::{Digest, Sha256};
use u2i_disk::{Action, DiskError, FolderAside, hex};

use super::archive::{Archive, UnpackError};

/// Where data sets are downloaded from, and how long to wait.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mirror {
    /// The folder that holds the zips, without a slash at the end.
    pub base_url: String,
    /// Proxy to use, such as `http://proxy:3128`.
    pub proxy: Option<String>,
    /// How long to wait for the name to be resolved, and again for a connection.
    pub connect_timeout: Duration,
    /// How long the whole download may take.
    pub timeout: Duration,
}

impl Mirror {
    /// GroupLens itself: 5 seconds to connect, 3 minutes in all.
    pub fn grouplens() -> Self {
        Mirror {
            base_url: "https://files.grouplens.org/datasets/movielens".to_owned(),
            proxy: None,
            connect_timeout: Duration::from_secs(5),
            timeout: Duration::from_secs(180),
        }
    }

    pub(super) fn url(&self, archive: &Archive<'_>) -> String {
        format!("{}/{}.zip", self.base_url, archive.name)
    }
}

/// Why a data set could not be downloaded and unpacked. Nothing is left behind then.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DownloadError {
    /// No cache folder is known.
    #[error("there is no cache folder to download into")]
    NoCache,
    /// The proxy is not a URL.
    #[error("`{0}` is not the URL of a proxy")]
    Proxy(String),
    /// No connection, or none that lasted.
    #[error("cannot get {url}")]
    Request {
        /// What was asked for.
        url: String,
        /// The cause.
        source: Box<ureq::Error>,
    },
    /// The server answered with something else than the file.
    #[error("{url} answers with status {status}, wanted 200")]
    Status {
        /// What was asked for.
        url: String,
        /// Its HTTP status.
        status: u16,
    },
    /// The server sends us elsewhere, where we do not follow.
    #[error("{url} redirects to `{to}`, which is not followed")]
    Redirect {
        /// What was asked for.
        url: String,
        /// The `Location`.
        to: String,
    },
    /// The connection broke or took too long.
    #[error("{url} broke off after {read} of {wanted} bytes")]
    Interrupted {
        /// What was asked for.
        url: String,
        /// Bytes that came.
        read: u64,
        /// Bytes of the file.
        wanted: u64,
        /// The cause.
        source: io::Error,
    },
    /// The file is longer or shorter than the one that is pinned.
    #[error("{url} has {found} bytes, wanted {wanted}")]
    Size {
        /// What was asked for.
        url: String,
        /// Bytes that were announced or came; reading stops one byte after `wanted`.
        found: u64,
        /// Bytes of the file.
        wanted: u64,
    },
    /// The file is not the one that is pinned.
    #[error("{url} has SHA-256 {found}, wanted {wanted}")]
    Checksum {
        /// What was asked for.
        url: String,
        /// In lower-case hex.
        found: String,
        /// In lower-case hex.
        wanted: String,
    },
    /// The file is the right one, but cannot be unpacked.
    #[error("cannot unpack {url}")]
    Unpack {
        /// What was asked for.
        url: String,
        /// The cause.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The cache cannot be written.
    #[error("cannot write {}", path.display())]
    Write {
        /// File or folder.
        path: PathBuf,
        /// The cause.
        source: io::Error,
    },
}

impl DownloadError {
    /// 5 where the file is not what it should be, 2 for a wrong proxy, else 4.
    pub fn exit_code(&self) -> u8 {
        match self {
            DownloadError::Size { .. } | DownloadError::Checksum { .. } | DownloadError::Unpack { .. } => 5,
            DownloadError::Proxy(_) => 2,
            _ => 4,
        }
    }
}

/// Downloads, verifies and unpacks into `cache_dir`; returns the folder of the data set.
///
/// The zip has no name and the unpacked files a temporary one until all is verified and synced; the folder
/// appears by one rename. Whatever fails, nothing is left behind.
pub(super) fn download(
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
    use super::super::archive::tests::{SMALL, good, zipped};
    use super::super::chain;
    use super::*;
    use std::net::{SocketAddr, TcpListener};
    use std::thread;

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
            assert_eq!(error.exit_code(), 4, "step {fails}: {error}");
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
            ("cut off", response(&announced, &zip[..40]), 4, "broke off after 40 of"),
            ("cut off, no length", response("200 OK", &zip[..40]), 5, "has 40 bytes, wanted"),
            (
                "a chunk missing",
                response("200 OK\r\ntransfer-encoding: chunked", &chunked),
                4,
                "broke off after 8 of",
            ),
            ("altered", with_length(&altered), 5, "has SHA-256"),
            ("longer", with_length(&longer), 5, "bytes, wanted"),
            ("longer, no length", response("200 OK", &longer), 5, "bytes, wanted"),
            ("endless", response("200 OK", &vec![0; 1 << 22]), 5, "bytes, wanted"),
            ("shorter", with_length(shorter), 5, "bytes, wanted"),
            ("empty", with_length(b""), 5, "has 0 bytes, wanted"),
            ("missing", response("404 Not Found\r\ncontent-length: 0", b""), 4, "answers with status 404"),
            ("broken server", response("500 Oops\r\ncontent-length: 0", b""), 4, "answers with status 500"),
            ("redirected", response(elsewhere, b""), 4, "redirects to `http://elsewhere.invalid/small.zip`"),
            ("not HTTP", b"hello\r\n\r\n".to_vec(), 4, "cannot get http://127.0.0.1"),
            ("hung up", Vec::new(), 4, "cannot get http://127.0.0.1"),
        ];
        for (fault, answer, exit_code, message) in cases {
            let (outcome, files) = attempt(&mirror(serve(answer, Duration::ZERO)), &zip);
            let error = outcome.expect_err(fault);
            assert!(error.to_string().contains(message), "{fault}: {error}");
            assert_eq!(error.exit_code(), exit_code, "{fault}: {error}");
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
            assert_eq!(outcome.unwrap_err().exit_code(), 4);
            assert_eq!(files, [""; 0]);
        }
    }

    #[test]
    fn offline_is_an_error_that_names_the_url() {
        let closed = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let (outcome, files) = attempt(&mirror(closed), &good());
        let error = outcome.unwrap_err();
        assert_eq!(error.to_string(), format!("cannot get http://{closed}/small.zip"));
        assert_eq!((error.exit_code(), files), (4, vec![]));
    }

    #[test]
    fn an_archive_that_cannot_be_unpacked_leaves_nothing() {
        let bomb = zipped(&[("small/events", b"1"), ("small/users", &[0; 10_000]), ("small/README", b"")]);
        let (outcome, files) = attempt(&mirror(serve(with_length(&bomb), Duration::ZERO)), &bomb);
        let error = outcome.unwrap_err();
        assert!(chain(&error).ends_with("zip: `small/users` unpacks to more than 1000 bytes"), "{error}");
        assert_eq!((error.exit_code(), files), (5, vec![]));
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
        assert_eq!(error.exit_code(), 4);
    }
}
