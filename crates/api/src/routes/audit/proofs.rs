//! Proofs about the log, and what outsiders check them with: checkpoints and public keys.
//!
//! Checkpoints, keys and consistency proofs tell nothing about any event and are public. An inclusion proof contains
//! the event as it is stored, so only those who may read its stream get it.

use std::time::Duration;

use axum::extract::{Path, State};
use axum::http::{HeaderMap, HeaderValue, header};
use axum::response::IntoResponse;
use daybook_audit::{
    AuditError, ConsistencyProof, InclusionProof, StoredCheckpoint, latest_checkpoint,
};
use daybook_domain::StreamId;
use daybook_log::Position;
use daybook_log::leaf::Leaf;
use error_reporter::Report;
use serde::Deserialize;
use sqlx::Postgres;
use sqlx::pool::PoolConnection;
use tokio::time::{Instant, sleep};
use tracing::error;
use utoipa::IntoParams;
use utoipa_axum::routes;
use uuid::Uuid;

use super::entitled::may_read;
use super::proof_answers::{
    CheckpointAnswer, ConsistencyProofSchema, InclusionProofSchema, PublicKey, prefers_note,
};
use crate::answer::json;
use crate::app::App;
use crate::auth::{Access, Customer, Effect, Routes};
use crate::extract::{Query, invalid_parameter};
use crate::problem::{ApiResult, Problem};

/// How often requests that wait for the sealer look at its progress.
const LOOK_EVERY: Duration = Duration::from_millis(50);

pub(super) fn router() -> Routes<App> {
    Routes::new()
        .open_to(Access::Anyone, Effect::Reads, routes!(get_checkpoint))
        .open_to(Access::Anyone, Effect::Reads, routes!(list_checkpoint_keys))
        .open_to(Access::Anyone, Effect::Reads, routes!(prove_consistency))
        .open_to(Access::Owner, Effect::Reads, routes!(prove_event))
}

/// The newest signed checkpoint of the log, as JSON or, with `Accept: text/plain`, the signed note itself.
#[utoipa::path(
    get, path = "/api/v1/audit/checkpoint", operation_id = "getCheckpoint", tag = "audit",
    responses((status = 200, description = "The checkpoint", content(
        (CheckpointAnswer = "application/json"), (String = "text/plain"),
    ))),
)]
async fn get_checkpoint(State(app): State<App>, headers: HeaderMap) -> ApiResult {
    let stored = sealed(&app, 1).await?;
    let mut answer = if prefers_note(&headers) {
        let content_type = HeaderValue::from_static("text/plain; charset=utf-8");
        ([(header::CONTENT_TYPE, content_type)], stored.note).into_response()
    } else {
        json(&CheckpointAnswer::of(&stored, &stored.parse()?))?
    };
    let varies = HeaderValue::from_static("accept");
    answer.headers_mut().append(header::VARY, varies);
    Ok(answer)
}

/// The public keys that checkpoints are signed with, the newest first. Keep them: a proof is worth no more than where
/// its key comes from.
#[utoipa::path(
    get, path = "/api/v1/audit/keys", operation_id = "listCheckpointKeys", tag = "audit",
    responses((status = 200, description = "The keys", body = Vec<PublicKey>)),
)]
async fn list_checkpoint_keys(State(app): State<App>) -> ApiResult {
    let keys: Vec<PublicKey> = app.checkpoint_keys.iter().map(PublicKey::of).collect();
    json(&keys)
}

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct ConsistencyQuery {
    /// Events that the older tree has: the size of a checkpoint that was kept.
    #[param(minimum = 1)]
    from: u64,
    /// Events that the newer tree has. Without it: those of the newest checkpoint.
    #[param(minimum = 1)]
    to: Option<u64>,
}

