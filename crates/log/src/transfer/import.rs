//! Importing a log.

use std::collections::HashMap;
use std::io::BufRead;

use serde::de::IgnoredAny;
use sqlx::{Connection, PgConnection, query, query_as, query_scalar};

use super::line::{Event, Header, Line};
use super::lines::LineReader;
use super::rows::{Rows, Table};
use super::{TransferError, TransferProgress, Transferred, VERSION};
use crate::{APPEND_LOCK, LOG_CHANNEL, Position};

/// Imports a whole file, in constant memory and one transaction; a file that turns out to be broken
/// leaves nothing behind. `connection` must be one of the role that migrates, to a database whose log is
/// empty; nobody can append to it meanwhile.
pub async fn import(
    connection: &mut PgConnection,
    file: impl BufRead,
    mut report: impl FnMut(TransferProgress),
) -> Result<Transferred, TransferError> {
    may_write(connection).await?;
    let mut transaction = connection.begin().await?;
    query("select pg_advisory_xact_lock($1)")
        .bind(APPEND_LOCK)
        .execute(&mut *transaction)
        .await?;
    must_be_empty(&mut transaction).await?;

    let mut lines = LineReader::new(file);
    let header = header(&mut lines)?;
    let mut order = EventOrder::default();
    let mut rows = Rows::default();
    while let Some((number, line)) = lines.next()? {
        if let Line::Event(event) = &line {
            order.check(event).map_err(|reason| TransferError::Broken {
                line: number,
                reason,
            })?;
        }
        rows.push(number, line)?;
        if rows.is_full() {
            rows.write(&mut transaction).await?;
            order.written();
            report(TransferProgress {
                events: order.position,
                head: header.head,
            });
        }
    }
    rows.write(&mut transaction).await?;
    if order.position != header.head {
        let reason = format!(
            "the log goes up to {}, not to {}",
            header.head, order.position
        );
        return Err(TransferError::Broken { line: 1, reason });
    }
    query("select pg_notify($1, $2)")
        .bind(LOG_CHANNEL)
        .bind(header.head.to_string())
        .execute(&mut *transaction)
        .await?;
    transaction.commit().await?;
    Ok(Transferred {
        events: rows.count(Table::Events),
        claims: rows.count(Table::Claims),
        idempotency_records: rows.count(Table::IdempotencyRecords),
        person_keys: rows.count(Table::PersonKeys),
        sha256: lines.sha256(),
    })
}

async fn may_write(connection: &mut PgConnection) -> Result<(), TransferError> {
    let (role, may): (String, bool) =
        query_as("select current_user::text, has_table_privilege('log.events', 'insert')")
            .fetch_one(connection)
            .await?;
    match may {
        true => Ok(()),
        false => Err(TransferError::NotPermitted { role }),
    }
}

/// Settings may exist: a server that was started on the empty log has left its master key's check.
async fn must_be_empty(connection: &mut PgConnection) -> Result<(), TransferError> {
    let occupied: bool = query_scalar(
        "select exists (select from log.events) or exists (select from log.claims)
             or exists (select from log.idempotency_records) or exists (select from log.person_keys)",
    )
    .fetch_one(connection)
    .await?;
    match occupied {
        true => Err(TransferError::NotEmpty),
        false => Ok(()),
    }
}

fn header(lines: &mut LineReader<impl BufRead>) -> Result<Header, TransferError> {
    let broken = |reason: &str| TransferError::Broken {
        line: 1,
        reason: reason.to_owned(),
    };
    match lines.next()? {
        Some((_, Line::Header(header))) if header.version == VERSION => Ok(header),
        Some((_, Line::Header(_))) => Err(broken("a newer Daybook wrote the file")),
        _ => Err(broken("it is not a log that `daybook export` wrote")),
    }
}

/// Checks that events come in the order of their positions, and each stream's in the order of its
/// sequences.
///
/// A stream's events within one chunk are compared here; the first of them is checked against earlier
/// chunks by the log's own foreign key.
#[derive(Default)]
struct EventOrder {
    position: Position,
    sequences: HashMap<(String, String), i64>,
}

impl EventOrder {
    fn check(&mut self, event: &Event) -> Result<(), String> {
        if event.position != self.position + 1 {
            return Err(format!(
                "position {} follows {}",
                event.position, self.position
            ));
        }
        self.position = event.position;
        let stream = (event.aggregate_type.clone(), event.aggregate_id.clone());
        match self.sequences.insert(stream, event.sequence) {
            Some(last) if event.sequence != last + 1 => {
                return Err(format!(
                    "sequence {} follows {last} of its stream",
                    event.sequence
                ));
            }
            _ => {}
        }
        for json in [&event.payload, &event.metadata] {
            serde_json::from_str::<IgnoredAny>(json)
                .map_err(|error| format!("no JSON within: {error}"))?;
        }
        Ok(())
    }

    fn written(&mut self) {
        self.sequences.clear();
    }
}
