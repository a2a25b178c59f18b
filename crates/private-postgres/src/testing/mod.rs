//! For tests only: one server for a test run, one database for each test.
//!
//! ```no_run
//! # async fn example(migrator: &sqlx::migrate::Migrator) -> Result<(), Box<dyn std::error::Error>> {
//! use daybook_private_postgres::testing::TestDatabase;
//!
//! let database = TestDatabase::create(migrator).await?;
//! let pool = database.server_pool(); // the role `daybook`, as in production
//! # Ok(())
//! # }
//! ```
//!
//! `DAYBOOK_TEST_POSTGRES` holds the URL of the server of a whole run (`daybook-test-postgres` starts one
//! and sets it). Without it each test process starts its own, which ends with the process, however that
//! ends, and leaves nothing behind.

mod address;
mod database;
mod dropping;
mod guard;
mod server;
mod template;

pub use database::TestDatabase;
pub use server::{TEST_POSTGRES, TestServer};
