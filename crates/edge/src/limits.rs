use std::time::Duration;

/// How much of the server a client may use before it has sent a request that can be judged.
#[derive(Clone, Copy, Debug)]
pub struct ConnectionLimits {
    /// Further connections wait in the kernel's queue until others are closed.
    pub connections: usize,
    /// Further connections from one address are closed at once.
    pub connections_per_address: usize,
    /// For the TLS handshake.
    pub handshake: Duration,
    /// From the first byte of a request to the last byte of its head.
    pub head: Duration,
    /// Time without a request. Longer than the 60 s after which load balancers stop using a connection, so that they
    /// close it and not we.
    pub idle: Duration,
    /// While there is something to send and the client reads none of it.
    pub stall: Duration,
    /// After the stop, a connection that has sent nothing would be closed at once; during this time the server still
    /// reads what the client had sent by then.
    pub linger: Duration,
    /// For requests after the stop: more than the time limit of any request.
    pub grace: Duration,
}

impl Default for ConnectionLimits {
    fn default() -> ConnectionLimits {
        ConnectionLimits {
            connections: 10_000,
            connections_per_address: 1_000,
            handshake: Duration::from_secs(10),
            head: Duration::from_secs(10),
            idle: Duration::from_secs(75),
            stall: Duration::from_secs(30),
            linger: Duration::from_millis(200),
            grace: Duration::from_secs(15),
        }
    }
}
