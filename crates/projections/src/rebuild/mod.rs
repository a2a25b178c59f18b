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
//!
//! Each purpose has a file that goes through its steps from top to bottom: [`build_anew`] for a rebuild or a comparison,
//! [`rollback`] for going back, [`build_as_of`] for the past. They share a `Run`, which knows none of them.

mod anew;
mod as_of;
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

use std::thread;

use daybook_log::{Feed, Position};
use serde::Serialize;
use sqlx::PgPool;

pub(crate) use self::session::keep_builders_out;
pub use self::{
    anew::build_anew,
    as_of::build_as_of,
    compare::{Comparison, Difference},
    error::BuildError,
    progress::{Anew, BuildPhase, BuildProgress, Purpose, Report},
    rollback::rollback,
};

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
