//! A record, kept by the database itself, of who moved which checkpoint, and who held the lease then.

use daybook_database::from_row;
use sqlx::{Executor, PgPool, query_as};

const KEEP: &str = "
    create schema journal;
    create table journal.moves (
        id bigint generated always as identity, name text, moved_by text, left_at bigint, reached bigint, holder text);
    create function journal.record() returns trigger language plpgsql security definer as $$
    begin
        insert into journal.moves (name, moved_by, left_at, reached, holder)
        select new.name, current_setting('daybook.worker', true), old.position, new.position, l.holder
        from projections.leases l where l.name = new.name;
        return null;
    end $$;
    create trigger journal after update of position on projections.checkpoints
        for each row when (old.position <> new.position) execute function journal.record()";

/// A checkpoint's move from one position to another.
pub struct Move {
    pub name: String,
    /// The application name of the connection that did it.
    pub moved_by: Option<String>,
    pub left_at: i64,
    pub reached: i64,
    /// Who held the lease in the same transaction.
    pub holder: String,
}

from_row!(Move {
    name,
    moved_by,
    left_at,
    reached,
    holder
});

/// Call it before the first worker starts.
pub async fn keep(pool: &PgPool) {
    pool.execute(KEEP).await.unwrap();
}

pub async fn moves(pool: &PgPool) -> Vec<Move> {
    query_as("select name, moved_by, left_at, reached, holder from journal.moves order by id")
        .fetch_all(pool)
        .await
        .unwrap()
}
