//! What the database records about erasures, beside the log.
//!
//! The append of `user.erased` destroys the person's key and records the erasure. Whatever else holds data of the
//! person, and is too much to clear away under the log's lock, is swept afterwards, as often as necessary.

use std::time::Duration;

use chrono::{DateTime, Utc};
use daybook_domain::UserId;
use sqlx::{FromRow, PgPool, Row, postgres::PgRow, query, query_as};
use uuid::Uuid;

use crate::{LogError, Position};

/// The channel where the append that erases a person announces it, as the person's id.
pub const ERASURE_CHANNEL: &str = "daybook_erasure";

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Erased {
    pub person: UserId,
    /// The position of the event that records the erasure.
    pub position: Position,
    pub erased_at: DateTime<Utc>,
}

/// The persons who were erased within the last `within`, by the database's clock.
pub async fn recent(pool: &PgPool, within: Duration) -> Result<Vec<Erased>, LogError> {
    Ok(query_as(
        "select person_id, position, erased_at from log.erasures
         where erased_at > clock_timestamp() - make_interval(secs => $1) order by position",
    )
    .bind(within.as_secs_f64())
    .fetch_all(pool)
    .await?)
}

/// The erased persons of whom some data may be left, each with whether at least `after` has passed since the erasure.
pub async fn unswept(pool: &PgPool, after: Duration) -> Result<Vec<(Erased, bool)>, LogError> {
    let rows = query(
        "select person_id, position, erased_at,
             erased_at <= clock_timestamp() - make_interval(secs => $1) as is_due
         from log.erasures where swept_at is null order by position",
    )
    .bind(after.as_secs_f64())
    .fetch_all(pool)
    .await?;
    let erased = rows
        .iter()
        .map(|row| Ok((Erased::from_row(row)?, row.try_get("is_due")?)));
    Ok(erased.collect::<Result<_, sqlx::Error>>()?)
}

/// Clears away what is left of an erased person in the log's tables and in those beside the log.
pub async fn sweep(pool: &PgPool, person: UserId) -> Result<(), LogError> {
    query("select log.sweep_person($1)")
        .bind(person.as_uuid())
        .execute(pool)
        .await?;
    Ok(())
}

/// Records that nothing is left of an erased person anywhere.
pub async fn settle(pool: &PgPool, person: UserId) -> Result<(), LogError> {
    query("select log.settle_erasure($1)")
        .bind(person.as_uuid())
        .execute(pool)
        .await?;
    Ok(())
}

impl FromRow<'_, PgRow> for Erased {
    fn from_row(row: &PgRow) -> Result<Erased, sqlx::Error> {
        Ok(Erased {
            person: row.try_get::<Uuid, _>("person_id")?.into(),
            position: row.try_get("position")?,
            erased_at: row.try_get("erased_at")?,
        })
    }
}
