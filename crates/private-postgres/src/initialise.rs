//! Creating a new cluster.

use std::fs::{self, DirBuilder};
use std::io;
use std::os::unix::fs::DirBuilderExt;
use std::path::Path;

use crate::account::Account;
use crate::binaries::Binaries;
use crate::config::Durability;
use crate::error::PrivateServerError;
use crate::roles::SUPERUSER;

/// Sorts by code point on every machine and still knows what a letter is. `C` replaces it if the system
/// does not have it.
const LOCALES: [&str; 2] = ["C.UTF-8", "C"];

/// The major version that created the cluster; `None` if there is no cluster.
pub(crate) fn version_of(cluster: &Path) -> Result<Option<u32>, PrivateServerError> {
    let path = cluster.join("PG_VERSION");
    match fs::read_to_string(&path) {
        Ok(text) => Ok(text.trim().parse().ok()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(source) => Err(PrivateServerError::Io {
            what: format!("read {}", path.display()),
            source,
        }),
    }
}

/// Creates the cluster in a folder beside it and moves it into place when it is complete, so that an
/// interrupted attempt leaves nothing that looks like a cluster.
pub(crate) fn initialise(
    cluster: &Path,
    binaries: &Binaries,
    account: &Account,
    durability: Durability,
) -> Result<(), PrivateServerError> {
    let unfinished = cluster.with_file_name("cluster.unfinished");
    let mut output = String::new();
    for locale in LOCALES {
        empty(&unfinished, account).map_err(PrivateServerError::io("make the cluster's folder"))?;
        let mut command = account.command(binaries.program("initdb"));
        command
            .arg("--pgdata")
            .arg(&unfinished)
            .arg(format!("--username={SUPERUSER}"))
            .arg(format!("--locale={locale}"))
            .args(["--encoding=UTF8", "--data-checksums"])
            // Whoever can enter the socket's folder is trusted, and nobody else can reach the server.
            .args(["--auth-local=trust", "--auth-host=reject"]);
        if durability == Durability::FastForTests {
            command.arg("--no-sync");
        }
        let result = command
            .output()
            .map_err(PrivateServerError::io("run initdb"))?;
        if result.status.success() {
            return fs::rename(&unfinished, cluster)
                .map_err(PrivateServerError::io("move the cluster into place"));
        }
        output = String::from_utf8_lossy(&result.stderr)
            .trim()
            .replace('\n', "; ");
    }
    Err(PrivateServerError::Initdb { output })
}

fn empty(folder: &Path, account: &Account) -> io::Result<()> {
    match fs::remove_dir_all(folder) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    DirBuilder::new().mode(0o700).create(folder)?;
    account.take(folder)
}
