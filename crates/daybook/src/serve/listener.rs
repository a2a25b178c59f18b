//! The port: bound early, opened late.
//!
//! Binding before the slow part of the start shows at once if another program has the port. Listening only after it
//! means that no client's connection waits for a server that may never start.

use std::io::{self, ErrorKind};
use std::net::SocketAddr;

use tokio::net::{TcpListener, TcpSocket};

/// Why requests cannot be waited for.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ListenError {
    #[error("{address} is taken by another program")]
    PortTaken { address: SocketAddr },
    #[error("cannot listen on {address}")]
    Address {
        address: SocketAddr,
        source: io::Error,
    },
}

impl ListenError {
    pub(crate) fn remedy(&self) -> &'static str {
        match self {
            ListenError::PortTaken { .. } => {
                "stop that program, or choose another port with --listen or DAYBOOK_LISTEN"
            }
            ListenError::Address { .. } => {
                "choose an address of this machine with --listen or DAYBOOK_LISTEN"
            }
        }
    }

    fn of(address: SocketAddr, source: io::Error) -> ListenError {
        match source.kind() {
            ErrorKind::AddrInUse => ListenError::PortTaken { address },
            _ => ListenError::Address { address, source },
        }
    }
}

/// Connections that the kernel queues between two accepts.
const BACKLOG: u32 = 4096;

pub(crate) struct ReservedPort {
    socket: TcpSocket,
    address: SocketAddr,
}

impl ReservedPort {
    pub(crate) fn bind(address: SocketAddr) -> Result<ReservedPort, ListenError> {
        let bound = || -> io::Result<TcpSocket> {
            let socket = match address {
                SocketAddr::V4(_) => TcpSocket::new_v4()?,
                SocketAddr::V6(_) => TcpSocket::new_v6()?,
            };
            // Connections left behind by a server that was just stopped must not block the port.
            socket.set_reuseaddr(true)?;
            socket.bind(address)?;
            Ok(socket)
        };
        let socket = bound().map_err(|source| ListenError::of(address, source))?;
        Ok(ReservedPort { socket, address })
    }

    /// Of two programs that reserved the port at the same moment only one gets past this.
    pub(crate) fn listen(self) -> Result<TcpListener, ListenError> {
        self.socket
            .listen(BACKLOG)
            .map_err(|source| ListenError::of(self.address, source))
    }
}
