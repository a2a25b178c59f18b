//! Identifies the database, and what is in its log.

use sqlx::{PgConnection, PgPool, query_scalar};
use uuid::Uuid;

use crate::{LogError, Position};

/// The same for everyone who uses this database, and different for any other one, also for a copy that was restored
/// from a dump.
pub async fn database_identity(pool: &PgPool) -> Result<String, LogError> {
    let identity = query_scalar(
        "select system_identifier || '/' || (select oid from pg_database where datname = current_database())
         from pg_control_system()",
    );
    Ok(identity.fetch_one(pool).await?)
}

/// The id of the event at a position; `None` if the log does not reach it.
pub async fn event_id_at(
    connection: &mut PgConnection,
    position: Position,
) -> Result<Option<Uuid>, sqlx::Error> {
    query_scalar("select event_id from log.events where position = $1")
        .bind(position)
        .fetch_optional(connection)
        .await
}
