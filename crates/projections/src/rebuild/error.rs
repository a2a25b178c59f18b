use std::sync::Arc;

use chrono::{DateTime, Utc};
use daybook_database::remedy;
use daybook_log::{LogError, Position};

use super::{Anew, Purpose};
use crate::{projection::ApplyError, schema::SchemaName};

/// Why a read model was not built, or not switched in. The live one is unchanged.
#[derive(Debug, thiserror::Error)]
pub enum BuildError {
    #[error("{name} is being built ({purpose}) by {builder} since {since}")]
    BeingBuilt {
        name: &'static str,
        purpose: String,
        builder: String,
        since: DateTime<Utc>,
    },
    #[error("{name} is paused, and stays as it is until it is resumed")]
    Paused { name: &'static str },
    #[error("the live rows were made by version {stored}, this binary makes version {own}")]
    LaterVersion { stored: i32, own: i32 },
    #[error("it cannot get past position {position}: {reason}")]
    Obstacle { position: Position, reason: String },
    #[error("the live rows were reset or exchanged meanwhile")]
    LiveChanged,
    #[error("another builder has taken over")]
    TakenOver,
    #[error("it was stopped")]
    Stopped,
    /// Something that several read models were built with failed, so all of them failed.
    #[error("the builder broke off")]
    BrokenOff(#[source] Arc<BuildError>),
    #[error("there is no version to go back to")]
    NoPrevious,
    #[error("the previous rows were made by version {stored}, this binary makes version {own}")]
    PreviousVersion { stored: i32, own: i32 },
    #[error("the log ends at position {head}")]
    BeyondHead { head: Position },
    #[error("the schema {0} exists already")]
    SchemaExists(SchemaName),
    #[error("the schema {0} is where {1} is built")]
    SchemaReserved(SchemaName, &'static str),
    #[error("a task of the builder ended unexpectedly")]
    Task(#[from] tokio::task::JoinError),
    #[error("the log could not be read")]
    Log(#[from] LogError),
    #[error("the database did not answer as expected")]
    Database(#[from] sqlx::Error),
}

impl From<ApplyError> for BuildError {
    fn from(error: ApplyError) -> BuildError {
        match error {
            ApplyError::Unfoldable { position, source } => BuildError::Obstacle {
                position,
                reason: source.to_string(),
            },
            ApplyError::Database(error) => BuildError::Database(error),
        }
    }
}

impl BuildError {
    /// How to mend it, for the line that an operator reads.
    pub fn remedy(&self) -> &'static str {
        match self {
            BuildError::BeingBuilt { .. } => {
                "wait for it, and see `daybook projections status --watch`"
            }
            BuildError::Paused { .. } => {
                "resume it first with `daybook projections resume`, or build it beside with --as-of and --into"
            }
            BuildError::LaterVersion { .. } => "use the newer Daybook",
            BuildError::Obstacle { .. } => {
                "the live projector halts there; mend or skip the event when it does, then try again"
            }
            BuildError::LiveChanged | BuildError::TakenOver | BuildError::Stopped => {
                "run it again; the live rows are as they were"
            }
            BuildError::BrokenOff(error) => error.remedy(),
            BuildError::NoPrevious => "only what a rebuild has replaced can be switched back in",
            BuildError::PreviousVersion { .. } => "use the Daybook that made it",
            BuildError::BeyondHead { .. } => "give a position that the log has",
            BuildError::SchemaExists(_) => "choose another with --into, or drop it",
            BuildError::SchemaReserved(..) => "choose another with --into",
            BuildError::Task(_) => "run it again; the log of errors tells what to report",
            BuildError::Log(error) => error.remedy(),
            BuildError::Database(error) => remedy(error),
        }
    }

    pub(super) fn being_built(
        name: &'static str,
        found: Option<(String, String, DateTime<Utc>)>,
    ) -> BuildError {
        // The builder's row is written a moment after its lock is taken.
        let (purpose, builder, since) = found.unwrap_or_else(|| {
            (
                Purpose::Anew(Anew::Rebuild).to_string(),
                "another".to_owned(),
                Utc::now(),
            )
        });
        BuildError::BeingBuilt {
            name,
            purpose,
            builder,
            since,
        }
    }
}
