//! How a session begins, whatever the database, its roles or a pooler have set for it.

use sqlx::{Executor as _, PgConnection};

use crate::standing::Standing;

/// Set by a statement, because a pooler may drop what is sent with the connection. Whatever can be set for a role or a
/// database and would change what a statement means or whether a commit lasts is set here.
const SETTINGS: &str = "
    set jit = off;
    set default_transaction_isolation = 'read committed';
    set quote_all_identifiers = off;
    set extra_float_digits = 1;
    select set_config('synchronous_commit',
        case current_setting('synchronous_commit') when 'off' then 'on' else current_setting('synchronous_commit') end,
        false);
    -- So that the server notices a client that has vanished, and lets go of what it held.
    set tcp_keepalives_idle = 30;
    set tcp_keepalives_interval = 10;
    set tcp_keepalives_count = 3;
    set tcp_user_timeout = 30000";

/// To be called for each new connection before it is used. Returns the epoch of the instance that it has reached.
pub async fn begin_session(
    connection: &mut PgConnection,
    standing: &Standing,
) -> Result<u64, sqlx::Error> {
    connection.execute(SETTINGS).await?;
    standing.admit(connection).await
}
