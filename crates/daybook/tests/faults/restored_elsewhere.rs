//! A dump that is restored into another cluster, and a database whose settings are another's.

use daybook_private_postgres::{Durability, PrivateServer, PrivateServerConfig, StopMode};
use sqlx::postgres::PgConnectOptions;
use sqlx::{ConnectOptions, Connection, Executor};
use tokio::process::Command;

use crate::evidence;
use crate::process::{self, Server, postgres_program};
use crate::site::{Site, Visitor, serve};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_dump_that_is_restored_into_another_cluster_gets_its_rights_back_by_migrate() {
    let site = Site::new().await;
    let server = site.open("127.0.0.1:0").await;
    Visitor::admin(&server).await.product("12.50", 5).await;
    assert!(server.stop().await.success());
    let dump = site.folder.path().join("shop.dump");
    let mut dumping = Command::new(postgres_program("pg_dump"));
    dumping.args([
        "--format=custom",
        "--dbname",
        &site.database.superuser_url(),
        "--file",
    ]);
    assert!(dumping.arg(&dump).status().await.unwrap().success());

    let folder = process::folder();
    let config = PrivateServerConfig::new(folder.path().join("postgres"))
        .durability(Durability::FastForTests);
    let elsewhere = PrivateServer::start(config).await.unwrap();
    let superuser: PgConnectOptions = elsewhere.url("daybook").parse().unwrap();
    let mut superuser = superuser.connect().await.unwrap();
    let restore = async || {
        let mut restoring = Command::new(postgres_program("pg_restore"));
        restoring.args([
            "--clean",
            "--if-exists",
            "--dbname",
            &elsewhere.url("daybook"),
        ]);
        restoring.arg(&dump).output().await.unwrap()
    };
    let migrate = || {
        let mut command = process::daybook(site.folder.path());
        command
            .arg("migrate")
            .env("DATABASE_URL", elsewhere.server_url())
            .env("DATABASE_MIGRATION_URL", elsewhere.migration_url());
        command
    };
    restore().await;
    let told = process::failure(&mut migrate()).await;
    assert!(told.contains("no role daybook_log"), "{told}");
    assert!(told.contains("create role daybook_log nologin"), "{told}");

    let roles = "create role daybook_log nologin; create role daybook_server nologin;
        grant daybook_log, daybook_server to daybook_migrator with admin option";
    superuser.execute(roles).await.unwrap();
    superuser.close().await.unwrap();
    let restored = restore().await;
    assert!(restored.status.success(), "{restored:?}");
    let migrated = process::run(&mut migrate()).await;
    assert!(migrated.status.success(), "{migrated:?}");
    let mut command = serve(
        site.folder.path(),
        &elsewhere.server_url(),
        &elsewhere.migration_url(),
        "127.0.0.1:0",
    );
    let server = Server::start_command(&mut command).await;
    let mut rebuild = process::daybook(site.folder.path());
    rebuild
        .args(["projections", "rebuild", "--all"])
        .env("DATABASE_URL", elsewhere.server_url())
        .env("DATABASE_MIGRATION_URL", elsewhere.migration_url());
    let rebuilt = process::run(&mut rebuild).await;
    assert!(rebuilt.status.success(), "{rebuilt:?}");
    assert!(server.stop().await.success());
    elsewhere.stop(StopMode::Fast).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn settings_that_a_role_has_change_nothing() {
    let site = Site::new().await;
    let superuser = site.database.superuser_pool().unwrap();
    for setting in [
        "default_transaction_isolation = serializable",
        "quote_all_identifiers = on",
        "synchronous_commit = off",
        "jit = on",
    ] {
        let name = site.database.name();
        let statement = format!("alter role daybook in database \"{name}\" set {setting}");
        superuser.execute(statement.as_str()).await.unwrap();
    }
    let server = site.open("127.0.0.1:0").await;
    let product = Visitor::admin(&server).await.product("12.50", 5).await;
    let customer = Visitor::customer(&server).await;
    assert_eq!(customer.status(customer.order(&product, 1)).await, 201);
    for arguments in [
        &["projections", "rebuild", "--all"][..],
        &["projections", "verify", "--all"],
        &["audit", "verify"],
    ] {
        let ran = process::run(&mut site.daybook(arguments)).await;
        assert!(ran.status.success(), "{arguments:?}: {ran:?}");
    }
    evidence::everything_holds(&superuser).await;
    assert!(server.stop().await.success());
}
