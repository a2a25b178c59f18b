//! A log to seal, and a sealer that can be stopped.

use std::time::Duration;

use daybook_audit::{
    Sealed, Sealer, SealerConfig, SealerState, SignedCheckpoint, SigningKey, StoredCheckpoint,
    VerifierKey, checkpoints_after,
};
use daybook_database::MIGRATOR;
use daybook_log::leaf::{Leaf, LeafReader};
use daybook_log::{LOG_CHANNEL, Position};
use daybook_private_postgres::testing::TestDatabase;
use secrecy::{ExposeSecret, SecretString};
use sqlx::{Connection, Executor, PgConnection, PgPool, query, query_scalar};
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

/// Far longer than anything takes that is expected to happen.
const PATIENCE: Duration = Duration::from_secs(60);

pub(crate) struct Log {
    database: TestDatabase,
    pub(crate) pool: PgPool,
    pub(crate) superuser: PgConnection,
    pub(crate) head: Position,
    /// The key's text, since a sealer takes the key itself.
    key: SecretString,
}

impl Log {
    pub(crate) async fn new() -> Log {
        let database = TestDatabase::create(&MIGRATOR).await.unwrap();
        let pool = database.server_pool().unwrap();
        let superuser = connect(&database).await;
        let key = SigningKey::generate("daybook/test").unwrap();
        Log {
            database,
            pool,
            superuser,
            head: 0,
            key: key.to_text().unwrap(),
        }
    }

    /// One more session of the superuser's.
    pub(crate) async fn another_session(&self) -> PgConnection {
        connect(&self.database).await
    }

    pub(crate) fn key(&self) -> SigningKey {
        SigningKey::from_text(&self.key).unwrap()
    }

    pub(crate) fn trusted(&self) -> Vec<VerifierKey> {
        vec![self.key().verifier().clone()]
    }

    /// Rows like those that the server writes, inserted directly by SQL.
    pub(crate) async fn append(&mut self, count: i64) {
        query(
            "insert into log.events (
                 aggregate_type, aggregate_id, sequence, event_type, event_version, payload, metadata, position,
                 event_id, occurred_at, recorded_at)
             select 'stock', gen_random_uuid()::text, 1, 'stock.received', '1',
                 json_build_object('quantity', n), '{}', $1 + n, gen_random_uuid(), now(), now()
             from generate_series(1, $2) n",
        )
        .bind(self.head)
        .bind(count)
        .execute(&mut self.superuser)
        .await
        .unwrap();
        self.head += count;
        self.announce().await;
    }

    pub(crate) async fn announce(&mut self) {
        query("select pg_notify($1, $2)")
            .bind(LOG_CHANNEL)
            .bind(self.head.to_string())
            .execute(&mut self.superuser)
            .await
            .unwrap();
    }

    /// What a superuser may do to the database.
    pub(crate) async fn harm(&mut self, statements: &str) {
        self.superuser
            .execute("set session_replication_role = replica")
            .await
            .unwrap();
        self.superuser.execute(statements).await.unwrap();
        self.superuser
            .execute("set session_replication_role = origin")
            .await
            .unwrap();
    }

    /// The events as anybody could read them.
    pub(crate) async fn leaves(&mut self) -> Vec<Leaf> {
        let mut reader = LeafReader::open(&mut self.superuser, 1..=i64::MAX)
            .await
            .unwrap();
        let mut leaves = Vec::new();
        while let Some(chunk) = reader.next().await.unwrap() {
            leaves.extend(chunk.rows().map(|row| row.leaf().unwrap()));
        }
        leaves
    }

    pub(crate) async fn checkpoints(&mut self) -> Vec<StoredCheckpoint> {
        checkpoints_after(&mut self.superuser, 0, i64::MAX)
            .await
            .unwrap()
    }

    pub(crate) async fn latest(&mut self) -> SignedCheckpoint {
        let stored = self.checkpoints().await.pop().unwrap();
        stored.open(&self.trusted()).unwrap()
    }

    /// A digest of all that is sealed.
    pub(crate) async fn sealed_digest(&mut self) -> String {
        query_scalar(
            "select md5(concat(
                 (select string_agg(t::text, '' order by level, index) from audit.tiles t),
                 (select string_agg(c::text, '' order by tile) from audit.contents c),
                 (select string_agg(c::text, '' order by size) from audit.checkpoints c)))",
        )
        .fetch_one(&mut self.superuser)
        .await
        .unwrap()
    }

    pub(crate) fn sealer(&self) -> Running {
        self.sealer_with(vec![self.key()], self.trusted(), config())
    }

    pub(crate) fn sealer_with(
        &self,
        signers: Vec<SigningKey>,
        trusted: Vec<VerifierKey>,
        config: SealerConfig,
    ) -> Running {
        let sealer = Sealer::new(self.pool.clone(), signers, trusted, config).unwrap();
        let sealed = sealer.sealed();
        let shutdown = CancellationToken::new();
        Running {
            sealed,
            task: tokio::spawn(sealer.run(shutdown.clone())),
            shutdown,
        }
    }

    /// Seals everything there is, and stops.
    pub(crate) async fn seal(&mut self) {
        let mut sealer = self.sealer();
        sealer.reaches(self.head).await;
        sealer.stop().await;
    }
}

