//! Waits for a database that is starting, and tells why it cannot be reached.

use std::time::{Duration, Instant};

use daybook_database::is_passing;
use sqlx::postgres::PgConnectOptions;
use sqlx::{ConnectOptions, Connection, PgConnection};
use tracing::info;

use super::database::OpenError;
use super::pooler;

/// A database that was started together with us needs some seconds.
const PATIENCE: Duration = Duration::from_secs(5);
const PAUSE: Duration = Duration::from_millis(250);
const PROTOCOL_VIOLATION: &str = "08P01";

/// Returns once the database takes connections; fails at once where waiting won't help.
pub(super) async fn wait_for(options: &PgConnectOptions) -> Result<(), OpenError> {
    let deadline = Instant::now() + PATIENCE;
    let mut said = false;
    loop {
        let left = deadline.saturating_duration_since(Instant::now());
        let source = match tokio::time::timeout(left, connect(options)).await {
            Ok(Ok(())) => return Ok(()),
            Ok(Err(error)) => error,
            Err(_) => sqlx::Error::PoolTimedOut,
        };
        let place = place(options);
        if is_refusal_of_a_pooler(&source) || !is_passing(&source) {
            return Err(OpenError::Refused { place, source });
        }
        if Instant::now() + PAUSE >= deadline {
            return Err(OpenError::Unreachable { place, source });
        }
        if !said {
            said = true;
            info!(place, "waiting for PostgreSQL");
        }
        tokio::time::sleep(PAUSE).await;
    }
}

/// Refuses a pooler that gives each transaction another session.
pub(super) async fn must_keep_sessions(options: &PgConnectOptions) -> Result<(), OpenError> {
    let place = place(options);
    match pooler::shares_sessions(options).await {
        Ok(false) => Ok(()),
        Ok(true) => Err(OpenError::Pooled { place }),
        Err(source) => Err(OpenError::Unreachable { place, source }),
    }
}

async fn connect(options: &PgConnectOptions) -> Result<(), sqlx::Error> {
    let connection: PgConnection = options.connect().await?;
    connection.close().await
}

/// PgBouncer answers a wrong user, password or database with the code of a connection that broke.
fn is_refusal_of_a_pooler(error: &sqlx::Error) -> bool {
    let refusal = error.as_database_error();
    refusal.is_some_and(|refusal| refusal.code().as_deref() == Some(PROTOCOL_VIOLATION))
}

/// `host:port/database`, without user and password.
fn place(options: &PgConnectOptions) -> String {
    let host = match options.get_socket() {
        Some(socket) => socket.display().to_string(),
        None => format!("{}:{}", options.get_host(), options.get_port()),
    };
    format!("{host}/{}", options.get_database().unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpListener;

    use super::*;

    /// Answers one connection as PgBouncer does when it knows no such user or database.
    async fn refuse(listener: TcpListener) {
        let (mut socket, _) = listener.accept().await.unwrap();
        // All of what the client says: closing with some of it unread would reset the connection.
        let length = socket.read_u32().await.unwrap();
        let mut startup = vec![0; length as usize - 4];
        socket.read_exact(&mut startup).await.unwrap();
        let fields = b"SFATAL\0VFATAL\0C08P01\0Mno such database: shop\0\0";
        socket.write_u8(b'E').await.unwrap();
        socket.write_u32(fields.len() as u32 + 4).await.unwrap();
        socket.write_all(fields).await.unwrap();
    }

    #[tokio::test]
    async fn a_pooler_that_knows_no_such_database_is_not_waited_for() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let url = format!("postgres://shop:wrong@127.0.0.1:{port}/shop?sslmode=disable");
        let options: PgConnectOptions = url.parse().unwrap();
        let (_, found) = tokio::join!(refuse(listener), wait_for(&options));
        let error = found.unwrap_err();
        assert!(matches!(error, OpenError::Refused { .. }), "{error}");
    }
}
