//! Journeys through the router, against real PostgreSQL, with projectors running behind it.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod analytics;
mod audit;
mod audit_search;
mod browsers;
mod catalog;
mod conditions;
mod documents;
mod erasure;
mod errors;
mod idempotency;
mod lists;
mod operations;
mod orders;
mod own_writes;
mod past;
mod person_export;
mod price_history;
mod projections;
mod proofs;
mod sessions;
mod shop;
mod slow_bodies;
mod usage;
mod usage_kept;
mod users;
