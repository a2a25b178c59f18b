//! The answers to errors of the database.

use error_reporter::Report;
use sqlx::error::DatabaseError;
use tracing::{error, warn};

use super::{Problem, unreachable_database};

/// A query's database error. It is logged here, because nobody else handles it.
impl From<sqlx::Error> for Problem {
    fn from(error: sqlx::Error) -> Problem {
        match &error {
            sqlx::Error::Io(_)
            | sqlx::Error::Tls(_)
            | sqlx::Error::PoolTimedOut
            | sqlx::Error::PoolClosed => {
                warn!(error = %Report::new(&error), "the database could not be reached for a query");
                unreachable_database()
            }
            sqlx::Error::Database(refusal) if is_passing(refusal.as_ref()) => {
                warn!(error = %Report::new(&error), "the database could not answer a query");
                unreachable_database()
            }
            _ => {
                error!(error = %Report::new(&error), "a query failed");
                Problem::internal()
            }
        }
    }
}

/// Whether the server is the cause and not the statement, so that a later attempt may succeed: a connection that broke,
/// a disk that is full, a shutdown, a system error.
fn is_passing(refusal: &dyn DatabaseError) -> bool {
    let code = refusal.code().unwrap_or_default();
    ["08", "53", "57", "58"]
        .iter()
        .any(|class| code.starts_with(class))
}
