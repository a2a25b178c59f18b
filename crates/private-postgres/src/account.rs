//! The system user that the server runs as: PostgreSQL refuses to be root.

use std::ffi::OsStr;
use std::os::unix::fs::{MetadataExt, chown};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command, Stdio};
use std::{env, fs, io};

use crate::error::PrivateServerError;

/// The user that the packages of Linux distributions create.
const USUAL_USER: &str = "postgres";

#[derive(Clone, Debug)]
pub(crate) struct Account {
    name: String,
    uid: u32,
    gid: u32,
    /// Whether this is another user than our own; only root can start programs as another user.
    is_other: bool,
}

impl Account {
    /// Our own user; as root, the owner of an existing cluster or else the user `postgres`.
    pub(crate) fn for_cluster(cluster: &Path) -> Result<Self, PrivateServerError> {
        let own = rustix::process::geteuid().as_raw();
        let owner = fs::metadata(cluster)
            .ok()
            .map(|found| (found.uid(), found.gid()));
        match (own, owner) {
            (0, Some((uid, gid))) if uid != 0 => Ok(Self {
                name: format!("uid {uid}"),
                uid,
                gid,
                is_other: true,
            }),
            (0, _) => Self::named(USUAL_USER),
            (own, Some((owner, _))) if owner != own => Err(PrivateServerError::ForeignFolder {
                folder: cluster.to_owned(),
                owner,
            }),
            (own, _) => Ok(Self {
                name: format!("uid {own}"),
                uid: own,
                gid: rustix::process::getegid().as_raw(),
                is_other: false,
            }),
        }
    }

    fn named(name: &str) -> Result<Self, PrivateServerError> {
        let number = |flag: &str| {
            let output = Command::new("id").args([flag, name]).output().ok()?;
            String::from_utf8(output.stdout).ok()?.trim().parse().ok()
        };
        match (number("-u"), number("-g")) {
            (Some(uid), Some(gid)) => Ok(Self {
                name: name.to_owned(),
                uid,
                gid,
                is_other: true,
            }),
            _ => Err(PrivateServerError::NoSuchUser {
                user: name.to_owned(),
            }),
        }
    }

    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    pub(crate) fn uid(&self) -> u32 {
        self.uid
    }

    /// Whether the server runs as a different user than we do.
    pub(crate) fn is_other(&self) -> bool {
        self.is_other
    }

    /// A program that runs as this user, without any `PG…` or `LC_…` variable of our environment.
    pub(crate) fn command(&self, program: impl AsRef<OsStr>) -> Command {
        let mut command = Command::new(program);
        command
            .env_clear()
            .env("LANG", "C")
            .env(
                "PATH",
                env::var_os("PATH").unwrap_or_else(|| "/usr/bin:/bin".into()),
            )
            // Our own directory may be one that the other user cannot enter.
            .current_dir("/")
            .stdin(Stdio::null());
        if self.is_other {
            command.uid(self.uid).gid(self.gid);
        }
        command
    }

    /// Whether this user can enter this folder and every folder above it. The system is asked, because
    /// mode bits alone do not show access lists and mounts.
    pub(crate) fn can_reach(&self, folder: &Path) -> bool {
        self.command("test")
            .arg("-x")
            .arg(folder)
            .status()
            .is_ok_and(|status| status.success())
    }

    /// Gives the folder to this user.
    pub(crate) fn take(&self, folder: &Path) -> io::Result<()> {
        if self.is_other {
            chown(folder, Some(self.uid), Some(self.gid))?;
        }
        Ok(())
    }
}
