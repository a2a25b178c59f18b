//! Connections over real sockets: TLS, both versions of HTTP, slow clients, the stop.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod certificate;
mod certificates;
mod protocols;
mod site;
mod slow;
mod stopping;