/// A proof that the log at one size is a continuation of the log at a smaller one: nothing in it was changed, removed
/// or put in between.
#[utoipa::path(
    get, path = "/api/v1/audit/consistency", operation_id = "proveConsistency", tag = "audit",
    params(ConsistencyQuery),
    responses((status = 200, description = "The proof", body = ConsistencyProofSchema)),
)]
async fn prove_consistency(
    State(app): State<App>,
    Query(query): Query<ConsistencyQuery>,
) -> ApiResult {
    let head = u64::try_from(app.feed.head().await?).unwrap_or_default();
    if query.from == 0 {
        return Err(invalid_parameter("/from", "out-of-range", "At least 1."));
    }
    if query.from > head {
        let detail = "The log has fewer events.";
        return Err(invalid_parameter("/from", "out-of-range", detail));
    }
    if query.to.is_some_and(|to| to > head || to < query.from) {
        let detail = "A size that the log has, and not below the other.";
        return Err(invalid_parameter("/to", "out-of-range", detail));
    }
    let newest = sealed(&app, query.to.unwrap_or(query.from)).await?;
    let to = query.to.unwrap_or(newest.size);
    let mut connection = connection(&app).await?;
    json(&ConsistencyProof::make(&mut connection, query.from, to).await?)
}

/// A proof that an event stands at its position in the log that a checkpoint was signed for. It can be kept and
/// checked by anybody who has the public key, without Daybook.
#[utoipa::path(
    get, path = "/api/v1/audit/events/{position}/proof", operation_id = "proveEvent", tag = "audit",
    params(("position" = i64, Path, minimum = 1)),
    responses((status = 200, description = "The proof", body = InclusionProofSchema)),
)]
async fn prove_event(
    State(app): State<App>,
    caller: Customer,
    Path(position): Path<String>,
) -> ApiResult {
    let position = position_of(&position)?;
    if position > app.feed.head().await? {
        return Err(Problem::nothing_here());
    }
    let newest = sealed(&app, position.unsigned_abs()).await?.parse()?;
    let mut connection = connection(&app).await?;
    let proof = InclusionProof::make(&mut connection, position, &newest).await?;
    drop(connection);
    let proof = proof.ok_or_else(Problem::nothing_here)?;
    may_read(&app, caller, stream_of(&proof.event)?).await?;
    json(&proof)
}

fn stream_of(event: &Leaf) -> ApiResult<StreamId> {
    let id = Uuid::parse_str(&event.aggregate_id).map_err(|_| Problem::nothing_here())?;
    let aggregate_type = event.aggregate_type.parse();
    let aggregate_type = aggregate_type.map_err(|_| Problem::nothing_here())?;
    Ok(StreamId::new(aggregate_type, id))
}

/// A path without a valid position is answered with 404.
fn position_of(path: &str) -> ApiResult<Position> {
    path.parse()
        .ok()
        .filter(|position| *position > 0)
        .ok_or_else(Problem::nothing_here)
}

async fn connection(app: &App) -> ApiResult<PoolConnection<Postgres>> {
    let connection = app.pool.acquire().await;
    connection.map_err(|error| error.into())
}

/// The newest checkpoint, once it covers `size` events; the sealer is a moment behind the log. No connection is held
/// during the wait.
async fn sealed(app: &App, size: u64) -> ApiResult<StoredCheckpoint> {
    let deadline = Instant::now() + app.http.read_your_writes_timeout;
    loop {
        let newest = latest_checkpoint(&mut *connection(app).await?).await?;
        match newest.filter(|newest| newest.size >= size) {
            Some(newest) => return Ok(newest),
            None if Instant::now() >= deadline => {
                let detail = "The log is not sealed up to there yet; ask again.";
                return Err(Problem::unavailable("not-sealed-yet", detail, 1));
            }
            None => sleep(LOOK_EVERY).await,
        }
    }
}

impl From<AuditError> for Problem {
    fn from(error: AuditError) -> Problem {
        match error {
            AuditError::Database(error) => error.into(),
            AuditError::Log(error) => error.into(),
            AuditError::Tile { .. } | AuditError::Checkpoint { .. } => {
                error!(error = %Report::new(&error), "a proof could not be made");
                Problem::internal()
            }
        }
    }
}
