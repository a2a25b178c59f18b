//! Going back to the version that was switched out last.

use std::sync::Arc;

use daybook_log::Position;
use sqlx::Connection;
use tokio_util::sync::CancellationToken;

use super::{
    BuildError, Builder, Built, Purpose, Report,
    run::Run,
    session::bulk_connection,
    switch::{old_schema, previous_schema, switch},
    unit::{Live, Unit},
};
use crate::{projection::Projection, schema::SchemaName};

/// Switches the previous version back, brought up to date; the live one becomes the previous. This binary
/// must know how to bring the previous version up to date.
pub async fn rollback(
    builder: &Builder,
    projection: &Arc<dyn Projection>,
    report: &Report<'_>,
    stop: &CancellationToken,
) -> Result<Built, BuildError> {
    let mut run = Run::open(builder, report, stop).await?;
    let (name, version) = (projection.name(), projection.version());
    let schema = previous_schema(name);
    let leftovers = [old_schema(name)];
    run.session
        .claim(name, Purpose::Rollback, &schema, &leftovers, version)
        .await?;
    let result = switch_back(&mut run, projection, &schema).await;
    if result.is_err() {
        run.forget(&schema, false).await;
    }
    run.session.close().await;
    result
}

async fn switch_back(
    run: &mut Run<'_>,
    projection: &Arc<dyn Projection>,
    schema: &SchemaName,
) -> Result<Built, BuildError> {
    let (name, version) = (projection.name(), projection.version());
    let mut conn = bulk_connection(&run.builder.pool).await?;
    let previous: Option<(i32, Position)> =
        sqlx::query_as("select version, position from projections.previous where name = $1")
            .bind(name)
            .fetch_optional(&mut conn)
            .await?;
    let (stored, position) = previous.ok_or(BuildError::NoPrevious)?;
    if stored != version {
        return Err(BuildError::PreviousVersion {
            stored,
            own: version,
        });
    }
    let live = Live::load(&mut conn, name)
        .await?
        .ok_or(BuildError::NoPrevious)?;
    let unit = Arc::new(Unit::new(
        Arc::clone(projection),
        Purpose::Rollback,
        schema.clone(),
        run.session.fence,
        live,
        position,
    ));
    let (feed, stop) = (&run.builder.feed, run.stop);
    let work = switch(&mut conn, feed, &unit, position, stop);
    let reached = run.showing(&[Arc::clone(&unit)], work).await??;
    let _ = conn.close().await;
    Ok(Built {
        events: reached - position,
        switched: true,
        ..unit.built(reached)
    })
}
