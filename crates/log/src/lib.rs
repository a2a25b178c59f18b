//! The event log as a table in PostgreSQL.
//!
//! Every event has a position: 1, 2, 3 … dense and in commit order, so that a reader needs nothing but `position > $1
//! order by position`. Everything is written by [`append::append_batch`], one call of the database function of that
//! name, except a whole log that [`transfer`] imports into an empty one. Everything is read through [`Feed`] (in
//! position order) or [`stream::load`] (one stream's events). Only this crate knows the table's columns.

pub mod append;
pub mod claim;
mod clock;
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
mod wake;

pub use codec::Codec;
pub use database::{database_identity, event_id_at};
pub use error::{DATABASE_REMEDY, LogError};
pub use event::{Poison, ReadEvent, RecordedEvent, UnknownEvent};
pub use feed::{Feed, FeedBatch, Undecoded, head};
pub use metadata::{Actor, Means, Metadata, UnknownActor};
pub use pick::{StreamFilter, StreamRange};
pub use replay::{Replay, Selection, StoredEvent};
pub use seal::{PersonKey, SealError};
pub use secrets::{MasterKeyMismatch, Secrets};
pub use wake::Wake;

/// A place in the log: 1 is the first event, 0 is before it.
pub type Position = i64;

/// The channel where [`append::append_batch`] announces the log's new head, as text.
pub const LOG_CHANNEL: &str = "daybook_log";

/// The advisory lock under which positions are assigned. `append_batch` takes it; to decide on a state that cannot
/// change, take it first.
pub const APPEND_LOCK: i64 = 4_919_011_201;