async fn connect(database: &TestDatabase) -> PgConnection {
    PgConnection::connect(&database.superuser_url())
        .await
        .unwrap()
}

/// Without pauses, so that tests do not wait either.
pub(crate) fn config() -> SealerConfig {
    SealerConfig {
        interval: Duration::ZERO,
        ..SealerConfig::default()
    }
}

/// A copy of the same key.
pub(crate) fn copy(key: &SigningKey) -> SigningKey {
    let text = key.to_text().unwrap();
    SigningKey::from_text(&SecretString::from(text.expose_secret())).unwrap()
}

pub(crate) struct Running {
    sealed: watch::Receiver<Sealed>,
    task: JoinHandle<()>,
    shutdown: CancellationToken,
}

impl Running {
    pub(crate) fn sealed(&self) -> Sealed {
        self.sealed.borrow().clone()
    }

    pub(crate) async fn reaches(&mut self, position: Position) {
        let reached = |sealed: &Sealed| sealed.size() >= position as u64;
        self.waits_until(reached).await;
    }

    /// Returns why the sealer refuses.
    pub(crate) async fn refuses(&mut self) -> String {
        let refused = |sealed: &Sealed| matches!(sealed.state, SealerState::Refused { .. });
        self.waits_until(refused).await;
        match self.sealed().state {
            SealerState::Refused { reason } => reason.to_string(),
            state => panic!("it is {state:?}"),
        }
    }

    pub(crate) async fn waits_until(&mut self, condition: impl FnMut(&Sealed) -> bool) {
        let waited = timeout(PATIENCE, self.sealed.wait_for(condition)).await;
        let reached = waited.map(|heard| drop(heard.unwrap())).is_ok();
        assert!(reached, "it stays at {:?}", self.sealed());
    }

    pub(crate) async fn stop(self) {
        self.shutdown.cancel();
        timeout(PATIENCE, self.task).await.unwrap().unwrap();
    }

    /// As if its process had been killed.
    pub(crate) async fn kill(self) {
        self.task.abort();
        assert!(self.task.await.unwrap_err().is_cancelled());
    }
}

/// Waits until a query returns true; only the query itself takes time.
pub(crate) async fn until(connection: &mut PgConnection, question: &str) {
    let waited = async {
        while !query_scalar::<_, bool>(question)
            .fetch_one(&mut *connection)
            .await
            .unwrap()
        {
            tokio::task::yield_now().await;
        }
    };
    timeout(PATIENCE, waited).await.expect(question);
}
