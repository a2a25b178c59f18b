//! The schema, which the folder `migrations` keeps.

use sqlx::migrate::Migrator;

/// The database's schema, in the order in which it came to be.
pub static MIGRATOR: Migrator = sqlx::migrate!("../../migrations");
