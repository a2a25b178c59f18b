//! How much memory a rebuild takes in a process of its own.

use std::ffi::OsString;
use std::process::Stdio;
use std::time::Duration;

use tokio::fs;
use tokio::process::Command;
use tokio::time::sleep;

use crate::BenchError;

/// Runs this program with `arguments` and `environment`; returns the most memory that it used at any time, in MiB.
/// Linux only, as it is read from /proc.
pub(super) async fn peak_mib(
    arguments: &[&str],
    environment: &[(&str, OsString)],
) -> Result<f64, BenchError> {
    let failed = |error: std::io::Error| BenchError::new(format!("a rebuild did not run: {error}"));
    let program = std::env::current_exe().map_err(failed)?;
    let mut child = Command::new(program)
        .args(arguments)
        .envs(environment.iter().cloned())
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .kill_on_drop(true)
        .spawn()
        .map_err(failed)?;
    let status_file = format!("/proc/{}/status", child.id().unwrap_or_default());
    let mut peak = 0.0_f64;
    loop {
        if let Some(held) = fs::read_to_string(&status_file)
            .await
            .ok()
            .as_deref()
            .and_then(high_water_mark)
        {
            peak = peak.max(held);
        }
        match child.try_wait().map_err(failed)? {
            None => sleep(Duration::from_millis(20)).await,
            Some(status) if status.success() => return Ok(peak),
            Some(status) => return Err(BenchError::new(format!("a rebuild ended with {status}"))),
        }
    }
}

fn high_water_mark(status: &str) -> Option<f64> {
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmHWM:"))?;
    let kib: f64 = line.trim().strip_suffix(" kB")?.parse().ok()?;
    Some(kib / 1024.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_high_water_mark_is_in_the_status() {
        let status = "Name:\tdaybook\nVmHWM:\t    2048 kB\nVmRSS:\t    1024 kB\n";
        assert_eq!(high_water_mark(status), Some(2.0));
        assert_eq!(high_water_mark("Name:\tdaybook\n"), None);
    }
}
