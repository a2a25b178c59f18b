//! `daybook projections …` beside a running server.
#![allow(clippy::unwrap_used, clippy::expect_used)]

#[path = "../process/mod.rs"]
mod process;

mod acting;
mod building;
mod site;
mod watching;
