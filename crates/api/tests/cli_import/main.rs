//! `daybook import orders`: another shop's past from the CSV that it exports.

#![allow(clippy::unwrap_used, clippy::expect_used)]

#[path = "../process/mod.rs"]
mod process;

mod again;
mod beside;
mod place;
mod refusing;
mod taking;
