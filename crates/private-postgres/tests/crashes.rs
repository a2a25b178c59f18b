//! Owners and servers are killed; the next start finds what was committed.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use crate::support::{
    Runner, config, eventually, execute, folder, is_root, kill, runner, runs_on, text,
};
use daybook_private_postgres::{PrivateServer, StopMode};
use sqlx::{Connection, Executor, PgConnection};

const WRITE: &str = "create table notes (note text); insert into notes values ('acknowledged')";
const READ: &str = "select note from notes";

#[tokio::test]
async fn the_server_is_killed_with_sessions_open() {
    let folder = folder();
    let server = PrivateServer::start(config(folder.path())).await.unwrap();
    execute(&server.migration_url(), WRITE).await.unwrap();
    let mut session = PgConnection::connect(&server.migration_url())
        .await
        .unwrap();
    session.execute("begin; lock table notes").await.unwrap();

    kill(server.pid());
    let status = server.exited().await.unwrap();
    assert!(!status.success());
    let url = server.migration_url();
    drop(server);

    let server = PrivateServer::start(config(folder.path())).await.unwrap();
    assert_eq!(server.migration_url(), url);
    assert_eq!(text(&url, READ).await, "acknowledged");
}

#[tokio::test]
async fn the_server_is_killed_and_restarted_by_its_owner() {
    let folder = folder();
    let mut server = PrivateServer::start(config(folder.path())).await.unwrap();
    let url = server.migration_url();
    execute(&url, WRITE).await.unwrap();
    for _ in 0..3 {
        kill(server.pid());
        server.exited().await;
        server.restart().await.unwrap();
        assert_eq!(text(&url, READ).await, "acknowledged");
    }
    // One that still runs is stopped first.
    let before = server.pid();
    server.restart().await.unwrap();
    assert_ne!(server.pid(), before);
    assert_eq!(text(&url, READ).await, "acknowledged");
}

#[tokio::test]
async fn the_owner_is_killed() {
    let folder = folder();
    let data = folder.path().to_str().unwrap();
    let owner = Runner::start(runner(), &["--folder", data]);
    let url = owner.url.clone();
    execute(&url, WRITE).await.unwrap();
    // A session for which a server that stops gently would wait.
    let session = PgConnection::connect(&url).await.unwrap();
    owner.kill();

    let server = PrivateServer::start(config(folder.path())).await.unwrap();
    assert_eq!(text(&server.url("postgres"), READ).await, "acknowledged");
    drop(session);
}

#[tokio::test]
async fn the_server_ends_with_its_killed_owner() {
    let folder = folder();
    let data = folder.path().to_str().unwrap();
    let owner = Runner::start(runner(), &["--folder", data]);
    assert!(runs_on(folder.path()));
    owner.kill();
    eventually("the server has ended", || !runs_on(folder.path()));
}

#[tokio::test]
async fn a_server_that_survived_its_owner_is_stopped() {
    let folder = folder();
    let mut survivor = start_without_owner(folder.path()).await;
    let server = PrivateServer::start(config(folder.path())).await.unwrap();
    // It has not been waited for yet: its id is still in the table of processes.
    assert!(survivor.try_wait().unwrap().is_some());
    assert_eq!(text(&server.migration_url(), READ).await, "acknowledged");
}

#[tokio::test]
async fn a_server_that_was_killed_and_that_nobody_waited_for_is_no_hindrance() {
    let folder = folder();
    let mut zombie = start_without_owner(folder.path()).await;
    zombie.kill().unwrap();
    eventually("the server has ended", || !runs_on(folder.path()));
    assert!(folder.path().join("cluster/postmaster.pid").exists());
    let server = PrivateServer::start(config(folder.path())).await.unwrap();
    assert_eq!(text(&server.migration_url(), READ).await, "acknowledged");
    zombie.wait().unwrap();
}

#[tokio::test]
async fn a_stale_pid_file_that_names_somebody_else_is_no_hindrance() {
    let folder = folder();
    let server = PrivateServer::start(config(folder.path())).await.unwrap();
    execute(&server.migration_url(), WRITE).await.unwrap();
    let pid_file = folder.path().join("cluster/postmaster.pid");
    let stale = fs::read_to_string(&pid_file).unwrap();
    let owner = fs::metadata(&pid_file).unwrap();
    server.stop(StopMode::Fast).await;

    // A process of the server's own user, which PostgreSQL would mistake for the server.
    let mut bystander = as_user(&owner, "sleep").arg("600").spawn().unwrap();
    let (_, rest) = stale.split_once('\n').unwrap();
    fs::write(&pid_file, format!("{}\n{rest}", bystander.id())).unwrap();
    std::os::unix::fs::chown(&pid_file, Some(owner.uid()), Some(owner.gid())).unwrap();

    let server = PrivateServer::start(config(folder.path())).await.unwrap();
    assert_eq!(text(&server.migration_url(), READ).await, "acknowledged");
    assert!(
        bystander.try_wait().unwrap().is_none(),
        "a bystander was killed"
    );
    bystander.kill().unwrap();
    bystander.wait().unwrap();
}

/// A server on the folder, with [`WRITE`] done, in the state in which a dead owner leaves it if the
/// system does not end the children of the dead.
async fn start_without_owner(folder: &Path) -> Child {
    let server = PrivateServer::start(config(folder)).await.unwrap();
    execute(&server.migration_url(), WRITE).await.unwrap();
    let url = server.migration_url();
    let command_line = fs::read(format!("/proc/{}/cmdline", server.pid())).unwrap();
    let arguments: Vec<String> = String::from_utf8(command_line)
        .unwrap()
        .split_terminator('\0')
        .map(str::to_owned)
        .collect();
    server.stop(StopMode::Fast).await;

    let owner = fs::metadata(folder.join("cluster")).unwrap();
    let child = as_user(&owner, &arguments[0])
        .args(&arguments[1..])
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let deadline = std::time::Instant::now() + crate::support::DEADLINE;
    while execute(&url, "select 1").await.is_err() {
        assert!(std::time::Instant::now() < deadline, "it did not start");
        tokio::time::sleep(std::time::Duration::from_millis(5)).await;
    }
    child
}

fn as_user(owner: &fs::Metadata, program: &str) -> Command {
    let mut command = Command::new(program);
    command.current_dir("/");
    if is_root() {
        command.uid(owner.uid()).gid(owner.gid());
    }
    command
}
