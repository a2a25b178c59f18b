//! The sealer: hashes what was appended, without the writers waiting for it.
//!
//! - One process seals at a time, by a lease in the database; `audit.seal` checks its fencing number in the same
//!   transaction that writes.
//! - Tiles, the streams' names and the signed checkpoint of a batch are one transaction: whatever is killed at whatever
//!   moment, the tree in the database is that of its newest checkpoint.
//! - It continues from the tree in the database without trusting it: if no trusted key has signed the checkpoint, if
//!   the tiles do not lead to its root, if the log is shorter than what was sealed, or if it is not the one that was
//!   exported, the sealer stops until it is started again, so that nothing false is ever signed ([`start`]). It looks
//!   each time it takes the lease: a database that is set back loses every session first.

mod batch;
mod commit;
mod growth;
mod refusal;
mod run;
mod start;

use std::sync::Arc;
use std::time::Duration;

use daybook_database::LeaseTable;
use daybook_log::Position;
use sqlx::PgPool;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::checkpoint::SignedCheckpoint;
use crate::key::{KeyError, SigningKey, VerifierKey};
use crate::store::CheckpointStore;

use refusal::{Refusal, SealError};

/// The channel where a new checkpoint's size is announced, as text.
pub const SEALED_CHANNEL: &str = "daybook_sealed";

/// Who seals: a table of one row.
const LEASES: LeaseTable = LeaseTable {
    table: "audit.sealer",
    key_column: "only_row",
    key_type: "boolean",
};
const ONLY_ROW: &str = "true";

/// How the sealer runs. The defaults suit production; tests shorten the times.
#[derive(Clone, Debug)]
pub struct SealerConfig {
    /// This process's name, for people who look at the lease.
    pub worker: String,
    /// The least time between two checkpoints while events keep coming.
    pub interval: Duration,
    /// How long a lost notification can go unnoticed: the log is looked at this often in any case.
    pub poll_interval: Duration,
    /// How long a sealer that has stopped keeps others out. A lease is renewed three times as often.
    pub lease_ttl: Duration,
    /// The most events in one checkpoint's batch.
    pub batch_size: i64,
}

impl Default for SealerConfig {
    fn default() -> SealerConfig {
        SealerConfig {
            worker: format!("pid-{}", std::process::id()),
            interval: Duration::from_millis(250),
            poll_interval: Duration::from_secs(1),
            lease_ttl: Duration::from_secs(3),
            batch_size: 131_072,
        }
    }
}

/// What the sealer is doing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum SealerState {
    /// It has not looked yet, another process seals, or the database cannot be reached.
    #[default]
    Waiting,
    Sealing,
    /// It refuses to continue until a human has looked and it is started again.
    Refused {
        reason: Arc<str>,
    },
}

/// How far this process has sealed.
#[derive(Clone, Debug, Default)]
pub struct Sealed {
    pub state: SealerState,
    /// The log's head when it was last looked at.
    pub head: Position,
    /// The newest checkpoint that this process has made or found.
    pub checkpoint: Option<Arc<SignedCheckpoint>>,
}

impl Sealed {
    /// How many events the newest checkpoint covers.
    pub fn size(&self) -> u64 {
        self.checkpoint
            .as_ref()
            .map_or(0, |checkpoint| checkpoint.size())
    }
}

/// Seals the log while it holds the lease.
pub struct Sealer {
    pool: PgPool,
    keys: Keys,
    /// Where checkpoints are exported to: what the log must continue.
    store: Option<CheckpointStore>,
    config: SealerConfig,
    sealed: watch::Sender<Sealed>,
}

/// The keys to sign with and the keys to trust.
struct Keys {
    newest: SigningKey,
    /// The newest first.
    older: Vec<SigningKey>,
    trusted: Vec<VerifierKey>,
}

impl Sealer {
    /// `signers` are the log's signing keys, the newest first; the older ones sign once more together with a newer one
    /// that has not signed yet. `trusted` are all public keys of the log, also those whose signing keys are gone.
    pub fn new(
        pool: PgPool,
        signers: Vec<SigningKey>,
        trusted: Vec<VerifierKey>,
        config: SealerConfig,
    ) -> Result<Sealer, KeyError> {
        let mut signers = signers.into_iter();
        let newest = signers.next().ok_or(KeyError::None)?;
        let older: Vec<SigningKey> = signers.collect();
        if older.iter().any(|key| key.name() != newest.name()) {
            return Err(KeyError::OtherLog);
        }
        let keys = Keys {
            trusted: [trusted, vec![newest.verifier().clone()]].concat(),
            newest,
            older,
        };
        Ok(Sealer {
            pool,
            keys,
            store: None,
            config,
            sealed: watch::Sender::default(),
        })
    }

    /// Seals nothing that does not continue what was exported to this store.
    pub fn continuing(self, store: CheckpointStore) -> Sealer {
        Sealer {
            store: Some(store),
            ..self
        }
    }

    /// Changes with every checkpoint and whenever the state changes. May skip checkpoints: all of them are in the
    /// database ([`crate::checkpoints_after`]).
    pub fn sealed(&self) -> watch::Receiver<Sealed> {
        self.sealed.subscribe()
    }

    /// Seals until it is told to stop. Every error is logged and tried again, except a refusal.
    pub async fn run(self, shutdown: CancellationToken) {
        run::run(self, shutdown).await;
    }

    /// A name that no other run of a sealer has, in this process or elsewhere.
    fn holder(&self) -> String {
        format!("{} {}", self.config.worker, Uuid::now_v7())
    }
}
