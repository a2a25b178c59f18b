//! A build's tables: created empty like the live ones, and given their keys and indices once they are full.

use std::collections::VecDeque;

use parking_lot::Mutex;
use sqlx::{Acquire, PgConnection, PgPool};

use super::{
    BuildError,
    session::{act_as_owner, bulk_connection},
    unit::Unit,
};
use crate::{
    schema::SchemaName,
    table::{Merge, Rows, Table},
};

/// Creates the schema and its empty tables. Only tables whose rows are looked up again have a key already.
pub(super) async fn create(conn: &mut PgConnection, unit: &Unit) -> Result<(), BuildError> {
    let (live, schema) = (&unit.live_schema, &unit.schema);
    let mut transaction = conn.begin().await?;
    unit.fence.hold(&mut transaction, schema).await?;
    act_as_owner(&mut transaction).await?;
    execute(&mut transaction, &format!("create schema {schema}")).await?;
    for Table { name, rows } in unit.projection.tables() {
        let create = format!(
            "create table {schema}.{name} (like {live}.{name} including all excluding indexes)"
        );
        execute(&mut transaction, &create).await?;
        if *rows == Rows::Keyed {
            let keys = constraints(&mut transaction, live, name).await?;
            for (key, definition) in keys.iter().filter(|(key, _)| is_primary(key, name)) {
                add_constraint(&mut transaction, schema, name, key, definition).await?;
            }
        }
    }
    copy_grants(&mut transaction, live, schema).await?;
    transaction.commit().await?;
    Ok(())
}

/// Everyone who may read the live tables may read those that replace them.
async fn copy_grants(
    conn: &mut PgConnection,
    live: &SchemaName,
    schema: &SchemaName,
) -> Result<(), sqlx::Error> {
    let grants: Vec<String> = sqlx::query_scalar(
        "select format('grant %s on %s to %s', g.privilege_type, g.object,
                    case g.grantee when 0 then 'public' else g.grantee::regrole::text end)
         from (
             select a.privilege_type, a.grantee, n.nspowner as owner, 'schema ' || $2 as object
             from pg_namespace n cross join aclexplode(n.nspacl) a
             where n.oid = $1::regnamespace
             union all
             select a.privilege_type, a.grantee, live.relowner, format('table %s.%I', $2, live.relname)
             from pg_class live
             join pg_class made on made.relname = live.relname and made.relnamespace = $2::regnamespace
             cross join aclexplode(live.relacl) a
             where live.relnamespace = $1::regnamespace and live.relkind = 'r'
         ) g
         where g.grantee <> g.owner",
    )
    .bind(live.as_str())
    .bind(schema.as_str())
    .fetch_all(&mut *conn)
    .await?;
    for grant in grants {
        execute(conn, &grant).await?;
    }
    Ok(())
}

/// Merges what is to be merged, creates keys and indices, and gathers the planner's statistics; tables in parallel,
/// each in one transaction.
pub(super) async fn finish(
    pool: &PgPool,
    units: &[&Unit],
    side_by_side: usize,
) -> Result<(), BuildError> {
    let mut jobs = VecDeque::new();
    for unit in units {
        jobs.extend(unit.projection.tables().iter().map(|table| (*unit, *table)));
    }
    let jobs = Mutex::new(jobs);
    let workers = (0..side_by_side).map(|_| finish_tables(pool, &jobs));
    futures::future::try_join_all(workers).await?;
    Ok(())
}

/// Takes one table after the other until none is left.
async fn finish_tables(
    pool: &PgPool,
    jobs: &Mutex<VecDeque<(&Unit, Table)>>,
) -> Result<(), BuildError> {
    let mut conn = bulk_connection(pool).await?;
    loop {
        let next = jobs.lock().pop_front();
        let Some((unit, table)) = next else {
            return Ok(());
        };
        if !unit.has_failed()
            && let Err(error) = finish_table(&mut conn, unit, table).await
        {
            unit.fail(error);
        }
    }
}

async fn finish_table(
    conn: &mut PgConnection,
    unit: &Unit,
    Table { name, rows }: Table,
) -> Result<(), BuildError> {
    let (live, schema) = (&unit.live_schema, &unit.schema);
    let mut transaction = conn.begin().await?;
    unit.fence.hold(&mut transaction, schema).await?;
    act_as_owner(&mut transaction).await?;
    if let Rows::Merged(columns) = rows {
        merge(&mut transaction, live, schema, name, columns).await?;
    }
    for (constraint, definition) in constraints(&mut transaction, live, name).await? {
        if rows != Rows::Keyed || !is_primary(&constraint, name) {
            add_constraint(&mut transaction, schema, name, &constraint, &definition).await?;
        }
    }
    for definition in indices(&mut transaction, live, name).await? {
        let (from, to) = (
            format!(" ON {live}.{name} "),
            format!(" ON {schema}.{name} "),
        );
        execute(&mut transaction, &definition.replacen(&from, &to, 1)).await?;
    }
    execute(&mut transaction, &format!("analyze {schema}.{name}")).await?;
    transaction.commit().await?;
    Ok(())
}

