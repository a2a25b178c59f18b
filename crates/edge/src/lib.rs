//! The edge: plain or TLS connections, HTTP/1.1 and HTTP/2, served until the server is told to stop and has answered
//! every request that it accepted. A client that is too slow in sending or in reading is cut off.

mod activity;
mod addresses;
mod connection;
mod http2;
mod limits;
mod measure;
mod network;
pub mod tls;
mod watched;

use std::io::{self, ErrorKind};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::{info, warn};

use self::addresses::Addresses;
pub use self::addresses::Exempt;
pub use self::connection::OverTls;
use self::connection::Shared;
pub use self::limits::ConnectionLimits;
pub use self::measure::describe;
pub use self::network::network_of;
use self::tls::Certificate;

/// After an error such as "too many open files", accepting again at once would only repeat it.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// How connections are accepted.
#[derive(Clone)]
pub struct Edge {
    pub limits: ConnectionLimits,
    /// If there is one, connections are over TLS only.
    pub certificate: Option<Arc<Certificate>>,
    /// Peers that may have any number of connections because many clients are behind them; the machine itself is one.
    pub exempt: Exempt,
}

impl Default for Edge {
    fn default() -> Edge {
        Edge {
            limits: ConnectionLimits::default(),
            certificate: None,
            exempt: Arc::new(|_| false),
        }
    }
}

/// Returns when every accepted request is answered, or the time for that has passed.
pub async fn serve(listener: TcpListener, router: Router, edge: Edge, stop: CancellationToken) {
    let room = Arc::new(Semaphore::new(edge.limits.connections));
    let connections = Connections::new(router, edge);
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
    shared: Arc<Shared>,
    addresses: Addresses,
    /// Cancelled when the connections that are still open are to be dropped.
    over: CancellationToken,
}

impl Connections {
    fn new(router: Router, edge: Edge) -> Connections {
        let shared = Shared {
            router,
            acceptor: edge.certificate.as_ref().map(tls::acceptor),
            limits: edge.limits,
            closing: CancellationToken::new(),
            tasks: TaskTracker::new(),
        };
        Connections {
            shared: Arc::new(shared),
            addresses: Addresses::new(edge.limits.connections_per_address, edge.exempt),
            over: CancellationToken::new(),
        }
    }

    fn start(&self, stream: TcpStream, peer: SocketAddr, permit: OwnedSemaphorePermit) {
        let Some(admission) = self.addresses.admit(peer.ip()) else {
            return measure::connection_cut("too-many");
        };
        let serving = connection::serve(Arc::clone(&self.shared), stream, peer);
        let over = self.over.clone();
        self.shared.tasks.spawn(async move {
            // Dropped as a whole when the time is over.
            over.run_until_cancelled_owned(serving).await;
            drop((permit, admission));
        });
    }

    /// Clients in the kernel's queue believe that they are connected and may have sent a request.
    fn start_queued(&self, listener: TcpListener, room: &Arc<Semaphore>) -> io::Result<()> {
        // The runtime's listener would accept only after the system has told it that a client waits.
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

    async fn finish(self) {
        let Shared {
            limits,
            closing,
            tasks,
            ..
        } = &*self.shared;
        tokio::time::sleep(limits.linger).await;
        closing.cancel();
        tasks.close();
        if tokio::time::timeout(limits.grace, tasks.wait())
            .await
            .is_ok()
        {
            info!("answered every accepted request");
            return;
        }
        warn!(
            tasks = tasks.len(),
            "closed connections whose requests took too long"
        );
        self.over.cancel();
        // The tasks that answer their streams end with them.
        let _ = tokio::time::timeout(limits.linger, tasks.wait()).await;
    }
}
