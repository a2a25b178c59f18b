//! The write side on a real database: rules, keys, several processes, connections that break.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod broken_connections;
mod importing;
mod past;
mod rules;
mod sending;
mod snapshots;
mod support;
mod two_processes;
