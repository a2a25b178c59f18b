//! pgbench inserting the same rows one by one: what PostgreSQL does when nothing is grouped.

use std::path::Path;
use std::str::FromStr;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use sqlx::postgres::PgConnectOptions;
use sqlx::{ConnectOptions, Connection, Executor};
use tokio::process::Command;

/// The log's columns and its primary key; positions from a sequence, as stores without a lock take
/// them. None of the log's other constraints.
const TABLE: &str = "
    create table events (
        aggregate_type text not null,
        aggregate_id text not null,
        sequence bigint not null,
        event_type text not null,
        event_version text not null,
        payload json not null,
        metadata json not null,
        position bigserial,
        event_id uuid not null,
        occurred_at timestamptz not null,
        recorded_at timestamptz not null default clock_timestamp(),
        primary key (aggregate_type, aggregate_id, sequence)
    )";

const SCRIPT: &str = r#"insert into events (aggregate_type, aggregate_id, sequence, event_type, event_version, payload, metadata, event_id, occurred_at) values ('stock', gen_random_uuid()::text, 1, 'stock.received', '1', '{"type":"stock.received","quantity":1,"reason":null}', '{"actor":"system:bench","correlationId":"0198f3a2-7a54-7cc1-9d5e-1c2f6a7b8c9d"}', gen_random_uuid(), now());
"#;

pub(crate) async fn rate(url: &str, clients: usize, duration: Duration, out: &Path) -> Result<f64> {
    let options = PgConnectOptions::from_str(url)?;
    let mut connection = options.connect().await?;
    connection.execute(TABLE).await?;
    connection.close().await?;
    let script = out.join("pgbench.sql");
    std::fs::write(&script, SCRIPT)?;
    let host = options
        .get_socket()
        .context("the private server listens on a socket")?;
    let output = Command::new(program().await?)
        .arg("--host")
        .arg(host)
        .args([
            "--port",
            &options.get_port().to_string(),
            "--username",
            options.get_username(),
        ])
        .args([
            "--no-vacuum",
            "--protocol",
            "prepared",
            "--jobs",
            &clients.min(2).to_string(),
        ])
        .args([
            "--client",
            &clients.to_string(),
            "--time",
            &duration.as_secs().to_string(),
        ])
        .arg("--file")
        .arg(&script)
        .arg(options.get_database().context("a database was named")?)
        .output()
        .await?;
    let told = String::from_utf8_lossy(&output.stdout);
    let rate = told
        .lines()
        .find_map(|line| line.strip_prefix("tps = ")?.split(' ').next()?.parse().ok());
    match rate {
        Some(rate) if output.status.success() => Ok(rate),
        _ => bail!(
            "pgbench failed: {told}{}",
            String::from_utf8_lossy(&output.stderr)
        ),
    }
}

/// Beside the other binaries of the server's version.
async fn program() -> Result<String> {
    let output = Command::new("pg_config")
        .arg("--bindir")
        .output()
        .await
        .context("pg_config is not there")?;
    Ok(format!(
        "{}/pgbench",
        String::from_utf8(output.stdout)?.trim()
    ))
}
