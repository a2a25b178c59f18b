//! Exporting a log.

use std::io::Write;

use futures::TryStreamExt;
use sqlx::{Connection, Executor, FromRow, PgConnection, Postgres, query_as, query_scalar};

use super::line::{Format, Header, Line};
use super::lines::LineWriter;
use super::{TransferError, TransferProgress, Transferred, VERSION};
use crate::Position;

const EVENTS: &str = "select position, aggregate_type, aggregate_id, sequence, event_type, event_version, event_id, \
     occurred_at, recorded_at, payload::text as payload, metadata::text as metadata from log.events order by position";
const SETTINGS: &str = "select name, value from log.settings order by name";
const CLAIMS: &str = "select kind, value, owner from log.claims order by kind, value";
const RECORDS: &str = "select key_hash, fingerprint, append_id, position, status, headers, body, person_id, recorded_at \
     from log.idempotency_records order by key_hash";
const PERSON_KEYS: &str =
    "select person_id, wrapped_key, created_at from log.person_keys order by person_id";

/// Writes the whole log as it is at this moment, in constant memory, while others go on appending.
/// `connection` must be one of the role that migrates: the server's role may not read the settings.
pub async fn export(
    connection: &mut PgConnection,
    file: impl Write,
    mut report: impl FnMut(TransferProgress),
) -> Result<Transferred, TransferError> {
    may_read(connection).await?;
    let mut snapshot = connection.begin().await?;
    snapshot
        .execute("set transaction isolation level repeatable read read only")
        .await?;
    let head: Position = query_scalar("select coalesce(max(position), 0) from log.events")
        .fetch_one(&mut *snapshot)
        .await?;
    let mut file = LineWriter::new(file);
    let header = Header {
        format: Format::Log,
        version: VERSION,
        head,
    };
    file.write(&Line::Header(header))?;
    copy(&mut snapshot, SETTINGS, &mut file, Line::Setting, |_| {}).await?;
    let report = |events| report(TransferProgress { events, head });
    let events = copy(&mut snapshot, EVENTS, &mut file, Line::Event, report).await?;
    let claims = copy(&mut snapshot, CLAIMS, &mut file, Line::Claim, |_| {}).await?;
    let records = copy(
        &mut snapshot,
        RECORDS,
        &mut file,
        Line::IdempotencyRecord,
        |_| {},
    )
    .await?;
    let keys = copy(
        &mut snapshot,
        PERSON_KEYS,
        &mut file,
        Line::PersonKey,
        |_| {},
    )
    .await?;
    let sha256 = file.finish()?;
    Ok(Transferred {
        events,
        claims,
        idempotency_records: records,
        person_keys: keys,
        sha256,
    })
}

async fn may_read(connection: &mut PgConnection) -> Result<(), TransferError> {
    let (role, may): (String, bool) =
        query_as("select current_user::text, has_table_privilege('log.settings', 'select')")
            .fetch_one(connection)
            .await?;
    match may {
        true => Ok(()),
        false => Err(TransferError::NotPermitted { role }),
    }
}

/// Writes a line for each row, and returns how many there were.
async fn copy<T>(
    connection: &mut PgConnection,
    statement: &str,
    file: &mut LineWriter<impl Write>,
    line: impl Fn(T) -> Line,
    mut report: impl FnMut(i64),
) -> Result<i64, TransferError>
where
    T: for<'r> FromRow<'r, sqlx::postgres::PgRow> + Send + Unpin,
{
    let mut rows = query_as::<Postgres, T>(statement).fetch(connection);
    let mut count = 0;
    while let Some(row) = rows.try_next().await? {
        file.write(&line(row))?;
        count += 1;
        report(count);
    }
    Ok(count)
}
