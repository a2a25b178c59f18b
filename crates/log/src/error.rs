use crate::{Position, SealError};

/// How to mend what a database has to do with, where the error itself is not at hand:
/// [`daybook_database::remedy`] has the advice that fits it.
pub const DATABASE_REMEDY: &str = daybook_database::REMEDY;

/// What to do about an event that this binary does not know.
const UNKNOWN_EVENT_REMEDY: &str = "run the version of Daybook that wrote it. Until then commands on its stream are \
    refused, and each read model that `daybook projections status` shows as halted there (catalog, orders, users, \
    analytics, trail) goes on after `daybook projections skip NAME --position POSITION --reason WHY`";

/// What can go wrong between Daybook and its log.
#[derive(Debug, thiserror::Error)]
pub enum LogError {
    #[error("the database did not answer as expected")]
    Database(#[from] sqlx::Error),
    /// Nothing that rests on it can be told: the state of its stream.
    #[error(
        "this version of Daybook does not know the event at position {position} ({event_type}): {reason}"
    )]
    Undecodable {
        position: Position,
        event_type: String,
        reason: String,
    },
    #[error("{what} cannot be written as JSON")]
    Encode {
        what: &'static str,
        source: serde_json::Error,
    },
    #[error("personal data cannot be sealed or opened")]
    Seal(#[from] SealError),
}

impl LogError {
    /// How to mend it, for the line that an operator reads.
    pub fn remedy(&self) -> &'static str {
        match self {
            LogError::Database(error) => daybook_database::remedy(error),
            LogError::Undecodable { .. } => UNKNOWN_EVENT_REMEDY,
            LogError::Encode { .. } => "this is a fault of Daybook's own; report it",
            LogError::Seal(SealError::Random) => {
                "see that the system gives random bytes, then try again"
            }
            LogError::Seal(_) => {
                "see that the master key is the one that this log was written with"
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn advice_fits_the_cause() {
        let unknown = LogError::Undecodable {
            position: 7,
            event_type: "category.teleported".to_owned(),
            reason: "unknown variant".to_owned(),
        };
        assert!(
            unknown
                .remedy()
                .contains("version of Daybook that wrote it")
        );
        let away = LogError::Database(sqlx::Error::Io(
            std::io::ErrorKind::ConnectionRefused.into(),
        ));
        assert!(away.remedy().contains("can be reached"));
        assert_eq!(
            LogError::Database(sqlx::Error::RowNotFound).remedy(),
            DATABASE_REMEDY
        );
        assert!(
            LogError::Seal(SealError::Open)
                .remedy()
                .contains("master key")
        );
    }
}
