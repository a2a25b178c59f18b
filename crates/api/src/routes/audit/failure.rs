//! The answer if a trail cannot be read.

use daybook_history::trail::TrailError;
use daybook_log::LogError;
use error_reporter::Report;
use tracing::error;

use crate::problem::Problem;

impl From<LogError> for Problem {
    fn from(error: LogError) -> Problem {
        match error {
            LogError::Database(error) => error.into(),
            LogError::Undecodable {
                position,
                ref event_type,
                ..
            } => {
                error!(error = %Report::new(&error), "the log holds an event that is not known here");
                Problem::unknown_event(position, event_type)
            }
            error @ (LogError::Encode { .. } | LogError::Seal(_)) => {
                error!(error = %Report::new(&error), "the log could not be read");
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
                error!(error = %Report::new(&error), "an event could not be shown");
                Problem::internal()
            }
        }
    }
}
