//! The database that a command works on, opened and ready, and what is built on it.

pub(crate) mod core;
pub(crate) mod database;
pub(crate) mod restored;
pub(crate) mod schema;

mod connect;
mod pooler;
mod supervisor;
