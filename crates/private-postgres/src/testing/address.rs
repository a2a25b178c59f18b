//! Where a test server listens.

use std::str::FromStr;

use sqlx::postgres::PgConnectOptions;

use crate::roles::MAINTENANCE_DATABASE;
use crate::url::{socket_url, tcp_url};

/// A server that trusts everybody who reaches it: roles are given by name, without a password.
#[derive(Clone, Debug)]
pub(crate) struct Address {
    host: String,
    port: u16,
    is_socket: bool,
    superuser: String,
}

impl Address {
    /// From a superuser's URL.
    pub(crate) fn parse(url: &str) -> Result<Self, sqlx::Error> {
        let options = PgConnectOptions::from_str(url)?;
        let socket = options.get_socket().and_then(|path| path.to_str());
        Ok(Self {
            host: socket.unwrap_or(options.get_host()).to_owned(),
            port: options.get_port(),
            is_socket: socket.is_some(),
            superuser: options.get_username().to_owned(),
        })
    }

    pub(crate) fn url(&self, role: &str, database: &str) -> String {
        let form = if self.is_socket { socket_url } else { tcp_url };
        form(&self.host, self.port, role, database)
    }

    pub(crate) fn superuser_url(&self, database: &str) -> String {
        self.url(&self.superuser, database)
    }

    pub(crate) fn maintenance_url(&self) -> String {
        self.superuser_url(MAINTENANCE_DATABASE)
    }
}

#[cfg(test)]
mod tests {
    use super::Address;

    #[test]
    fn keeps_the_place_and_changes_the_role() {
        let socket =
            Address::parse("postgres:///postgres?host=/tmp/x&user=boss&port=5433").unwrap();
        assert_eq!(
            socket.url("daybook", "shop"),
            "postgres:///shop?host=/tmp/x&user=daybook&port=5433"
        );
        assert_eq!(
            socket.maintenance_url(),
            "postgres:///postgres?host=/tmp/x&user=boss&port=5433"
        );
        let tcp = Address::parse("postgres://boss@127.0.0.1:5434/postgres").unwrap();
        assert_eq!(
            tcp.url("daybook", "shop"),
            "postgres://daybook@127.0.0.1:5434/shop"
        );
    }
}
