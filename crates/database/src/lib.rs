//! Working with PostgreSQL, whatever is kept in it. Knows nothing of the shop.
//!
//! What holds:
//! - A transaction that is given up while it begins leaves nothing open ([`begin`]).
//! - Whoever listens learns that the connection broke, and looks again ([`Listening`], [`Touch`]).
//! - Every session begins with the same settings ([`begin_session`]).
//! - What was read from one instance of the database is not relied on at another ([`Standing`]).
//! - A lease is held by one, and its fencing number is never given out twice ([`Lease`]).

mod backoff;
mod durability;
mod lease;
mod listen;
mod migrations;
mod passing;
#[cfg(test)]
mod refusal;
mod remedy;
mod rights;
mod row;
mod session;
mod standing;
mod transaction;

pub use backoff::Backoff;
pub use durability::weakened_by;
pub use lease::{Lease, LeaseError, LeaseTable};
pub use listen::{Heard, Listening, Touch};
pub use migrations::MIGRATOR;
pub use passing::is_passing;
pub use remedy::{REMEDY, remedy};
pub use rights::{grant_server_role, quoted};
pub use session::begin_session;
pub use standing::Standing;
pub use transaction::begin;
