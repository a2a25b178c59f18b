//! Rebuilding every read model from a shop's history, compared with a simple replay of the same log.

mod history;
mod memory;
mod one_by_one;

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use chrono::Utc;
use chrono_tz::Tz;
use daybook_commands::CommandBus;
use daybook_domain::Currency;
use daybook_import as import;
use daybook_import::{ImportProgress, Options};
use daybook_log::{Feed, Position};
use daybook_projections::rebuild::{Anew, Builder, build_anew};
use daybook_projections::{ProgressTracker, ProjectorConfig, registry, run as run_projectors};
use serde::Serialize;
use sqlx::PgPool;
use tokio_util::sync::CancellationToken;

use super::BenchError;

/// Longer than projecting any history takes.
const PATIENCE: Duration = Duration::from_secs(3_600);

#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct RebuildReport {
    /// Events in the log.
    pub events: Position,
    /// Lines of the history imported a second, through the command path.
    pub imported_lines_per_second: f64,
    /// Events a second that the projectors process from the log's beginning, in batches.
    pub projected_per_second: f64,
    /// Events a second of a rebuild of all read models, until they can be read.
    pub rebuilt_per_second: f64,
    /// The same with the comparison with the live rows and the switch.
    pub compared_and_switched_per_second: f64,
    /// Whether every rebuilt row equals the live one.
    pub identical: bool,
    /// Events a second of a replay event by event.
    pub one_by_one_per_second: f64,
    pub rebuilt_to_one_by_one: f64,
    /// The most memory that a process took which rebuilt everything.
    pub peak_mib: f64,
    /// The same after the log had grown tenfold.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tenfold: Option<Tenfold>,
}

#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Tenfold {
    pub events: Position,
    pub peak_mib: f64,
    pub memory_ratio: f64,
}

/// What is measured, and in which database.
pub struct Bench<'a> {
    pub bus: &'a CommandBus,
    pub feed: &'a Feed,
    pub pool: PgPool,
    /// The folder for files, and for processes that join the database.
    pub folder: &'a Path,
    pub environment: Vec<(&'static str, OsString)>,
    /// A shop's export; without one, an invented history of this many lines is used.
    pub csv: Option<PathBuf>,
    pub lines: u64,
    /// How long events are replayed one by one.
    pub one_by_one: Duration,
    pub tenfold: bool,
    /// Is told how far the import is.
    pub progress: Arc<dyn ImportProgress>,
}

impl Bench<'_> {
    pub async fn run(&self) -> Result<RebuildReport, BenchError> {
        let csv = match &self.csv {
            Some(csv) => csv.clone(),
            None => self.make_history()?,
        };
        let imported_lines_per_second = self.import(&csv, "bench-1").await?;
        let events = self.head().await?;
        let projected = self.project(events).await?;
        let (rebuilt, switched, identical) = self.rebuild_all(events).await?;
        let one_by_one = one_by_one::run(self.feed, &self.pool, events, self.one_by_one).await?;
        let peak_mib = self.peak_mib().await?;
        let tenfold = if self.tenfold {
            Some(self.grow_tenfold(&csv, peak_mib).await?)
        } else {
            None
        };
        Ok(RebuildReport {
            events,
            imported_lines_per_second,
            projected_per_second: projected,
            rebuilt_per_second: rebuilt,
            compared_and_switched_per_second: switched,
            identical,
            one_by_one_per_second: one_by_one,
            rebuilt_to_one_by_one: rebuilt / one_by_one,
            peak_mib,
            tenfold,
        })
    }

    fn make_history(&self) -> Result<PathBuf, BenchError> {
        let csv = self.folder.join("history.csv");
        history::write(&csv, self.lines).map_err(|error| {
            BenchError::new(format!("the history could not be written: {error}"))
        })?;
        Ok(csv)
    }

    async fn import(&self, csv: &Path, source: &str) -> Result<f64, BenchError> {
        let options = Options {
            input: Some(csv.to_owned()),
            columns: Vec::new(),
            has_header: true,
            separator: None,
            encoding: None,
            decimal_mark: None,
            date_format: None,
            zone: Tz::UTC,
            currency: pounds(),
            source: source.to_owned(),
            rejects: Some(self.folder.join("rejects.csv")),
            now: Utc::now(),
        };
        let summary = import::run(self.bus, options, Arc::clone(&self.progress)).await?;
        Ok(summary.lines_read as f64 / summary.seconds)
    }

    async fn head(&self) -> Result<Position, BenchError> {
        Ok(self.feed.head().await?)
    }

    /// Waits until the projectors have caught up.
    async fn project(&self, head: Position) -> Result<f64, BenchError> {
        let stop = CancellationToken::new();
        let progress = ProgressTracker::new();
        let began = Instant::now();
        let read_models = daybook_projections::ReadModels::new(self.pool.clone(), progress.clone());
        let waiting = async {
            let mut reached = Ok(());
            for projection in registry() {
                reached = reached.and(
                    read_models
                        .wait_for(projection.name(), head, PATIENCE)
                        .await,
                );
            }
            let took = began.elapsed();
            stop.cancel();
            reached.map(|()| head as f64 / took.as_secs_f64())
        };
        let (feed, pool) = (self.feed.clone(), self.pool.clone());
        let projectors =
            run_projectors(feed, pool.clone(), ProjectorConfig::default(), stop.clone());
        let ((), (), rate) = tokio::join!(projectors, progress.run(pool, stop.clone()), waiting);
        rate.map_err(BenchError::new)
    }

    /// Events in a second until the read models could be read, and until they were switched in;
    /// whether they were as the live ones.
    async fn rebuild_all(&self, head: Position) -> Result<(f64, f64, bool), BenchError> {
        let builder = Builder::new(self.feed.clone(), self.pool.clone(), "bench");
        let began = Instant::now();
        let results = build_anew(
            &builder,
            &registry(),
            Anew::Rebuild,
            &|_| {},
            &CancellationToken::new(),
        )
        .await;
        let took = began.elapsed().as_secs_f64();
        let (mut per_second, mut identical) = (f64::INFINITY, true);
        for (name, built) in results {
            let built = built.map_err(|source| BenchError::Build { name, source })?;
            per_second = per_second.min(built.events_per_second);
            identical &= built.comparison.is_some_and(|found| found.is_identical());
        }
        Ok((per_second, head as f64 / took, identical))
    }

    async fn peak_mib(&self) -> Result<f64, BenchError> {
        memory::peak_mib(&["projections", "verify", "--all"], &self.environment).await
    }

    async fn grow_tenfold(&self, csv: &Path, once: f64) -> Result<Tenfold, BenchError> {
        for copy in 2..=10 {
            self.import(csv, &format!("bench-{copy}")).await?;
        }
        let events = self.head().await?;
        self.project(events).await?;
        let peak_mib = self.peak_mib().await?;
        Ok(Tenfold {
            events,
            peak_mib,
            memory_ratio: peak_mib / once,
        })
    }
}

fn pounds() -> Currency {
    "GBP".parse().unwrap_or_default()
}
