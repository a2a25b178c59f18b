//! The binary as a process: its commands, its start and stop, its settings.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod audit;
#[path = "../../../edge/tests/edge/certificate.rs"]
mod certificate;
mod commands;
mod database;
mod import;
mod keys;
#[path = "../process/mod.rs"]
mod process;
mod projections;
#[path = "../../../api/tests/redis_server/mod.rs"]
mod redis_server;
mod replay;
mod serve;
mod tls;
mod transfer;
