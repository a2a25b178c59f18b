//! Inserting rows into the log's tables.

use sqlx::{PgConnection, query, query_as};

use super::TransferError;
use super::line::{Claim, Event, IdempotencyRecord, Line, PersonKey, Setting};

const MOST_ROWS: usize = 2_000;
/// The event type of an erasure in the log.
const USER_ERASED: &str = "user.erased";
const MOST_BYTES: usize = 8 * 1024 * 1024;

#[derive(Clone, Copy)]
pub(super) enum Table {
    Events,
    Claims,
    IdempotencyRecords,
    PersonKeys,
}

/// Lines that were read but not written yet, and how many of each kind were written.
#[derive(Default)]
pub(super) struct Rows {
    events: Vec<Event>,
    settings: Vec<Setting>,
    claims: Vec<Claim>,
    records: Vec<IdempotencyRecord>,
    person_keys: Vec<PersonKey>,
    bytes: usize,
    /// The numbers of the first and the last of these lines.
    span: Option<(u64, u64)>,
    written: [i64; 4],
}

impl Rows {
    pub(super) fn push(&mut self, number: u64, line: Line) -> Result<(), TransferError> {
        self.span = Some((self.span.map_or(number, |(first, _)| first), number));
        match line {
            Line::Event(event) => {
                self.bytes += event.payload.len() + event.metadata.len();
                self.events.push(event);
            }
            Line::IdempotencyRecord(record) => {
                self.bytes += record.headers.len() + record.body.len();
                self.records.push(record);
            }
            Line::Setting(setting) => self.settings.push(setting),
            Line::Claim(claim) => self.claims.push(claim),
            Line::PersonKey(key) => self.person_keys.push(key),
            Line::Header(_) | Line::End(_) => {
                let reason = "it stands in the middle of the file".to_owned();
                return Err(TransferError::Broken {
                    line: number,
                    reason,
                });
            }
        }
        Ok(())
    }

    pub(super) fn is_full(&self) -> bool {
        let rows =
            self.events.len() + self.claims.len() + self.records.len() + self.person_keys.len();
        rows >= MOST_ROWS || self.bytes >= MOST_BYTES
    }

    pub(super) fn count(&self, table: Table) -> i64 {
        self.written[table as usize]
    }

    pub(super) async fn write(
        &mut self,
        connection: &mut PgConnection,
    ) -> Result<(), TransferError> {
        let Some((first, last)) = self.span.take() else {
            return Ok(());
        };
        let refused = |error| refused(first, last, error);
        self.write_settings(connection).await?;
        self.write_events(connection).await.map_err(refused)?;
        self.write_clock_steps(connection).await.map_err(refused)?;
        self.write_erasures(connection).await.map_err(refused)?;
        self.write_claims(connection).await.map_err(refused)?;
        self.write_records(connection).await.map_err(refused)?;
        self.write_person_keys(connection).await.map_err(refused)?;
        let counts = [
            self.events.len(),
            self.claims.len(),
            self.records.len(),
            self.person_keys.len(),
        ];
        for (written, rows) in self.written.iter_mut().zip(counts) {
            *written += rows as i64;
        }
        self.events.clear();
        self.claims.clear();
        self.records.clear();
        self.person_keys.clear();
        self.bytes = 0;
        Ok(())
    }

    async fn write_settings(&mut self, connection: &mut PgConnection) -> Result<(), TransferError> {
        for setting in self.settings.drain(..) {
            query("insert into log.settings (name, value) values ($1, $2) on conflict (name) do nothing")
                .bind(&setting.name)
                .bind(&setting.value)
                .execute(&mut *connection)
                .await?;
            let (settled,): (Vec<u8>,) = query_as("select value from log.settings where name = $1")
                .bind(&setting.name)
                .fetch_one(&mut *connection)
                .await?;
            // All settings that exist are derived from the master key.
            if settled != setting.value {
                return Err(TransferError::OtherMasterKey);
            }
        }
        Ok(())
    }

