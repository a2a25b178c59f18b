//! Finds out whether a pooler gives each transaction another session.
//!
//! Daybook's sessions hold locks, listen, and have settings of their own: what one of them sets must not meet another,
//! and must be there again with the next statement. A pooler in transaction mode breaks that without an error.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use sqlx::postgres::{PgConnectOptions, PgRow};
use sqlx::{ConnectOptions, Connection, PgConnection, Row, raw_sql};
use tokio::time::timeout;

/// A pooler of one session lets the first connection wait for the second.
const ANSWERED_WITHIN: Duration = Duration::from_secs(2);
/// Others may use the pooler at the same time, so that one look can see nothing.
const LOOKS: usize = 3;

/// What one statement of a connection leaves in its session.
#[derive(Debug, PartialEq, Eq)]
struct Seen {
    pid: i32,
    setting: String,
    holds_lock: bool,
    listens: bool,
}

impl Seen {
    fn of(row: &PgRow) -> Result<Seen, sqlx::Error> {
        Ok(Seen {
            pid: row.try_get("pid")?,
            setting: row.try_get("setting")?,
            holds_lock: row.try_get("holds_lock")?,
            listens: row.try_get("listens")?,
        })
    }
}

/// Whether each transaction of a connection may come to another session.
pub(super) async fn shares_sessions(options: &PgConnectOptions) -> Result<bool, sqlx::Error> {
    let (mut first, mut second) = (options.connect().await?, options.connect().await?);
    let mut shared = false;
    for _ in 0..LOOKS {
        shared = shared || look(&mut first, &mut second).await?;
    }
    // What was seen counts, however the sessions end.
    let _ = first.close().await;
    let _ = second.close().await;
    Ok(shared)
}

/// Leaves something in the first connection's session, has the second one hold a session, and looks whether the first
/// one finds again what it left. Sends plain statements: prepared ones may fail for other reasons.
async fn look(first: &mut PgConnection, second: &mut PgConnection) -> Result<bool, sqlx::Error> {
    let now = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    let token = format!("{}-{}", std::process::id(), now.as_nanos());
    let leave = format!(
        "select pg_backend_pid() as pid, set_config('daybook.session', '{token}', false) as setting,
             pg_try_advisory_lock(hashtext('daybook session'), hashtext('{token}')) as holds_lock,
             not pg_is_in_recovery() as listens"
    );
    let left = Seen::of(&raw_sql(&leave).fetch_one(&mut *first).await?)?;
    // Nobody can listen at a standby.
    if left.listens {
        let listen = format!("listen \"daybook {token}\"");
        raw_sql(&listen).execute(&mut *first).await?;
    }
    let begin = raw_sql("begin; select pg_backend_pid() as pid");
    let row = begin.fetch_one(&mut *second).await?;
    let other: i32 = row.try_get("pid")?;
    let find = format!(
        "select pg_backend_pid() as pid,
             coalesce(current_setting('daybook.session', true), '') as setting,
             exists (select from pg_locks where locktype = 'advisory' and pid = pg_backend_pid()
                 and objid::bigint = hashtext('{token}')::bigint & 4294967295) as holds_lock,
             exists (select from pg_listening_channels() as c where c = 'daybook {token}') as listens"
    );
    let found = timeout(ANSWERED_WITHIN, raw_sql(&find).fetch_one(&mut *first)).await;
    let found = match found {
        Ok(row) => Seen::of(&row?)?,
        Err(_elapsed) => return Ok(true),
    };
    raw_sql("rollback").execute(&mut *second).await?;
    Ok(other == left.pid || found != left)
}
