//! One connection of a client of HTTP/1.1 that keeps it open.

use std::io::{self, ErrorKind, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

/// How long an answer may take; one that takes longer has failed.
pub const PATIENCE: Duration = Duration::from_secs(10);

const HEADERS: usize = 32;

/// A connection, opened when it is first needed and again when the other side has closed it.
pub struct Connection {
    address: SocketAddr,
    stream: Option<TcpStream>,
    /// The answer that was read last: head and body.
    answer: Vec<u8>,
    body: usize,
}

impl Connection {
    /// One to this address.
    pub fn new(address: SocketAddr) -> Self {
        Connection { address, stream: None, answer: Vec::new(), body: 0 }
    }

    /// Sends a whole request, reads the whole answer, and returns its status. A connection that the other side closed
    /// since the last answer is opened again.
    pub fn ask(&mut self, request: &[u8]) -> io::Result<u16> {
        if let Some(stream) = self.stream.take() {
            match self.ask_on(stream, request) {
                Err(error) if self.answer.is_empty() && is_closed(&error) => {}
                asked => return asked,
            }
        }
        let stream = open(self.address)?;
        self.ask_on(stream, request)
    }

    /// The body of the last answer.
    pub fn body(&self) -> &[u8] {
        &self.answer[self.body..]
    }

    fn ask_on(&mut self, mut stream: TcpStream, request: &[u8]) -> io::Result<u16> {
        self.answer.clear();
        stream.write_all(request)?;
        let mut chunk = [0; 1 << 15];
        loop {
            let n = stream.read(&mut chunk)?;
            if n == 0 {
                return Err(ErrorKind::UnexpectedEof.into());
            }
            self.answer.extend_from_slice(&chunk[..n]);
            let Some(head) = Head::read(&self.answer)? else { continue };
            if self.answer.len() >= head.end + head.length {
                self.body = head.end;
                if !head.closes {
                    self.stream = Some(stream);
                }
                return Ok(head.status);
            }
        }
    }
}

fn is_closed(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::UnexpectedEof | ErrorKind::ConnectionReset | ErrorKind::BrokenPipe)
}

fn open(address: SocketAddr) -> io::Result<TcpStream> {
    let stream = TcpStream::connect_timeout(&address, PATIENCE)?;
    stream.set_nodelay(true)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    Ok(stream)
}

struct Head {
    status: u16,
    end: usize,
    length: usize,
    closes: bool,
}

impl Head {
    /// `None` of one that is not there as a whole.
    fn read(answer: &[u8]) -> io::Result<Option<Self>> {
        let mut headers = [httparse::EMPTY_HEADER; HEADERS];
        let mut head = httparse::Response::new(&mut headers);
        let invalid = |what: String| io::Error::new(ErrorKind::InvalidData, what);
        let parsed = head.parse(answer).map_err(|error| invalid(error.to_string()))?;
        let httparse::Status::Complete(end) = parsed else { return Ok(None) };
        let of = |name: &str| {
            let header = head.headers.iter().find(|header| header.name.eq_ignore_ascii_case(name));
            header.and_then(|header| std::str::from_utf8(header.value).ok())
        };
        let length = of("content-length").and_then(|length| length.parse().ok());
        Ok(Some(Head {
            status: head.code.unwrap_or(0),
            end,
            length: length.ok_or_else(|| invalid("an answer without its length".to_owned()))?,
            closes: of("connection").is_some_and(|word| word.eq_ignore_ascii_case("close")),
        }))
    }
}

/// The bytes of a request with a body of JSON.
pub fn post(path: &str, body: &str) -> Vec<u8> {
    let n = body.len();
    format!(
        "POST {path} HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\ncontent-length: {n}\r\n\r\n{body}"
    )
    .into_bytes()
}

/// The bytes of a request without a body.
pub fn get(path: &str) -> Vec<u8> {
    format!("GET {path} HTTP/1.1\r\nhost: localhost\r\n\r\n").into_bytes()
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;
    use std::thread;

    use super::*;

    /// Answers each connection with these pieces, a moment apart, and closes it.
    fn answering(pieces: &'static [&'static str]) -> Connection {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        thread::spawn(move || {
            for stream in listener.incoming() {
                let mut stream = stream.unwrap();
                let _ = stream.read(&mut [0; 1024]);
                for piece in pieces {
                    let _ = stream.write_all(piece.as_bytes());
                    thread::sleep(Duration::from_millis(5));
                }
            }
        });
        Connection::new(address)
    }

    #[test]
    fn an_answer_in_pieces_is_read_as_a_whole_and_a_closed_connection_is_opened_again() {
        let pieces = &["HTTP/1.1 200 OK\r\ncontent-", "length: 4\r\nConnection: close\r\n\r\nab", "cd"];
        let mut connection = answering(pieces);
        for _ in 0..2 {
            assert_eq!(connection.ask(&get("/")).unwrap(), 200);
            assert_eq!(connection.body(), b"abcd");
        }
    }

    #[test]
    fn a_connection_that_was_closed_since_the_last_answer_is_opened_again() {
        let mut connection = answering(&["HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nab"]);
        for _ in 0..3 {
            assert_eq!(connection.ask(&get("/")).unwrap(), 200);
        }
    }

    #[test]
    fn an_answer_that_ends_early_or_has_no_length_is_an_error() {
        assert!(answering(&["HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\nab"]).ask(&get("/")).is_err());
        assert!(answering(&["HTTP/1.1 200 OK\r\n\r\nab"]).ask(&get("/")).is_err());
        assert!(answering(&["nonsense\r\n\r\n"]).ask(&get("/")).is_err());
    }
}
