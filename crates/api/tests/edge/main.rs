//! Connections over real sockets: TLS, both versions of HTTP, slow clients, the stop.
#![allow(clippy::unwrap_used, clippy::expect_used)]

#[path = "../process/mod.rs"]
mod process;

mod certificates;
mod protocols;
mod serving;
mod site;
mod slow;
mod stopping;
