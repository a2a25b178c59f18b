//! Daybook over HTTP: the routes, the gateway in front of them, and the OpenAPI document.
//!
//! Invariants: a handler extracts, builds a command or a query, and answers; it holds no SQL and no rule of the
//! shop. Every error is a problem (RFC 9457), written out in one place. What a command is answered is bytes
//! before it is sent, so that it can be recorded with its events and repeated.

pub mod account_messages;
mod answer;
pub mod app;
pub mod auth;
mod bounds;
mod builds;
mod cache;
pub mod erasure;
mod etag;
mod extract;
pub mod gateway;
mod openapi;
mod person_export;
mod problem;
pub mod redis;
mod report;
mod routes;

pub use openapi::document as openapi;
