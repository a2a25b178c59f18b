//! Daybook over HTTP: the routes, the gateway in front of them, and the OpenAPI document.
//!
//! Invariants: a handler extracts, builds a command or a query, and answers; it holds no SQL and no rule of the
//! shop. Every error is a problem (RFC 9457), written out in one place. What a command is answered is bytes
//! before it is sent, so that it can be recorded with its events and repeated.

pub mod account_messages;
mod accounts;
mod answer;
pub mod app;
pub mod auth;
pub mod bench;
mod builds;
mod cache;
pub mod cli;
pub mod config;
mod decimal;
pub mod edge;
pub mod erasure;
mod etag;
mod extract;
pub mod failure;
pub mod gateway;
pub mod import;
pub mod keys;
mod logging;
pub mod metrics;
mod openapi;
mod past;
mod person_export;
mod problem;
mod progress;
#[cfg(test)]
mod redaction;
pub mod redis;
mod report;
mod routes;
pub mod seed;
mod server;
mod timestamp;
mod trail;

pub use openapi::document as openapi;
