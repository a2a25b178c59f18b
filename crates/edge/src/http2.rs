//! The limits of one HTTP/2 connection, where one client can send many requests at once.

use std::time::Duration;

use hyper_util::rt::TokioTimer;
use hyper_util::server::conn::auto::Builder;

/// Concurrent requests of one connection; RFC 9113 recommends at least this many.
const STREAMS: u32 = 100;

/// The whole head of a request, decompressed; as much as a body may have is plenty.
const HEADERS: u32 = 64 * 1024;

/// The part of an answer that is buffered for each stream whose client does not read it.
const SEND_BUFFER: usize = 64 * 1024;

/// How much a client may send before it is read: for a stream, and for the connection.
const STREAM_WINDOW: u32 = 128 * 1024;
const CONNECTION_WINDOW: u32 = 1024 * 1024;

/// Streams that a client opened and reset before we handled them (CVE-2023-44487), and streams that we had to reset
/// because of the client. After more the connection ends.
const RESETS: usize = 20;
const ERRORS: usize = 1024;

/// Notices a client that went away without closing the connection.
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
