//! Shows how far a long command is: a bar on a terminal, a line every few seconds elsewhere. Always on stderr.

use std::io::{IsTerminal, stderr};
use std::time::{Duration, Instant};

use daybook_import::ImportProgress;
use indicatif::{ProgressBar, ProgressStyle};
use parking_lot::Mutex;

const BETWEEN_LINES: Duration = Duration::from_secs(5);

pub(crate) struct TerminalProgress(Mutex<Stage>);

struct Stage {
    bar: Option<ProgressBar>,
    what: &'static str,
    unit: &'static str,
    done: u64,
    total: u64,
    began: Instant,
    told: Instant,
}

impl TerminalProgress {
    pub(crate) fn new() -> TerminalProgress {
        TerminalProgress(Mutex::new(Stage::begin("", "", 0)))
    }

    /// Begins a new stage of `total` units.
    pub(crate) fn begin(&self, what: &'static str, unit: &'static str, total: u64) {
        let mut stage = self.0.lock();
        stage.end();
        *stage = Stage::begin(what, unit, total);
    }

    pub(crate) fn advance(&self, by: u64) {
        self.0.lock().advance(by);
    }

    /// Sets how far the stage is, and how much there is in total, which may change.
    pub(crate) fn reach(&self, done: u64, total: u64) {
        let mut stage = self.0.lock();
        stage.total = total;
        if let Some(bar) = &stage.bar {
            bar.set_length(total);
        }
        let by = done.saturating_sub(stage.done);
        stage.advance(by);
    }

    pub(crate) fn end(&self) {
        self.0.lock().end();
    }
}

impl ImportProgress for TerminalProgress {
    fn begin(&self, what: &'static str, unit: &'static str, total: u64) {
        TerminalProgress::begin(self, what, unit, total);
    }

    fn advance(&self, by: u64) {
        TerminalProgress::advance(self, by);
    }

    fn end(&self) {
        TerminalProgress::end(self);
    }
}

impl Stage {
    fn begin(what: &'static str, unit: &'static str, total: u64) -> Stage {
        let now = Instant::now();
        let bar = (!what.is_empty() && stderr().is_terminal()).then(|| bar(what, unit, total));
        Stage {
            bar,
            what,
            unit,
            done: 0,
            total,
            began: now,
            told: now,
        }
    }

    fn advance(&mut self, by: u64) {
        self.done += by;
        if let Some(bar) = &self.bar {
            bar.inc(by);
        } else if self.told.elapsed() >= BETWEEN_LINES {
            self.told = Instant::now();
            eprintln!("{}", self.line());
        }
    }

    fn line(&self) -> String {
        let seconds = self.began.elapsed().as_secs_f64();
        let rate = self.done as f64 / seconds.max(0.001);
        let left = self.total.saturating_sub(self.done) as f64 / rate.max(0.001);
        format!(
            "{}: {} of {} {}, {rate:.0} a second, {left:.0} s left",
            self.what, self.done, self.total, self.unit
        )
    }

    fn end(&mut self) {
        if let Some(bar) = self.bar.take() {
            bar.finish_and_clear();
        }
    }
}

fn bar(what: &'static str, unit: &'static str, total: u64) -> ProgressBar {
    let template = format!(
        "{{msg}} {{wide_bar}} {{human_pos}} of {{human_len}} {unit}, {{per_sec}}, {{eta}} left"
    );
    let style = ProgressStyle::with_template(&template);
    let bar = ProgressBar::new(total).with_message(what);
    // If the template is invalid, the default bar is used.
    bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
    bar
}
