//! Reading events, the newest first.

use std::net::IpAddr;

use chrono::{DateTime, Utc};
use daybook_database::from_row;
use daybook_domain::UserId;
use sqlx::types::Json;
use sqlx::{PgPool, query_as, query_scalar};
use uuid::Uuid;

use super::Kind;

/// Larger numbers are not counted exactly.
const COUNTED_TO: i64 = 10_000;

/// Conditions for events; those that are not given match every event.
#[derive(Clone, Debug, Default)]
pub struct Criteria {
    pub kind: Option<Kind>,
    /// The user whom they concern, or who caused them.
    pub user_id: Option<UserId>,
    pub address: Option<IpAddr>,
    /// Inclusive.
    pub from: Option<DateTime<Utc>>,
    /// Exclusive.
    pub to: Option<DateTime<Utc>>,
}

/// Which page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PageStart {
    First,
    /// The page of events older than the one with this id.
    After(i64),
    /// The page of newer events.
    Before(i64),
}

#[derive(Clone, Debug)]
pub struct KeptEvent {
    pub id: i64,
    pub at: DateTime<Utc>,
    pub kind: String,
    pub outcome: String,
    pub user_id: Option<Uuid>,
    pub actor_id: Option<Uuid>,
    pub session_id: Option<Uuid>,
    pub api_key_id: Option<Uuid>,
    pub address: Option<String>,
    pub route: Option<String>,
    pub request_id: Option<String>,
    pub detail: Json<serde_json::Value>,
    /// How often it happened within the minute.
    pub times: i32,
}

from_row!(KeptEvent {
    id,
    at,
    kind,
    outcome,
    user_id,
    actor_id,
    session_id,
    api_key_id,
    address,
    route,
    request_id,
    detail,
    times
});

#[derive(Clone, Debug)]
pub struct Page {
    pub events: Vec<KeptEvent>,
    pub has_next: bool,
    pub has_prev: bool,
}

const COLUMNS: &str =
    "e.id, e.at, e.kind, e.outcome, e.user_id, e.actor_id, e.session_id, e.api_key_id,
    host(e.address) as address, e.route, e.request_id, e.detail, e.times";

const FITS: &str = "($1::text is null or e.kind = $1)
    and ($2::uuid is null or e.user_id = $2 or e.actor_id = $2)
    and ($3::text is null or e.address = $3::inet)
    and ($4::timestamptz is null or e.at >= $4)
    and ($5::timestamptz is null or e.at < $5)";

pub async fn search(
    pool: &PgPool,
    criteria: &Criteria,
    start: PageStart,
    limit: u32,
) -> Result<Page, sqlx::Error> {
    let (side, direction) = match start {
        PageStart::First | PageStart::After(_) => ("e.id < $6", "desc"),
        PageStart::Before(_) => ("e.id > $6", "asc"),
    };
    let id = match start {
        PageStart::First => i64::MAX,
        PageStart::After(id) | PageStart::Before(id) => id,
    };
    let statement = format!(
        "select {COLUMNS} from auth.security_events e where {FITS} and {side} order by e.id {direction} limit $7"
    );
    let mut events: Vec<KeptEvent> = query_as(&statement)
        .bind(criteria.kind.map(Kind::as_str))
        .bind(criteria.user_id.map(UserId::as_uuid))
        .bind(criteria.address.map(|address| address.to_string()))
        .bind(criteria.from)
        .bind(criteria.to)
        .bind(id)
        .bind(i64::from(limit) + 1)
        .fetch_all(pool)
        .await?;
    let has_more = events.len() > limit as usize;
    events.truncate(limit as usize);
    let (has_next, has_prev) = match start {
        PageStart::First => (has_more, false),
        PageStart::After(_) => (has_more, true),
        PageStart::Before(_) => {
            events.reverse();
            (true, has_more)
        }
    };
    Ok(Page {
        events,
        has_next,
        has_prev,
    })
}

/// How many there are; `None` if there are more than are counted.
pub async fn count(pool: &PgPool, criteria: &Criteria) -> Result<Option<i64>, sqlx::Error> {
    let statement = format!(
        "select count(*) from (select from auth.security_events e where {FITS} limit $6) counted"
    );
    let found: i64 = query_scalar(&statement)
        .bind(criteria.kind.map(Kind::as_str))
        .bind(criteria.user_id.map(UserId::as_uuid))
        .bind(criteria.address.map(|address| address.to_string()))
        .bind(criteria.from)
        .bind(criteria.to)
        .bind(COUNTED_TO + 1)
        .fetch_one(pool)
        .await?;
    Ok(Some(found).filter(|found| *found <= COUNTED_TO))
}

/// The events that concern a person, the oldest first, after the event with this id.
pub async fn of_user(
    pool: &PgPool,
    user_id: UserId,
    after: i64,
    limit: i64,
) -> Result<Vec<KeptEvent>, sqlx::Error> {
    let statement = format!(
        "select {COLUMNS} from auth.security_events e where e.user_id = $1 and e.id > $2 order by e.id limit $3"
    );
    query_as(&statement)
        .bind(user_id.as_uuid())
        .bind(after)
        .bind(limit)
        .fetch_all(pool)
        .await
}
