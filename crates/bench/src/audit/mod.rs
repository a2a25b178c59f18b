//! The audit trail: sealing alone and during appends, verifying, proving.
//!
//! Rates that are compared are measured in turn on the same log, so that both meet the same machine.

mod behind;
mod proofs;
mod sealing;

use std::time::Duration;

use daybook_audit::store::CheckpointStore;
use daybook_audit::verify::{self, Settings};
use daybook_audit::{SigningKey, VerifierKey};
use daybook_commands::CommandBus;
use daybook_log::{Feed, Position};
use serde::Serialize;
use sqlx::postgres::{PgConnectOptions, PgPool};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

pub use self::behind::Behind;
use self::sealing::Running;
use super::{BenchError, Report, append};

/// How often appends with and without the sealer are measured, in turn.
const ROUNDS: u32 = 3;

/// The figures.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct AuditReport {
    /// Events in the log when it was sealed from the start, verified and proven.
    pub events: Position,
    pub sealed_per_second: f64,
    /// Appends while nothing is sealed.
    pub appended_alone_per_second: f64,
    /// Appends while the sealer keeps up.
    pub appended_beside_per_second: f64,
    pub beside_to_alone: f64,
    pub sealed_to_appended: f64,
    /// How far the newest checkpoint is behind the head under that load.
    pub behind: Behind,
    pub verified_per_second: f64,
    pub is_whole: bool,
    /// From the request for a proof to the proof as JSON.
    pub proof: Report,
}

/// What is measured, and in which database.
pub struct Bench<'a> {
    pub bus: &'a CommandBus,
    pub feed: &'a Feed,
    pub pool: PgPool,
    pub options: PgConnectOptions,
    pub store: CheckpointStore,
    /// Reads the log's keys, anew for each run of the sealer.
    pub signers: &'a (dyn Fn() -> Result<Vec<SigningKey>, BenchError> + Send + Sync),
    pub trusted: Vec<VerifierKey>,
    pub clients: usize,
    pub duration: Duration,
    /// How long the log will be.
    pub events: u64,
}

impl Bench<'_> {
    pub async fn run(&self) -> Result<AuditReport, BenchError> {
        self.fill().await?;
        let events = self.head().await?;
        let sealed_per_second = self.seal_from_nothing(events).await?;
        let (verified_per_second, is_whole) = self.verify(events).await?;
        let proof = proofs::run(&self.pool, events, self.duration).await?;
        let (alone, beside, behind) = self.append_in_turn().await?;
        let appended = alone.max(beside);
        Ok(AuditReport {
            events,
            sealed_per_second,
            appended_alone_per_second: alone,
            appended_beside_per_second: beside,
            beside_to_alone: beside / alone,
            sealed_to_appended: sealed_per_second / appended,
            behind,
            verified_per_second,
            is_whole,
            proof,
        })
    }

    async fn fill(&self) -> Result<(), BenchError> {
        while self.head().await?.unsigned_abs() < self.events {
            append::run(self.bus, self.clients, Duration::from_secs(1), false).await?;
        }
        Ok(())
    }

    /// Events a second, from the start of the sealer to the checkpoint that covers all of them.
    async fn seal_from_nothing(&self, head: Position) -> Result<f64, BenchError> {
        let before = sealing::sealed_size(&self.pool).await?;
        let began = Instant::now();
        let mut running = self.start()?;
        running.reaches(head.unsigned_abs()).await?;
        let took = began.elapsed().as_secs_f64();
        running.stop().await?;
        Ok((head.unsigned_abs() - before) as f64 / took)
    }

    /// Measures appends with and without the sealer, several times in turn. Events that one measurement leaves unsealed
    /// do not count in the next.
    async fn append_in_turn(&self) -> Result<(f64, f64, Behind), BenchError> {
        let (mut alone, mut beside) = (0.0, 0.0);
        let mut measured = behind::Samples::new()?;
        for _ in 0..ROUNDS {
            alone += self.append().await?.per_second;
            let mut running = self.start()?;
            running.reaches(self.head().await?.unsigned_abs()).await?;
            let stop = CancellationToken::new();
            let appending = async {
                let appended = self.append().await;
                stop.cancel();
                appended
            };
            let watching = measured.watch(self.feed, running.sealed(), &stop);
            let (appended, watched) = tokio::join!(appending, watching);
            watched?;
            beside += appended?.per_second;
            running.stop().await?;
        }
        let rounds = f64::from(ROUNDS);
        Ok((alone / rounds, beside / rounds, measured.report()))
    }

    async fn append(&self) -> Result<Report, BenchError> {
        append::run(self.bus, self.clients, self.duration, false).await
    }

    async fn verify(&self, events: Position) -> Result<(f64, bool), BenchError> {
        let settings = Settings {
            trusted: self.trusted.clone(),
            external: Vec::new(),
            store: Some(self.store.clone()),
            jobs: std::thread::available_parallelism().map_or(2, usize::from),
        };
        let began = Instant::now();
        let stop = CancellationToken::new();
        let report = verify::verify(self.options.clone(), &settings, |_, _| {}, &stop).await?;
        let took = began.elapsed().as_secs_f64();
        Ok((events as f64 / took, report.findings.is_empty()))
    }

    fn start(&self) -> Result<Running, BenchError> {
        Running::start(
            self.pool.clone(),
            (self.signers)()?,
            self.trusted.clone(),
            self.store.clone(),
        )
    }

    async fn head(&self) -> Result<Position, BenchError> {
        Ok(self.feed.head().await?)
    }
}