/// Replaces the many rows of a key by one.
async fn merge(
    conn: &mut PgConnection,
    live: &SchemaName,
    schema: &SchemaName,
    table: &str,
    merged: &[(&str, Merge)],
) -> Result<(), sqlx::Error> {
    let columns = columns(conn, live, table).await?;
    let all = columns.join(", ");
    let value = |column: &String| {
        let merge = merged.iter().find(|(name, _)| name == column);
        match merge.map(|(_, merge)| merge) {
            None => column.clone(),
            Some(Merge::Sum) => format!("sum({column})"),
            Some(Merge::Least) => format!("min({column})"),
            Some(Merge::Greatest) => format!("max({column})"),
        }
    };
    let values: Vec<String> = columns.iter().map(value).collect();
    let keys: Vec<&str> = columns
        .iter()
        .map(String::as_str)
        .filter(|column| merged.iter().all(|(name, _)| name != column))
        .collect();
    for statement in [
        format!("create table {schema}.{table}_merged (like {schema}.{table} including all)"),
        format!(
            "insert into {schema}.{table}_merged ({all}) select {} from {schema}.{table} group by {}",
            values.join(", "),
            keys.join(", ")
        ),
        // The table itself stays, with all privileges granted on it.
        format!("truncate {schema}.{table}"),
        format!("insert into {schema}.{table} ({all}) select {all} from {schema}.{table}_merged"),
        format!("drop table {schema}.{table}_merged"),
    ] {
        execute(conn, &statement).await?;
    }
    Ok(())
}

/// The columns that are not generated, in their order.
pub(super) async fn columns(
    conn: &mut PgConnection,
    schema: &SchemaName,
    table: &str,
) -> Result<Vec<String>, sqlx::Error> {
    sqlx::query_scalar(
        "select quote_ident(attname) from pg_attribute
         where attrelid = $1::regclass and attnum > 0 and not attisdropped and attgenerated = ''
         order by attnum",
    )
    .bind(format!("{schema}.{table}"))
    .fetch_all(conn)
    .await
}

/// The primary key's columns in their order; all columns where there is no key.
pub(super) async fn key_columns(
    conn: &mut PgConnection,
    schema: &SchemaName,
    table: &str,
) -> Result<Vec<String>, sqlx::Error> {
    let keys: Vec<String> = sqlx::query_scalar(
        "select quote_ident(a.attname)
         from pg_index i
         cross join unnest(i.indkey) with ordinality as k (number, place)
         join pg_attribute a on a.attrelid = i.indrelid and a.attnum = k.number
         where i.indrelid = $1::regclass and i.indisprimary
         order by k.place",
    )
    .bind(format!("{schema}.{table}"))
    .fetch_all(&mut *conn)
    .await?;
    if keys.is_empty() {
        columns(conn, schema, table).await
    } else {
        Ok(keys)
    }
}

/// Names and definitions, the primary key first.
async fn constraints(
    conn: &mut PgConnection,
    schema: &SchemaName,
    table: &str,
) -> Result<Vec<(String, String)>, sqlx::Error> {
    sqlx::query_as(
        "select conname::text, pg_get_constraintdef(oid) from pg_constraint
         where conrelid = $1::regclass and contype in ('p', 'u', 'x') order by contype, conname",
    )
    .bind(format!("{schema}.{table}"))
    .fetch_all(conn)
    .await
}

/// The definitions of indices that do not belong to a constraint.
async fn indices(
    conn: &mut PgConnection,
    schema: &SchemaName,
    table: &str,
) -> Result<Vec<String>, sqlx::Error> {
    sqlx::query_scalar(
        "select pg_get_indexdef(i.indexrelid) from pg_index i
         where i.indrelid = $1::regclass
             and not exists (select from pg_constraint c where c.conindid = i.indexrelid)
         order by i.indexrelid",
    )
    .bind(format!("{schema}.{table}"))
    .fetch_all(conn)
    .await
}

fn is_primary(constraint: &str, table: &str) -> bool {
    constraint.strip_suffix("_pkey") == Some(table)
}

async fn add_constraint(
    conn: &mut PgConnection,
    schema: &SchemaName,
    table: &str,
    name: &str,
    definition: &str,
) -> Result<(), sqlx::Error> {
    let statement = format!("alter table {schema}.{table} add constraint {name} {definition}");
    execute(conn, &statement).await
}

async fn execute(conn: &mut PgConnection, statement: &str) -> Result<(), sqlx::Error> {
    sqlx::query(statement).execute(conn).await?;
    Ok(())
}
