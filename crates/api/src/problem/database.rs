//! The answers to errors of the database.

use daybook_database::is_passing;
use error_reporter::Report;
use tracing::{error, warn};

use super::{Problem, unreachable_database};

/// A query's database error. It is logged here, because nobody else handles it.
impl From<sqlx::Error> for Problem {
    fn from(error: sqlx::Error) -> Problem {
        let report = Report::new(&error);
        if !is_passing(&error) && !is_locked_out(&error) {
            error!(error = %report, "a query failed");
            return Problem::internal();
        }
        match &error {
            sqlx::Error::Database(_) => {
                warn!(error = %report, "the database could not answer a query");
            }
            _ => warn!(error = %report, "the database could not be reached for a query"),
        }
        unreachable_database()
    }
}

/// PostgreSQL does not let this server in any more, as after its password was changed: nothing is wrong with the query.
fn is_locked_out(error: &sqlx::Error) -> bool {
    let refusal = error.as_database_error();
    let code = refusal.and_then(|refusal| refusal.code());
    code.is_some_and(|code| code.starts_with("28"))
}
