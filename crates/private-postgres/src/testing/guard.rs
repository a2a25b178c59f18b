//! Cleaning up after a test process that was killed.

use std::io;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};

/// A shell that waits for its input to end (the system closes it when we end), then ends the server and
/// removes its folder. It is in a group of its own, so that Ctrl-C does not end it too.
#[derive(Debug)]
pub(crate) struct Guard {
    shell: Child,
}

/// `$1` is the data folder. The process id in `postmaster.pid` is trusted only if the process has the
/// folder on its command line (or the system has no /proc to check).
const SCRIPT: &str = r#"
cat > /dev/null
pid=$(head -n 1 "$1/cluster/postmaster.pid" 2> /dev/null)
if [ -n "$pid" ] && { [ ! -e /proc/self/cmdline ] || grep -qaF "$1" "/proc/$pid/cmdline"; }; then
  kill -QUIT "$pid"
  patience=500
  while kill -0 "$pid" && [ "$patience" -gt 0 ]; do
    sleep 0.02
    patience=$((patience - 1))
  done
fi
rm -rf -- "$1" || { sleep 1; rm -rf -- "$1"; }
"#;

impl Guard {
    pub(crate) fn watch(folder: &Path) -> io::Result<Self> {
        let shell = Command::new("sh")
            .args(["-c", SCRIPT, "daybook-test-guard"])
            .arg(folder)
            .current_dir("/")
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .process_group(0)
            .spawn()?;
        Ok(Self { shell })
    }

    /// Lets it clean up now, and waits for it to finish.
    pub(crate) fn finish(mut self) -> io::Result<()> {
        // `wait` closes the input first.
        self.shell.wait().map(drop)
    }
}
