//! Connection URLs in the form that libpq and sqlx share.

use std::fmt::Write;

/// `postgres:///database?host=/folder&user=role&port=5432`
pub(crate) fn socket_url(host: &str, port: u16, role: &str, database: &str) -> String {
    format!(
        "postgres:///{}?host={}&user={}&port={port}",
        encoded(database),
        encoded(host),
        encoded(role),
    )
}

/// `postgres://role@host:port/database`, for a server that trusts its loopback interface.
pub(crate) fn tcp_url(host: &str, port: u16, role: &str, database: &str) -> String {
    format!(
        "postgres://{}@{host}:{port}/{}",
        encoded(role),
        encoded(database)
    )
}

fn encoded(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'/' | b'-' | b'_' | b'.' | b'~' => {
                encoded.push(char::from(byte));
            }
            // Writing to a String cannot fail.
            other => drop(write!(encoded, "%{other:02X}")),
        }
    }
    encoded
}

#[cfg(test)]
mod tests {
    use std::str::FromStr;

    use sqlx::postgres::PgConnectOptions;

    use super::socket_url;

    #[test]
    fn a_folder_with_any_name_survives_the_url() {
        let folder = "/tmp/a shop & +more%20/ünï";
        let url = socket_url(folder, 5432, "daybook", "daybook_test_1");
        let options = PgConnectOptions::from_str(&url).unwrap();
        assert_eq!(
            options.get_socket().map(|path| path.as_path()),
            Some(folder.as_ref())
        );
        assert_eq!(options.get_username(), "daybook");
        assert_eq!(options.get_database(), Some("daybook_test_1"));
        assert_eq!(options.get_port(), 5432);
    }
}
