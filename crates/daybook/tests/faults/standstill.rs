//! The state of each projector and session, and who waits for whom, to explain a failure.

use sqlx::{PgPool, query_scalar};

const PROJECTORS: &str = "
    select format('%s at %s, %s for %s; lease %s of %s, %s for %s%s', c.name, c.position, c.state,
        clock_timestamp() - c.updated_at, l.fencing, l.holder,
        case when l.expires_at > clock_timestamp() then 'held' else 'expired' end,
        greatest(l.expires_at - clock_timestamp(), clock_timestamp() - l.expires_at), ', error ' || c.error::text)
    from projections.checkpoints c left join projections.leases l using (name) order by c.name";

const SESSIONS: &str = r"
    select format('session %s, %s for %s%s%s: %s', pid, state, clock_timestamp() - state_change,
        ', waits for ' || wait_event_type || ' ' || wait_event,
        ', blocked by ' || nullif(pg_blocking_pids(pid), '{}')::text,
        left(regexp_replace(query, '\s+', ' ', 'g'), 100))
    from pg_stat_activity
    where datname = current_database() and pid <> pg_backend_pid() and state <> 'idle' order by pid";

/// A line for each projector, and for each session that is not idle. `pool` is a superuser's.
pub async fn describe(pool: &PgPool) -> String {
    let mut lines: Vec<String> = Vec::new();
    for look in [PROJECTORS, SESSIONS] {
        lines.extend(query_scalar(look).fetch_all(pool).await.unwrap());
    }
    lines.join("\n")
}
