//! A sealed log with events, and what the owner of the database may do to it.

use daybook_audit::verify::{External, Finding, Kind, Report, Settings, VerifyError, verify};
use daybook_audit::{
    CheckpointStore, Sealer, SealerConfig, SigningKey, VerifierKey, latest_checkpoint,
};
use daybook_database::MIGRATOR;
use daybook_log::Position;
use daybook_log::leaf::LeafReader;
use daybook_private_postgres::testing::TestDatabase;
use sqlx::postgres::PgConnectOptions;
use sqlx::{Executor, PgPool, query, query_scalar};
use tokio_util::sync::CancellationToken;

pub(crate) const LOG: &str = "daybook/test";

pub(crate) struct Site {
    pub(crate) database: TestDatabase,
    /// A superuser's, to whom neither rights nor constraints apply.
    pub(crate) owner: PgPool,
    pub(crate) trusted: Vec<VerifierKey>,
    pub(crate) store: Option<CheckpointStore>,
    key: String,
}

impl Site {
    pub(crate) async fn new() -> Site {
        let database = TestDatabase::create(&MIGRATOR).await.unwrap();
        let key = SigningKey::generate(LOG).unwrap();
        Site {
            owner: database.superuser_pool().unwrap(),
            trusted: vec![key.verifier().clone()],
            store: None,
            key: secrecy::ExposeSecret::expose_secret(&key.to_text().unwrap()).to_owned(),
            database,
        }
    }

    /// A log of `events`, all of them sealed, with a checkpoint every hundred events.
    pub(crate) async fn sealed(events: i64) -> Site {
        let site = Site::new().await;
        site.append(events).await;
        site.seal(100).await;
        site
    }

    /// Events in streams of four, each different from all others.
    pub(crate) async fn append(&self, events: i64) {
        query(
            "insert into log.events (aggregate_type, aggregate_id, sequence, event_type, event_version,
                 payload, metadata, position, event_id, occurred_at, recorded_at)
             select 'order', md5(((p - 1) / 4)::text)::uuid::text, (p - 1) % 4 + 1, 'order.placed', '1.0',
                 json_build_object('n', p), '{}', p, md5('event ' || p)::uuid,
                 timestamptz '2026-01-01' + p * interval '1 second',
                 timestamptz '2026-01-02' + p * interval '1 second'
             from (select coalesce((select max(position) from log.events where position > 0), 0) + n as p
                   from generate_series(1, $1) as n) as positions",
        )
        .bind(events)
        .execute(&self.owner)
        .await
        .unwrap();
    }

    /// Seals everything there is, with a checkpoint for each batch.
    pub(crate) async fn seal(&self, batch_size: i64) {
        let sealer = self.sealer(batch_size);
        let mut sealed = sealer.sealed();
        let stop = CancellationToken::new();
        let running = tokio::spawn(sealer.run(stop.clone()));
        let head = self.head().await as u64;
        sealed
            .wait_for(|sealed| sealed.size() == head)
            .await
            .unwrap();
        stop.cancel();
        running.await.unwrap();
    }

    pub(crate) fn sealer(&self, batch_size: i64) -> Sealer {
        let config = SealerConfig {
            interval: std::time::Duration::ZERO,
            batch_size,
            ..SealerConfig::default()
        };
        let key = SigningKey::from_text(&self.key.as_str().into()).unwrap();
        let pool = self.database.server_pool().unwrap();
        Sealer::new(pool, vec![key], self.trusted.clone(), config).unwrap()
    }

    pub(crate) fn key(&self) -> SigningKey {
        SigningKey::from_text(&self.key.as_str().into()).unwrap()
    }

    pub(crate) async fn head(&self) -> Position {
        query_scalar("select coalesce(max(position), 0) from log.events")
            .fetch_one(&self.owner)
            .await
            .unwrap()
    }

    /// The newest checkpoint, as somebody outside may keep it.
    pub(crate) async fn newest(&self) -> External {
        let mut connection = self.owner.acquire().await.unwrap();
        let newest = latest_checkpoint(&mut connection).await.unwrap().unwrap();
        External {
            source: "kept elsewhere".to_owned(),
            note: newest.note,
        }
    }

    /// Something that the owner of a database does, with constraints disabled.
    pub(crate) async fn harm(&self, statements: &str) {
        let mut connection = self.owner.acquire().await.unwrap().detach();
        connection
            .execute("set session_replication_role = replica")
            .await
            .unwrap();
        connection.execute(statements).await.unwrap();
    }

    /// As the server's role, whose rights are sufficient.
    pub(crate) async fn try_verify(&self, external: &[External]) -> Result<Report, VerifyError> {
        let settings = Settings {
            trusted: self.trusted.clone(),
            external: external.to_vec(),
            store: self.store.clone(),
            jobs: 2,
        };
        let options: PgConnectOptions = self.database.server_url().parse().unwrap();
        verify(options, &settings, |_, _| (), &CancellationToken::new()).await
    }

    pub(crate) async fn verify(&self, external: &[External]) -> Report {
        self.try_verify(external).await.unwrap()
    }

    /// Findings without a checkpoint from elsewhere.
    pub(crate) async fn findings(&self) -> Vec<Finding> {
        self.verify(&[]).await.findings
    }

    /// Kind, first and last position, and the position where it is now.
    pub(crate) async fn found(&self) -> Vec<(Kind, Position, Position)> {
        self.findings().await.iter().map(place).collect()
    }

    /// Makes the tiles of the lowest levels anew, from the rows as they are now.
    pub(crate) async fn recompute_tiles(&self, levels: i16) {
        let mut connection = self.owner.acquire().await.unwrap().detach();
        let mut hashes = Vec::new();
        let mut reader = LeafReader::open(&mut connection, 1..=Position::MAX)
            .await
            .unwrap();
        while let Some(chunk) = reader.next().await.unwrap() {
            hashes.extend(chunk.rows().map(|row| row.hash(&mut Vec::new())));
        }
        for level in 0..levels {
            query("delete from audit.tiles where level = $1")
                .bind(level)
                .execute(&self.owner)
                .await
                .unwrap();
            for (index, tile) in hashes.chunks(256).enumerate() {
                query("insert into audit.tiles (level, index, hashes) values ($1, $2, $3)")
                    .bind(level)
                    .bind(index as i64)
                    .bind(tile.concat())
                    .execute(&self.owner)
                    .await
                    .unwrap();
            }
            let whole = hashes.chunks_exact(256);
            hashes = whole.map(daybook_audit::tree::root_of).collect();
        }
    }
}

pub(crate) fn place(finding: &Finding) -> (Kind, Position, Position) {
    (
        finding.kind,
        finding.position,
        finding.through.unwrap_or(finding.position),
    )
}

/// The stream of the event that [`Site::append`] puts at a position.
pub(crate) async fn stream_at(site: &Site, position: Position) -> String {
    query_scalar("select 'order/' || md5((($1 - 1) / 4)::text)::uuid::text")
        .bind(position)
        .fetch_one(&site.owner)
        .await
        .unwrap()
}
