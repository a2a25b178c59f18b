//! The status of each read model, for operators.

use chrono::{DateTime, Utc};
use daybook_database::remedy;
use daybook_log::{Feed, LogError, Position};
use serde::Serialize;
use sqlx::{PgPool, Row, postgres::PgRow};

use crate::{
    registry::registry,
    runtime::{CheckpointState, RATE_SECONDS},
};

/// The status of one read model.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ProjectionStatus {
    pub name: String,
    /// The version of the projection that made the rows.
    pub version: i32,
    pub state: ProjectionState,
    /// The position of the last event in the read model.
    pub position: Position,
    /// The position of the last event in the log.
    pub head: Position,
    pub lag_events: i64,
    /// How long the oldest event that the read model lacks has been in the log.
    pub lag_seconds: f64,
    /// The rate at which its projector applied events lately; 0 when it has nothing to do.
    pub events_per_second: f64,
    /// The holder of the lease; `None` if nobody is projecting.
    pub worker: Option<String>,
    /// What a halted projector stopped at: `position`, `stream`, `eventType`, `error`.
    pub error: Option<serde_json::Value>,
    /// Who paused its projector; `None` if it is not paused.
    pub paused: Option<Pause>,
    /// How many events were skipped.
    pub dead_letters: i64,
    /// Another build of it that is in progress.
    pub build: Option<BuildStatus>,
    /// The version that a rollback would restore.
    pub previous: Option<PreviousVersion>,
    pub updated_at: DateTime<Utc>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum ProjectionState {
    /// Up to date with the log.
    Live,
    /// Catching up.
    CatchingUp,
    /// Being rebuilt beside the live rows, which are kept up to date until they are exchanged.
    Rebuilding,
    /// Paused by an operator.
    Paused,
    /// Halted before an event that it cannot project.
    Halted,
    /// Made by another version of the projection than this binary's, which does not update it.
    Outdated,
}

/// An operator's pause.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Pause {
    /// `cli:<user of the system>` or `user:<id>`.
    pub actor: String,
    pub at: DateTime<Utc>,
    pub reason: Option<String>,
}

/// A build of a read model beside the live one.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct BuildStatus {
    /// `rebuild`, `verify`, `rollback`, `as-of`.
    pub purpose: String,
    /// The schema where it is built.
    pub schema: String,
    pub version: i32,
    /// `building`, `indexing`, `comparing`, `catching-up`, `switching`.
    pub phase: String,
    pub position: Position,
    /// The position at which the phase ends.
    pub target: Position,
    pub events_per_second: f64,
    /// The builder.
    pub builder: String,
    pub started_at: DateTime<Utc>,
    pub updated_at: DateTime<Utc>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct PreviousVersion {
    pub version: i32,
    pub position: Position,
    pub replaced_at: DateTime<Utc>,
}

impl ProjectionState {
    pub fn as_str(self) -> &'static str {
        match self {
            ProjectionState::Live => "live",
            ProjectionState::CatchingUp => "catching-up",
            ProjectionState::Rebuilding => "rebuilding",
            ProjectionState::Paused => "paused",
            ProjectionState::Halted => "halted",
            ProjectionState::Outdated => "outdated",
        }
    }
}

