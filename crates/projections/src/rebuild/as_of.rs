//! Read models as they were in the past, in schemas of their own.

use std::{sync::Arc, time::Instant};

use daybook_log::Position;
use tokio_util::sync::CancellationToken;

use super::{
    BuildError, Builder, Built, Purpose, Report, layout,
    run::Run,
    switch::schema_exists,
    unit::{Live, Unit},
};
use crate::{projection::Projection, registry::registry, schema::SchemaName};

/// Builds the read model as it was at a position, in a schema that stays until somebody drops it.
pub async fn build_as_of(
    builder: &Builder,
    projection: &Arc<dyn Projection>,
    position: Position,
    schema: &SchemaName,
    report: &Report<'_>,
    stop: &CancellationToken,
) -> Result<Built, BuildError> {
    let mut run = Run::open(builder, report, stop).await?;
    let head = run.builder.feed.head().await?;
    if position > head {
        return Err(BuildError::BeyondHead { head });
    }
    refuse_reserved(schema)?;
    let mut conn = run.builder.pool.acquire().await?;
    let exists = schema_exists(&mut conn, schema).await?;
    let leftover = run.session.is_leftover(schema).await?;
    if exists && !leftover {
        return Err(BuildError::SchemaExists(schema.clone()));
    }
    let (name, version) = (projection.name(), projection.version());
    let leftovers = if exists {
        vec![schema.clone()]
    } else {
        Vec::new()
    };
    run.session
        .claim(name, Purpose::AsOf, schema, &leftovers, version)
        .await?;
    let live = Live::find(&mut conn, &**projection).await?;
    drop(conn);
    let unit = Arc::new(Unit::new(
        Arc::clone(projection),
        Purpose::AsOf,
        schema.clone(),
        run.session.fence,
        live,
        position,
    ));
    let started = Instant::now();
    let units: Arc<[Arc<Unit>]> = [Arc::clone(&unit)].into();
    let result = async {
        let mut conn = run.builder.pool.acquire().await?;
        layout::create(&mut conn, &unit).await?;
        drop(conn);
        run.fill(&units).await?;
        unit.take_failure().map_or(Ok(()), Err)
    }
    .await;
    run.forget(schema, result.is_err()).await;
    run.session.close().await;
    result.map(|()| Built {
        events_per_second: position as f64 / started.elapsed().as_secs_f64().max(0.001),
        ..unit.built(position)
    })
}

/// Refuses names that a builder drops or renames without asking.
fn refuse_reserved(schema: &SchemaName) -> Result<(), BuildError> {
    for projection in registry() {
        let name = projection.name();
        let taken =
            ["build", "verify", "previous", "old"].map(|suffix| SchemaName::beside(name, suffix));
        if taken.contains(schema) || *schema == SchemaName::live(name) {
            return Err(BuildError::SchemaReserved(schema.clone(), name));
        }
    }
    Ok(())
}
