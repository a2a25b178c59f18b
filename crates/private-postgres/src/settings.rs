//! The server's settings. They are given on the command line, so that they are always those of this
//! binary, whatever the data folder's `postgresql.conf` says.

use std::path::Path;

use crate::config::{Durability, PrivateServerConfig};

/// Only part of the socket file's name: the server has a folder of its own, so it collides with nothing.
pub(crate) const PORT: u16 = 5432;

pub(crate) fn settings(config: &PrivateServerConfig, socket_dir: &Path) -> Vec<(String, String)> {
    let mut settings = vec![
        ("listen_addresses", String::new()),
        ("port", PORT.to_string()),
        ("unix_socket_directories", quoted(socket_dir)),
        ("unix_socket_permissions", "0700".to_owned()),
        ("max_connections", config.max_connections.to_string()),
        ("fsync", "on".to_owned()),
        ("full_page_writes", "on".to_owned()),
        ("synchronous_commit", "on".to_owned()),
        // Daybook's statements are short: compiling one costs more than it saves.
        ("jit", "off".to_owned()),
        // The default assumes a spinning disk.
        ("random_page_cost", "1.1".to_owned()),
        ("checkpoint_timeout", "15min".to_owned()),
        ("timezone", "UTC".to_owned()),
        ("log_timezone", "UTC".to_owned()),
        ("logging_collector", "off".to_owned()),
        ("log_line_prefix", "%m [%p] %u@%d ".to_owned()),
        // An error's details and its statement can hold personal data.
        ("log_error_verbosity", "terse".to_owned()),
        ("log_min_error_statement", "panic".to_owned()),
    ];
    settings.extend(match config.durability {
        Durability::Durable => [
            ("shared_buffers", "256MB".to_owned()),
            ("max_wal_size", "2GB".to_owned()),
            ("min_wal_size", "256MB".to_owned()),
        ],
        Durability::FastForTests => [
            ("shared_buffers", "64MB".to_owned()),
            ("max_wal_size", "512MB".to_owned()),
            ("min_wal_size", "80MB".to_owned()),
        ],
    });
    let mut settings: Vec<_> = settings
        .into_iter()
        .map(|(name, value)| (name.to_owned(), value))
        .collect();
    settings.extend(config.settings.iter().cloned());
    settings
}

/// The setting is a list separated by commas; in quotes a folder's name may contain anything.
fn quoted(folder: &Path) -> String {
    format!("\"{}\"", folder.display().to_string().replace('"', "\"\""))
}
