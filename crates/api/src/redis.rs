//! The connection to Redis, if one is configured: for data that the servers of one shop count or cache together.
//!
//! Nothing depends on it. Nothing waits for it to be available, at the start or later, and a request that needs it
//! learns within a moment that it is away and continues without it. After a failure it is not asked again until a
//! background task has seen it accept a write.

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use aws_lc_rs::digest::{SHA256, digest};
use aws_lc_rs::hmac;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use metrics::{counter, describe_counter, describe_gauge, gauge};
use redis::aio::MultiplexedConnection;
use redis::{AsyncConnectionConfig, Client, ConnectionAddr, RedisError, RedisResult, cmd};
use tokio::sync::watch;
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

const UP: &str = "daybook_redis_up";
const ERRORS: &str = "daybook_redis_errors_total";

/// Longer than Redis takes, and short compared with a request's time limit.
const ANSWERS_WITHIN: Duration = Duration::from_millis(100);
/// The time for a connection with its handshake.
const CONNECTS_WITHIN: Duration = Duration::from_secs(2);
const PAUSE: Duration = Duration::from_secs(1);
/// How soon we notice that Redis is gone while nobody uses it.
const LOOK: Duration = Duration::from_secs(5);

/// Clones share one connection.
#[derive(Clone)]
pub struct Redis(Arc<Inner>);

struct Inner {
    client: Client,
    /// The address, without a password.
    place: String,
    namespace: String,
    names: hmac::Key,
    answers_within: Duration,
    connection: watch::Sender<Connection>,
}

/// Numbered, so that a late failure of an earlier connection does not end its successor.
#[derive(Default)]
struct Connection {
    number: u64,
    open: Option<MultiplexedConnection>,
}

impl Connection {
    fn is_up(&self) -> bool {
        self.open.is_some()
    }
}

/// Redis does not answer, or not in time: continue without it. It is already logged and counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("Redis is away")]
pub struct Away;

/// Checks whether a URL can be used, without connecting.
pub fn client(url: &str) -> Result<Client, RedisError> {
    Client::open(url)
}

impl Redis {
    /// `shop` is the secret that the servers of one database share, so that several shops can use one Redis. Connects
    /// once [`Redis::run`] runs.
    pub fn new(client: Client, shop: &[u8]) -> Redis {
        Redis::with_patience(client, shop, ANSWERS_WITHIN)
    }

    /// Like [`Redis::new`], for machines that are busier than a shop's should be.
    pub fn with_patience(client: Client, shop: &[u8], answers_within: Duration) -> Redis {
        let place = match client.get_connection_info().addr() {
            ConnectionAddr::Tcp(host, port) | ConnectionAddr::TcpTls { host, port, .. } => {
                format!("{host}:{port}")
            }
            other => other.to_string(),
        };
        let namespace = URL_SAFE_NO_PAD.encode(&digest(&SHA256, shop).as_ref()[..9]);
        Redis(Arc::new(Inner {
            client,
            place,
            namespace,
            names: hmac::Key::new(hmac::HMAC_SHA256, shop),
            answers_within,
            connection: watch::Sender::default(),
        }))
    }

    pub fn is_up(&self) -> bool {
        self.0.connection.borrow().is_up()
    }

    /// Waits until it is available, however long that takes: not for use in requests.
    pub async fn up(&self) {
        let mut connection = self.0.connection.subscribe();
        // We hold the sender, so waiting does not fail.
        let _ = connection.wait_for(Connection::is_up).await;
    }

    /// The key of an item of `kind` in this shop. The name cannot be derived from it, so names may be personal data.
    /// All keys of a shop are in one slot of a cluster.
    pub fn key(&self, kind: &str, name: &[u8]) -> String {
        let tag = hmac::sign(&self.0.names, name);
        let name = URL_SAFE_NO_PAD.encode(&tag.as_ref()[..18]);
        format!("daybook:{{{}}}:{kind}:{name}", self.0.namespace)
    }

    /// Sends one request, which may be several commands. Costs a round trip; every failure is [`Away`].
    pub async fn ask<T, F>(&self, ask: impl FnOnce(MultiplexedConnection) -> F) -> Result<T, Away>
    where
        F: Future<Output = RedisResult<T>>,
    {
        let (number, open) = {
            let connection = self.0.connection.borrow();
            (connection.number, connection.open.clone().ok_or(Away)?)
        };
        match timeout(self.0.answers_within, ask(open)).await {
            Ok(Ok(answer)) => Ok(answer),
            Ok(Err(error)) => Err(self.lose(number, &error.to_string())),
            Err(_) => Err(self.lose(number, "no answer in time")),
        }
    }

    /// Keeps the connection open until `stop`.
    pub async fn run(self, stop: CancellationToken) {
        stop.run_until_cancelled(self.keep_connected()).await;
    }

    async fn keep_connected(&self) {
        describe_gauge!(UP, "Whether Redis answers.");
        describe_counter!(
            ERRORS,
            "Requests to Redis that failed or were not answered in time."
        );
        counter!(ERRORS).increment(0);
        gauge!(UP).set(0);
        let mut is_told = false;
        loop {
            match self.connect().await {
                Ok(()) => self.watch().await,
                Err(reason) if !is_told => warn!(
                    place = self.0.place,
                    reason, "Redis cannot be reached; going on without it"
                ),
                Err(_) => {}
            }
            // If the connection existed before, its loss was already logged.
            is_told = true;
            sleep(PAUSE).await;
        }
    }

    async fn connect(&self) -> Result<(), String> {
        let config = AsyncConnectionConfig::new()
            .set_connection_timeout(Some(CONNECTS_WITHIN))
            // Every caller has a time limit of its own.
            .set_response_timeout(None);
        let client = &self.0.client;
        let connecting = async {
            let open = client.get_multiplexed_async_connection_with_config(&config);
            let open = open.await?;
            self.probe(open.clone()).await?;
            Ok::<_, RedisError>(open)
        };
        let open = match timeout(CONNECTS_WITHIN, connecting).await {
            Ok(opened) => opened.map_err(|error| error.to_string())?,
            Err(_) => return Err("no answer in time".to_owned()),
        };
        self.0.connection.send_modify(|connection| {
            connection.number += 1;
            connection.open = Some(open);
        });
        gauge!(UP).set(1);
        info!(place = self.0.place, "connected to Redis");
        Ok(())
    }

    /// Returns when the connection is lost.
    async fn watch(&self) {
        let mut connection = self.0.connection.subscribe();
        let mut lost = pin!(connection.wait_for(|connection| !connection.is_up()));
        while timeout(LOOK, &mut lost).await.is_err() {
            // The caller that waits for the connection sees the failure.
            let _ = self.ask(|open| self.probe(open)).await;
        }
    }

    /// Writes, since a replica, or a server whose memory is full, would still answer a ping.
    async fn probe(&self, mut open: MultiplexedConnection) -> RedisResult<()> {
        let key = self.key("probe", b"");
        let mut write = cmd("SET");
        write
            .arg(key)
            .arg(1)
            .arg("PX")
            .arg(PAUSE.as_millis() as u64);
        write.query_async(&mut open).await
    }

    fn lose(&self, number: u64, reason: &str) -> Away {
        counter!(ERRORS).increment(1);
        let lost = self.0.connection.send_if_modified(|connection| {
            connection.number == number && connection.open.take().is_some()
        });
        if lost {
            gauge!(UP).set(0);
            warn!(
                place = self.0.place,
                reason, "lost Redis; going on without it"
            );
        }
        Away
    }
}
