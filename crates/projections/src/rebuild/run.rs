//! What every run of a builder needs: its session, and reporting its progress all the while.

use std::{future::Future, pin::pin, sync::Arc, time::Duration};

use daybook_log::Position;
use futures::future::{Either, select};
use tokio::time::{MissedTickBehavior, interval};
use tokio_util::sync::CancellationToken;
use tracing::warn;

use super::{
    BuildError, BuildPhase, Builder, Built, Report, bulk, layout, session::Session, unit::Unit,
};
use crate::schema::SchemaName;

/// How often progress is shown.
const SHOW: Duration = Duration::from_millis(250);

pub(super) struct Run<'a> {
    pub(super) builder: &'a Builder,
    pub(super) session: Session,
    report: &'a Report<'a>,
    pub(super) stop: &'a CancellationToken,
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

    /// Does everything until the tables are complete.
    pub(super) async fn fill(&mut self, units: &Arc<[Arc<Unit>]>) -> Result<(), BuildError> {
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

    pub(super) async fn forget(&mut self, schema: &SchemaName, drop: bool) {
        if let Err(error) = self.session.forget(schema, drop).await {
            warn!(
                schema = schema.as_str(),
                error = %error_reporter::Report::new(&error),
                "a build could not be cleared away"
            );
        }
    }

    /// Does work that may be interrupted at any point: it changes nothing but the build.
    pub(super) async fn until_stopped<T>(
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

    /// Does `work` and reports the progress of these units meanwhile. Ends early if the session has been lost, and with
    /// it the right to build.
    pub(super) async fn showing<T>(
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
            // Concurrently with the work, never instead of it: the switch locks the row that this writes to until it
            // commits.
            match select(work.as_mut(), pin!(self.show(units))).await {
                Either::Left((done, showing)) => {
                    // If the session was lost, that is noticed when it is next used.
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

/// The result when there is neither a comparison nor a switch to report.
pub(super) fn built(unit: &Unit, position: Position) -> Built {
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
