//! How each read model stands, for operators.

use chrono::{DateTime, Utc};
use daybook_log::{Feed, LogError, Position};
use serde::Serialize;
use sqlx::{PgPool, Row, postgres::PgRow};

use crate::registry::registry;

/// How one read model stands.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ProjectionStatus {
    pub name: String,
    pub version: i32,
    /// Of the last event in the read model.
    pub position: Position,
    /// Of the last event in the log.
    pub head: Position,
    pub lag_events: i64,
    /// How long the oldest event that the read model lacks has been in the log.
    pub lag_seconds: f64,
    pub state: ProjectionState,
    /// Who holds the lease; `None` when nobody is projecting.
    pub worker: Option<String>,
    /// What a halted projector could not get past: `position`, `stream`, `eventType`, `error`.
    pub error: Option<serde_json::Value>,
    pub updated_at: DateTime<Utc>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum ProjectionState {
    /// Up with the log.
    Live,
    /// On its way there.
    CatchingUp,
    /// Stopped before an event that it cannot project.
    Halted,
}

impl ProjectionState {
    pub fn as_str(self) -> &'static str {
        match self {
            ProjectionState::Live => "live",
            ProjectionState::CatchingUp => "catching-up",
            ProjectionState::Halted => "halted",
        }
    }
}

#[derive(Debug, thiserror::Error)]
pub enum StatusError {
    #[error("the checkpoints could not be read")]
    Database(#[from] sqlx::Error),
    #[error("the log could not be read")]
    Log(#[from] LogError),
}

/// The status of every registered projection, in the registry's order.
pub async fn status(pool: &PgPool, feed: &Feed) -> Result<Vec<ProjectionStatus>, StatusError> {
    let names: Vec<&str> = registry()
        .iter()
        .map(|projection| projection.name())
        .collect();
    let versions: Vec<i32> = registry()
        .iter()
        .map(|projection| projection.version())
        .collect();
    let rows = sqlx::query(
        "select r.name, coalesce(c.version, r.version) as version, coalesce(c.position, 0) as position,
                coalesce(c.state, 'live') as state, c.error::text as error,
                coalesce(c.updated_at, to_timestamp(0)) as updated_at,
                case when l.expires_at > clock_timestamp() then l.holder end as worker,
                coalesce(extract(epoch from clock_timestamp() - e.recorded_at)::float8, 0) as lag_seconds
         from unnest($1::text[], $2::int[]) with ordinality as r (name, version, number)
         left join projections.checkpoints c on c.name = r.name
         left join projections.leases l on l.name = r.name
         left join log.events e on e.position = coalesce(c.position, 0) + 1
         order by r.number",
    )
    .bind(names)
    .bind(versions)
    .fetch_all(pool)
    .await?;
    // After the checkpoints, so that none seems to be ahead of the log.
    let head = feed.head().await?;
    rows.iter().map(|row| Ok(of_row(row, head)?)).collect()
}

fn of_row(row: &PgRow, head: Position) -> Result<ProjectionStatus, sqlx::Error> {
    let position: Position = row.try_get("position")?;
    let lag_events = head - position;
    let error: Option<&str> = row.try_get("error")?;
    let state = match row.try_get("state")? {
        "halted" => ProjectionState::Halted,
        _ if lag_events > 0 => ProjectionState::CatchingUp,
        _ => ProjectionState::Live,
    };
    Ok(ProjectionStatus {
        name: row.try_get("name")?,
        version: row.try_get("version")?,
        position,
        head,
        lag_events,
        lag_seconds: row.try_get("lag_seconds")?,
        state,
        worker: row.try_get("worker")?,
        error: error
            .map(serde_json::from_str)
            .transpose()
            .map_err(|error| sqlx::Error::Decode(Box::new(error)))?,
        updated_at: row.try_get("updated_at")?,
    })
}
