//! Positions by instants. The log records events in the order of their positions, but by the database's clock, which may
//! step back: then a later position has an earlier instant. `log.clock_steps` holds the positions at which that
//! happened; between two of them the instants never decrease.
//!
//! Each looks at a few dozen events for a log of any length, and at one more for each step.

use chrono::{DateTime, Utc};
use sqlx::query_scalar;

use crate::{Feed, LogError, Position};

impl Feed {
    /// The last position that was recorded at or before an instant, 0 if there is none. Everything up to it was in the
    /// log by then, whatever the clock said when it was recorded.
    pub async fn position_at(&self, instant: DateTime<Utc>) -> Result<Position, LogError> {
        let head = self.head().await?;
        // The first event of a stretch is the earliest in it.
        let begin: Option<Position> = query_scalar(
            "select s.position
             from (select 1::bigint as position union all select c.position from log.clock_steps c) s
             join log.events e on e.position = s.position
             where e.recorded_at <= $1 and e.position <= $2
             order by s.position desc limit 1",
        )
        .bind(instant)
        .bind(head)
        .fetch_optional(&self.pool)
        .await?;
        let Some(begin) = begin else { return Ok(0) };
        let next: Option<Position> = query_scalar(
            "select min(c.position) from log.clock_steps c where c.position > $1 and c.position <= $2",
        )
        .bind(begin)
        .bind(head)
        .fetch_one(&self.pool)
        .await?;
        let end = next.unwrap_or(head + 1);
        self.last_of(begin, end, |recorded_at| recorded_at <= instant)
            .await
    }

    /// The first position that was recorded at or after an instant; the one after the head if there is none.
    pub async fn position_since(&self, instant: DateTime<Utc>) -> Result<Position, LogError> {
        let head = self.head().await?;
        // The last event of a stretch is the latest in it.
        let end: Option<Position> = query_scalar(
            "select s.position
             from (select $2::bigint as position
                   union all select c.position - 1 from log.clock_steps c where c.position <= $2) s
             join log.events e on e.position = s.position
             where e.recorded_at >= $1
             order by s.position limit 1",
        )
        .bind(instant)
        .bind(head)
        .fetch_optional(&self.pool)
        .await?;
        let Some(end) = end else { return Ok(head + 1) };
        let begin: Position = query_scalar(
            "select coalesce(max(c.position), 1) from log.clock_steps c where c.position <= $1",
        )
        .bind(end)
        .fetch_one(&self.pool)
        .await?;
        let before = self
            .last_of(begin - 1, end, |recorded_at| recorded_at < instant)
            .await?;
        Ok(before + 1)
    }

    /// When the log's first event was recorded; `None` while it is empty.
    pub async fn began_at(&self) -> Result<Option<DateTime<Utc>>, LogError> {
        let first = "select recorded_at from log.events where position = 1";
        Ok(query_scalar(first).fetch_optional(&self.pool).await?)
    }

    /// The last position before `after` that belongs, among positions of which those that belong come first; `before`
    /// if none after it does.
    async fn last_of(
        &self,
        mut before: Position,
        mut after: Position,
        belongs: impl Fn(DateTime<Utc>) -> bool,
    ) -> Result<Position, LogError> {
        while after - before > 1 {
            let middle = before + (after - before) / 2;
            let recorded_at: DateTime<Utc> =
                query_scalar("select recorded_at from log.events where position = $1")
                    .bind(middle)
                    .fetch_one(&self.pool)
                    .await?;
            if belongs(recorded_at) {
                before = middle;
            } else {
                after = middle;
            }
        }
        Ok(before)
    }
}
