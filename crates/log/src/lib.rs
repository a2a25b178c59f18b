//! The event log as a table in PostgreSQL.
//!
//! Every event has a position: 1, 2, 3 … dense and in commit order, so that a reader needs nothing but
//! `position > $1 order by position`. Everything is written by [`append::append_batch`], one call of the
//! database function of that name, but for a whole log that [`transfer`] takes into an empty one; everything
//! is read through [`Feed`] (in position order) or [`stream::load`] (one stream's events). The crate knows
//! the table's columns, so that no other does.

pub mod append;
pub mod claim;
mod codec;
pub mod conflict;
mod database;
pub mod erasure;
mod error;
mod event;
mod feed;
pub mod idempotency;
pub mod leaf;
mod metadata;
mod past;
mod person_keys;
mod pick;
mod replay;
pub mod rotation;
mod seal;
mod secrets;
pub mod snapshot;
pub mod stream;
pub mod transfer;

pub use codec::Codec;
pub use database::database_identity;
pub use error::{DATABASE_REMEDY, LogError};
pub use event::{Poison, RecordedEvent};
pub use feed::{Feed, FeedBatch, Undecoded, head};
pub use metadata::{Actor, Means, Metadata, UnknownActor};
pub use pick::{Pick, Stretch};
pub use replay::{Replay, Selection, StoredEvent};
pub use seal::{PersonKey, SealError};
pub use secrets::{MasterKeyMismatch, Secrets};

/// A place in the log: 1 is the first event, 0 stands before it.
pub type Position = i64;

/// The database's schema, in the order in which it came to be.
pub static MIGRATOR: sqlx::migrate::Migrator = sqlx::migrate!("../../migrations");

/// Where [`append::append_batch`] announces the log's new head, as text.
pub const LOG_CHANNEL: &str = "daybook_log";

/// The advisory lock under which positions are given out. `append_batch` takes it; whoever must
/// decide on a state that cannot change takes it before.
pub const APPEND_LOCK: i64 = 4_919_011_201;
