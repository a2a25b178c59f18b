//! A server is started, used, stopped, and found again.

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::Path;

use crate::support::{config, execute, folder, is_root, runner, runs_on, text};
use daybook_private_postgres::{PrivateServer, PrivateServerError, StopMode};
use rustix::process::{Pid, getpgid};

#[tokio::test]
async fn serves_its_roles_and_keeps_its_data() {
    let folder = folder();
    let server = PrivateServer::start(config(folder.path())).await.unwrap();
    let who = "select current_user || ' in ' || current_database()";
    assert_eq!(text(&server.server_url(), who).await, "daybook in daybook");
    assert_eq!(
        text(&server.migration_url(), who).await,
        "daybook_migrator in daybook"
    );
    assert_eq!(
        text(&server.superuser_url(), who).await,
        "postgres in postgres"
    );
    assert_eq!(
        text(&server.url("daybook"), who).await,
        "postgres in daybook"
    );
    let created = "create table notes (note text); insert into notes values ('kept')";
    execute(&server.migration_url(), created).await.unwrap();
    server.stop(StopMode::Fast).await;
    assert!(!runs_on(folder.path()));

    let server = PrivateServer::start(config(folder.path())).await.unwrap();
    assert_eq!(
        text(&server.migration_url(), "select note from notes").await,
        "kept"
    );
    server.stop(StopMode::Immediate).await;
    assert!(!runs_on(folder.path()));
}

#[tokio::test]
async fn the_server_role_may_do_nothing_of_its_own() {
    let folder = folder();
    let server = PrivateServer::start(config(folder.path())).await.unwrap();
    execute(&server.migration_url(), "create table notes (note text)")
        .await
        .unwrap();
    for statement in [
        "create table public.mine ()",
        "create schema mine",
        "create temporary table mine ()",
        "create database mine",
        "create role mine",
        "select * from notes",
    ] {
        let refusal = execute(&server.server_url(), statement).await.unwrap_err();
        let code = refusal.as_database_error().unwrap().code();
        assert_eq!(code.as_deref(), Some("42501"), "{statement}: {refusal}");
    }
}

#[tokio::test]
async fn is_durable_private_and_predictable() {
    let folder = folder();
    let server = PrivateServer::start(config(folder.path())).await.unwrap();
    for (setting, expected) in [
        ("fsync", "on"),
        ("full_page_writes", "on"),
        ("synchronous_commit", "on"),
        ("data_checksums", "on"),
        ("jit", "off"),
        ("listen_addresses", ""),
        ("server_encoding", "UTF8"),
        ("TimeZone", "UTC"),
        ("max_connections", "20"),
    ] {
        let query = format!("select current_setting('{setting}')");
        assert_eq!(
            text(&server.superuser_url(), &query).await,
            expected,
            "{setting}"
        );
    }
    let order = "select string_agg(word, ' ' order by word) from (values ('b'), ('B'), ('é'), ('a')) as words (word)";
    assert_eq!(text(&server.superuser_url(), order).await, "B a b é");
    let sockets = text(
        &server.superuser_url(),
        "select trim('\"' from current_setting('unix_socket_directories'))",
    )
    .await;
    let found = fs::metadata(sockets).unwrap();
    assert_eq!(found.permissions().mode() & 0o777, 0o700);
    assert_ne!(found.uid(), 0, "the server must not be root");
}

#[tokio::test]
async fn a_setting_of_the_callers_wins() {
    let folder = folder();
    let config = config(folder.path()).setting("max_connections", "33");
    let server = PrivateServer::start(config).await.unwrap();
    let query = "select current_setting('max_connections')";
    assert_eq!(text(&server.superuser_url(), query).await, "33");
}

#[tokio::test]
async fn dropping_it_stops_it() {
    let folder = folder();
    let server = PrivateServer::start(config(folder.path())).await.unwrap();
    assert!(runs_on(folder.path()));
    drop(server);
    assert!(!runs_on(folder.path()));
}

#[tokio::test]
async fn it_is_not_in_the_group_that_ctrl_c_goes_to() {
    let folder = folder();
    let server = PrivateServer::start(config(folder.path())).await.unwrap();
    let pid = Pid::from_raw(server.pid());
    assert_eq!(getpgid(pid).unwrap(), pid.unwrap());
}

#[tokio::test]
async fn creates_databases_and_copies_them() {
    let folder = folder();
    let server = PrivateServer::start(config(folder.path())).await.unwrap();
    server.create_database("origin", None).await.unwrap();
    let origin = server.url_as("daybook_migrator", "origin");
    execute(
        &origin,
        "create table notes (note text); insert into notes values ('copied')",
    )
    .await
    .unwrap();
    server
        .create_database("a copy", Some("origin"))
        .await
        .unwrap();
    let copy = server.url_as("daybook_migrator", "a copy");
    assert_eq!(text(&copy, "select note from notes").await, "copied");
    execute(&server.url_as("daybook", "a copy"), "select 1")
        .await
        .unwrap();
}

