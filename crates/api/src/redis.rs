//! The connection to Redis, where one is named: for what the servers of one shop count or keep together.
//!
//! Nothing depends on it. Nobody waits for it to come, at the start or later, and whoever asks it is told within
//! a moment that it is away and goes on without. After a failure it is not asked again before a task beside the
//! requests has seen it take a write.

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

/// Longer than Redis takes, and little beside what a request may take.
const ANSWERS_WITHIN: Duration = Duration::from_millis(100);
/// Of a connection with its handshake.
const CONNECTS_WITHIN: Duration = Duration::from_secs(2);
const PAUSE: Duration = Duration::from_secs(1);
/// How soon it is noticed that Redis has gone when nobody asks it anything.
const LOOK: Duration = Duration::from_secs(5);

/// Clones share one connection.
#[derive(Clone)]
pub struct Redis(Arc<Inner>);

struct Inner {
    client: Client,
    /// Without a password.
    place: String,
    namespace: String,
    names: hmac::Key,
    answers_within: Duration,
    connection: watch::Sender<Connection>,
}

/// Numbered, so that what fails late on an earlier one does not end its successor.
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

/// Redis does not answer, or not in time: go on without it. Logged and counted already.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("Redis is away")]
pub struct Away;

/// Says whether a URL can be used, without connecting.
pub fn client(url: &str) -> Result<Client, RedisError> {
    Client::open(url)
}

impl Redis {
    /// `shop` is the secret that the servers of one database share, so that several shops can use one Redis.
    /// Connects once [`Redis::run`] does.
    pub fn new(client: Client, shop: &[u8]) -> Redis {
        Redis::with_patience(client, shop, ANSWERS_WITHIN)
    }

    /// As [`Redis::new`], for machines that are busier than a shop's should be.
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

    /// Waits until it is there, for as long as that takes: not for requests.
    pub async fn up(&self) {
        let mut connection = self.0.connection.subscribe();
        // The sender is ours, and lives.
        let _ = connection.wait_for(Connection::is_up).await;
    }

    /// The key of something of `kind`, this shop's own. What it is called cannot be told from it, so that names
    /// may be personal. All keys of a shop are in one slot of a cluster.
    pub fn key(&self, kind: &str, name: &[u8]) -> String {
        let tag = hmac::sign(&self.0.names, name);
        let name = URL_SAFE_NO_PAD.encode(&tag.as_ref()[..18]);
        format!("daybook:{{{}}}:{kind}:{name}", self.0.namespace)
    }

    /// Asks one thing, which may be several commands. Costs a round trip; whatever goes wrong is [`Away`].
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

    /// Keeps it connected until `stop`.
    pub async fn run(self, stop: CancellationToken) {
        stop.run_until_cancelled(self.keep_connected()).await;
    }

    async fn keep_connected(&self) {
        describe_gauge!(UP, "Whether Redis answers.");
        describe_counter!(ERRORS, "What was asked of Redis and not answered in time.");
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
            // Of one that was there, too: when it was lost.
            is_told = true;
            sleep(PAUSE).await;
        }
    }

    async fn connect(&self) -> Result<(), String> {
        let config = AsyncConnectionConfig::new()
            .set_connection_timeout(Some(CONNECTS_WITHIN))
            // Whoever asks has a patience of their own.
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

    /// Returns when it is lost.
    async fn watch(&self) {
        let mut connection = self.0.connection.subscribe();
        let mut lost = pin!(connection.wait_for(|connection| !connection.is_up()));
        while timeout(LOOK, &mut lost).await.is_err() {
            // What it says is seen by the one who waits.
            let _ = self.ask(|open| self.probe(open)).await;
        }
    }

    /// A write, since a replica, or a server whose memory is full, would answer a mere ping.
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
