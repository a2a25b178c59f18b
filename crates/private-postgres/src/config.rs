//! What a caller may choose about its server.

use std::path::PathBuf;

/// Both kinds guarantee durability; they differ in how much memory and disk they take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Durability {
    /// For a shop that is really used: buffers for a laptop, and data is synced while the folder is
    /// created.
    Durable,
    /// For servers that live as long as a test run: small buffers, and no sync while the folder is
    /// created.
    FastForTests,
}

#[derive(Clone, Debug)]
pub struct PrivateServerConfig {
    /// Holds the cluster, the socket, the lock and `postgres.log`; created if it is missing.
    pub data_dir: PathBuf,
    pub durability: Durability,
    pub max_connections: u32,
    /// Further settings of `postgresql.conf`; they override the ones chosen here.
    pub settings: Vec<(String, String)>,
}

impl PrivateServerConfig {
    /// A durable server with room for 200 connections.
    pub fn new(data_dir: impl Into<PathBuf>) -> Self {
        Self {
            data_dir: data_dir.into(),
            durability: Durability::Durable,
            max_connections: 200,
            settings: Vec::new(),
        }
    }

    #[must_use]
    pub fn durability(mut self, durability: Durability) -> Self {
        self.durability = durability;
        self
    }

    #[must_use]
    pub fn max_connections(mut self, max_connections: u32) -> Self {
        self.max_connections = max_connections;
        self
    }

    #[must_use]
    pub fn setting(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.settings.push((name.into(), value.into()));
        self
    }
}
