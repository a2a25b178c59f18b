//! Watching the status and the progress.

use std::process::Stdio;
use std::time::Duration;

use reqwest::Response;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use sqlx::postgres::PgConnectOptions;
use sqlx::{Connection, Executor, PgConnection};
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::time::timeout;

use super::site::Site;
use crate::process::place::Place;
use crate::process::{folder, run};

const LONG: Duration = Duration::from_secs(60);

/// Reads a stream of events up to one that contains `text`.
async fn until(response: &mut Response, text: &str) -> String {
    let mut read = String::new();
    let reading = async {
        while !read.contains(text) {
            let chunk = response.chunk().await.unwrap().expect("the stream goes on");
            read.push_str(std::str::from_utf8(&chunk).unwrap());
        }
    };
    timeout(LONG, reading).await.expect("it is told");
    read
}

#[tokio::test]
async fn the_status_is_watched_until_ctrl_c() {
    let folder = folder();
    let site = Site::open(folder.path()).await;
    let mut command = site
        .place
        .daybook(&["projections", "status", "--watch=0.1", "--json"]);
    let mut watching = command.stdout(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(watching.stdout.take().unwrap()).lines();
    for _ in 0..3 {
        let line = timeout(LONG, lines.next_line())
            .await
            .unwrap()
            .unwrap()
            .unwrap();
        let status: Value = serde_json::from_str(&line).unwrap();
        assert_eq!(status[0]["name"], "catalog");
    }
    let pid = Pid::from_raw(i32::try_from(watching.id().unwrap()).unwrap()).unwrap();
    kill_process(pid, Signal::INT).unwrap();
    assert!(watching.wait().await.unwrap().success());
    assert!(site.server.stop().await.success());
}

#[tokio::test]
async fn watching_goes_on_when_the_database_was_away() {
    let folder = folder();
    let place = Place::new(folder.path()).await;
    let mut command = place.daybook(&["projections", "status", "--watch=0.1", "--json"]);
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut watching = command.spawn().unwrap();
    let mut shown = BufReader::new(watching.stdout.take().unwrap()).lines();
    let mut told = BufReader::new(watching.stderr.take().unwrap()).lines();
    let first = timeout(LONG, shown.next_line()).await.unwrap().unwrap();
    assert!(first.is_some(), "it is shown while the database is there");

    let elsewhere: PgConnectOptions = place.database.superuser_url().parse().unwrap();
    let elsewhere = elsewhere.database("postgres");
    let mut superuser = PgConnection::connect_with(&elsewhere).await.unwrap();
    let name = place.database.name();
    let shut = format!("alter database \"{name}\" with allow_connections false");
    superuser.execute(&*shut).await.unwrap();
    let end = "select pg_terminate_backend(pid) from pg_stat_activity
         where datname = $1 and usename = 'daybook'";
    sqlx::query(end)
        .bind(name)
        .execute(&mut superuser)
        .await
        .unwrap();
    let failure = async {
        loop {
            let line = told.next_line().await.unwrap();
            // sqlx logs that the connection broke.
            if line.expect("the failure is told").starts_with("daybook: ") {
                return;
            }
        }
    };
    timeout(LONG, failure).await.expect("the failure is told");
    let open = format!("alter database \"{name}\" with allow_connections true");
    superuser.execute(&*open).await.unwrap();

    let paused = run(&mut place.daybook(&["projections", "pause", "catalog"])).await;
    assert!(paused.status.success(), "{paused:?}");
    let again = async {
        loop {
            let line = shown.next_line().await.unwrap().expect("it goes on");
            let status: Value = serde_json::from_str(&line).unwrap();
            if status[0]["state"] == "paused" {
                return;
            }
        }
    };
    timeout(LONG, again).await.expect("it looks again");
    let pid = Pid::from_raw(i32::try_from(watching.id().unwrap()).unwrap()).unwrap();
    kill_process(pid, Signal::INT).unwrap();
    assert!(watching.wait().await.unwrap().success());
}

#[tokio::test]
async fn progress_is_streamed_until_it_is_done_or_the_server_stops() {
    let folder = folder();
    let mut site = Site::open(folder.path()).await;
    // The database says that another process is building.
    let pool = site.place.pool();
    let mut builder = pool.acquire().await.unwrap();
    let build = |name: &str| {
        format!(
            "insert into projections.builds
             select '{name}_build', '{name}', 'rebuild', 1, 5, 10, 'building', 100, 'elsewhere', now(), now(),
                 pid, backend_start
             from pg_stat_activity where pid = pg_backend_pid()"
        )
    };
    for name in ["catalog", "orders"] {
        sqlx::query(&build(name))
            .execute(&mut *builder)
            .await
            .unwrap();
    }
    let mut watched = site.watch("catalog").await;
    assert_eq!(watched.headers()["content-type"], "text/event-stream");
    let first = until(&mut watched, "\n\n").await;
    assert!(
        first.starts_with("event: status\ndata: {\"name\":\"catalog\""),
        "{first}"
    );
    assert!(
        first.contains("\"state\":\"rebuilding\"") && first.contains("\"progress\":0.5"),
        "{first}"
    );
    let further = "update projections.builds set position = 8";
    sqlx::query(further).execute(&mut *builder).await.unwrap();
    until(&mut watched, "\"progress\":0.8").await;
    let end = "delete from projections.builds where name = 'catalog'";
    sqlx::query(end).execute(&mut *builder).await.unwrap();
    let last = until(&mut watched, "event: done").await;
    assert!(last.contains("\"build\":null"), "{last}");
    let rest = async { while watched.chunk().await.unwrap().is_some() {} };
    timeout(LONG, rest).await.expect("the stream ends");

    let mut watched = site.watch("orders").await;
    until(&mut watched, "rebuilding").await;
    site.server.signal(Signal::TERM);
    site.server.logs("answered every accepted request").await;
    assert!(site.server.ended().await.success());
    drop(builder);
}
