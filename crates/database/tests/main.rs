//! Working with a real PostgreSQL, whatever is kept in it.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod given_up;
mod leases;
mod listening;
