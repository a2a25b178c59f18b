//! The bulk of a build: one pass over the log for all read models that are built together.
//!
//! ```text
//! reader → decoders → distributor → a folding task for each part, with a connection of its own
//! ```
//!
//! The reader fetches chunk after chunk; each is decoded in a task of its own while the next is fetched.
//! The distributor takes them in order and splits each by the projections' keys, so that events of one
//! key are folded by one task, in the order of their positions. Every queue holds one or two chunks, so
//! memory depends on the size of a chunk and not on the log's length.

use std::sync::{
    Arc,
    atomic::{AtomicI64, Ordering::Relaxed},
};

use daybook_log::{Feed, FeedBatch, LogError, Position, RecordedEvent};
use sqlx::{Connection, PgConnection, PgPool};
use tokio::{sync::mpsc, task::JoinSet};
use tokio_util::task::AbortOnDropHandle;
use uuid::Uuid;

use super::{BuildError, session::bulk_connection, unit::Unit};
use crate::projection::apply;

/// A range of the log on its way from the reader to the distributor.
struct Chunk {
    after: Position,
    to: Position,
    decoding: AbortOnDropHandle<Result<FeedBatch, LogError>>,
}

/// The events of one chunk that one part has to fold.
struct Share {
    to: Position,
    events: Vec<RecordedEvent>,
    /// Whether some projection assigns some of these events to another part.
    mixed: bool,
}

/// Folds the log up to each unit's target into its empty tables. If a unit fails it stops there, and the
/// others continue.
pub(super) async fn fill(
    feed: &Feed,
    pool: &PgPool,
    units: &Arc<[Arc<Unit>]>,
    parts: usize,
    chunk: i64,
) -> Result<(), BuildError> {
    let done: Arc<[AtomicI64]> = (0..parts).map(|_| AtomicI64::new(0)).collect();
    // Dropping the set ends its tasks, also if this future is dropped half-way.
    let mut tasks = JoinSet::new();
    let mut shares = Vec::with_capacity(parts);
    for part in 0..parts {
        let (sender, receiver) = mpsc::channel(1);
        shares.push(sender);
        let conn = bulk_connection(pool).await?;
        let folding = fold(
            conn,
            Arc::clone(units),
            part,
            parts,
            receiver,
            Arc::clone(&done),
        );
        tasks.spawn(folding);
    }
    let (sender, chunks) = mpsc::channel(1);
    let mut targets = Vec::from_iter(units.iter().map(|unit| unit.target));
    targets.sort_unstable();
    tasks.spawn(read(feed.clone(), targets, chunk, sender));
    distribute(feed, units, chunks, &shares).await?;
    drop(shares);
    while let Some(ended) = tasks.join_next().await {
        ended??;
    }
    Ok(())
}

/// Fetches the log in chunks; no chunk extends beyond a unit's target.
async fn read(
    feed: Feed,
    targets: Vec<Position>,
    chunk: i64,
    chunks: mpsc::Sender<Chunk>,
) -> Result<(), BuildError> {
    let mut after = 0;
    for target in targets {
        while after < target {
            let to = target.min(after + chunk);
            let fetched = feed.fetch_between(after, to, chunk).await?;
            let decoding = tokio::spawn({
                let feed = feed.clone();
                async move { feed.decode(fetched).await }
            });
            let next = Chunk {
                after,
                to,
                decoding: AbortOnDropHandle::new(decoding),
            };
            if chunks.send(next).await.is_err() {
                return Ok(());
            }
            after = to;
        }
    }
    Ok(())
}

async fn distribute(
    feed: &Feed,
    units: &[Arc<Unit>],
    mut chunks: mpsc::Receiver<Chunk>,
    shares: &[mpsc::Sender<Share>],
) -> Result<(), BuildError> {
    while let Some(Chunk {
        mut after,
        to,
        decoding,
    }) = chunks.recv().await
    {
        if units.iter().all(|unit| unit.has_failed()) {
            return Ok(());
        }
        let mut batch = decoding.await??;
        loop {
            let poison = batch.poison.take();
            let reached = poison.as_ref().map_or(to, |poison| poison.position);
            expect_dense(
                after,
                poison.as_ref().map_or(to, |poison| poison.position - 1),
                &batch,
            )?;
            split(units, reached, batch.events, shares).await;
            let Some(poison) = poison else { break };
            for unit in units.iter().filter(|unit| unit.target >= to) {
                if let Err(obstacle) = unit.pass(&poison, &unit.live.skipped) {
                    unit.fail(obstacle);
                }
            }
            after = poison.position;
            let rest = feed.fetch_between(after, to, to - after).await?;
            batch = feed.decode(rest).await?;
        }
    }
    Ok(())
}

