//! What a trail that cannot be read is answered.

use daybook_log::LogError;
use tracing::error;

use crate::extract::of_database;
use crate::problem::{Problem, chain};
use crate::trail::TrailError;

impl From<LogError> for Problem {
    fn from(error: LogError) -> Problem {
        match &error {
            LogError::Database(error) => of_database(error),
            LogError::Undecodable { .. } | LogError::Encode { .. } | LogError::Seal(_) => {
                error!(error = chain(&error), "the log could not be read");
                Problem::internal()
            }
        }
    }
}

impl From<TrailError> for Problem {
    fn from(error: TrailError) -> Problem {
        match error {
            TrailError::Log(error) => error.into(),
            TrailError::Query(error) => error.into(),
            error @ TrailError::Unshowable { .. } => {
                error!(error = chain(&error), "an event could not be shown");
                Problem::internal()
            }
        }
    }
}
