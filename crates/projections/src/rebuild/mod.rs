//! Building read models anew, beside the live ones.
//!
//! A build goes through these steps; readers and projectors continue all the while.
//!
//! 1. Empty tables in a schema of their own, made like the live ones.
//! 2. The bulk: one pass over the log, up to where the live projector is, into tables without indices.
//! 3. Merging, keys, indices, statistics.
//! 4. The comparison: a snapshot of the live rows is held, the build is brought to the very same
//!    position, and the two are walked through.
//! 5. The switch, for a rebuild: the last events, and schemas renamed, in one transaction.
//!
//! The live tables are untouched until that transaction commits. If a builder dies on the way, the next
//! one drops what it left behind and starts from the beginning.

mod as_of;
mod build;
mod bulk;
mod catch_up;
mod compare;
mod error;
mod layout;
mod progress;
mod rollback;
mod run;
mod session;
mod switch;
mod unit;

use std::{sync::Arc, thread};

use daybook_log::{Feed, Position};
use serde::Serialize;
use sqlx::PgPool;
use tokio_util::sync::CancellationToken;

use self::run::Run;
pub(crate) use self::session::keep_builders_out;
pub use self::{
    compare::{Comparison, Difference},
    error::BuildError,
    progress::{BuildPhase, BuildProgress, Purpose, Report},
};
use crate::{projection::Projection, schema::SchemaName};

/// What a builder works with. Clones share the pool. A build takes a connection from it for each part,
/// and at most three more.
#[derive(Clone)]
pub struct Builder {
    pub feed: Feed,
    pub pool: PgPool,
    /// The builder's name, for people.
    pub name: String,
    /// How many tasks fold at the same time.
    pub parts: usize,
    /// Events in a chunk. A few chunks are in memory at a time.
    pub chunk: i64,
}

impl Builder {
    pub fn new(feed: Feed, pool: PgPool, name: impl Into<String>) -> Builder {
        Builder {
            feed,
            pool,
            name: name.into(),
            parts: thread::available_parallelism().map_or(2, |cores| cores.get().max(2)),
            chunk: 8_192,
        }
    }
}

/// A read model that was built.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Built {
    pub name: &'static str,
    pub version: i32,
    /// The position of the last event in it.
    pub position: Position,
    /// How many positions the bulk went through, and how many in a second, including keys and indices.
    pub events: i64,
    pub events_per_second: f64,
    /// The comparison with the live rows, at the position of their snapshot; `None` if there was nothing
    /// to compare with: no live rows, or rows of another version.
    pub comparison: Option<Comparison>,
    pub switched: bool,
}

/// The result for each projection, in the order in which they were given.
pub type Results = Vec<(&'static str, Result<Built, BuildError>)>;

/// Builds anew, compares and switches in; with `dry_run` all but the switch. Differing rows do not
/// prevent the switch: the log is right. If one projection fails, the others continue.
pub async fn rebuild(
    builder: &Builder,
    projections: &[Arc<dyn Projection>],
    dry_run: bool,
    report: &Report<'_>,
    stop: &CancellationToken,
) -> Results {
    build(
        builder,
        projections,
        Purpose::Rebuild,
        !dry_run,
        report,
        stop,
    )
    .await
}

/// Builds aside, compares and drops what was built.
pub async fn verify(
    builder: &Builder,
    projections: &[Arc<dyn Projection>],
    report: &Report<'_>,
    stop: &CancellationToken,
) -> Results {
    build(builder, projections, Purpose::Verify, false, report, stop).await
}

async fn build(
    builder: &Builder,
    projections: &[Arc<dyn Projection>],
    purpose: Purpose,
    switch: bool,
    report: &Report<'_>,
    stop: &CancellationToken,
) -> Results {
    match Run::open(builder, report, stop).await {
        Ok(run) => run.build(projections, purpose, switch).await,
        Err(error) => {
            let error = Arc::new(error);
            projections
                .iter()
                .map(|projection| {
                    let error = BuildError::BrokenOff(Arc::clone(&error));
                    (projection.name(), Err(error))
                })
                .collect()
        }
    }
}

/// Switches the previous version back, brought up to date; the live one becomes the previous. This binary
/// must know how to bring the previous version up to date.
pub async fn rollback(
    builder: &Builder,
    projection: &Arc<dyn Projection>,
    report: &Report<'_>,
    stop: &CancellationToken,
) -> Result<Built, BuildError> {
    let run = Run::open(builder, report, stop).await?;
    run.rollback(projection).await
}

/// Builds the read model as it was at a position, in a schema that stays until somebody drops it.
pub async fn build_as_of(
    builder: &Builder,
    projection: &Arc<dyn Projection>,
    position: Position,
    schema: &SchemaName,
    report: &Report<'_>,
    stop: &CancellationToken,
) -> Result<Built, BuildError> {
    let run = Run::open(builder, report, stop).await?;
    run.build_as_of(projection, position, schema).await
}
