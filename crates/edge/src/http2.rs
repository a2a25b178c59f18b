//! What one connection of HTTP/2 may ask for, where one client can open many requests at once.

use std::time::Duration;

use hyper_util::rt::TokioTimer;
use hyper_util::server::conn::auto::Builder;

/// Requests of one connection at once; what RFC 9113 recommends as the least.
const STREAMS: u32 = 100;

/// All of a request's head, unpacked; as much as a body may have is plenty.
const HEADERS: u32 = 64 * 1024;

/// Answers kept for streams whose client does not take them, each.
const SEND_BUFFER: usize = 64 * 1024;

/// What a client may send before somebody reads it: for a stream, and for the connection.
const STREAM_WINDOW: u32 = 128 * 1024;
const CONNECTION_WINDOW: u32 = 1024 * 1024;

/// Streams that a client opened and reset before we came to them (CVE-2023-44487), and those that we had to reset
/// for it; after more the connection ends.
const RESETS: usize = 20;
const ERRORS: usize = 1024;

/// A client that went away without a word is noticed.
const PING: Duration = Duration::from_secs(30);
const PONG: Duration = Duration::from_secs(20);

pub(super) fn configure<E>(builder: &mut Builder<E>) {
    builder
        .http2()
        .timer(TokioTimer::new())
        .max_concurrent_streams(STREAMS)
        .max_header_list_size(HEADERS)
        .max_send_buf_size(SEND_BUFFER)
        .initial_stream_window_size(STREAM_WINDOW)
        .initial_connection_window_size(CONNECTION_WINDOW)
        .max_pending_accept_reset_streams(RESETS)
        .max_local_error_reset_streams(ERRORS)
        .keep_alive_interval(PING)
        .keep_alive_timeout(PONG);
}
