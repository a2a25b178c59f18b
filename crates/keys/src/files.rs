//! Reading, creating and replacing files that hold a key.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, ErrorKind, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use secrecy::zeroize::Zeroizing;
use uuid::Uuid;

use super::KeyError;

/// Makes a `KeyError` about this file, for `map_err`.
pub(super) fn failed(path: &Path) -> impl Fn(io::Error) -> KeyError {
    move |source| KeyError::File {
        path: path.to_owned(),
        source,
    }
}

pub(super) fn read(path: &Path) -> Result<Zeroizing<Vec<u8>>, KeyError> {
    fs::read(path).map(Zeroizing::new).map_err(failed(path))
}

pub(super) fn read_if_there(path: &Path) -> Result<Option<Zeroizing<Vec<u8>>>, KeyError> {
    match fs::read(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        read => read
            .map(|content| Some(Zeroizing::new(content)))
            .map_err(failed(path)),
    }
}

pub(super) fn read_or_create(
    path: &Path,
    make: impl FnOnce() -> Result<Vec<u8>, KeyError>,
) -> Result<Zeroizing<Vec<u8>>, KeyError> {
    if let Some(content) = read_if_there(path)? {
        return Ok(content);
    }
    let made = Zeroizing::new(make()?);
    publish(path, &made).map_err(failed(path))?;
    read(path)
}

/// Replaces the file, if there is one, by `content`: completely or not at all.
pub(super) fn replace(path: &Path, content: &[u8]) -> Result<(), KeyError> {
    let replace = || {
        let (folder, draft) = draft_beside(path)?;
        let written = write_private(&draft, content).and_then(|()| fs::rename(&draft, path));
        if written.is_err() {
            let _ = fs::remove_file(&draft);
        }
        written?;
        File::open(folder)?.sync_all()
    };
    replace().map_err(failed(path))
}

/// Renames a file, replacing the file that had that name.
pub(super) fn rename(from: &Path, to: &Path) -> Result<(), KeyError> {
    let rename = || {
        fs::rename(from, to)?;
        File::open(folder_of(to))?.sync_all()
    };
    rename().map_err(failed(to))
}

pub(super) fn remove(path: &Path) -> Result<(), KeyError> {
    let remove = || {
        fs::remove_file(path)?;
        File::open(folder_of(path))?.sync_all()
    };
    remove().map_err(failed(path))
}

/// The files in a folder that have this ending; none if there is no folder.
pub(super) fn in_folder(folder: &Path, ending: &str) -> Result<Vec<PathBuf>, KeyError> {
    let entries = match fs::read_dir(folder) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries.map_err(failed(folder))?,
    };
    let mut paths = Vec::new();
    for entry in entries {
        let path = entry.map_err(failed(folder))?.path();
        if path.extension().is_some_and(|it| it == ending) {
            paths.push(path);
        }
    }
    Ok(paths)
}

/// Keeps other processes from changing the files of a folder until it is dropped.
pub(super) fn lock(folder: &Path) -> Result<File, KeyError> {
    let lock = || {
        make_private_folder(folder)?;
        let folder = File::open(folder)?;
        folder.lock()?;
        Ok(folder)
    };
    lock().map_err(failed(folder))
}

/// Writes under a temporary name, then links the file to its real name. The link fails if another process was faster:
/// then that process's key is used.
fn publish(path: &Path, content: &[u8]) -> io::Result<()> {
    let (folder, draft) = draft_beside(path)?;
    let written = write_private(&draft, content).and_then(|()| match fs::hard_link(&draft, path) {
        Err(error) if error.kind() == ErrorKind::AlreadyExists => Ok(()),
        linked => linked,
    });
    fs::remove_file(&draft)?;
    written?;
    File::open(folder)?.sync_all()
}

fn draft_beside(path: &Path) -> io::Result<(&Path, PathBuf)> {
    let folder = folder_of(path);
    make_private_folder(folder)?;
    Ok((folder, folder.join(format!(".{}", Uuid::now_v7()))))
}

fn folder_of(path: &Path) -> &Path {
    path.parent().unwrap_or(Path::new("."))
}

/// Only the last folder is closed to other users: the one above also holds a private PostgreSQL, which may run as
/// another user.
fn make_private_folder(folder: &Path) -> io::Result<()> {
    if let Some(above) = folder.parent() {
        fs::create_dir_all(above)?;
    }
    match DirBuilder::new().mode(0o700).create(folder) {
        Err(error) if error.kind() == ErrorKind::AlreadyExists => Ok(()),
        made => made,
    }
}

fn write_private(path: &Path, content: &[u8]) -> io::Result<()> {
    let mut file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)?;
    file.write_all(content)?;
    file.sync_all()
}
