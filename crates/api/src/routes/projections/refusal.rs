//! Why an operator's request was not executed, as a problem.

use axum::http::StatusCode;
use daybook_projections::operate::{InvalidReason, OperateError};
use daybook_projections::rebuild::BuildError;
use error_reporter::Report;
use tracing::error;

use crate::problem::Problem;

impl From<OperateError> for Problem {
    fn from(error: OperateError) -> Problem {
        let detail = format!("Nothing was done: {error}.");
        let conflict = |code: &'static str| Problem::new(StatusCode::CONFLICT, code, detail);
        match error {
            OperateError::WrongState { .. } | OperateError::Build(BuildError::Paused { .. }) => {
                conflict("wrong-projection-state")
            }
            OperateError::HaltedElsewhere { .. } => conflict("halted-elsewhere"),
            OperateError::LogHasGap { .. } => conflict("log-has-gap"),
            OperateError::LaterVersion { .. } => conflict("later-version"),
            OperateError::Build(BuildError::BeingBuilt { .. }) => conflict("being-built"),
            OperateError::Busy { .. } => {
                let detail = "The read model is in use by long queries; nothing was done.";
                Problem::unavailable("read-model-busy", detail, 5)
            }
            OperateError::Build(BuildError::Database(error)) | OperateError::Database(error) => {
                error.into()
            }
            OperateError::Build(error) => {
                error!(error = %Report::new(&error), "a read model could not be operated");
                Problem::internal()
            }
            OperateError::Status(error) => error.into(),
        }
    }
}

/// Why a build may not begin.
pub(super) fn of_build(error: BuildError) -> Problem {
    match error {
        BuildError::BeingBuilt { .. } => being_built(),
        BuildError::NoPrevious => no_previous(),
        error => OperateError::Build(error).into(),
    }
}

/// A build of the projection is running, in this process or another.
pub(super) fn being_built() -> Problem {
    let detail =
        "Nothing was done: the read model is being built; GET …/progress shows how far that is.";
    Problem::new(StatusCode::CONFLICT, "being-built", detail)
}

fn no_previous() -> Problem {
    let detail = "Nothing was done: only what a rebuild has replaced can be switched back in.";
    Problem::new(StatusCode::CONFLICT, "no-previous-version", detail)
}

pub(super) fn of_reason(error: InvalidReason) -> Problem {
    Problem::invalid_field("/reason", "invalid-value", format!("Mind that {error}."))
}
