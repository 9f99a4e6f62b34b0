//! Connections: who is let in, for how long, and how the service ends.

use std::future::pending;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use futures_util::future::{Either, select};
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, watch};
use tokio::time::{sleep, timeout};
use tokio_io_timeout::TimeoutStream;

use crate::app::App;
use crate::options::Limits;

/// The most bytes of a request's line and headers.
const HEADER_BYTES: usize = 32 << 10;
/// What a client gets when there are too many connections.
const FULL: &[u8] = b"HTTP/1.1 503 Service Unavailable\r\nretry-after: 1\r\nconnection: close\r\n\
content-type: application/json\r\ncontent-length: 72\r\n\r\n\
{\"code\":\"overloaded\",\"message\":\"too many connections; try again later\"}\n";

/// How a service ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shutdown {
    /// Every request that had begun was answered.
    Drained,
    /// The time for that was over, and so many connections were cut.
    Cut(usize),
}

/// Tells a service to stop, from any thread.
#[derive(Debug, Clone)]
pub struct Stop(watch::Sender<bool>);

impl Stop {
    pub(crate) fn new() -> Self {
        Stop(watch::Sender::new(false))
    }

    /// Lets no more requests in, and has those under way end.
    pub fn stop(&self) {
        self.0.send_replace(true);
    }

    pub(crate) async fn asked(&self) {
        if self.0.subscribe().wait_for(|stop| *stop).await.is_err() {
            pending::<()>().await;
        }
    }
}

/// Serves connections until it is told to stop and they have ended.
pub(crate) async fn serve(listener: TcpListener, app: App, router: Router, stop: Stop) -> Shutdown {
    let limits = app.limits().clone();
    let places = Arc::new(Semaphore::new(limits.connections));
    loop {
        let accepted = match select(pin!(listener.accept()), pin!(stop.asked())).await {
            Either::Left((accepted, _)) => accepted,
            Either::Right(_) => break,
        };
        let (stream, peer) = match accepted {
            Ok(accepted) => accepted,
            Err(error) => {
                // No descriptors left, most likely: some are given back soon.
                tracing::warn!(%error, "cannot accept a connection");
                sleep(Duration::from_millis(50)).await;
                continue;
            }
        };
        let Ok(place) = Arc::clone(&places).try_acquire_owned() else {
            metrics::counter!("u2i_connections_refused_total").increment(1);
            tokio::spawn(refuse(stream));
            continue;
        };
        let (router, stop, limits) = (router.clone(), stop.clone(), limits.clone());
        tokio::spawn(async move {
            metrics::gauge!("u2i_connections").increment(1.0);
            connection(stream, peer, router, &stop, &limits).await;
            metrics::gauge!("u2i_connections").decrement(1.0);
            drop(place);
        });
    }
    drop(listener);
    tracing::info!("stopping: no new connections, requests under way are answered");
    let all = limits.connections as u32;
    match timeout(limits.drain, places.acquire_many(all)).await {
        Ok(_) => Shutdown::Drained,
        Err(_) => Shutdown::Cut(limits.connections - places.available_permits()),
    }
}

async fn connection(stream: TcpStream, peer: SocketAddr, router: Router, stop: &Stop, limits: &Limits) {
    // Answers are small and whole: nothing is gained by waiting for more.
    let _ = stream.set_nodelay(true);
    let mut stream = TimeoutStream::new(stream);
    // Of reading, header and body have deadlines of their own.
    stream.set_write_timeout(Some(limits.body));
    let service = TowerToHyperService::new(router);
    let mut builder = http1::Builder::new();
    builder.timer(TokioTimer::new()).header_read_timeout(limits.header).max_buf_size(HEADER_BYTES);
    let mut connection = pin!(builder.serve_connection(TokioIo::new(Box::pin(stream)), service));
    let ended = match select(connection.as_mut(), pin!(stop.asked())).await {
        Either::Left((ended, _)) => ended,
        Either::Right(_) => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = ended {
        tracing::debug!(%peer, %error, "a connection ended early");
    }
}

/// The answer fits into what a new connection takes at once.
async fn refuse(stream: TcpStream) {
    if let Ok(Ok(())) = timeout(Duration::from_secs(1), stream.writable()).await {
        let _ = stream.try_write(FULL);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_answer_to_one_connection_too_many_is_whole() {
        let text = std::str::from_utf8(FULL).unwrap();
        let (head, body) = text.split_once("\r\n\r\n").unwrap();
        assert!(head.contains(&format!("content-length: {}", body.len())), "{}", body.len());
        let body: serde_json::Value = serde_json::from_str(body).unwrap();
        assert_eq!(body["code"], "overloaded");
    }
}
