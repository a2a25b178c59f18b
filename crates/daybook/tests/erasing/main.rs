//! Erasing people and changing keys, with the binary as a real process.
#![allow(clippy::unwrap_used, clippy::expect_used)]

#[path = "../process/mod.rs"]
mod process;

mod dump;
mod keys;
mod nothing_left;
mod restored;
