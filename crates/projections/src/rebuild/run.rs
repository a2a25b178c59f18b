//! One run of a builder: the steps of a build in their order, with its progress shown all the while.

use std::{future::Future, pin::pin, sync::Arc, time::Duration, time::Instant};

use daybook_log::Position;
use futures::future::{Either, select};
use sqlx::{Connection, PgConnection};
use tokio::time::{MissedTickBehavior, interval};
use tokio_util::sync::CancellationToken;
use tracing::warn;

use super::{
    BuildError, BuildPhase, Builder, Built, Comparison, Purpose, Report, Results, bulk,
    catch_up::catch_up,
    compare::{Side, compare},
    layout,
    session::{Session, bulk_connection},
    switch::{old_schema, previous_schema, schema_exists, switch},
    unit::{Live, Unit},
};
use crate::{projection::Projection, registry::registry, schema::SchemaName};

/// How often progress is shown.
const SHOW: Duration = Duration::from_millis(250);

pub(super) struct Run<'a> {
    builder: &'a Builder,
    session: Session,
    report: &'a Report<'a>,
    stop: &'a CancellationToken,
}

impl<'a> Run<'a> {
    pub(super) async fn open(
        builder: &'a Builder,
        report: &'a Report<'a>,
        stop: &'a CancellationToken,
    ) -> Result<Run<'a>, BuildError> {
        let session = Session::open(&builder.pool, &builder.name).await?;
        Ok(Run {
            builder,
            session,
            report,
            stop,
        })
    }

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

    /// Claims the build and makes its empty tables.
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

    /// Everything up to complete tables.
    async fn fill(&mut self, units: &Arc<[Arc<Unit>]>) -> Result<(), BuildError> {
        let Builder {
            feed,
            pool,
            parts,
            chunk,
            ..
        } = self.builder;
        let filling = bulk::fill(feed, pool, units, *parts, *chunk);
        self.until_stopped(units, filling).await?;
        for unit in units.iter() {
            unit.tracker
                .begin(BuildPhase::Indexing, unit.target, unit.target);
        }
        let good = Vec::from_iter(
            units
                .iter()
                .filter(|unit| !unit.has_failed())
                .map(Arc::as_ref),
        );
        let finishing = layout::finish(pool, &good, *parts);
        self.until_stopped(units, finishing).await
    }

    /// Compares, and switches in what shall be.
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

    /// Drops what is of no more use. Where that fails, the next builder does it.
    async fn clean_up(&mut self, unit: &Unit, switched: bool) {
        if !switched {
            self.forget(&unit.schema, true).await;
            return;
        }
        if let Err(error) = self.session.drop_old(&old_schema(unit.name())).await {
            warn!(
                projection = unit.name(),
                error = &error as &dyn std::error::Error,
                "the version before the previous one could not be dropped yet"
            );
        }
    }

    async fn forget(&mut self, schema: &SchemaName, drop: bool) {
        if let Err(error) = self.session.forget(schema, drop).await {
            warn!(
                schema = schema.as_str(),
                error = &error as &dyn std::error::Error,
                "a build could not be cleared away"
            );
        }
    }

    /// Work that may be broken off at any point: nothing but the build is changed by it.
    async fn until_stopped<T>(
        &mut self,
        units: &[Arc<Unit>],
        work: impl Future<Output = Result<T, BuildError>>,
    ) -> Result<T, BuildError> {
        let stop = self.stop;
        let work = async {
            let done = stop.run_until_cancelled(work).await;
            done.unwrap_or(Err(BuildError::Stopped))
        };
        self.showing(units, work).await?
    }

    /// Does `work` and shows the progress of these units meanwhile. Ends early where the session has
    /// been lost, and the right to build with it.
    async fn showing<T>(
        &mut self,
        units: &[Arc<Unit>],
        work: impl Future<Output = T>,
    ) -> Result<T, BuildError> {
        let mut work = pin!(work);
        let mut tick = interval(SHOW);
        tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                done = &mut work => return Ok(done),
                _ = tick.tick() => {}
            }
            // Beside the work, never instead of it: the switch keeps the row that this writes to until it
            // commits.
            match select(work.as_mut(), pin!(self.show(units))).await {
                Either::Left((done, showing)) => {
                    // A session that was lost is noticed when it is next used.
                    let _ = showing.await;
                    return Ok(done);
                }
                Either::Right((shown, _)) => shown?,
            }
        }
    }

    async fn show(&mut self, units: &[Arc<Unit>]) -> Result<(), sqlx::Error> {
        for unit in units.iter().filter(|unit| !unit.has_failed()) {
            let progress = unit.tracker.progress(unit.name());
            (self.report)(&progress);
            self.session.show(&unit.schema, &progress).await?;
        }
        Ok(())
    }
}

/// Whether the live rows should be what this binary makes of the same events. Where nothing will be
/// switched in, the comparison is all that was asked for.
fn to_be_compared(projection: &Arc<dyn Projection>, live: &Live, switch: bool) -> bool {
    !switch || (live.version == projection.version() && live.position > 0)
}

async fn compare_with_live(
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

/// Names that a builder drops or renames without asking are not to be had.
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

fn built(unit: &Unit, position: Position) -> Built {
    Built {
        name: unit.name(),
        version: unit.projection.version(),
        position,
        events: unit.target,
        events_per_second: 0.0,
        comparison: None,
        switched: false,
    }
}
