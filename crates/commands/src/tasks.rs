//! The tasks that run beside the commands: the writer, the loader, and maintenance.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use daybook_database::Standing;
use daybook_log::{Codec, Position, idempotency, snapshot};
use error_reporter::Report;
use sqlx::PgPool;
use tokio::sync::{mpsc, watch};
use tokio::task::{JoinHandle, JoinSet};
use tokio::time::{Instant, interval, sleep};
use tokio_util::sync::CancellationToken;
use tracing::warn;

use crate::loader::Loader;
use crate::slot::{EVENTS_BETWEEN_SNAPSHOTS, Slot};
use crate::writer::{Connection, Job, QUEUE, Writer};

const SNAPSHOT_QUEUE: usize = 256;
/// Keeping snapshots pauses this many times as long as it has worked.
const REST: u32 = 9;
const FORGET_EVERY: Duration = Duration::from_secs(3600);

/// The tasks of one bus.
pub struct BusTasks {
    writer: JoinHandle<()>,
    others: JoinSet<()>,
    closing: CancellationToken,
    abandon: CancellationToken,
    broken: CancellationToken,
    lost: Arc<OnceLock<Position>>,
}

/// Why no command can be carried out any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BusFault {
    #[error("the task that writes to the log died of a fault of its own")]
    WriterDied,
    #[error(
        "the database was set back under this process: the event at position {position}, which it had acknowledged, is not in the log any more"
    )]
    SetBack { position: Position },
}

impl BusFault {
    /// How to mend it, for the line that an operator reads.
    pub fn remedy(&self) -> &'static str {
        match self {
            BusFault::WriterDied => {
                "start again; nothing that was acknowledged is lost, and the log above tells what to report"
            }
            BusFault::SetBack { .. } => {
                "find the server or the backup that has the later events before you start again; docs/disaster.md says how"
            }
        }
    }
}

/// How the bus reaches its tasks.
pub(crate) struct Handles {
    pub(crate) jobs: mpsc::Sender<Job>,
    pub(crate) loader: Loader,
    pub(crate) thaws: watch::Receiver<u64>,
}

impl BusTasks {
    pub(crate) fn start(pool: &PgPool, codec: &Codec, standing: &Standing) -> (BusTasks, Handles) {
        let closing = CancellationToken::new();
        let abandon = CancellationToken::new();
        let broken = CancellationToken::new();
        let (jobs, queue) = mpsc::channel(QUEUE);
        let (snapshots, due) = mpsc::channel(SNAPSHOT_QUEUE);
        let (thawed, thaws) = watch::channel(0);
        let (loader, loading) = Loader::new(pool.clone(), codec.clone());
        let lost = Arc::default();
        let connection = Connection::new(
            &pool.connect_options(),
            standing.clone(),
            abandon.clone(),
            broken.clone(),
            Arc::clone(&lost),
        );
        let writer = Writer::new(queue, connection, codec.clone(), snapshots, thawed);

        let until_closing = closing.clone();
        let alarm = broken.clone().drop_guard();
        let writer = tokio::spawn(async move {
            writer.run(until_closing).await;
            // Not reached if the writer panics: then the alarm goes off.
            alarm.disarm();
        });
        let mut others = JoinSet::new();
        others.spawn(until(abandon.clone(), loading));
        let keeping = keep_snapshots(pool.clone(), codec.clone(), standing.clone(), due);
        others.spawn(until(closing.clone(), keeping));
        others.spawn(until(closing.clone(), forget_old_answers(pool.clone())));
        let tasks = BusTasks {
            writer,
            others,
            closing,
            abandon,
            broken,
            lost,
        };
        (
            tasks,
            Handles {
                jobs,
                loader,
                thaws,
            },
        )
    }

    /// Cancelled when no command can be carried out any more, and the process should restart: the writer has died of
    /// a fault of its own, or the database was set back.
    pub fn broken(&self) -> CancellationToken {
        self.broken.clone()
    }

    /// Takes no more commands, writes those that were accepted, and ends. After `patience` it no longer
    /// waits for a database that cannot be reached.
    pub async fn close(mut self, patience: Duration) -> Result<(), BusFault> {
        self.closing.cancel();
        let abandon = self.abandon.clone();
        let give_up = tokio::spawn(async move {
            sleep(patience).await;
            abandon.cancel();
        });
        if let Err(error) = self.writer.await {
            warn!(error = %Report::new(&error), "the writer did not end in order");
        }
        self.abandon.cancel();
        while self.others.join_next().await.is_some() {}
        give_up.abort();
        match self.lost.get() {
            Some(&position) => Err(BusFault::SetBack { position }),
            None if self.broken.is_cancelled() => Err(BusFault::WriterDied),
            None => Ok(()),
        }
    }
}

async fn until(end: CancellationToken, task: impl Future<Output = ()>) {
    tokio::select! {
        () = task => {}
        () = end.cancelled() => {}
    }
}

/// Keeps the snapshots that are due, using a tenth of the time: a large state (a product with very many
/// open orders) is kept less often.
async fn keep_snapshots(
    pool: PgPool,
    codec: Codec,
    standing: Standing,
    mut due: mpsc::Receiver<Arc<Slot>>,
) {
    while let Some(slot) = due.recv().await {
        if slot.epoch != standing.epoch()
            || slot.beyond_snapshot(slot.confirmed_version()) < EVENTS_BETWEEN_SNAPSHOTS
        {
            continue;
        }
        let Some(state) = slot.confirmed() else {
            continue;
        };
        let began = Instant::now();
        match snapshot::save(&pool, &codec, slot.stream, &state).await {
            Ok(()) => slot.snapshot_kept(state.version),
            Err(error) => {
                warn!(stream = %slot.stream, error = %Report::new(&error), "a snapshot could not be kept");
            }
        }
        sleep(began.elapsed() * REST).await;
    }
}

async fn forget_old_answers(pool: PgPool) {
    let mut ticks = interval(FORGET_EVERY);
    loop {
        ticks.tick().await;
        if let Err(error) = idempotency::forget(&pool).await {
            warn!(
                error = %Report::new(&error),
                "old idempotency records could not be forgotten"
            );
        }
    }
}
