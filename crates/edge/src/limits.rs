use std::time::Duration;

/// What a client may take of the server before it has asked for anything that can be judged.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// More connections than this wait in the kernel's queue until others are closed.
    pub connections: usize,
    /// More from one address are closed at once.
    pub connections_per_address: usize,
    /// To agree on keys with a client that wants TLS.
    pub handshake: Duration,
    /// From the first byte of a request to the last of its head.
    pub head: Duration,
    /// Without a request: longer than the 60 s after which load balancers stop using a connection, so that they
    /// and not we close it.
    pub idle: Duration,
    /// While there is something to send and the client takes none of it.
    pub stall: Duration,
    /// After the stop, a connection that has sent nothing would be closed at once; this is the time in which what
    /// its client had sent by then is read.
    pub linger: Duration,
    /// For requests after the stop: more than the time that any request has.
    pub grace: Duration,
}

impl Default for Limits {
    fn default() -> Limits {
        Limits {
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
