//! Real servers, really killed: what was acknowledged stays, and nothing happens twice.
#![allow(clippy::unwrap_used, clippy::expect_used, unreachable_pub)]

mod crashes;
mod crowds;
mod evidence;
#[path = "../process/mod.rs"]
mod process;
mod site;
mod two_servers;
