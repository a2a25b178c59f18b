//! `daybook audit …` beside a running server or none.
#![allow(clippy::unwrap_used, clippy::expect_used)]

#[path = "../process/mod.rs"]
mod process;

mod diff;
mod trail;
mod verify;
