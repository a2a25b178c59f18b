//! Prints the progress and the results of builds.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::io::{self, IsTerminal};
use std::time::{Duration, Instant};

use daybook_projections::projection::Projection;
use daybook_projections::rebuild::{BuildPhase, BuildProgress, Built, Comparison, Results};
use daybook_projections::schema::SchemaName;
use error_reporter::Report;
use indicatif::{HumanDuration, MultiProgress, ProgressBar, ProgressStyle};
use parking_lot::Mutex;
use serde_json::{Value, json};

use crate::cli::open_shop::DatabaseArguments;
use crate::failure::Failure;

const BETWEEN_LINES: Duration = Duration::from_secs(2);
const BAR: &str = "{prefix:<10} {bar:30} {human_pos} of {human_len}  {msg}";

/// Prints on stderr how far each build is: a bar on a terminal, a line now and then elsewhere.
pub(super) struct Reporter {
    bars: Option<Bars>,
    /// The phase that was last printed in a line, and when.
    told: Mutex<HashMap<&'static str, (BuildPhase, Instant)>>,
}

#[derive(Default)]
struct Bars {
    all: MultiProgress,
    /// Each is shown once there is some progress.
    by_name: Mutex<HashMap<&'static str, ProgressBar>>,
}

impl Reporter {
    pub(super) fn new() -> Reporter {
        Reporter {
            bars: io::stderr().is_terminal().then(Bars::default),
            told: Mutex::default(),
        }
    }

    pub(super) fn report(&self, progress: &BuildProgress) {
        match &self.bars {
            Some(bars) => bars.report(progress),
            None => self.report_in_lines(progress),
        }
    }

    fn report_in_lines(&self, progress: &BuildProgress) {
        let now = Instant::now();
        let mut told = self.told.lock();
        let is_due = told.get(progress.name).is_none_or(|(phase, at)| {
            *phase != progress.phase || now.duration_since(*at) >= BETWEEN_LINES
        });
        if is_due {
            told.insert(progress.name, (progress.phase, now));
            eprintln!(
                "{}: position {} of {}, {}",
                progress.name,
                progress.position,
                progress.target,
                pace(progress)
            );
        }
    }

    /// Removes the bars.
    pub(super) fn finish(&self) {
        if let Some(bars) = &self.bars {
            for (_, bar) in bars.by_name.lock().drain() {
                bar.finish_and_clear();
            }
        }
    }
}

impl Bars {
    fn report(&self, progress: &BuildProgress) {
        let mut bars = self.by_name.lock();
        let bar = bars.entry(progress.name).or_insert_with(|| {
            // The template is a constant, so it is always valid or always invalid; an invalid one only costs the looks.
            let style =
                ProgressStyle::with_template(BAR).unwrap_or_else(|_| ProgressStyle::default_bar());
            let bar = ProgressBar::new(length(progress)).with_prefix(progress.name);
            self.all.add(bar.with_style(style.progress_chars("=> ")))
        });
        bar.set_length(length(progress));
        bar.set_position(u64::try_from(progress.position).unwrap_or_default());
        bar.set_message(pace(progress));
    }
}

/// Even with an empty log, a bar has a beginning and an end.
fn length(progress: &BuildProgress) -> u64 {
    u64::try_from(progress.target).unwrap_or_default().max(1)
}

fn pace(progress: &BuildProgress) -> String {
    let mut text = progress.phase.as_str().to_owned();
    if progress.events_per_second > 0.0 {
        // Writing to a String cannot fail.
        let _ = write!(text, ", {:.0} events/s", progress.events_per_second);
    }
    if let Some(eta) = progress.eta.filter(|eta| !eta.is_zero()) {
        let _ = write!(text, ", {} left", HumanDuration(eta));
    }
    text
}

/// The result of a comparison.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    Identical,
    Differs,
    /// There were no live rows of this version.
    NothingToCompare,
}

impl Verdict {
    pub(super) fn of(built: &Built) -> Verdict {
        match &built.comparison {
            None => Verdict::NothingToCompare,
            Some(comparison) if comparison.is_identical() => Verdict::Identical,
            Some(_) => Verdict::Differs,
        }
    }
}

/// Prints the result for each projection. Failures are also printed on stderr, as the command's own.
pub(super) fn tell_results(database: &DatabaseArguments, results: &Results) -> Result<(), Failure> {
    let json = Value::from_iter(results.iter().map(|(name, result)| match result {
        Ok(built) => json!(built),
        Err(error) => json!({ "name": name, "error": Report::new(error).to_string() }),
    }));
    database.tell(&json, || {
        results
            .iter()
            .map(|(name, result)| match result {
                Ok(built) => of_built(built),
                Err(error) => format!("{name}: failed: {}\n", Report::new(error)),
            })
            .collect()
    })
}

pub(super) fn tell_rollback(database: &DatabaseArguments, built: &Built) -> Result<(), Failure> {
    database.tell(built, || {
        format!(
            "{}: switched back to the previous rows, brought up to position {}.\n",
            built.name, built.position
        )
    })
}

pub(super) fn tell_as_of(
    database: &DatabaseArguments,
    projection: &dyn Projection,
    built: &Built,
    schema: &SchemaName,
) -> Result<(), Failure> {
    let json = json!({ "schema": schema.as_str(), "built": built });
    database.tell(&json, || {
        let mut text = format!(
            "{}: built as of position {} into the schema {schema}, for queries such as\n",
            built.name, built.position
        );
        for table in projection.tables() {
            // Writing to a String cannot fail.
            let _ = writeln!(text, "  select * from {schema}.{};", table.name);
        }
        let _ = writeln!(text, "It stays until `drop schema {schema} cascade`.");
        text
    })
}

fn of_built(built: &Built) -> String {
    let mut text = format!("{}: ", built.name);
    let pace = format!(
        "{} events, {:.0} a second",
        built.events, built.events_per_second
    );
    // Writing to a String cannot fail.
    let _ = match &built.comparison {
        None => write!(text, "built, with nothing to compare it with"),
        Some(comparison) if comparison.is_identical() => write!(
            text,
            "identical, {} rows, sha256 {}",
            comparison.rows, comparison.digest
        ),
        Some(comparison) => write!(
            text,
            "{} of {} rows differ",
            comparison.differing, comparison.rows
        ),
    };
    let _ = write!(text, " ({pace})");
    if built.switched {
        let _ = write!(text, "; switched in at position {}", built.position);
    }
    text.push('\n');
    if let Some(comparison) = &built.comparison {
        text.push_str(&of_differences(comparison));
    }
    text
}

fn of_differences(comparison: &Comparison) -> String {
    let missing = || "(no such row)".to_owned();
    let shown = comparison.differences.iter().map(|difference| {
        format!(
            "  {} {}\n    live     {}\n    rebuilt  {}\n",
            difference.table,
            difference.key,
            difference.live.clone().unwrap_or_else(missing),
            difference.rebuilt.clone().unwrap_or_else(missing)
        )
    });
    shown.collect()
}
