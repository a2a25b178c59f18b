//! The way in which many event stores replay: one event, one upsert, one checkpoint, one commit.

use std::sync::Arc;
use std::time::Duration;

use daybook_log::{Feed, Position};
use daybook_projections::projection::{Projection, Target, apply};
use daybook_projections::registry;
use daybook_projections::schema::{SchemaName, create_like};
use daybook_projections::skipped::Skipped;
use sqlx::{Connection, PgConnection, PgPool};
use tokio::task::JoinSet;
use tokio::time::Instant;

use crate::BenchError;

const READ_AT_ONCE: i64 = 1_000;

/// Replays the log into empty tables, all projections at once, for the given time; returns how many events a second all
/// of them processed.
pub(super) async fn run(
    feed: &Feed,
    pool: &PgPool,
    head: Position,
    duration: Duration,
) -> Result<f64, BenchError> {
    let mut replays = JoinSet::new();
    for projection in registry() {
        let (feed, conn) = (feed.clone(), pool.acquire().await?.detach());
        replays.spawn(replay(projection, feed, conn, head, duration));
    }
    let mut slowest = f64::INFINITY;
    while let Some(ended) = replays.join_next().await {
        let per_second = ended.map_err(BenchError::new)??;
        slowest = slowest.min(per_second);
    }
    Ok(slowest)
}

async fn replay(
    projection: Arc<dyn Projection>,
    feed: Feed,
    mut conn: PgConnection,
    head: Position,
    duration: Duration,
) -> Result<f64, BenchError> {
    let name = projection.name();
    let schema: SchemaName = format!("{name}_one_by_one")
        .parse()
        .map_err(BenchError::new)?;
    create(&mut conn, &*projection, &schema).await?;
    let target = Target::live(schema.clone());
    let advance = format!("update {schema}.checkpoint set position = $1");

    let (began, mut position) = (Instant::now(), 0);
    'time: while position < head {
        let batch = feed.read_after(position, READ_AT_ONCE).await?;
        for event in &batch.events {
            if began.elapsed() >= duration {
                break 'time;
            }
            let mut transaction = conn.begin().await?;
            let one = std::slice::from_ref(event);
            apply(
                &*projection,
                &mut transaction,
                &target,
                one,
                &Skipped::default(),
            )
            .await
            .map_err(|error| BenchError::Build {
                name,
                source: error.into(),
            })?;
            sqlx::query(&advance)
                .bind(event.position)
                .execute(&mut *transaction)
                .await?;
            transaction.commit().await?;
            position = event.position;
        }
    }
    let per_second = position as f64 / began.elapsed().as_secs_f64();
    drop_schema(&mut conn, &schema).await?;
    Ok(per_second)
}

async fn create(
    conn: &mut PgConnection,
    projection: &dyn Projection,
    schema: &SchemaName,
) -> Result<(), sqlx::Error> {
    let live = SchemaName::live(projection.name());
    // As for projectors: a commit does not wait for the disk.
    sqlx::query("set synchronous_commit = off")
        .execute(&mut *conn)
        .await?;
    drop_schema(conn, schema).await?;
    create_like(conn, &live, schema, projection.tables()).await?;
    let checkpoint = format!("create table {schema}.checkpoint as select 0::bigint as position");
    sqlx::query(&checkpoint).execute(conn).await?;
    Ok(())
}

async fn drop_schema(conn: &mut PgConnection, schema: &SchemaName) -> Result<(), sqlx::Error> {
    sqlx::query("set client_min_messages = warning")
        .execute(&mut *conn)
        .await?;
    sqlx::query(&format!("drop schema if exists {schema} cascade"))
        .execute(conn)
        .await?;
    Ok(())
}
