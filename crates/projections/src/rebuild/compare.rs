//! Comparing a build with the live read model, row by row.
//!
//! Both sides are read in the order of their keys, as text, and hashed on the way. Only if the hashes of
//! a table differ are both read again, side by side, to find the rows. Memory is constant either way.
//! Generated columns follow from the others and are left out.

use aws_lc_rs::digest;
use daybook_log::Position;
use futures::{Stream, TryStreamExt};
use serde::Serialize;
use sqlx::{Connection, PgConnection};
use tokio_util::sync::CancellationToken;

use super::{
    BuildError, BuildPhase, Builder,
    catch_up::catch_up,
    layout::{columns, key_columns},
    session::bulk_connection,
    unit::{Live, Unit},
};
use crate::{schema::SchemaName, table::Table};

/// How many of the differing rows are shown.
const SHOWN: usize = 10;

/// What a comparison found.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Comparison {
    /// The number of rows in the live read model.
    pub rows: u64,
    /// SHA-256 of the rebuilt read model's rows, in hexadecimal. Depends only on the rows and on the way
    /// PostgreSQL writes them.
    pub digest: String,
    /// How many rows differ, are missing or are superfluous.
    pub differing: u64,
    /// The first of them in each table.
    pub differences: Vec<Difference>,
}

/// A row that is not the same on both sides, as JSON.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Difference {
    pub table: &'static str,
    pub key: String,
    /// `None` if the row is missing.
    pub live: Option<String>,
    pub rebuilt: Option<String>,
}

impl Comparison {
    pub fn is_identical(&self) -> bool {
        self.differing == 0
    }
}

/// Holds a snapshot of the live rows, brings the build to its position and compares.
pub(super) async fn compare_with_live(
    builder: &Builder,
    conn: &mut PgConnection,
    unit: &Unit,
    position: &mut Position,
    stop: &CancellationToken,
) -> Result<Comparison, BuildError> {
    let mut live_conn = bulk_connection(&builder.pool).await?;
    let mut snapshot = live_conn
        .begin_with("begin isolation level repeatable read read only")
        .await?;
    let live = Live::load(&mut snapshot, unit.name())
        .await?
        .ok_or(BuildError::LiveChanged)?;
    let same = live.generation == unit.live.generation && live.version == unit.live.version;
    if !same || live.position < *position || unit.live.skipped.has_folded(&live.skipped, *position)
    {
        return Err(BuildError::LiveChanged);
    }
    unit.tracker
        .begin(BuildPhase::CatchingUp, *position, live.position);
    catch_up(
        conn,
        &builder.feed,
        unit,
        position,
        live.position,
        &live.skipped,
        stop,
    )
    .await?;
    unit.tracker
        .begin(BuildPhase::Comparing, live.position, live.position);
    let old = Side {
        conn: &mut snapshot,
        schema: &unit.live_schema,
    };
    let new = Side {
        conn,
        schema: &unit.schema,
    };
    let comparison = compare(old, new, unit.projection.tables()).await?;
    snapshot.commit().await?;
    let _ = live_conn.close().await;
    Ok(comparison)
}

/// One side: a connection that sees the tables in the state to be compared, and the schema where they
/// are.
struct Side<'a> {
    conn: &'a mut PgConnection,
    schema: &'a SchemaName,
}

async fn compare(
    mut live: Side<'_>,
    mut rebuilt: Side<'_>,
    tables: &[Table],
) -> Result<Comparison, BuildError> {
    let mut comparison = Comparison::default();
    let mut whole = digest::Context::new(&digest::SHA256);
    for table in tables {
        let name = table.name;
        let columns = columns(live.conn, live.schema, name).await?;
        let keys = key_columns(live.conn, live.schema, name).await?;
        let (old, new) = tokio::try_join!(
            live.summary(name, &columns, &keys),
            rebuilt.summary(name, &columns, &keys)
        )?;
        comparison.rows += old.rows;
        whole.update(name.as_bytes());
        whole.update(new.digest.as_ref());
        if old.digest.as_ref() != new.digest.as_ref() {
            let of_live = rows_by_key(live.schema, name, &columns, &keys);
            let of_rebuilt = rows_by_key(rebuilt.schema, name, &columns, &keys);
            let old = sqlx::query_as(&of_live).fetch(&mut *live.conn);
            let new = sqlx::query_as(&of_rebuilt).fetch(&mut *rebuilt.conn);
            find(name, old, new, &mut comparison).await?;
        }
    }
    comparison.digest = hexadecimal(whole.finish().as_ref());
    Ok(comparison)
}

struct Summary {
    rows: u64,
    digest: digest::Digest,
}

/// A key and its row, as JSON.
type KeyAndRow = (String, String);

impl Side<'_> {
    async fn summary(
        &mut self,
        table: &str,
        columns: &[String],
        keys: &[String],
    ) -> Result<Summary, sqlx::Error> {
        let (schema, columns, keys) = (self.schema, columns.join(", "), keys.join(", "));
        let statement =
            format!("copy (select {columns} from {schema}.{table} order by {keys}) to stdout");
        let mut lines = self.conn.copy_out_raw(&statement).await?;
        let mut context = digest::Context::new(&digest::SHA256);
        let mut rows = 0;
        // One message for each row, with its line break.
        while let Some(line) = lines.try_next().await? {
            context.update(&line);
            rows += 1;
        }
        drop(lines);
        Ok(Summary {
            rows,
            digest: context.finish(),
        })
    }
}

/// The rows in an order that is the same here and in PostgreSQL: by the bytes of their keys.
fn rows_by_key(schema: &SchemaName, table: &str, columns: &[String], keys: &[String]) -> String {
    let of = |columns: &[String]| {
        let qualified = columns.iter().map(|column| format!("t.{column}"));
        qualified.collect::<Vec<_>>().join(", ")
    };
    format!(
        "select row_to_json(k)::text, row_to_json(r)::text
         from {schema}.{table} t
         cross join lateral (select {}) k
         cross join lateral (select {}) r
         order by row_to_json(k)::text collate \"C\"",
        of(keys),
        of(columns)
    )
}

/// Reads both sides at once.
async fn find(
    table: &'static str,
    mut live: impl Stream<Item = Result<KeyAndRow, sqlx::Error>> + Unpin,
    mut rebuilt: impl Stream<Item = Result<KeyAndRow, sqlx::Error>> + Unpin,
    comparison: &mut Comparison,
) -> Result<(), sqlx::Error> {
    let mut found = 0;
    let (mut old, mut new) = (live.try_next().await?, rebuilt.try_next().await?);
    loop {
        let (step_old, step_new) = match (&old, &new) {
            (None, None) => break,
            (Some(_), None) => (true, false),
            (None, Some(_)) => (false, true),
            (Some((old, _)), Some((new, _))) => (old <= new, new <= old),
        };
        let left = if step_old { old.take() } else { None };
        let right = if step_new { new.take() } else { None };
        if left != right {
            comparison.differing += 1;
            found += 1;
            if found <= SHOWN {
                let key = left.as_ref().or(right.as_ref()).map(|(key, _)| key.clone());
                comparison.differences.push(Difference {
                    table,
                    key: key.unwrap_or_default(),
                    live: left.map(|(_, row)| row),
                    rebuilt: right.map(|(_, row)| row),
                });
            }
        }
        if step_old {
            old = live.try_next().await?;
        }
        if step_new {
            new = rebuilt.try_next().await?;
        }
    }
    Ok(())
}

fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
