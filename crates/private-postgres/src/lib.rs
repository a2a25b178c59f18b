//! A private PostgreSQL server, started from the binaries that the system has installed.
//!
//! What holds:
//! - It listens on a Unix socket in a folder of mode 0700 and on nothing else.
//! - As root it runs the server as another user, because PostgreSQL refuses to run as root.
//! - One owner for each data folder, kept by a file lock that dies with its process.
//! - The server ends when its owner does, also after `kill -9` where the system can do that (Linux);
//!   wherever it survives, the next start on the folder stops it first.
//! - Nothing weakens durability, not even for tests.
//!
//! [`testing`] gives tests a server for each run and a database for each test.

mod account;
mod binaries;
mod config;
mod error;
mod folder;
mod initialise;
mod place;
mod previous;
mod process;
mod roles;
mod server;
mod settings;
pub mod testing;
mod url;

pub use config::{Durability, ServerConfig};
pub use error::PrivateServerError;
pub use roles::{MIGRATION_ROLE, SERVER_ROLE};
pub use server::{PrivateServer, StopMode};
