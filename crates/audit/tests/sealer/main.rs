//! The sealer on a real PostgreSQL: what it makes of the log, and what it must never sign.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod crashes;
mod log;
mod refusals;
mod rotation;
mod sealing;
mod tiles;
