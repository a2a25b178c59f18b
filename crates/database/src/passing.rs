//! Which of the database's errors are worth another attempt.

/// A connection that broke or was refused.
const CONNECTION_EXCEPTION: &str = "08";
/// Given up for another transaction's sake: a deadlock, a conflict between serializable transactions.
const TRANSACTION_ROLLBACK: &str = "40";
/// No memory, no room on the disk, no connection left.
const INSUFFICIENT_RESOURCES: &str = "53";
/// The server shuts down, starts up, or was told to end the statement.
const OPERATOR_INTERVENTION: &str = "57";
/// An error of the system beneath the server, such as one in reading or writing.
const SYSTEM_ERROR: &str = "58";
const CLASSES: [&str; 5] = [
    CONNECTION_EXCEPTION,
    TRANSACTION_ROLLBACK,
    INSUFFICIENT_RESOURCES,
    OPERATOR_INTERVENTION,
    SYSTEM_ERROR,
];

/// From a server that only reads, as a standby does: another takes writes, or this one soon will.
const READ_ONLY_SQL_TRANSACTION: &str = "25006";

/// Whether the server or the connection is to blame and not the statement, so that the same again may
/// succeed. It says nothing of whether the first attempt did.
pub fn is_passing(error: &sqlx::Error) -> bool {
    match error {
        sqlx::Error::Io(_)
        | sqlx::Error::Tls(_)
        | sqlx::Error::PoolTimedOut
        | sqlx::Error::PoolClosed
        | sqlx::Error::WorkerCrashed => true,
        sqlx::Error::Database(refusal) => refusal.code().is_some_and(|code| {
            code == READ_ONLY_SQL_TRANSACTION || CLASSES.iter().any(|class| code.starts_with(class))
        }),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use std::io;

    use super::*;
    use crate::refusal::Refusal;

    fn is_code_passing(code: Option<&'static str>) -> bool {
        is_passing(&sqlx::Error::Database(Box::new(Refusal(code))))
    }

    #[test]
    fn what_the_server_is_to_blame_for_passes() {
        for code in [
            "08006", // connection failure
            "40001", // serialization failure
            "40P01", // deadlock detected
            "53100", // disk full
            "53300", // too many connections
            "57P01", // admin shutdown
            "57P03", // cannot connect now
            "57014", // query cancelled
            "58030", // I/O error
            "25006", // read-only transaction
        ] {
            assert!(is_code_passing(Some(code)), "{code}");
        }
    }

    #[test]
    fn what_the_statement_is_to_blame_for_does_not_pass() {
        for code in [
            "22001", // string too long
            "23505", // unique violation
            "25001", // in a transaction already
            "25P02", // in a failed transaction
            "28P01", // invalid password
            "3D000", // no such database
            "42601", // syntax error
            "42501", // insufficient privilege
            "54000", // a limit is exceeded
            "P0001", // raised by a function
            "XX000", // internal error
        ] {
            assert!(!is_code_passing(Some(code)), "{code}");
        }
        assert!(!is_code_passing(None));
    }

    #[test]
    fn what_the_connection_is_to_blame_for_passes() {
        assert!(is_passing(&sqlx::Error::Io(
            io::ErrorKind::ConnectionReset.into()
        )));
        assert!(is_passing(&sqlx::Error::Tls("no certificate".into())));
        assert!(is_passing(&sqlx::Error::PoolTimedOut));
        assert!(is_passing(&sqlx::Error::PoolClosed));
        assert!(is_passing(&sqlx::Error::WorkerCrashed));
        assert!(!is_passing(&sqlx::Error::RowNotFound));
        assert!(!is_passing(&sqlx::Error::Encode("too large".into())));
        assert!(!is_passing(&sqlx::Error::Protocol("unexpected".into())));
    }
}