impl BuildStatus {
    /// The part of the phase that is done, 0 to 1.
    pub fn progress(&self) -> f64 {
        if self.target > 0 {
            (self.position as f64 / self.target as f64).min(1.0)
        } else {
            0.0
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

impl StatusError {
    /// How to mend it, for the line that an operator reads.
    pub fn remedy(&self) -> &'static str {
        match self {
            StatusError::Database(error) => remedy(error),
            StatusError::Log(error) => error.remedy(),
        }
    }
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
        "select r.name, r.version as own_version, coalesce(c.version, r.version) as version,
                coalesce(c.position, 0) as position, coalesce(c.state, 'live') as state, c.error::text as error,
                coalesce(c.updated_at, to_timestamp(0)) as updated_at,
                coalesce(c.events_per_second * exp(-age.seconds / $3), 0) as events_per_second,
                case when l.expires_at > clock_timestamp() then l.holder end as worker,
                coalesce(extract(epoch from clock_timestamp() - e.recorded_at)::float8, 0) as lag_seconds,
                (select count(*) from projections.dead_letters d where d.name = r.name) as dead_letters,
                b.schema_name as build_schema, b.purpose as build_purpose, b.version as build_version,
                b.phase as build_phase, b.position as build_position, b.target as build_target,
                b.events_per_second as build_rate, b.builder as build_builder, b.started_at as build_started_at,
                b.updated_at as build_updated_at,
                p.version as previous_version, p.position as previous_position, p.replaced_at,
                o.actor as paused_by, o.at as paused_at, o.reason as pause_reason
         from unnest($1::text[], $2::int[]) with ordinality as r (name, version, number)
         left join projections.checkpoints c on c.name = r.name
         -- exp() of what is much longer ago is an error.
         left join lateral (select least(60, greatest(0, extract(epoch from clock_timestamp() - c.updated_at)))::float8
             as seconds) age on true
         left join projections.leases l on l.name = r.name
         left join log.events e on e.position = coalesce(c.position, 0) + 1
         left join lateral (
             select b.* from projections.builds b
             -- A builder that died left its row behind. Another role's sessions don't show their start.
             join pg_stat_activity a on a.pid = b.session_pid and coalesce(a.backend_start = b.session_started, true)
             where b.name = r.name
             order by b.purpose = 'as-of', b.started_at desc
             limit 1
         ) b on true
         left join projections.previous p on p.name = r.name
         left join lateral (
             select o.actor, o.at, o.detail ->> 'reason' as reason from projections.operator_actions o
             where c.state = 'paused' and o.name = r.name and o.action = 'pause'
             order by o.at desc, o.id desc
             limit 1
         ) o on true
         order by r.number",
    )
    .bind(names)
    .bind(versions)
    .bind(RATE_SECONDS)
    .fetch_all(pool)
    .await?;
    // Read after the checkpoints, so that none seems to be ahead of the log.
    let head = feed.head().await?;
    rows.iter().map(|row| Ok(of_row(row, head)?)).collect()
}

/// The status of one projection; `None` if the registry has none of that name.
pub async fn status_of(
    pool: &PgPool,
    feed: &Feed,
    name: &str,
) -> Result<Option<ProjectionStatus>, StatusError> {
    let statuses = status(pool, feed).await?;
    Ok(statuses.into_iter().find(|status| status.name == name))
}

fn of_row(row: &PgRow, head: Position) -> Result<ProjectionStatus, sqlx::Error> {
    let position: Position = row.try_get("position")?;
    let version: i32 = row.try_get("version")?;
    let build = build_of(row)?;
    let stored: &str = row.try_get("state")?;
    let stored = stored
        .parse()
        .map_err(|unknown| sqlx::Error::Decode(Box::new(unknown)))?;
    let error: Option<&str> = row.try_get("error")?;
    let is_rebuilding = build
        .as_ref()
        .is_some_and(|build| matches!(&*build.purpose, "rebuild" | "rollback"));
    let state = match stored {
        CheckpointState::Halted => ProjectionState::Halted,
        CheckpointState::Paused => ProjectionState::Paused,
        CheckpointState::Live if is_rebuilding => ProjectionState::Rebuilding,
        CheckpointState::Live if version != row.try_get::<i32, _>("own_version")? => {
            ProjectionState::Outdated
        }
        CheckpointState::Live if head > position => ProjectionState::CatchingUp,
        CheckpointState::Live => ProjectionState::Live,
    };
    Ok(ProjectionStatus {
        name: row.try_get("name")?,
        version,
        state,
        position,
        head,
        lag_events: head - position,
        lag_seconds: row.try_get("lag_seconds")?,
        events_per_second: tenths(row.try_get("events_per_second")?),
        worker: row.try_get("worker")?,
        error: error
            .map(serde_json::from_str)
            .transpose()
            .map_err(|error| sqlx::Error::Decode(Box::new(error)))?,
        paused: pause_of(row)?,
        dead_letters: row.try_get("dead_letters")?,
        build,
        previous: previous_of(row)?,
        updated_at: row.try_get("updated_at")?,
    })
}

fn pause_of(row: &PgRow) -> Result<Option<Pause>, sqlx::Error> {
    let Some(actor) = row.try_get("paused_by")? else {
        return Ok(None);
    };
    Ok(Some(Pause {
        actor,
        at: row.try_get("paused_at")?,
        reason: row.try_get("pause_reason")?,
    }))
}

fn build_of(row: &PgRow) -> Result<Option<BuildStatus>, sqlx::Error> {
    let Some(schema) = row.try_get("build_schema")? else {
        return Ok(None);
    };
    Ok(Some(BuildStatus {
        purpose: row.try_get("build_purpose")?,
        schema,
        version: row.try_get("build_version")?,
        phase: row.try_get("build_phase")?,
        position: row.try_get("build_position")?,
        target: row.try_get("build_target")?,
        events_per_second: tenths(row.try_get("build_rate")?),
        builder: row.try_get("build_builder")?,
        started_at: row.try_get("build_started_at")?,
        updated_at: row.try_get("build_updated_at")?,
    }))
}

fn previous_of(row: &PgRow) -> Result<Option<PreviousVersion>, sqlx::Error> {
    let Some(version) = row.try_get("previous_version")? else {
        return Ok(None);
    };
    Ok(Some(PreviousVersion {
        version,
        position: row.try_get("previous_position")?,
        replaced_at: row.try_get("replaced_at")?,
    }))
}

/// More decimal places mean nothing for an average.
fn tenths(rate: f64) -> f64 {
    (rate * 10.0).round() / 10.0
}