/// Nothing should be built from a log that has a gap.
fn expect_dense(after: Position, to: Position, batch: &FeedBatch) -> Result<(), BuildError> {
    let expected = after + 1..=to;
    if batch.events.iter().map(|event| event.position).eq(expected) {
        return Ok(());
    }
    Err(BuildError::Obstacle {
        position: after + 1,
        reason: format!("positions are missing between {after} and {to}"),
    })
}

async fn split(
    units: &[Arc<Unit>],
    to: Position,
    events: Vec<RecordedEvent>,
    shares: &[mpsc::Sender<Share>],
) {
    let parts = shares.len();
    let room = events.len() / parts + events.len() / 8;
    let mut split: Vec<Share> = shares
        .iter()
        .map(|_| Share {
            to,
            events: Vec::with_capacity(room),
            mixed: false,
        })
        .collect();
    let active = Vec::from_iter(
        units
            .iter()
            .filter(|unit| unit.target >= to && !unit.has_failed()),
    );
    let mut wanted = vec![false; parts];
    for event in events {
        wanted.fill(false);
        let keys = active.iter().filter_map(|unit| unit.projection.key(&event));
        keys.for_each(|key| wanted[part_of(key, parts)] = true);
        let Some(first) = wanted.iter().position(|wanted| *wanted) else {
            continue;
        };
        for other in (first + 1..parts).filter(|part| wanted[*part]) {
            split[other].events.push(event.clone());
            split[other].mixed = true;
            split[first].mixed = true;
        }
        split[first].events.push(event);
    }
    for (part, share) in shares.iter().zip(split) {
        // If a task has ended, joining it gives the reason.
        let _ = part.send(share).await;
    }
}

/// Ids of every UUID version vary in at least one of their halves.
fn part_of(key: Uuid, parts: usize) -> usize {
    let (high, low) = key.as_u64_pair();
    ((high ^ low) % parts as u64) as usize
}

async fn fold(
    mut conn: PgConnection,
    units: Arc<[Arc<Unit>]>,
    part: usize,
    parts: usize,
    mut shares: mpsc::Receiver<Share>,
    done: Arc<[AtomicI64]>,
) -> Result<(), BuildError> {
    while let Some(share) = shares.recv().await {
        for unit in units.iter().filter(|unit| unit.target >= share.to) {
            if !unit.has_failed()
                && let Err(error) = fold_share(&mut conn, unit, part, parts, &share).await
            {
                unit.fail(error);
            }
        }
        done[part].store(share.to, Relaxed);
        let reached = done
            .iter()
            .map(|part| part.load(Relaxed))
            .min()
            .unwrap_or(0);
        for unit in units.iter() {
            unit.tracker.reach(reached);
        }
    }
    // What was committed stays committed, whether the server hears that the connection ends or not.
    let _ = conn.close().await;
    Ok(())
}

async fn fold_share(
    conn: &mut PgConnection,
    unit: &Unit,
    part: usize,
    parts: usize,
    share: &Share,
) -> Result<(), BuildError> {
    let is_own = |event: &&RecordedEvent| {
        let key = unit.projection.key(event);
        key.is_some_and(|key| part_of(key, parts) == part)
    };
    let own: Vec<RecordedEvent>;
    let events = if share.mixed {
        own = share.events.iter().filter(is_own).cloned().collect();
        &own
    } else {
        &share.events
    };
    if !events
        .iter()
        .any(|event| unit.projection.key(event).is_some())
    {
        return Ok(());
    }
    let mut transaction = conn.begin().await?;
    unit.fence.hold(&mut transaction, &unit.schema).await?;
    let target = unit.building();
    apply(
        &*unit.projection,
        &mut transaction,
        &target,
        events,
        &unit.live.skipped,
    )
    .await?;
    transaction.commit().await?;
    Ok(())
}
