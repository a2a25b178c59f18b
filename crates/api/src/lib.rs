//! Daybook over HTTP: the routes, the gateway before them, and the OpenAPI document.
//!
//! Invariants: a handler extracts, builds a command or a query, and answers; it contains no SQL and no rule of the
//! shop. Every error is a problem (RFC 9457), written in one place. A command's answer is turned into bytes before it
//! is sent, so that it can be recorded with its events and repeated.

mod answer;
pub mod app;
pub mod auth;
mod background_builds;
mod bounds;
mod cache;
mod etag;
mod extract;
pub mod gateway;
mod openapi;
mod operation;
mod problem;
pub mod redis;
mod report;
mod router;
mod routes;

pub use openapi::document as openapi;
pub use router::router;
