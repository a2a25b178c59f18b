//! The state of a projection in answers.

use daybook_projections::operate::Outcome;
use daybook_projections::{BuildStatus, PreviousVersion, ProjectionState, ProjectionStatus};
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use daybook_contract::Timestamp;

#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = Projection)]
pub(super) struct ProjectionAnswer {
    name: String,
    /// Of the projection that made the rows.
    version: i32,
    #[schema(value_type = StateName)]
    state: ProjectionState,
    /// Of the last event in the read model.
    position: i64,
    /// Of the last event in the log.
    head: i64,
    /// Events between the two.
    lag: i64,
    /// How long the oldest of them has been waiting.
    lag_seconds: f64,
    /// What its projector applied lately.
    events_per_second: f64,
    /// Who projects it; null when nobody does.
    worker: Option<String>,
    /// What a halted projector could not get past.
    #[schema(value_type = Option<Object>)]
    error: Option<serde_json::Value>,
    /// Events that were skipped.
    dead_letters: i64,
    /// Another build of it that is being made.
    build: Option<BuildAnswer>,
    /// What a rollback would bring back.
    previous: Option<PreviousAnswer>,
    /// What came of the last build.
    last_build: Option<OutcomeAnswer>,
    updated_at: Timestamp,
}

#[derive(ToSchema)]
#[schema(as = ProjectionState, rename_all = "kebab-case")]
#[allow(dead_code, reason = "only describes the projections' type")]
enum StateName {
    /// Up with the log.
    Live,
    /// On its way there.
    CatchingUp,
    /// Being made anew aside; the rows are kept up until they are exchanged.
    Rebuilding,
    /// Held by an operator.
    Paused,
    /// Stopped before an event that it cannot project.
    Halted,
    /// Made by another version of the projection than the server's.
    Outdated,
}

/// A build of a read model beside the live one.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = ProjectionBuild)]
struct BuildAnswer {
    /// `rebuild`, `verify`, `rollback`, `as-of`
    purpose: String,
    /// Where it is made.
    schema: String,
    version: i32,
    /// `building`, `indexing`, `comparing`, `catching-up`, `switching`
    phase: String,
    position: i64,
    /// Where the phase ends.
    target: i64,
    /// The part of the phase that is done, 0 to 1.
    progress: f64,
    events_per_second: f64,
    /// Until the end of the phase; null while that cannot be told.
    eta_seconds: Option<f64>,
    /// Who makes it.
    builder: String,
    started_at: Timestamp,
    updated_at: Timestamp,
}

#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = PreviousProjection)]
struct PreviousAnswer {
    version: i32,
    position: i64,
    replaced_at: Timestamp,
}

/// What came of a build.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = BuildOutcome)]
struct OutcomeAnswer {
    /// As it was answered when the build was asked for.
    id: Uuid,
    /// `rebuild`, `verify`, `rollback`, `as-of`
    purpose: String,
    /// Who asked for it.
    actor: String,
    ended_at: Timestamp,
    /// Null where it failed.
    #[schema(value_type = Option<BuiltAnswer>)]
    result: Option<serde_json::Value>,
    /// Why it failed.
    error: Option<String>,
}

/// A read model that was built.
#[derive(ToSchema)]
#[schema(as = BuiltProjection, rename_all = "camelCase")]
#[allow(dead_code, reason = "only describes the projections' type")]
struct BuiltAnswer {
    name: String,
    version: i32,
    /// Of the last event in it.
    position: i64,
    /// Positions that it was built from in bulk.
    events: i64,
    events_per_second: f64,
    /// With the live rows; null where there was nothing to compare with.
    comparison: Option<ComparisonAnswer>,
    /// Whether it is the live one now.
    switched: bool,
}

#[derive(ToSchema)]
#[schema(as = Comparison, rename_all = "camelCase")]
#[allow(dead_code, reason = "only describes the projections' type")]
struct ComparisonAnswer {
    /// In the live read model.
    rows: i64,
    /// SHA-256 of the rebuilt rows.
    digest: String,
    /// Rows that differ, are missing or are too many; 0: identical.
    differing: i64,
    /// The first of them in each table.
    differences: Vec<DifferenceAnswer>,
}

#[derive(ToSchema)]
#[schema(as = Difference)]
#[allow(dead_code, reason = "only describes the projections' type")]
struct DifferenceAnswer {
    table: String,
    /// As JSON, as the rows are; null where a row is missing.
    key: String,
    live: Option<String>,
    rebuilt: Option<String>,
}

impl ProjectionAnswer {
    pub(super) fn of(status: ProjectionStatus, last_build: Option<Outcome>) -> ProjectionAnswer {
        ProjectionAnswer {
            name: status.name,
            version: status.version,
            state: status.state,
            position: status.position,
            head: status.head,
            lag: status.lag_events,
            lag_seconds: status.lag_seconds,
            events_per_second: status.events_per_second,
            worker: status.worker,
            error: status.error,
            dead_letters: status.dead_letters,
            build: status.build.map(BuildAnswer::from),
            previous: status.previous.map(PreviousAnswer::from),
            last_build: last_build.map(OutcomeAnswer::from),
            updated_at: status.updated_at.into(),
        }
    }
}

impl From<BuildStatus> for BuildAnswer {
    fn from(build: BuildStatus) -> BuildAnswer {
        let left = (build.target - build.position).max(0) as f64;
        BuildAnswer {
            progress: build.progress(),
            eta_seconds: (build.events_per_second > 0.0).then(|| left / build.events_per_second),
            purpose: build.purpose,
            schema: build.schema,
            version: build.version,
            phase: build.phase,
            position: build.position,
            target: build.target,
            events_per_second: build.events_per_second,
            builder: build.builder,
            started_at: build.started_at.into(),
            updated_at: build.updated_at.into(),
        }
    }
}

impl From<PreviousVersion> for PreviousAnswer {
    fn from(previous: PreviousVersion) -> PreviousAnswer {
        PreviousAnswer {
            version: previous.version,
            position: previous.position,
            replaced_at: previous.replaced_at.into(),
        }
    }
}

impl From<Outcome> for OutcomeAnswer {
    fn from(outcome: Outcome) -> OutcomeAnswer {
        OutcomeAnswer {
            id: outcome.id,
            purpose: outcome.purpose,
            actor: outcome.actor,
            ended_at: outcome.ended_at.into(),
            result: outcome.result,
            error: outcome.error,
        }
    }
}