    async fn write_events(&self, connection: &mut PgConnection) -> Result<(), sqlx::Error> {
        let events = &self.events;
        query(
            "insert into log.events (
                 position, aggregate_type, aggregate_id, sequence, event_type, event_version, event_id,
                 occurred_at, recorded_at, payload, metadata)
             select e.position, e.aggregate_type, e.aggregate_id, e.sequence, e.event_type, e.event_version,
                 e.event_id, e.occurred_at, e.recorded_at, e.payload::json, e.metadata::json
             from unnest($1::bigint[], $2::text[], $3::text[], $4::bigint[], $5::text[], $6::text[], $7::uuid[],
                     $8::timestamptz[], $9::timestamptz[], $10::text[], $11::text[])
                 as e (position, aggregate_type, aggregate_id, sequence, event_type, event_version, event_id,
                     occurred_at, recorded_at, payload, metadata)",
        )
        .bind(column(events, |event| event.position))
        .bind(column(events, |event| event.aggregate_type.as_str()))
        .bind(column(events, |event| event.aggregate_id.as_str()))
        .bind(column(events, |event| event.sequence))
        .bind(column(events, |event| event.event_type.as_str()))
        .bind(column(events, |event| event.event_version.as_str()))
        .bind(column(events, |event| event.event_id))
        .bind(column(events, |event| event.occurred_at))
        .bind(column(events, |event| event.recorded_at))
        .bind(column(events, |event| event.payload.as_str()))
        .bind(column(events, |event| event.metadata.as_str()))
        .execute(connection)
        .await?;
        Ok(())
    }

    /// Where the clock stepped back in the exported database: instants are looked up between these positions.
    async fn write_clock_steps(&self, connection: &mut PgConnection) -> Result<(), sqlx::Error> {
        let (Some(first), Some(last)) = (self.events.first(), self.events.last()) else {
            return Ok(());
        };
        query(
            "insert into log.clock_steps (position)
             select e.position
             from (
                 select position, recorded_at, lag(recorded_at) over (order by position) as before
                 from log.events
                 where position between $1::bigint - 1 and $2
             ) e
             where e.recorded_at < e.before",
        )
        .bind(first.position)
        .bind(last.position)
        .execute(connection)
        .await?;
        Ok(())
    }

    /// So that persons who were erased in the exported database are swept and exported here, too.
    async fn write_erasures(&self, connection: &mut PgConnection) -> Result<(), sqlx::Error> {
        let erasures: Vec<&Event> = self
            .events
            .iter()
            .filter(|event| event.event_type == USER_ERASED)
            .collect();
        if erasures.is_empty() {
            return Ok(());
        }
        query(
            "insert into log.erasures (person_id, position, erased_at)
             select e.person_id::uuid, e.position, e.erased_at
             from unnest($1::text[], $2::bigint[], $3::timestamptz[]) as e (person_id, position, erased_at)",
        )
        .bind(column(&erasures, |event| event.aggregate_id.as_str()))
        .bind(column(&erasures, |event| event.position))
        .bind(column(&erasures, |event| event.recorded_at))
        .execute(connection)
        .await?;
        Ok(())
    }

    async fn write_claims(&self, connection: &mut PgConnection) -> Result<(), sqlx::Error> {
        let claims = &self.claims;
        query(
            "insert into log.claims (kind, value, owner)
             select c.kind, c.value, c.owner
             from unnest($1::text[], $2::bytea[], $3::text[]) as c (kind, value, owner)",
        )
        .bind(column(claims, |claim| claim.kind.as_str()))
        .bind(column(claims, |claim| claim.value.as_slice()))
        .bind(column(claims, |claim| claim.owner.as_str()))
        .execute(connection)
        .await?;
        Ok(())
    }

    async fn write_records(&self, connection: &mut PgConnection) -> Result<(), sqlx::Error> {
        let records = &self.records;
        query(
            "insert into log.idempotency_records (
                 key_hash, fingerprint, append_id, position, status, headers, body, person_id, recorded_at)
             select r.key_hash, r.fingerprint, r.append_id, r.position, r.status, r.headers, r.body, r.person_id,
                 r.recorded_at
             from unnest($1::bytea[], $2::bytea[], $3::uuid[], $4::bigint[], $5::smallint[], $6::text[],
                     $7::bytea[], $8::uuid[], $9::timestamptz[])
                 as r (key_hash, fingerprint, append_id, position, status, headers, body, person_id, recorded_at)",
        )
        .bind(column(records, |record| record.key_hash.as_slice()))
        .bind(column(records, |record| record.fingerprint.as_slice()))
        .bind(column(records, |record| record.append_id))
        .bind(column(records, |record| record.position))
        .bind(column(records, |record| record.status))
        .bind(column(records, |record| record.headers.as_str()))
        .bind(column(records, |record| record.body.as_slice()))
        .bind(column(records, |record| record.person_id))
        .bind(column(records, |record| record.recorded_at))
        .execute(connection)
        .await?;
        Ok(())
    }

    async fn write_person_keys(&self, connection: &mut PgConnection) -> Result<(), sqlx::Error> {
        let keys = &self.person_keys;
        query(
            "insert into log.person_keys (person_id, wrapped_key, created_at)
             select k.person_id, k.wrapped_key, k.created_at
             from unnest($1::uuid[], $2::bytea[], $3::timestamptz[]) as k (person_id, wrapped_key, created_at)",
        )
        .bind(column(keys, |key| key.person_id))
        .bind(column(keys, |key| key.wrapped_key.as_slice()))
        .bind(column(keys, |key| key.created_at))
        .execute(connection)
        .await?;
        Ok(())
    }
}

fn column<'a, T, C>(rows: &'a [T], of: impl Fn(&'a T) -> C) -> Vec<C> {
    rows.iter().map(of).collect()
}

/// Whatever PostgreSQL finds wrong with rows is a fault of the file; every other error is PostgreSQL's.
fn refused(first: u64, last: u64, error: sqlx::Error) -> TransferError {
    // Class 22 is "data exception", 23 "integrity constraint violation".
    let of_the_rows = error.as_database_error().filter(|error| {
        error
            .code()
            .is_some_and(|code| code.starts_with("22") || code.starts_with("23"))
    });
    match of_the_rows {
        Some(error) => TransferError::Broken {
            line: first,
            reason: format!("there or up to line {last}, {}", error.message()),
        },
        None => TransferError::Database(error),
    }
}
