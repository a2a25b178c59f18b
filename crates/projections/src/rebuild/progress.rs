//! How far a build is.

use std::{
    fmt,
    time::{Duration, Instant},
};

use daybook_log::Position;
use parking_lot::Mutex;
use serde::Serialize;

/// What a build is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    Anew(Anew),
    Rollback,
    AsOf,
}

/// What a read model is built anew for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Anew {
    /// To be compared with the live one, and to take its place.
    Rebuild,
    /// A rebuild that ends with the comparison.
    DryRun,
    /// To be compared with the live one.
    Verify,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum BuildPhase {
    /// Folding the log.
    Building,
    /// Merging, keys, indices and statistics.
    Indexing,
    /// Walking through the live rows and the new ones.
    Comparing,
    /// Applying what was appended meanwhile.
    CatchingUp,
    Switching,
}

/// How far the build of one read model is.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct BuildProgress {
    pub name: &'static str,
    pub phase: BuildPhase,
    /// The position of the last event that is in it.
    pub position: Position,
    /// The position at which the phase ends.
    pub target: Position,
    /// The average since the phase began; 0 in phases that apply no events.
    pub events_per_second: f64,
    /// The time until the end of the phase; serialised as seconds.
    #[serde(rename = "etaSeconds", serialize_with = "in_seconds")]
    pub eta: Option<Duration>,
}

fn in_seconds<S: serde::Serializer>(
    eta: &Option<Duration>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    eta.map(|eta| eta.as_secs_f64()).serialize(serializer)
}

/// Called with every build's progress a few times a second.
pub type Report<'a> = dyn Fn(&BuildProgress) + Send + Sync + 'a;

impl Purpose {
    /// Whether what is built takes the place of the live rows.
    pub fn switches(self) -> bool {
        match self {
            Purpose::Anew(Anew::Rebuild) | Purpose::Rollback => true,
            Purpose::Anew(Anew::DryRun | Anew::Verify) | Purpose::AsOf => false,
        }
    }

    pub fn as_str(self) -> &'static str {
        match self {
            Purpose::Anew(Anew::Rebuild | Anew::DryRun) => "rebuild",
            Purpose::Anew(Anew::Verify) => "verify",
            Purpose::Rollback => "rollback",
            Purpose::AsOf => "as-of",
        }
    }
}

impl fmt::Display for Purpose {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl BuildPhase {
    pub fn as_str(self) -> &'static str {
        match self {
            BuildPhase::Building => "building",
            BuildPhase::Indexing => "indexing",
            BuildPhase::Comparing => "comparing",
            BuildPhase::CatchingUp => "catching-up",
            BuildPhase::Switching => "switching",
        }
    }
}

/// How far a build is, for reporting.
pub(super) struct Tracker(Mutex<State>);

struct State {
    phase: BuildPhase,
    began: Instant,
    from: Position,
    position: Position,
    target: Position,
}

impl Tracker {
    pub(super) fn new(target: Position) -> Tracker {
        Tracker(Mutex::new(State {
            phase: BuildPhase::Building,
            began: Instant::now(),
            from: 0,
            position: 0,
            target,
        }))
    }

    pub(super) fn begin(&self, phase: BuildPhase, position: Position, target: Position) {
        *self.0.lock() = State {
            phase,
            began: Instant::now(),
            from: position,
            position,
            target,
        };
    }

    pub(super) fn reach(&self, position: Position) {
        let mut state = self.0.lock();
        state.position = position.min(state.target);
    }

    pub(super) fn progress(&self, name: &'static str) -> BuildProgress {
        let state = self.0.lock();
        let seconds = state.began.elapsed().as_secs_f64().max(0.001);
        let events_per_second = (state.position - state.from) as f64 / seconds;
        let left = (state.target - state.position) as f64;
        BuildProgress {
            name,
            phase: state.phase,
            position: state.position,
            target: state.target,
            events_per_second,
            eta: (events_per_second > 0.0)
                .then(|| Duration::from_secs_f64(left / events_per_second)),
        }
    }
}
