//! How far a long command is, told on stderr: a bar on a terminal, now and then a line elsewhere.

use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

const BETWEEN_LINES: Duration = Duration::from_secs(5);
const BAR: &str = "{msg} {wide_bar} {human_pos} of {human_len} ({per_sec}, {eta} left)";

pub(super) struct Meter {
    bar: ProgressBar,
    doing: &'static str,
    started: Instant,
    told: Instant,
}

impl Meter {
    /// `doing` is what happens to the events: `exporting`.
    pub(super) fn new(doing: &'static str) -> Meter {
        let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr());
        // A template of our own is right or wrong for good; a wrong one costs the looks only.
        let style =
            ProgressStyle::with_template(BAR).unwrap_or_else(|_| ProgressStyle::default_bar());
        bar.set_style(style);
        bar.set_message(doing);
        let started = Instant::now();
        Meter {
            bar,
            doing,
            started,
            told: started,
        }
    }

    pub(super) fn at(&mut self, done: i64, of: i64) {
        let unsigned = |count: i64| u64::try_from(count).unwrap_or_default();
        if !self.bar.is_hidden() {
            self.bar.set_length(unsigned(of));
            self.bar.set_position(unsigned(done));
        } else if self.told.elapsed() >= BETWEEN_LINES {
            self.told = Instant::now();
            let per_second = done as f64 / self.started.elapsed().as_secs_f64();
            eprintln!(
                "{}: {done} of {of} events, {per_second:.0} a second",
                self.doing
            );
        }
    }

    pub(super) fn finish(self) -> Duration {
        self.bar.finish_and_clear();
        self.started.elapsed()
    }
}
