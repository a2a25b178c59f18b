//! The asynchronous runtime that a command runs on, and the signals that end it.

use std::future::Future;
use std::time::{Duration, Instant};

use rustix::process::{Resource, getrlimit, setrlimit};
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use crate::config::LogConfig;
use crate::failure::Failure;
use crate::telemetry::logging;

/// One Ctrl-C on a terminal may arrive twice: from the terminal, and from a wrapper that passes it on.
const ECHO: Duration = Duration::from_millis(500);

/// Runs `work` to its end. The first Ctrl-C or SIGTERM cancels the token that it is given; the second ends the process
/// at once.
pub(crate) fn run<F>(
    log: &LogConfig,
    work: impl FnOnce(CancellationToken) -> F,
) -> Result<(), Failure>
where
    F: Future<Output = Result<(), Failure>>,
{
    run_logging(log, "info,sqlx=warn", work)
}

/// Like [`run`], but logs less, so as not to disturb a measurement.
pub(crate) fn run_quietly<F>(
    log: &LogConfig,
    work: impl FnOnce(CancellationToken) -> F,
) -> Result<(), Failure>
where
    F: Future<Output = Result<(), Failure>>,
{
    run_logging(log, "warn", work)
}

fn run_logging<F>(
    log: &LogConfig,
    otherwise: &str,
    work: impl FnOnce(CancellationToken) -> F,
) -> Result<(), Failure>
where
    F: Future<Output = Result<(), Failure>>,
{
    logging::start(log, otherwise)?;
    allow_many_connections();
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|source| Failure::Process {
            what: "start its threads",
            source,
        })?;
    runtime.block_on(async {
        let stop = CancellationToken::new();
        let signals = Signals::listen()?;
        let listener = tokio::spawn(signals.forward(stop.clone()));
        let done = work(stop).await;
        listener.abort();
        done
    })
}

/// Raises the limit on open files. A connection is an open file, and many systems start programs with a limit of 1,024
/// of them but allow to raise it.
fn allow_many_connections() {
    let mut limit = getrlimit(Resource::Nofile);
    limit.current = limit.maximum;
    if let Err(error) = setrlimit(Resource::Nofile, limit) {
        warn!(%error, "could not raise the limit on open files");
    }
}

struct Signals {
    interrupt: Signal,
    terminate: Signal,
}

impl Signals {
    fn listen() -> Result<Signals, Failure> {
        let failed = |source| Failure::Process {
            what: "listen for signals",
            source,
        };
        Ok(Signals {
            interrupt: signal(SignalKind::interrupt()).map_err(failed)?,
            terminate: signal(SignalKind::terminate()).map_err(failed)?,
        })
    }

    async fn forward(mut self, stop: CancellationToken) {
        self.next().await;
        info!("stopping; a second signal stops at once");
        stop.cancel();
        let first_at = Instant::now();
        loop {
            self.next().await;
            if first_at.elapsed() > ECHO {
                // The status that a shell expects of a program that was interrupted.
                std::process::exit(130);
            }
        }
    }

    async fn next(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
        }
    }
}
