//! A private PostgreSQL server, started from the binaries that the system has installed.
//!
//! What holds:
//! - It listens only on a Unix socket in a folder of mode 0700.
//! - If we are root it runs the server as another user, because PostgreSQL refuses to run as root.
//! - Each data folder has one owner, ensured by a file lock that ends with the owner's process.
//! - The server ends when its owner does, also after `kill -9` if the system supports that (Linux); where
//!   the server survives, the next start on the folder stops it first.
//! - Nothing weakens durability, not even for tests.
//!
//! [`testing`] gives tests a server for each run and a database for each test.

mod account;
mod binaries;
mod config;
mod error;
mod folder;
mod initialise;
mod prepared;
mod previous;
mod process;
mod roles;
mod server;
mod settings;
pub mod testing;
mod url;

pub use config::{Durability, PrivateServerConfig};
pub use error::PrivateServerError;
pub use roles::{MIGRATION_ROLE, SERVER_ROLE};
pub use server::{PrivateServer, StopMode};
