//! The log's tables and functions, in a real PostgreSQL.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod append;
mod clock;
mod erasure;
mod leaf;
mod rotation;
