//! The data folder:
//!
//! ```text
//! lock           held by the process that owns the server
//! postgres.log   the server's log
//! cluster/       PostgreSQL's own data, 0700, owned by the server's user; or a link to where it is
//! socket/        0700, owned by the server's user; absent if its path would be too long for a socket
//! ```

use std::fs::{self, DirBuilder, File, Permissions, TryLockError};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, PermissionsExt, symlink};
use std::path::{Path, PathBuf};

use tracing::info;

use crate::account::Account;
use crate::error::PrivateServerError;
use crate::settings::PORT;

/// Used if we are root and the data folder lies below one that the server's user cannot enter (`/root`).
const ELSEWHERE: &str = "/var/lib/daybook";
/// The smallest limit of all supported systems (macOS); Linux allows 107.
const LONGEST_SOCKET_PATH: usize = 103;
const LARGEST_LOG: u64 = 16 * 1024 * 1024;

/// An existing data folder, locked for us until this is dropped.
#[derive(Debug)]
pub(crate) struct DataFolder {
    root: PathBuf,
    _lock: File,
}

impl DataFolder {
    pub(crate) fn open(data_dir: &Path) -> Result<(Self, Account), PrivateServerError> {
        let shown = data_dir.display();
        fs::create_dir_all(data_dir)
            .map_err(PrivateServerError::io(format!("create the folder {shown}")))?;
        let root = data_dir
            .canonicalize()
            .map_err(PrivateServerError::io(format!("find the folder {shown}")))?;
        let account = Account::for_cluster(&root.join("cluster"))?;
        let lock = lock(&root)?;
        Ok((Self { root, _lock: lock }, account))
    }

    /// Where the cluster is or will be created: every folder above it exists, and the user can enter it.
    pub(crate) fn cluster(&self, account: &Account) -> Result<PathBuf, PrivateServerError> {
        let here = self.root.join("cluster");
        if let Ok(elsewhere) = fs::read_link(&here) {
            if elsewhere.parent().is_some_and(Path::is_dir) {
                return Ok(elsewhere);
            }
            fs::remove_file(&here).map_err(PrivateServerError::io("remove a dangling link"))?;
        }
        if !account.is_other() || account.can_reach(&self.root) {
            return Ok(here);
        }
        let_pass(&self.root)
            .map_err(PrivateServerError::io("open the data folder to PostgreSQL"))?;
        if account.can_reach(&self.root) {
            return Ok(here);
        }
        if here.exists() {
            return Err(PrivateServerError::Impassable {
                folder: here,
                user: account.name().to_owned(),
            });
        }
        let elsewhere = make_elsewhere().map_err(PrivateServerError::io(format!(
            "make a folder in {ELSEWHERE}"
        )))?;
        if !account.can_reach(&elsewhere) {
            return Err(PrivateServerError::Impassable {
                folder: elsewhere,
                user: account.name().to_owned(),
            });
        }
        let cluster = elsewhere.join("cluster");
        symlink(&cluster, &here).map_err(PrivateServerError::io("link to the cluster"))?;
        info!(
            folder = %cluster.display(),
            "the data folder is out of reach for the user {}: the cluster is kept elsewhere",
            account.name()
        );
        Ok(cluster)
    }

    pub(crate) fn log_path(&self) -> PathBuf {
        self.root.join("postgres.log")
    }

    /// Opens the log for appending; a log that has grown large is renamed first.
    pub(crate) fn open_log(&self) -> Result<File, PrivateServerError> {
        let path = self.log_path();
        let opened = || -> io::Result<File> {
            if fs::metadata(&path).is_ok_and(|found| found.len() > LARGEST_LOG) {
                fs::rename(&path, self.root.join("postgres.log.1"))?;
            }
            File::options()
                .append(true)
                .create(true)
                .mode(0o600)
                .open(&path)
        };
        opened().map_err(PrivateServerError::io(format!("open {}", path.display())))
    }
}

/// A folder for the socket that only the server's user (and root) can enter: beside the cluster, or in a
/// short path if that one is too long for a socket. It is the same one at every start.
pub(crate) fn socket_dir(cluster: &Path, account: &Account) -> Result<PathBuf, PrivateServerError> {
    let beside = cluster.with_file_name("socket");
    if fits(&beside) {
        let what = format!("make the folder {}", beside.display());
        let is_private = make_private(&beside, account).map_err(PrivateServerError::io(what))?;
        return if is_private {
            Ok(beside)
        } else {
            Err(PrivateServerError::ForeignFolder {
                owner: fs::metadata(&beside).map_or(0, |found| found.uid()),
                folder: beside,
            })
        };
    }
    let base = short_base(account);
    let mut hasher = DefaultHasher::new();
    cluster.hash(&mut hasher);
    let name = format!("daybook-{:016x}", hasher.finish());
    // In a folder that everybody can write to, somebody else may have taken the name.
    for suffix in ["", "-1", "-2", "-3"] {
        let folder = base.join(format!("{name}{suffix}"));
        let what = format!("make the folder {}", folder.display());
        if make_private(&folder, account).map_err(PrivateServerError::io(what))? {
            return Ok(folder);
        }
    }
    Err(PrivateServerError::ForeignFolder {
        owner: fs::metadata(base.join(&name)).map_or(0, |found| found.uid()),
        folder: base.join(name),
    })
}

fn fits(folder: &Path) -> bool {
    folder.as_os_str().len() + format!("/.s.PGSQL.{PORT}").len() <= LONGEST_SOCKET_PATH
}

fn short_base(account: &Account) -> PathBuf {
    std::env::var_os("XDG_RUNTIME_DIR")
        .map(PathBuf::from)
        .filter(|base| {
            !account.is_other()
                && fs::metadata(base).is_ok_and(|found| found.uid() == account.uid())
        })
        .filter(|base| fits(&base.join("daybook-0123456789abcdef")))
        .unwrap_or_else(|| "/tmp".into())
}

/// Creates the folder, or takes it if it is a real folder of that user's already; `false` if it is
/// somebody else's.
fn make_private(folder: &Path, account: &Account) -> io::Result<bool> {
    match DirBuilder::new().mode(0o700).create(folder) {
        Ok(()) => account.take(folder)?,
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
            let found = fs::symlink_metadata(folder)?;
            if !found.is_dir() || found.uid() != account.uid() {
                return Ok(false);
            }
        }
        Err(error) => return Err(error),
    }
    fs::set_permissions(folder, Permissions::from_mode(0o700))?;
    Ok(true)
}

fn lock(root: &Path) -> Result<File, PrivateServerError> {
    let path = root.join("lock");
    let file = File::options()
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o600)
        .open(&path)
        .map_err(PrivateServerError::io(format!("open {}", path.display())))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(PrivateServerError::InUse {
            folder: root.to_owned(),
        }),
        Err(TryLockError::Error(source)) => Err(PrivateServerError::Io {
            what: format!("lock {}", path.display()),
            source,
        }),
    }
}

/// Lets other users enter this folder, but not list it.
fn let_pass(folder: &Path) -> io::Result<()> {
    let mode = fs::metadata(folder)?.mode();
    fs::set_permissions(folder, Permissions::from_mode((mode & 0o7777) | 0o011))
}

fn make_elsewhere() -> io::Result<PathBuf> {
    fs::create_dir_all(ELSEWHERE)?;
    let folder = tempfile::Builder::new()
        .prefix("private-postgres-")
        .tempdir_in(ELSEWHERE)?
        .keep();
    let_pass(Path::new(ELSEWHERE))?;
    let_pass(&folder)?;
    Ok(folder)
}
