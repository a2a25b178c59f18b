//! `pgbench`, inserting the same single rows into a plain table: PostgreSQL with nothing in front of it.

use std::fs;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use anyhow::Context;
use sqlx::{Connection, Executor, PgConnection};
use tokio::process::Command;

use crate::load::WARM_UP;
use crate::postgres::Postgres;
use crate::row;

/// The columns of Daybook's log and its primary key, without its other constraints.
const TABLE: &str = "
create table events (
    aggregate_type text        not null,
    aggregate_id   text        not null,
    sequence       bigint      not null,
    event_type     text        not null,
    event_version  text        not null,
    payload        json        not null,
    metadata       json        not null,
    position       bigint      not null generated always as identity,
    event_id       uuid        not null,
    occurred_at    timestamptz not null,
    recorded_at    timestamptz not null,
    primary key (aggregate_type, aggregate_id, sequence)
)";

/// The values that a program would send are parameters; pgbench has no UUIDs, so the server makes them.
const SCRIPT: &str = "\
insert into events (
    aggregate_type, aggregate_id, sequence, event_type, event_version, payload, metadata,
    event_id, occurred_at, recorded_at)
values (
    :aggregate_type, gen_random_uuid()::text, 1, :event_type, :event_version, :payload, :metadata,
    gen_random_uuid(), now(), now());
";

/// As many as pgbench needs to keep a small machine's PostgreSQL busy.
const THREADS: usize = 2;
/// Fewer than the PostgreSQL of a small and busy machine accepts.
const CONNECTIONS_A_SECOND: usize = 100;

/// Inserted rows a second, each in a transaction of its own.
pub(crate) async fn appends(
    postgres: &Postgres,
    folder: &Path,
    clients: usize,
    duration: Duration,
) -> anyhow::Result<f64> {
    postgres.fresh_database().await?;
    let mut owner = PgConnection::connect(&postgres.owner_url()).await?;
    owner.execute(TABLE).await?;
    owner.close().await?;
    let script = folder.join("insert.sql");
    fs::write(&script, SCRIPT).with_context(|| format!("could not write {}", script.display()))?;
    run(postgres, &script, clients, duration).await
}

async fn run(
    postgres: &Postgres,
    script: &Path,
    clients: usize,
    duration: Duration,
) -> anyhow::Result<f64> {
    let event = row::event();
    let metadata = serde_json::to_string(&row::metadata())?;
    // pgbench's time limit includes the time to connect.
    let connecting = Duration::from_secs(clients.div_ceil(CONNECTIONS_A_SECOND) as u64);
    let time = connecting + WARM_UP + duration;
    let output = Command::new(postgres.program("pgbench").await?)
        .arg("--no-vacuum")
        .arg("--protocol=prepared")
        .arg(format!("--client={clients}"))
        .arg(format!("--jobs={}", THREADS.min(clients)))
        .arg(format!("--time={}", time.as_secs()))
        .arg("--progress=1")
        .arg(format!(
            "--define=aggregate_type={}",
            event.aggregate_type()
        ))
        .arg(format!("--define=event_type={}", event.event_type()))
        .arg(format!("--define=event_version={}", event.event_version()))
        .arg(format!("--define=payload={}", event.to_json()?))
        .arg(format!("--define=metadata={metadata}"))
        .arg("--file")
        .arg(script)
        .arg(postgres.owner_url())
        .stdin(Stdio::null())
        .kill_on_drop(true)
        .output()
        .await
        .context("could not run pgbench")?;
    let said = String::from_utf8_lossy(&output.stderr);
    anyhow::ensure!(output.status.success(), "pgbench failed: {said}");
    mean_after_warm_up(&said, duration)
        .with_context(|| format!("pgbench did not run long enough: {said}"))
}

/// The mean of the seconds after the warm-up. `said` has a line for each second since all clients were connected:
/// `progress: 3.0 s, 8971.2 tps, lat 7.134 ms stddev 2.5, 0 failed`.
fn mean_after_warm_up(said: &str, duration: Duration) -> Option<f64> {
    let counted = usize::try_from(duration.as_secs()).ok()?;
    let figures: Vec<f64> = said
        .lines()
        .filter_map(|line| line.strip_prefix("progress: ")?.split(", ").nth(1))
        .filter_map(|figure| figure.strip_suffix(" tps")?.parse().ok())
        .skip(usize::try_from(WARM_UP.as_secs()).ok()?)
        .take(counted)
        .collect();
    (figures.len() == counted).then(|| figures.iter().sum::<f64>() / counted as f64)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SAID: &str = "\
pgbench (15.18)
progress: 1.0 s, 4000.0 tps, lat 7.134 ms stddev 2.500, 0 failed
progress: 2.0 s, 8000.5 tps, lat 7.134 ms stddev 2.500, 0 failed
progress: 3.0 s, 9000.5 tps, lat 7.134 ms stddev 2.500
progress: 4.0 s, 1.0 tps, lat 7.134 ms stddev 2.500
";

    #[test]
    fn takes_the_mean_of_the_seconds_after_the_warm_up() {
        let mean = mean_after_warm_up(SAID, Duration::from_secs(2));
        assert_eq!(mean, Some(8_500.5));
    }

    #[test]
    fn too_few_seconds_are_no_figure() {
        assert_eq!(mean_after_warm_up(SAID, Duration::from_secs(4)), None);
        assert_eq!(
            mean_after_warm_up("pgbench (15.18)\n", Duration::from_secs(1)),
            None
        );
    }
}
