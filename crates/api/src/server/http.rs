//! Serves HTTP/1.1 connections until it is told to stop, then answers what it has accepted.

use std::convert::Infallible;
use std::io::{self, ErrorKind};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::{ConnectInfo, Request};
use axum::response::Response;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use tower::Service;
use tracing::{debug, info, warn};

/// More connections than this wait in the kernel's queue until others are closed.
const MAX_CONNECTIONS: usize = 10_000;

/// How long a connection may be idle or take to send its headers: longer than the 60 s after which
/// load balancers stop using one, so that they and not we close it.
const IDLE_TIMEOUT: Duration = Duration::from_secs(75);

/// After the stop, a connection that has sent nothing would be closed at once; this is the time in
/// which what its client had sent by then is read.
const LINGER: Duration = Duration::from_millis(200);

/// How long requests may take after the stop: more than the time that any request has.
const GRACE: Duration = Duration::from_secs(15);

/// After an error such as "too many open files", accepting again at once would only repeat it.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Returns when every accepted request is answered, or the time for that is over.
pub(crate) async fn serve(listener: TcpListener, router: Router, stop: CancellationToken) {
    let room = Arc::new(Semaphore::new(MAX_CONNECTIONS));
    let mut connections = Connections {
        router,
        open: GracefulShutdown::new(),
        tasks: JoinSet::new(),
    };
    while let Some((stream, peer, permit)) = accept(&listener, &room, &stop).await {
        connections.start(stream, peer, permit);
    }
    if let Err(error) = connections.start_queued(listener, &room) {
        warn!(%error, "could not take the connections that were queued");
    }
    connections.finish().await;
}

/// The next connection, or `None` once the server is to stop.
async fn accept(
    listener: &TcpListener,
    room: &Arc<Semaphore>,
    stop: &CancellationToken,
) -> Option<(TcpStream, SocketAddr, OwnedSemaphorePermit)> {
    let next = async {
        // The semaphore is never closed.
        let permit = room.clone().acquire_owned().await.ok()?;
        loop {
            match listener.accept().await {
                Ok((stream, peer)) => return Some((stream, peer, permit)),
                Err(error) if is_the_clients(&error) => {}
                Err(error) => {
                    warn!(%error, "could not accept a connection");
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                }
            }
        }
    };
    tokio::select! {
        biased;
        () = stop.cancelled() => None,
        accepted = next => accepted,
    }
}

fn is_the_clients(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        ErrorKind::ConnectionAborted | ErrorKind::ConnectionReset | ErrorKind::ConnectionRefused
    )
}

struct Connections {
    router: Router,
    open: GracefulShutdown,
    tasks: JoinSet<()>,
}

impl Connections {
    fn start(&mut self, stream: TcpStream, peer: SocketAddr, permit: OwnedSemaphorePermit) {
        // Forgets those that have ended.
        while self.tasks.try_join_next().is_some() {}
        // Answers are written whole: waiting to fill a packet would only delay them.
        if let Err(error) = stream.set_nodelay(true) {
            debug!(%error, "could not set TCP_NODELAY");
        }
        let router = self.router.clone();
        let service = service_fn(move |request| answer(router.clone(), peer, request));
        let connection = http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(IDLE_TIMEOUT)
            .serve_connection(TokioIo::new(stream), service);
        let watched = self.open.watch(connection);
        self.tasks.spawn(async move {
            // A client that goes away or talks nonsense is no concern of the operator's.
            if let Err(error) = watched.await {
                debug!(%error, "a connection ended early");
            }
            drop(permit);
        });
    }

    /// Clients in the kernel's queue believe that they are connected and may have sent a request.
    fn start_queued(&mut self, listener: TcpListener, room: &Arc<Semaphore>) -> io::Result<()> {
        // The runtime's listener would have to be told by the system first that there is something.
        let listener = listener.into_std()?;
        while let Ok(permit) = room.clone().try_acquire_owned() {
            let (stream, peer) = match listener.accept() {
                Ok(accepted) => accepted,
                Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                Err(error) => return Err(error),
            };
            stream.set_nonblocking(true)?;
            self.start(TcpStream::from_std(stream)?, peer, permit);
        }
        Ok(())
    }

    async fn finish(mut self) {
        tokio::time::sleep(LINGER).await;
        if tokio::time::timeout(GRACE, self.open.shutdown())
            .await
            .is_ok()
        {
            info!("answered every accepted request");
            return;
        }
        while self.tasks.try_join_next().is_some() {}
        warn!(
            connections = self.tasks.len(),
            "closed connections whose requests took too long"
        );
        self.tasks.shutdown().await;
    }
}

async fn answer(
    mut router: Router,
    peer: SocketAddr,
    request: hyper::Request<Incoming>,
) -> Result<Response, Infallible> {
    let mut request: Request = request.map(axum::body::Body::new);
    request.extensions_mut().insert(ConnectInfo(peer));
    // A router is always ready.
    router.call(request).await
}
