//! A disk of a few megabytes, which a test fills.
//!
//! It is mounted in a mount namespace of its own, in which the test runs a second time. So it disappears with the last
//! process that uses it, however the test ends. Root makes the namespace with `unshare` directly; other users make it
//! in a user namespace that allows mounting. On a machine that allows neither the test fails.

use std::env;
use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::process;

/// The path of the disk, in the second run.
const MOUNTED: &str = "DAYBOOK_SMALL_DISK";
/// Room for a new cluster, some of its log, and a rebuild.
const MEGABYTES: u32 = 192;

/// `$1` is the folder, then come a user and a group, and the command.
const MOUNT: &str = r#"
mount -t tmpfs -o size="$DAYBOOK_SMALL_DISK_MB"m,mode=755 tmpfs "$1" || exit
uid=$2 gid=$3
shift 3
# PostgreSQL does not run as root, not even as one that only looks like it.
[ "$uid" = 0 ] && exec "$@"
exec unshare --user --map-user="$uid" --map-group="$gid" "$@"
"#;

pub struct SmallDisk {
    folder: PathBuf,
}

impl SmallDisk {
    /// Returns the disk in the run of the test that has one, and `None` once that run has passed. `test` is the test's
    /// whole name.
    pub fn enter(test: &str) -> Option<SmallDisk> {
        if let Some(folder) = env::var_os(MOUNTED) {
            return Some(SmallDisk {
                folder: folder.into(),
            });
        }
        let folder = process::folder();
        let user = rustix::process::geteuid().as_raw();
        let group = rustix::process::getegid().as_raw();
        let mut command = Command::new("unshare");
        if user != 0 {
            command.args(["--user", "--map-root-user"]);
        }
        let output = command
            .args(["--mount", "sh", "-c", MOUNT, "sh"])
            .arg(folder.path())
            .args([user.to_string(), group.to_string()])
            .arg(env::current_exe().unwrap())
            .args(["--exact", test, "--nocapture"])
            .env(MOUNTED, folder.path())
            .env("DAYBOOK_SMALL_DISK_MB", MEGABYTES.to_string())
            .output()
            .expect("unshare (of util-linux) is needed to mount a small disk");
        let told = String::from_utf8_lossy(&output.stdout);
        print!("{told}");
        assert!(
            output.status.success() && told.contains("1 passed"),
            "the test failed on the small disk, or there was none (unshare and mount need root, or user \
             namespaces that may mount): {}\n{told}\n{}",
            output.status,
            String::from_utf8_lossy(&output.stderr)
        );
        None
    }

    pub fn path(&self) -> &Path {
        &self.folder
    }

    /// Uses up all the room that is left.
    pub fn fill(&self) {
        let mut ballast = File::create(self.ballast()).unwrap();
        let mut size = 1 << 20;
        while size > 0 {
            match ballast.write_all(&vec![0; size]) {
                Ok(()) => {}
                Err(error) if error.kind() == io::ErrorKind::StorageFull => size /= 2,
                Err(error) => panic!("{error}"),
            }
        }
    }

    /// Frees the room again.
    pub fn free(&self) {
        fs::remove_file(self.ballast()).unwrap();
    }

    fn ballast(&self) -> PathBuf {
        self.folder.join("ballast")
    }
}
