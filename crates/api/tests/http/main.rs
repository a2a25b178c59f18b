//! Journeys through the router, against real PostgreSQL, with projectors running behind it.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod audit;
mod catalog;
mod conditions;
mod documents;
mod errors;
mod idempotency;
mod lists;
mod operations;
mod orders;
mod own_writes;
mod sessions;
mod shop;
mod users;
