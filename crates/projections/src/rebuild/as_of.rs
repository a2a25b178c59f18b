//! Read models as they were in the past, in schemas of their own.

use std::{sync::Arc, time::Instant};

use daybook_log::Position;

use super::{
    BuildError, Built, Purpose, layout,
    run::{Run, built},
    switch::schema_exists,
    unit::{Live, Unit},
};
use crate::{projection::Projection, registry::registry, schema::SchemaName};

impl Run<'_> {
    pub(super) async fn build_as_of(
        mut self,
        projection: &Arc<dyn Projection>,
        position: Position,
        schema: &SchemaName,
    ) -> Result<Built, BuildError> {
        let head = self.builder.feed.head().await?;
        if position > head {
            return Err(BuildError::BeyondHead { head });
        }
        refuse_reserved(schema)?;
        let mut conn = self.builder.pool.acquire().await?;
        let exists = schema_exists(&mut conn, schema).await?;
        let leftover = self.session.is_leftover(schema).await?;
        if exists && !leftover {
            return Err(BuildError::SchemaExists(schema.clone()));
        }
        let (name, version) = (projection.name(), projection.version());
        let leftovers = if exists {
            vec![schema.clone()]
        } else {
            Vec::new()
        };
        self.session
            .claim(name, Purpose::AsOf, schema, &leftovers, version)
            .await?;
        let live = Live::find(&mut conn, &**projection).await?;
        drop(conn);
        let unit = Arc::new(Unit::new(
            Arc::clone(projection),
            Purpose::AsOf,
            schema.clone(),
            self.session.fence,
            live,
            position,
        ));
        let started = Instant::now();
        let units: Arc<[Arc<Unit>]> = [Arc::clone(&unit)].into();
        let result = async {
            let mut conn = self.builder.pool.acquire().await?;
            layout::create(&mut conn, &unit).await?;
            drop(conn);
            self.fill(&units).await?;
            unit.take_failure().map_or(Ok(()), Err)
        }
        .await;
        self.forget(schema, result.is_err()).await;
        self.session.close().await;
        result.map(|()| Built {
            events_per_second: position as f64 / started.elapsed().as_secs_f64().max(0.001),
            ..built(&unit, position)
        })
    }
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
