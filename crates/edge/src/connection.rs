//! One connection, from its first byte to its last.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;

use crate::measure;
use axum::Router;
use axum::body::Body;
use axum::extract::{ConnectInfo, Request};
use axum::http::Response;
use hyper::body::Incoming;
use hyper::rt::Executor;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::time::{Instant, sleep_until, timeout};
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tower::Service;
use tracing::debug;

use super::activity::{Activity, Exceeded};
use super::limits::ConnectionLimits;
use super::watched::{AnswerBody, Watched};
use super::{http2, tls};

/// Marks a request that came over TLS.
#[derive(Clone, Copy, Debug)]
pub struct OverTls;

/// What all connections use together.
pub(super) struct Shared {
    pub(super) router: Router,
    pub(super) acceptor: Option<TlsAcceptor>,
    pub(super) limits: ConnectionLimits,
    /// Cancelled when connections are to end as soon as their requests are answered.
    pub(super) closing: CancellationToken,
    /// The tasks of the connections and of the streams of HTTP/2.
    pub(super) tasks: TaskTracker,
}

/// Serves `stream` until one side ends it.
pub(super) async fn serve(shared: Arc<Shared>, stream: TcpStream, peer: SocketAddr) {
    // Answers are written as a whole: waiting to fill a packet would only delay them.
    if let Err(error) = stream.set_nodelay(true) {
        debug!(%error, "could not set TCP_NODELAY");
    }
    let activity = Activity::new(shared.limits);
    let stream = Watched::new(stream, Arc::clone(&activity));
    let builder = builder(&shared.tasks);
    let Some(acceptor) = &shared.acceptor else {
        let connection = Connection {
            shared,
            activity,
            peer,
            over_tls: false,
        };
        return connection.drive(builder, stream).await;
    };
    let stream = match timeout(shared.limits.handshake, acceptor.accept(stream)).await {
        Ok(Ok(stream)) => stream,
        Ok(Err(error)) => return debug!(%error, "the TLS handshake with a client failed"),
        Err(_) => return measure::connection_cut("handshake"),
    };
    let builder = match tls::agreed_on_http2(&stream) {
        true => builder.http2_only(),
        false => builder.http1_only(),
    };
    if builder.is_http2_available() {
        activity.multiplexed();
    }
    activity.rest();
    let connection = Connection {
        shared,
        activity,
        peer,
        over_tls: true,
    };
    connection.drive(builder, stream).await;
}

fn builder(tasks: &TaskTracker) -> Builder<Tracked> {
    let mut builder = Builder::new(Tracked(tasks.clone()));
    // The activity limits the time of a head.
    builder
        .http1()
        .timer(TokioTimer::new())
        .header_read_timeout(None);
    http2::configure(&mut builder);
    builder
}

struct Connection {
    shared: Arc<Shared>,
    activity: Arc<Activity>,
    peer: SocketAddr,
    over_tls: bool,
}

impl Connection {
    async fn drive<S>(self, builder: Builder<Tracked>, stream: S)
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let (router, activity) = (self.shared.router.clone(), Arc::clone(&self.activity));
        let (peer, over_tls) = (self.peer, self.over_tls);
        let service = service_fn(move |request| {
            answer(
                router.clone(),
                Arc::clone(&activity),
                peer,
                over_tls,
                request,
            )
        });
        let mut connection = pin!(builder.serve_connection(TokioIo::new(stream), service));
        let opened = Instant::now();
        let mut is_ending = false;
        loop {
            tokio::select! {
                biased;
                ended = connection.as_mut() => {
                    // A client that disconnects or sends nonsense does not concern the operator.
                    if let Err(error) = ended {
                        debug!(%error, "a connection ended early");
                    }
                    return;
                }
                () = self.is_to_end(opened), if !is_ending => {}
                exceeded = self.activity.exceeded() => match exceeded {
                    // A client that speaks HTTP/2 is told that the connection ends, and has the same time again to
                    // receive that.
                    Exceeded::Idle if !is_ending => self.activity.rest(),
                    exceeded => return cut(exceeded),
                },
            }
            is_ending = true;
            connection.as_mut().graceful_shutdown();
        }
    }

    async fn is_to_end(&self, opened: Instant) {
        self.shared.closing.cancelled().await;
        sleep_until(opened + self.shared.limits.linger).await;
    }
}

fn cut(exceeded: Exceeded) {
    measure::connection_cut(match exceeded {
        Exceeded::Idle => "idle",
        Exceeded::SlowHead => "slow-head",
        Exceeded::Stalled => "stalled",
    });
}

async fn answer(
    mut router: Router,
    activity: Arc<Activity>,
    peer: SocketAddr,
    over_tls: bool,
    request: hyper::Request<Incoming>,
) -> Result<Response<AnswerBody>, Infallible> {
    let serving = activity.serve(request.version());
    let mut request: Request = request.map(Body::new);
    request.extensions_mut().insert(ConnectInfo(peer));
    if over_tls {
        request.extensions_mut().insert(OverTls);
    }
    // A router is always ready.
    let answered = router.call(request).await?;
    Ok(answered.map(|body| AnswerBody::new(body, serving)))
}

/// Runs the futures that answer streams of HTTP/2 among the connections' tasks.
#[derive(Clone)]
pub(super) struct Tracked(TaskTracker);

impl<F> Executor<F> for Tracked
where
    F: Future<Output: Send> + Send + 'static,
{
    fn execute(&self, future: F) {
        self.0.spawn(future);
    }
}
