//! Building anew beside the live read models: for a rebuild, or only to compare.

use std::{sync::Arc, time::Instant};

use error_reporter::Report;
use sqlx::Connection;
use tracing::warn;

use super::{
    BuildError, Built, Purpose, Results,
    compare::compare_with_live,
    layout,
    run::{Run, built},
    session::bulk_connection,
    switch::{old_schema, switch},
    unit::{Live, Unit},
};
use crate::{projection::Projection, schema::SchemaName};

impl Run<'_> {
    pub(super) async fn build(
        mut self,
        projections: &[Arc<dyn Projection>],
        purpose: Purpose,
        switch: bool,
    ) -> Results {
        let mut units = Vec::new();
        let mut results: Results = Vec::new();
        for projection in projections {
            match self.begin(projection, purpose, switch).await {
                Ok(unit) => units.push(Arc::new(unit)),
                Err(error) => results.push((projection.name(), Err(error))),
            }
        }
        let units: Arc<[Arc<Unit>]> = units.into();
        let started = Instant::now();
        let filled = self.fill(&units).await;
        let seconds = started.elapsed().as_secs_f64().max(0.001);
        let broken = filled.err().map(Arc::new);
        for unit in units.iter() {
            let failed = unit
                .take_failure()
                .or(broken.clone().map(BuildError::BrokenOff));
            let mut result = match failed {
                _ if self.stop.is_cancelled() => Err(BuildError::Stopped),
                Some(error) => Err(error),
                None => self.conclude(unit, switch).await,
            };
            if let Ok(built) = &mut result {
                built.events_per_second = unit.target as f64 / seconds;
            }
            let switched = result.as_ref().is_ok_and(|built| built.switched);
            self.clean_up(unit, switched).await;
            results.push((unit.name(), result));
        }
        self.session.close().await;
        let place = |name: &str| {
            projections
                .iter()
                .position(|projection| projection.name() == name)
        };
        results.sort_by_key(|(name, _)| place(name));
        results
    }

    /// Claims the build and creates its empty tables.
    async fn begin(
        &mut self,
        projection: &Arc<dyn Projection>,
        purpose: Purpose,
        switch: bool,
    ) -> Result<Unit, BuildError> {
        let (name, version) = (projection.name(), projection.version());
        let schema = match purpose {
            Purpose::Verify => SchemaName::beside(name, "verify"),
            Purpose::Rebuild | Purpose::Rollback | Purpose::AsOf => {
                SchemaName::beside(name, "build")
            }
        };
        let leftovers = ["build", "verify", "old"].map(|suffix| SchemaName::beside(name, suffix));
        self.session
            .claim(name, purpose, &schema, &leftovers, version)
            .await?;
        let made = async {
            let mut conn = self.builder.pool.acquire().await?;
            let live = Live::find(&mut conn, &**projection).await?;
            if live.version > version {
                return Err(BuildError::LaterVersion {
                    stored: live.version,
                    own: version,
                });
            }
            let target = if to_be_compared(projection, &live, switch) {
                live.position
            } else {
                self.builder.feed.head().await?
            };
            let fence = self.session.fence;
            let unit = Unit::new(
                Arc::clone(projection),
                purpose,
                schema.clone(),
                fence,
                live,
                target,
            );
            layout::create(&mut conn, &unit).await?;
            Ok(unit)
        }
        .await;
        if made.is_err() {
            self.forget(&schema, true).await;
        }
        made
    }

    /// Compares, and switches in what should be switched in.
    async fn conclude(&mut self, unit: &Arc<Unit>, switch_in: bool) -> Result<Built, BuildError> {
        let mut conn = bulk_connection(&self.builder.pool).await?;
        let mut position = unit.target;
        let shown = [Arc::clone(unit)];
        let comparison = if to_be_compared(&unit.projection, &unit.live, switch_in) {
            let comparing =
                compare_with_live(self.builder, &mut conn, unit, &mut position, self.stop);
            Some(self.until_stopped(&shown, comparing).await?)
        } else {
            None
        };
        if switch_in {
            let (feed, stop) = (&self.builder.feed, self.stop);
            let switching = switch(&mut conn, feed, unit, position, stop);
            position = self.showing(&shown, switching).await??;
        }
        let _ = conn.close().await;
        Ok(Built {
            comparison,
            switched: switch_in,
            ..built(unit, position)
        })
    }

    /// Drops what is no longer needed. If that fails, the next builder does it.
    async fn clean_up(&mut self, unit: &Unit, switched: bool) {
        if !switched {
            self.forget(&unit.schema, true).await;
            return;
        }
        if let Err(error) = self.session.drop_old(&old_schema(unit.name())).await {
            warn!(
                projection = unit.name(),
                error = %Report::new(&error),
                "the version before the previous one could not be dropped yet"
            );
        }
    }
}

/// Whether the live rows should be what this binary makes of the same events. If nothing will be switched
/// in, the comparison was the only purpose.
fn to_be_compared(projection: &Arc<dyn Projection>, live: &Live, switch: bool) -> bool {
    !switch || (live.version == projection.version() && live.position > 0)
}
