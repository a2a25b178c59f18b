//! Inclusion proofs of events all over the log, one after another.

use std::time::Duration;

use daybook_audit::{AuditError, InclusionProof, latest_checkpoint};
use daybook_log::Position;
use sqlx::PgPool;

use crate::load::{Client, closed_loop};
use crate::{BenchError, Report};

pub(super) async fn run(
    pool: &PgPool,
    events: Position,
    duration: Duration,
) -> Result<Report, BenchError> {
    let client = ProofClient {
        pool: pool.clone(),
        events: events.unsigned_abs(),
        asked: 0,
    };
    closed_loop(vec![client], duration).await
}

struct ProofClient {
    pool: PgPool,
    events: u64,
    asked: u64,
}

impl Client for ProofClient {
    async fn send(&mut self) -> Result<(), BenchError> {
        // A multiplicative step reaches all parts of the log and does not repeat soon.
        self.asked = self.asked.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let position = (self.asked % self.events) as Position + 1;
        let proof = prove(&self.pool, position)
            .await
            .map_err(|source| BenchError::Proof { position, source })?;
        let proof =
            proof.ok_or_else(|| BenchError::new(format!("position {position} is not sealed")))?;
        serde_json::to_vec(&proof).map_err(BenchError::new)?;
        Ok(())
    }
}

async fn prove(pool: &PgPool, position: Position) -> Result<Option<InclusionProof>, AuditError> {
    let mut connection = pool.acquire().await?;
    match latest_checkpoint(&mut connection).await? {
        Some(newest) => InclusionProof::make(&mut connection, position, &newest.parse()?).await,
        None => Ok(None),
    }
}
