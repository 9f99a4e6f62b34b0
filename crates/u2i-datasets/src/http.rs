//! What stands at an address, piece by piece.

use std::io::{self, Read};
use std::sync::mpsc::{Receiver, RecvTimeoutError, sync_channel};
use std::thread;
use std::time::Duration;

use crate::mirror::{DownloadError, Mirror};

/// Redirects that are followed, one after another.
const MAX_REDIRECTS: usize = 5;

/// Bytes of a piece.
const PIECE: usize = 1 << 16;

/// What a server sends.
pub(crate) struct Body {
    /// Its length in bytes, where the server says so.
    pub(crate) announced: Option<u64>,
    /// Whether it comes in chunks, which tell their end.
    pub(crate) is_chunked: bool,
    reader: ureq::BodyReader<'static>,
    patience: Duration,
}

/// Asks for `url` and follows redirects that are as safe as the address: to encrypted ones, and on the same server.
pub(crate) fn get(url: &str, mirror: &Mirror) -> Result<Body, DownloadError> {
    let proxy = match &mirror.proxy {
        Some(proxy) => Some(ureq::Proxy::new(proxy).map_err(|_| DownloadError::Proxy(proxy.clone()))?),
        None => None,
    };
    let agent = ureq::Agent::config_builder()
        .proxy(proxy)
        .timeout_resolve(Some(mirror.connect_timeout))
        .timeout_connect(Some(mirror.connect_timeout))
        .timeout_recv_response(Some(mirror.timeout))
        .http_status_as_error(false)
        .max_redirects(0)
        .build()
        .new_agent();
    let mut at = url.to_owned();
    let mut redirects = 0;
    let response = loop {
        let response = match agent.get(&at).call() {
            Ok(response) => response,
            Err(source) => return Err(DownloadError::Request { url: at, source: Box::new(source) }),
        };
        if !response.status().is_redirection() {
            break response;
        }
        let to =
            response.headers().get("location").map(|to| String::from_utf8_lossy(to.as_bytes()).into_owned());
        let to = to.unwrap_or_default();
        match followed(&at, &to) {
            Some(next) if redirects < MAX_REDIRECTS => at = next,
            _ => return Err(DownloadError::Redirect { url: at, to }),
        }
        redirects += 1;
    };
    let status = response.status();
    if status != 200 {
        return Err(DownloadError::Status { url: at, status: status.as_u16() });
    }
    let kind = response.headers().get("content-type").map(|kind| kind.as_bytes().to_ascii_lowercase());
    if kind.is_some_and(|kind| kind.starts_with(b"text/html")) {
        return Err(DownloadError::Page { url: at });
    }
    let coding = response.headers().get("transfer-encoding");
    let is_chunked = coding.is_some_and(|coding| coding.as_bytes().eq_ignore_ascii_case(b"chunked"));
    let announced = response.body().content_length();
    let reader = response.into_body().into_reader();
    Ok(Body { announced, is_chunked, reader, patience: mirror.timeout })
}

/// Where a redirect from `at` leads, if it is followed.
fn followed(at: &str, to: &str) -> Option<String> {
    let (scheme, rest) = at.split_once("://")?;
    let server = format!("{scheme}://{}", rest.split('/').next()?);
    if to.starts_with('/') && !to.starts_with("//") {
        return Some(format!("{server}{to}"));
    }
    let is_same = to.strip_prefix(&server).is_some_and(|path| path.starts_with('/'));
    (is_same || to.starts_with("https://")).then(|| to.to_owned())
}

impl Body {
    /// What comes, piece by piece and at most so many bytes; an error ends it. A server that sends nothing for as long as
    /// the mirror allows is given up.
    pub(crate) fn pieces(self, most: u64) -> Pieces {
        let Body { reader, patience, .. } = self;
        let (sender, receiver) = sync_channel(4);
        // Reading cannot be told to give up, so that another thread does it; it ends with its connection.
        thread::spawn(move || {
            let mut reader = reader.take(most);
            loop {
                let mut piece = vec![0; PIECE];
                let read = match reader.read(&mut piece) {
                    Ok(0) => break,
                    Ok(n) => {
                        piece.truncate(n);
                        Ok(piece)
                    }
                    Err(error) => Err(error),
                };
                let is_last = read.is_err();
                if sender.send(read).is_err() || is_last {
                    break;
                }
            }
        });
        Pieces { receiver, patience }
    }
}

/// Pieces of a body.
pub(crate) struct Pieces {
    receiver: Receiver<io::Result<Vec<u8>>>,
    patience: Duration,
}

impl Iterator for Pieces {
    type Item = io::Result<Vec<u8>>;

    fn next(&mut self) -> Option<Self::Item> {
        match self.receiver.recv_timeout(self.patience) {
            Ok(piece) => Some(piece),
            Err(RecvTimeoutError::Disconnected) => None,
            Err(RecvTimeoutError::Timeout) => {
                let message = format!("nothing came for {} s", self.patience.as_secs_f64());
                Some(Err(io::Error::new(io::ErrorKind::TimedOut, message)))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn redirects_are_followed_only_where_they_are_as_safe() {
        let cases = [
            ("https://a.org/x/y.zip", "https://b.org/y.zip", Some("https://b.org/y.zip")),
            ("https://a.org/x/y.zip", "/z.zip", Some("https://a.org/z.zip")),
            ("https://a.org/x/y.zip", "http://a.org/x/y.zip", None),
            ("https://a.org/x/y.zip", "//b.org/y.zip", None),
            ("https://a.org/x/y.zip", "", None),
            ("https://a.org/x/y.zip", "file:///etc/passwd", None),
            ("http://a.org:80/y.zip", "http://a.org:80/z.zip", Some("http://a.org:80/z.zip")),
            ("http://a.org/y.zip", "http://a.org.evil.org/y.zip", None),
            ("http://a.org/y.zip", "http://b.org/y.zip", None),
            ("http://a.org/y.zip", "https://b.org/y.zip", Some("https://b.org/y.zip")),
        ];
        for (at, to, wanted) in cases {
            assert_eq!(followed(at, to).as_deref(), wanted, "{at} to {to}");
        }
    }
}
