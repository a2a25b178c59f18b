//! Where a command works: the database, opened and ready, and what stands on it.

pub(crate) mod core;
pub(crate) mod database;
pub(crate) mod restored;
pub(crate) mod schema;

mod connect;
mod supervisor;
