//! What an operator does about an error of the database.

/// Where nothing more is known than that the database did not do what it was asked for.
pub const REMEDY: &str = "see that PostgreSQL runs and that its log is clean, then try again";

/// The advice that fits this error, for the line that an operator reads. The codes are PostgreSQL's SQLSTATEs.
pub fn remedy(error: &sqlx::Error) -> &'static str {
    match error {
        sqlx::Error::Io(_) => "see that PostgreSQL runs and can be reached, then try again",
        sqlx::Error::Tls(_) => {
            "see that PostgreSQL speaks TLS as the URL's sslmode and sslrootcert demand it"
        }
        sqlx::Error::PoolTimedOut => {
            "see that PostgreSQL can be reached and has connections left (max_connections), then try again"
        }
        sqlx::Error::Database(refusal) => {
            refusal.code().map_or(REMEDY, |code| remedy_of_code(&code))
        }
        _ => REMEDY,
    }
}

fn remedy_of_code(code: &str) -> &'static str {
    match code {
        "42501" => {
            "run `daybook migrate` as DATABASE_MIGRATION_URL's role, which gives the server's role its rights"
        }
        "25006" => {
            "this PostgreSQL only reads, as a standby does; give the URL of the one that writes"
        }
        "3D000" => "create that database, or mend its name in DATABASE_URL",
        "53100" => "PostgreSQL's disk is full; make room on it, then try again",
        "53300" => {
            "PostgreSQL has no connection left; raise max_connections or the role's limit, or end other programs"
        }
        "55P03" => "something else holds it locked; try again when that has ended",
        "57014" => "it took too long or was cancelled; try again when the database has less to do",
        "57P03" => "PostgreSQL starts, stops or recovers; try again in a moment",
        // No such schema, function, column or table.
        "3F000" | "42883" | "42703" | "42P01" => {
            "run `daybook migrate`, and see that the URL names the shop's database"
        }
        _ => remedy_of_class(code),
    }
}

fn remedy_of_class(code: &str) -> &'static str {
    match code.get(..2) {
        Some("08") => "see that PostgreSQL runs and can be reached, then try again",
        Some("28") => "mend the user or the password in DATABASE_URL or DATABASE_MIGRATION_URL",
        Some("40") => "it was given up for another transaction's sake; try again",
        Some("53") => "PostgreSQL lacks memory, disk or connections; give it more, then try again",
        Some("57") => "PostgreSQL was stopped or restarted; try again when it runs",
        Some("58") => "PostgreSQL could not read or write its files; see its log and its disk",
        Some("XX") => {
            "PostgreSQL found a fault in itself or its files; see its log before anything else"
        }
        _ => REMEDY,
    }
}

#[cfg(test)]
mod tests {
    use std::io::ErrorKind;

    use super::*;
    use crate::refusal::Refusal;

    fn of_code(code: &'static str) -> &'static str {
        remedy(&sqlx::Error::Database(Box::new(Refusal(Some(code)))))
    }

    #[test]
    fn advice_fits_the_cause() {
        for (code, advice) in [
            ("42501", "daybook migrate"),
            ("28P01", "password"),
            ("28000", "user"),
            ("25006", "standby"),
            ("53100", "disk is full"),
            ("53200", "memory"),
            ("53300", "max_connections"),
            ("40001", "another transaction"),
            ("40P01", "another transaction"),
            ("57P01", "restarted"),
            ("57P03", "in a moment"),
            ("42P01", "daybook migrate"),
            ("08006", "can be reached"),
            ("58030", "its disk"),
        ] {
            assert!(of_code(code).contains(advice), "{code}: {}", of_code(code));
        }
        let refused = sqlx::Error::Io(ErrorKind::ConnectionRefused.into());
        assert!(remedy(&refused).contains("can be reached"));
        assert!(remedy(&sqlx::Error::PoolTimedOut).contains("max_connections"));
    }

    #[test]
    fn what_has_no_advice_of_its_own_has_the_usual_one() {
        for code in ["22001", "23505", "P0001", "0A000", "?"] {
            assert_eq!(of_code(code), REMEDY, "{code}");
        }
        assert_eq!(remedy(&sqlx::Error::RowNotFound), REMEDY);
        assert_eq!(
            remedy(&sqlx::Error::Database(Box::new(Refusal(None)))),
            REMEDY
        );
    }
}
