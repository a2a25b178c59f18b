//! Going back to the version that was switched out last.

use std::sync::Arc;

use daybook_log::Position;
use sqlx::Connection;

use super::{
    BuildError, Built, Purpose,
    run::{Run, built},
    session::bulk_connection,
    switch::{old_schema, previous_schema, switch},
    unit::{Live, Unit},
};
use crate::{projection::Projection, schema::SchemaName};

impl Run<'_> {
    pub(super) async fn rollback(
        mut self,
        projection: &Arc<dyn Projection>,
    ) -> Result<Built, BuildError> {
        let (name, version) = (projection.name(), projection.version());
        let schema = previous_schema(name);
        self.session
            .claim(
                name,
                Purpose::Rollback,
                &schema,
                &[old_schema(name)],
                version,
            )
            .await?;
        let result = self.roll_back(projection, &schema).await;
        if result.is_err() {
            self.forget(&schema, false).await;
        }
        self.session.close().await;
        result
    }

    async fn roll_back(
        &mut self,
        projection: &Arc<dyn Projection>,
        schema: &SchemaName,
    ) -> Result<Built, BuildError> {
        let (name, version) = (projection.name(), projection.version());
        let mut conn = bulk_connection(&self.builder.pool).await?;
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
            self.session.fence,
            live,
            position,
        ));
        let (feed, stop) = (&self.builder.feed, self.stop);
        let work = switch(&mut conn, feed, &unit, position, stop);
        let reached = self.showing(&[Arc::clone(&unit)], work).await??;
        let _ = conn.close().await;
        Ok(Built {
            events: reached - position,
            switched: true,
            ..built(&unit, reached)
        })
    }
}
