//! A client of few lines, which sends the very bytes that a test wants.

use std::io::{self, BufRead as _, BufReader, ErrorKind, Read as _, Write as _};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::time::Duration;

use serde_json::Value;

/// No test waits longer for a byte: then something hangs.
const PATIENCE: Duration = Duration::from_secs(30);

/// What came back.
#[derive(Debug, Clone, PartialEq)]
pub struct Answer {
    pub status: u16,
    /// Names in lower case.
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
}

impl Answer {
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(own, _)| own == name).map(|(_, value)| value.as_str())
    }

    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// The body, which must be JSON.
    #[track_caller]
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body)
            .unwrap_or_else(|error| panic!("{}: {error}: {}", self.status, self.text()))
    }

    /// The body of an answer that is none at fault.
    #[track_caller]
    pub fn ok(&self) -> Value {
        assert_eq!(self.status, 200, "{}", self.text());
        self.json()
    }

    /// The code and the field of an error, whose shape is checked.
    #[track_caller]
    pub fn problem(&self) -> (u16, String, Option<String>) {
        assert!(self.status >= 400, "{}: {}", self.status, self.text());
        assert_eq!(self.header("content-type"), Some("application/json"), "{}", self.text());
        let body = self.json();
        let fields = body.as_object().unwrap();
        assert!(fields.keys().all(|key| ["code", "field", "message", "request_id"].contains(&key.as_str())));
        let text = |key: &str| fields[key].as_str().unwrap().to_owned();
        let code = text("code");
        assert!(
            !code.is_empty() && code.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_'),
            "{code}"
        );
        assert!(!text("message").is_empty());
        assert_eq!(Some(text("request_id").as_str()), self.header("x-request-id"));
        (self.status, code, fields.get("field").map(|field| field.as_str().unwrap().to_owned()))
    }
}

/// A connection.
pub struct Client {
    stream: BufReader<TcpStream>,
    /// Headers that each request has, whole lines.
    pub headers: String,
}

/// The bytes of a request with a body of known length.
pub fn request(method: &str, path: &str, headers: &str, body: &[u8]) -> Vec<u8> {
    let length = if body.is_empty() { String::new() } else { format!("content-length: {}\r\n", body.len()) };
    let mut bytes =
        format!("{method} {path} HTTP/1.1\r\nhost: localhost\r\n{headers}{length}\r\n").into_bytes();
    bytes.extend_from_slice(body);
    bytes
}

pub const JSON: &str = "content-type: application/json\r\n";

impl Client {
    pub fn new(addr: SocketAddr) -> Self {
        Client::try_new(addr).unwrap()
    }

    pub fn try_new(addr: SocketAddr) -> io::Result<Self> {
        let stream = TcpStream::connect(addr)?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.set_write_timeout(Some(PATIENCE))?;
        Ok(Client { stream: BufReader::new(stream), headers: String::new() })
    }

    pub fn send(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.stream.get_mut().write_all(bytes)
    }

    /// The next answer, whole; an error if the connection ends before.
    pub fn answer(&mut self) -> io::Result<Answer> {
        self.read_answer(true)
    }

    /// The next answer, to a request by a method: one to HEAD has no body.
    pub fn answer_to(&mut self, method: &str) -> io::Result<Answer> {
        self.read_answer(method != "HEAD")
    }

    /// Says that nothing more is sent.
    pub fn finish(&mut self) {
        let _ = self.stream.get_mut().shutdown(Shutdown::Write);
    }

    fn read_answer(&mut self, has_body: bool) -> io::Result<Answer> {
        let line = self.line()?;
        let status = line.strip_prefix("HTTP/1.1 ").and_then(|rest| rest.get(..3)?.parse().ok());
        let status = status.ok_or_else(|| io::Error::new(ErrorKind::InvalidData, line))?;
        let mut headers = Vec::new();
        loop {
            let line = self.line()?;
            if line.is_empty() {
                break;
            }
            let (name, value) = line.split_once(':').ok_or(ErrorKind::InvalidData)?;
            headers.push((name.to_ascii_lowercase(), value.trim().to_owned()));
        }
        let mut answer = Answer { status, headers, body: Vec::new() };
        if !has_body || status == 100 {
            return Ok(answer);
        }
        let length = answer.header("content-length").map(|length| length.parse::<usize>().unwrap());
        if let Some(length) = length {
            answer.body.resize(length, 0);
            self.stream.read_exact(&mut answer.body)?;
        } else if answer.header("transfer-encoding") == Some("chunked") {
            loop {
                let size = usize::from_str_radix(&self.line()?, 16).map_err(|_| ErrorKind::InvalidData)?;
                let begin = answer.body.len();
                answer.body.resize(begin + size, 0);
                self.stream.read_exact(&mut answer.body[begin..])?;
                self.line()?;
                if size == 0 {
                    break;
                }
            }
        }
        Ok(answer)
    }

    fn line(&mut self) -> io::Result<String> {
        let mut line = Vec::new();
        self.stream.read_until(b'\n', &mut line)?;
        if !line.ends_with(b"\r\n") {
            return Err(ErrorKind::UnexpectedEof.into());
        }
        line.truncate(line.len() - 2);
        Ok(String::from_utf8_lossy(&line).into_owned())
    }

    /// What is still to be read, to the end of the connection, however that comes.
    pub fn rest(&mut self) -> Vec<u8> {
        let mut rest = Vec::new();
        let mut piece = [0; 1 << 16];
        while let Ok(n) = self.stream.read(&mut piece) {
            if n == 0 {
                break;
            }
            rest.extend_from_slice(&piece[..n]);
        }
        rest
    }

    /// Waits for the first byte of an answer, and says whether the connection ended without one.
    pub fn is_silent(&mut self) -> bool {
        self.stream.fill_buf().map_or(true, <[u8]>::is_empty)
    }

    /// Whether there is an answer to read, or the end of the connection.
    pub fn has_ended(&mut self) -> bool {
        self.stream.get_mut().set_nonblocking(true).unwrap();
        let found = self.stream.fill_buf().map(<[u8]>::len);
        self.stream.get_mut().set_nonblocking(false).unwrap();
        !matches!(found, Err(error) if error.kind() == ErrorKind::WouldBlock)
    }

    pub fn try_ask(&mut self, method: &str, path: &str, headers: &str, body: &[u8]) -> io::Result<Answer> {
        let headers = format!("{}{headers}", self.headers);
        self.send(&request(method, path, &headers, body))?;
        self.answer_to(method)
    }

    #[track_caller]
    pub fn ask(&mut self, method: &str, path: &str, headers: &str, body: &[u8]) -> Answer {
        self.try_ask(method, path, headers, body).unwrap_or_else(|error| panic!("{method} {path}: {error}"))
    }

    #[track_caller]
    pub fn get(&mut self, path: &str) -> Answer {
        self.ask("GET", path, "", b"")
    }

    #[track_caller]
    pub fn delete(&mut self, path: &str) -> Answer {
        self.ask("DELETE", path, "", b"")
    }

    #[track_caller]
    pub fn post(&mut self, path: &str, body: &Value) -> Answer {
        self.ask("POST", path, JSON, body.to_string().as_bytes())
    }

    #[track_caller]
    pub fn put(&mut self, path: &str, body: &Value) -> Answer {
        self.ask("PUT", path, JSON, body.to_string().as_bytes())
    }
}
