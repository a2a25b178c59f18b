//! Waits for a database that is starting, and tells why it cannot be reached.

use std::time::{Duration, Instant};

use daybook_database::is_passing;
use sqlx::postgres::PgConnectOptions;
use sqlx::{ConnectOptions, Connection, PgConnection};
use tracing::info;

use super::database::OpenError;

/// A database that was started together with us needs some seconds.
const PATIENCE: Duration = Duration::from_secs(5);
const PAUSE: Duration = Duration::from_millis(250);

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
        if !is_passing(&source) {
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

async fn connect(options: &PgConnectOptions) -> Result<(), sqlx::Error> {
    let connection: PgConnection = options.connect().await?;
    connection.close().await
}

/// `host:port/database`, without user and password.
fn place(options: &PgConnectOptions) -> String {
    let host = match options.get_socket() {
        Some(socket) => socket.display().to_string(),
        None => format!("{}:{}", options.get_host(), options.get_port()),
    };
    format!("{host}/{}", options.get_database().unwrap_or_default())
}
