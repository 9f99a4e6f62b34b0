//! Clients that send a byte now and then, and never come to an end.

use std::io::{ErrorKind, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed};
use std::thread;
use std::time::Duration;

use super::client::post;

/// Whole, they would be a request; half of them get as far as its body.
pub struct Drippers {
    pub address: SocketAddr,
    pub n: usize,
}

/// Bytes a second of each.
const PER_S: usize = 1;
/// Parts of a second in which they take turns.
const TURNS: usize = 20;
/// How long a connection may take; where the server lets no more in, it would be long.
const TO_OPEN: Duration = Duration::from_millis(20);

impl Drippers {
    /// Drips until it is told to stop, and counts connections that are open and those that the server has closed.
    pub fn run(&self, stop: &AtomicBool, open: &AtomicUsize, closed: &AtomicUsize) {
        let request =
            post("/v1/recommend", &format!("{{\"k\": 10, \"history\": [\"{}\"]}}", "1".repeat(2_000)));
        let head = request.windows(4).position(|bytes| bytes == b"\r\n\r\n").map_or(0, |at| at + 4);
        let mut all: Vec<Option<(TcpStream, usize)>> = (0..self.n).map(|_| None).collect();
        let mut turn = 0;
        while !stop.load(Relaxed) {
            for (place, own) in all.iter_mut().enumerate().skip(turn % TURNS).step_by(TURNS) {
                match own {
                    Some((stream, at)) => match stream.write(&request[*at..*at + PER_S]) {
                        Ok(n) => *at = (*at + n).min(request.len() - PER_S),
                        Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                        Err(_) => {
                            *own = None;
                            closed.fetch_add(1, Relaxed);
                        }
                    },
                    None => {
                        // Those of odd places send the head at once.
                        let at = if place % 2 == 1 { head } else { 0 };
                        *own = connect(self.address, &request[..at]).map(|stream| (stream, at));
                    }
                }
            }
            open.store(all.iter().flatten().count(), Relaxed);
            turn += 1;
            thread::sleep(Duration::from_secs(1) / TURNS as u32);
        }
    }
}

fn connect(address: SocketAddr, first: &[u8]) -> Option<TcpStream> {
    let mut stream = TcpStream::connect_timeout(&address, TO_OPEN).ok()?;
    stream.write_all(first).ok()?;
    stream.set_nonblocking(true).ok()?;
    Some(stream)
}
