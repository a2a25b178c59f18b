//! Working with PostgreSQL, whatever is kept in it. Knows nothing of the shop.
//!
//! What holds:
//! - A transaction that is given up while it begins leaves nothing open ([`begin`]).
//! - Whoever listens learns that the connection broke, and looks again ([`Listening`], [`Touch`]).
//! - A lease is held by one, and its fencing number is never given out twice ([`Lease`]).

mod backoff;
mod lease;
mod listen;
mod migrations;
mod passing;
mod rights;
mod row;
mod transaction;

pub use backoff::Backoff;
pub use lease::{Lease, LeaseError, LeaseTable};
pub use listen::{Heard, Listening, Touch};
pub use migrations::MIGRATOR;
pub use passing::is_passing;
pub use rights::{grant_server_role, quoted};
pub use transaction::begin;
