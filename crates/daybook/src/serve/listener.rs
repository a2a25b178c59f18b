//! The port: bound early, opened late.
//!
//! Binding before the slow part of the start shows at once if another program has the port. Listening only after it
//! means that no client's connection waits for a server that may never start.

use std::io::{self, ErrorKind};
use std::net::SocketAddr;

use tokio::net::{TcpListener, TcpSocket};

use crate::failure::Failure;

/// Connections that the kernel queues between two accepts.
const BACKLOG: u32 = 4096;

pub(crate) struct ReservedPort {
    socket: TcpSocket,
    address: SocketAddr,
}

impl ReservedPort {
    pub(crate) fn bind(address: SocketAddr) -> Result<ReservedPort, Failure> {
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
        let socket = bound().map_err(|source| failure(address, source))?;
        Ok(ReservedPort { socket, address })
    }

    /// If two programs bound the port at the same moment, only one of them succeeds here.
    pub(crate) fn listen(self) -> Result<TcpListener, Failure> {
        self.socket
            .listen(BACKLOG)
            .map_err(|source| failure(self.address, source))
    }
}

fn failure(address: SocketAddr, source: io::Error) -> Failure {
    match source.kind() {
        ErrorKind::AddrInUse => Failure::PortTaken { address },
        _ => Failure::CannotListen { address, source },
    }
}
