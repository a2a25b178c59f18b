//! Finding the server's programs (`initdb`, `postgres`) among what the system has installed.

use std::cmp::Reverse;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::{env, fs};

use crate::error::PrivateServerError;

/// The variable that names the only folder to look in.
const OVERRIDE: &str = "DAYBOOK_PG_BINDIR";
const OLDEST_SUPPORTED: u32 = 14;
/// Where distributions have one folder for each major version.
const VERSIONED: [&str; 2] = ["/usr/lib/postgresql", "/usr/local/pgsql"];

#[derive(Clone, Debug)]
pub(crate) struct Binaries {
    folder: PathBuf,
}

impl Binaries {
    /// The programs of major version `wanted`, or of the first version that is found if none is wanted.
    pub(crate) fn find(wanted: Option<u32>, cluster: &Path) -> Result<Self, PrivateServerError> {
        let found: Vec<(u32, PathBuf)> = candidates()
            .into_iter()
            .filter_map(|folder| Some((major_version(&folder)?, folder)))
            .collect();
        let usable = |version: u32| match wanted {
            Some(wanted) => version == wanted,
            None => version >= OLDEST_SUPPORTED,
        };
        if let Some((_, folder)) = found.iter().find(|(version, _)| usable(*version)) {
            return Ok(Self {
                folder: folder.clone(),
            });
        }
        let versions: Vec<_> = found
            .iter()
            .map(|(version, _)| version.to_string())
            .collect();
        match wanted {
            Some(wanted) if !found.is_empty() => Err(PrivateServerError::OtherVersion {
                folder: cluster.to_owned(),
                wanted,
                found: versions.join(", "),
            }),
            _ => Err(PrivateServerError::NotFound {
                looked: looked(&versions),
            }),
        }
    }

    pub(crate) fn program(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }
}

fn looked(too_old: &[String]) -> String {
    if !too_old.is_empty() {
        return format!(
            "version {} is older than {OLDEST_SUPPORTED}",
            too_old.join(", ")
        );
    }
    match env::var(OVERRIDE) {
        Ok(folder) => format!("looked in {folder}, which {OVERRIDE} names"),
        Err(_) => "asked pg_config, looked in /usr/lib/postgresql and in PATH".to_owned(),
    }
}

/// Every folder to look in, the preferred one first.
fn candidates() -> Vec<PathBuf> {
    if let Some(folder) = env::var_os(OVERRIDE) {
        return vec![folder.into()];
    }
    let mut folders: Vec<PathBuf> = pg_config().into_iter().collect();
    for base in VERSIONED {
        folders.extend(versioned(Path::new(base)));
    }
    folders.extend(env::split_paths(&env::var_os("PATH").unwrap_or_default()));
    folders
}

fn pg_config() -> Option<PathBuf> {
    let output = Command::new("pg_config").arg("--bindir").output().ok()?;
    let folder = String::from_utf8(output.stdout).ok()?;
    (!folder.trim().is_empty()).then(|| folder.trim().into())
}

/// `base/17/bin`, `base/15/bin`: the newest first.
fn versioned(base: &Path) -> Vec<PathBuf> {
    let mut found: Vec<(u32, PathBuf)> = fs::read_dir(base)
        .into_iter()
        .flatten()
        .flatten()
        .filter_map(|entry| {
            let version = entry.file_name().to_str()?.parse().ok()?;
            Some((version, entry.path().join("bin")))
        })
        .collect();
    found.sort_by_key(|(version, _)| Reverse(*version));
    found.into_iter().map(|(_, folder)| folder).collect()
}

/// The major version of the server in this folder; `None` if the folder holds no complete server
/// (`pg_config` alone comes with the client library's headers).
fn major_version(folder: &Path) -> Option<u32> {
    if !folder.join("initdb").is_file() {
        return None;
    }
    let output = Command::new(folder.join("postgres"))
        .arg("--version")
        .output()
        .ok()?;
    parse_version(&String::from_utf8(output.stdout).ok()?)
}

/// `postgres (PostgreSQL) 15.18 (Debian 15.18-0+deb12u1)` is 15, `… 18beta2` is 18.
fn parse_version(answer: &str) -> Option<u32> {
    let number = answer.split_whitespace().nth(2)?;
    let digits = number.find(|c: char| !c.is_ascii_digit());
    number[..digits.unwrap_or(number.len())].parse().ok()
}

#[cfg(test)]
mod tests {
    use super::parse_version;

    #[test]
    fn reads_the_major_version() {
        assert_eq!(
            parse_version("postgres (PostgreSQL) 15.18 (Debian 15.18-0+deb12u1)\n"),
            Some(15)
        );
        assert_eq!(parse_version("postgres (PostgreSQL) 18beta2\n"), Some(18));
        assert_eq!(parse_version("postgres (PostgreSQL)\n"), None);
    }
}