#[tokio::test]
async fn one_owner_at_a_time() {
    let folder = folder();
    let server = PrivateServer::start(config(folder.path())).await.unwrap();
    let refused = PrivateServer::start(config(folder.path()))
        .await
        .unwrap_err();
    assert!(
        matches!(refused, PrivateServerError::InUse { .. }),
        "{refused}"
    );
    // The first is not affected by it.
    execute(&server.server_url(), "select 1").await.unwrap();
}

#[tokio::test]
async fn a_path_too_long_for_a_socket_gets_a_short_one() {
    let folder = folder();
    let long = folder.path().join("a-long-name".repeat(12));
    let server = PrivateServer::start(config(&long)).await.unwrap();
    let url = server.server_url();
    execute(&url, "select 1").await.unwrap();
    let query = "select trim('\"' from current_setting('unix_socket_directories'))";
    let sockets = text(&server.superuser_url(), query).await;
    assert!(!sockets.contains("a-long-name"), "{sockets}");
    assert_eq!(
        fs::metadata(&sockets).unwrap().permissions().mode() & 0o777,
        0o700
    );
    server.stop(StopMode::Fast).await;
    assert!(!Path::new(&sockets).exists(), "left behind: {sockets}");

    let again = PrivateServer::start(config(&long)).await.unwrap();
    assert_eq!(again.server_url(), url);
    execute(&url, "select 1").await.unwrap();
}

#[tokio::test]
async fn below_a_folder_that_its_user_cannot_pass() {
    let folder = folder();
    let closed = folder.path().join("closed");
    fs::create_dir(&closed).unwrap();
    fs::set_permissions(&closed, fs::Permissions::from_mode(0o700)).unwrap();
    let data = closed.join("data");
    let server = PrivateServer::start(config(&data)).await.unwrap();
    execute(&server.migration_url(), "create table notes ()")
        .await
        .unwrap();
    let query = "select current_setting('data_directory')";
    let cluster = text(&server.superuser_url(), query).await;
    server.stop(StopMode::Fast).await;
    // Only root runs the server as another user.
    assert_eq!(Path::new(&cluster).starts_with(folder.path()), !is_root());

    let again = PrivateServer::start(config(&data)).await.unwrap();
    execute(&again.migration_url(), "select from notes")
        .await
        .unwrap();
    again.stop(StopMode::Fast).await;
    let elsewhere = Path::new(&cluster).parent().unwrap();
    fs::remove_dir_all(elsewhere).unwrap();
    // Only if nothing else is kept there.
    let _ = fs::remove_dir(elsewhere.parent().unwrap());
}

#[tokio::test]
async fn what_an_interrupted_start_left_is_no_hindrance() {
    let folder = folder();
    let unfinished = folder.path().join("cluster.unfinished");
    fs::create_dir(&unfinished).unwrap();
    fs::write(unfinished.join("PG_VERSION"), "15").unwrap();
    let server = PrivateServer::start(config(folder.path())).await.unwrap();
    execute(&server.server_url(), "select 1").await.unwrap();
}

#[tokio::test]
async fn says_why_the_server_would_not_start() {
    let folder = folder();
    let config = config(folder.path()).setting("shared_buffers", "plenty");
    let refused = PrivateServer::start(config).await.unwrap_err();
    assert!(
        matches!(refused, PrivateServerError::StoppedWhileStarting { .. }),
        "{refused:?}"
    );
    assert!(refused.to_string().contains("shared_buffers"), "{refused}");
}

#[tokio::test]
async fn data_of_another_version_is_refused() {
    let folder = folder();
    let cluster = folder.path().join("cluster");
    fs::create_dir(&cluster).unwrap();
    fs::write(cluster.join("PG_VERSION"), "9\n").unwrap();
    let refused = PrivateServer::start(config(folder.path()))
        .await
        .unwrap_err();
    assert!(
        matches!(refused, PrivateServerError::OtherVersion { wanted: 9, .. }),
        "{refused:?}"
    );
}

#[test]
fn says_how_to_mend_it_when_there_is_no_postgres() {
    let output = runner()
        .env("DAYBOOK_PG_BINDIR", "/nonexistent")
        .args(["--", "true"])
        .output()
        .unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(125), "{said}");
    assert_eq!(said.lines().count(), 1, "{said}");
    assert!(said.contains("apt-get install postgresql"), "{said}");
    assert!(said.contains("DATABASE_URL"), "{said}");
    assert!(said.contains("/nonexistent"), "{said}");
}
