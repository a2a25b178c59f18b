//! Working with PostgreSQL, whatever is kept in it. Knows nothing of the shop.
//!
//! What holds:
//! - A transaction that is given up while it begins leaves nothing open ([`begin`]).

mod transaction;

pub use transaction::begin;
