use daybook_projections::operate::OperateError;
use daybook_projections::rebuild::BuildError;
use daybook_projections::registry::UnknownProjection;
use daybook_projections::{QueryError, StatusError};

use crate::failure::Failure;

/// Why the read models were not looked at or operated, or are not as they should be.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ProjectionsError {
    #[error(transparent)]
    Unknown(#[from] UnknownProjection),
    #[error(transparent)]
    Status(#[from] StatusError),
    #[error(transparent)]
    Operate(#[from] OperateError),
    #[error("{what} failed")]
    Query {
        what: &'static str,
        source: QueryError,
    },
    #[error("{name} was not built")]
    NotBuilt {
        name: &'static str,
        source: BuildError,
    },
    #[error("the rows of {names} are not what their events make")]
    Differs { names: String },
}

impl ProjectionsError {
    pub(crate) fn remedy(&self) -> &'static str {
        match self {
            ProjectionsError::Unknown(error) => error.remedy(),
            ProjectionsError::Status(error) => error.remedy(),
            ProjectionsError::Operate(error) => error.remedy(),
            ProjectionsError::Query { source, .. } => source.remedy(),
            ProjectionsError::NotBuilt { source, .. } => source.remedy(),
            ProjectionsError::Differs { .. } => {
                "`daybook projections rebuild` makes them anew; keep what was shown, to find out why"
            }
        }
    }
}

impl From<UnknownProjection> for Failure {
    fn from(error: UnknownProjection) -> Failure {
        ProjectionsError::from(error).into()
    }
}

impl From<StatusError> for Failure {
    fn from(error: StatusError) -> Failure {
        ProjectionsError::from(error).into()
    }
}

impl From<OperateError> for Failure {
    fn from(error: OperateError) -> Failure {
        ProjectionsError::from(error).into()
    }
}
