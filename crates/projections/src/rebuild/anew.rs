//! Building anew beside the live read models: to take their place, or only to be compared with them.

use std::{sync::Arc, time::Instant};

use sqlx::Connection;
use tokio_util::sync::CancellationToken;
use tracing::warn;

use super::{
    Anew, BuildError, Builder, Built, Purpose, Report, Results,
    compare::compare_with_live,
    layout,
    run::Run,
    session::bulk_connection,
    switch::{old_schema, switch},
    unit::{Live, Unit},
};
use crate::{projection::Projection, schema::SchemaName};

/// Builds anew, compares and, for a rebuild, switches in; otherwise what was built is dropped. Differing rows do not
/// prevent the switch: the log is right. If one projection fails, the others continue.
pub async fn build_anew(
    builder: &Builder,
    projections: &[Arc<dyn Projection>],
    anew: Anew,
    report: &Report<'_>,
    stop: &CancellationToken,
) -> Results {
    match Run::open(builder, report, stop).await {
        Ok(run) => build_all(run, projections, anew).await,
        Err(error) => {
            let error = Arc::new(error);
            let results = projections.iter().map(|projection| {
                let error = BuildError::BrokenOff(Arc::clone(&error));
                (projection.name(), Err(error))
            });
            results.collect()
        }
    }
}

/// All in one pass over the log.
async fn build_all(mut run: Run<'_>, projections: &[Arc<dyn Projection>], anew: Anew) -> Results {
    let mut units = Vec::new();
    let mut results: Results = Vec::new();
    for projection in projections {
        match prepare(&mut run, projection, anew).await {
            Ok(unit) => units.push(Arc::new(unit)),
            Err(error) => results.push((projection.name(), Err(error))),
        }
    }
    let units: Arc<[Arc<Unit>]> = units.into();
    let started = Instant::now();
    let filled = run.fill(&units).await;
    let seconds = started.elapsed().as_secs_f64().max(0.001);
    let broken = filled.err().map(Arc::new);
    for unit in units.iter() {
        let failed = unit
            .take_failure()
            .or(broken.clone().map(BuildError::BrokenOff));
        let mut result = match failed {
            _ if run.stop.is_cancelled() => Err(BuildError::Stopped),
            Some(error) => Err(error),
            None => conclude(&mut run, unit, anew).await,
        };
        if let Ok(built) = &mut result {
            built.events_per_second = unit.target as f64 / seconds;
        }
        let switched = result.as_ref().is_ok_and(|built| built.switched);
        clean_up(&mut run, unit, switched).await;
        results.push((unit.name(), result));
    }
    run.session.close().await;
    let place = |name: &str| {
        projections
            .iter()
            .position(|projection| projection.name() == name)
    };
    results.sort_by_key(|(name, _)| place(name));
    results
}

/// Claims the build and creates its empty tables.
async fn prepare(
    run: &mut Run<'_>,
    projection: &Arc<dyn Projection>,
    anew: Anew,
) -> Result<Unit, BuildError> {
    let (name, version) = (projection.name(), projection.version());
    let purpose = Purpose::Anew(anew);
    let schema = match anew {
        Anew::Verify => SchemaName::beside(name, "verify"),
        Anew::Rebuild | Anew::DryRun => SchemaName::beside(name, "build"),
    };
    let leftovers = ["build", "verify", "old"].map(|suffix| SchemaName::beside(name, suffix));
    run.session
        .claim(name, purpose, &schema, &leftovers, version)
        .await?;
    let made = async {
        let mut conn = run.builder.pool.acquire().await?;
        let live = Live::find(&mut conn, &**projection).await?;
        if live.is_paused && purpose.switches() {
            return Err(BuildError::Paused { name });
        }
        if live.version > version {
            return Err(BuildError::LaterVersion {
                stored: live.version,
                own: version,
            });
        }
        let target = if to_be_compared(projection, &live, anew) {
            live.position
        } else {
            run.builder.feed.head().await?
        };
        let fence = run.session.fence;
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
        run.forget(&schema, true).await;
    }
    made
}

/// Compares, and switches in what should be switched in.
async fn conclude(run: &mut Run<'_>, unit: &Arc<Unit>, anew: Anew) -> Result<Built, BuildError> {
    let mut conn = bulk_connection(&run.builder.pool).await?;
    let mut position = unit.target;
    let shown = [Arc::clone(unit)];
    let comparison = if to_be_compared(&unit.projection, &unit.live, anew) {
        let comparing = compare_with_live(run.builder, &mut conn, unit, &mut position, run.stop);
        Some(run.until_stopped(&shown, comparing).await?)
    } else {
        None
    };
    let switched = anew == Anew::Rebuild;
    if switched {
        let (feed, stop) = (&run.builder.feed, run.stop);
        let switching = switch(&mut conn, feed, unit, position, stop);
        position = run.showing(&shown, switching).await??;
    }
    let _ = conn.close().await;
    Ok(Built {
        comparison,
        switched,
        ..unit.built(position)
    })
}

/// Drops what is no longer needed. If that fails, the next builder does it.
async fn clean_up(run: &mut Run<'_>, unit: &Unit, switched: bool) {
    if !switched {
        run.forget(&unit.schema, true).await;
        return;
    }
    if let Err(error) = run.session.drop_old(&old_schema(unit.name())).await {
        warn!(
            projection = unit.name(),
            error = %error_reporter::Report::new(&error),
            "the version before the previous one could not be dropped yet"
        );
    }
}

/// Whether the live rows should be what this binary makes of the same events. If nothing will be switched
/// in, the comparison was the only purpose.
fn to_be_compared(projection: &Arc<dyn Projection>, live: &Live, anew: Anew) -> bool {
    anew != Anew::Rebuild || (live.version == projection.version() && live.position > 0)
}
