//! The module for tests guarantees what tests rely on.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::process::Command;
use std::sync::LazyLock;
use std::time::SystemTime;

use crate::support::{
    DEADLINE, Runner, eventually, execute, folder, is_root, runner, runs_on, text,
};
use daybook_private_postgres::testing::{TEST_POSTGRES, TestDatabase, TestServer};
use sqlx::migrate::{Migration, MigrationType, Migrator};
use tokio::task::JoinSet;

static MIGRATOR: LazyLock<Migrator> = LazyLock::new(|| {
    let log = Migration::new(
        1,
        "a log".into(),
        MigrationType::Simple,
        include_str!("migrations/0001_a_log.sql").into(),
        false,
    );
    Migrator {
        migrations: vec![log].into(),
        ..Migrator::DEFAULT
    }
});

#[tokio::test]
async fn each_test_has_a_migrated_database_of_its_own() {
    let one = TestDatabase::create(&MIGRATOR).await.unwrap();
    let other = TestDatabase::create(&MIGRATOR).await.unwrap();
    execute(
        &one.migration_url(),
        "insert into log.events values (1, 'mine')",
    )
    .await
    .unwrap();
    let count = "select count(*)::text from log.events";
    assert_eq!(text(&one.server_url(), count).await, "1");
    assert_eq!(text(&other.server_url(), count).await, "0");
}

#[tokio::test]
async fn the_roles_are_those_of_production() {
    let database = TestDatabase::create(&MIGRATOR).await.unwrap();
    let pool = database.server_pool().unwrap();
    let user: String = sqlx::query_scalar("select current_user::text")
        .fetch_one(&pool)
        .await
        .unwrap();
    assert_eq!(user, "daybook");
    let refusal = sqlx::query("insert into log.events values (1, 'forged')")
        .execute(&pool)
        .await
        .unwrap_err();
    assert_eq!(
        refusal.as_database_error().unwrap().code().as_deref(),
        Some("42501")
    );

    let pool = database.migration_pool().unwrap();
    let owner = "select tableowner::text from pg_tables where schemaname = 'log'";
    let owner: String = sqlx::query_scalar(owner).fetch_one(&pool).await.unwrap();
    assert_eq!(owner, "daybook_migrator");

    let pool = database.superuser_pool().unwrap();
    let is_superuser = "select rolsuper from pg_roles where rolname = current_user";
    assert!(
        sqlx::query_scalar::<_, bool>(is_superuser)
            .fetch_one(&pool)
            .await
            .unwrap()
    );
}

#[tokio::test]
async fn an_empty_one_can_be_migrated() {
    let database = TestDatabase::empty().await.unwrap();
    let pool = database.migration_pool().unwrap();
    MIGRATOR.run(&pool).await.unwrap();
    daybook_database::grant_server_role(&pool, "daybook")
        .await
        .unwrap();
    text(
        &database.server_url(),
        "select count(*)::text from log.events",
    )
    .await;
}

#[tokio::test]
async fn many_at_once_migrate_once() {
    // A role belongs to the whole server: creating it a second time would fail.
    let millis = SystemTime::UNIX_EPOCH.elapsed().unwrap().as_millis();
    let role = format!("once_{millis}");
    let sql = format!("create role {role} nologin");
    let migration = Migration::new(1, "once".into(), MigrationType::Simple, sql.into(), false);
    let migrator: &'static Migrator = Box::leak(Box::new(Migrator {
        migrations: Cow::Owned(vec![migration]),
        ..Migrator::DEFAULT
    }));
    let mut tasks = JoinSet::new();
    for _ in 0..8 {
        tasks.spawn(TestDatabase::create(migrator));
    }
    let applied = "select count(*)::text from _sqlx_migrations";
    let mut names = BTreeSet::new();
    for made in tasks.join_all().await {
        let made = made.unwrap();
        assert_eq!(text(&made.migration_url(), applied).await, "1");
        names.insert(made.name().to_owned());
    }
    assert_eq!(names.len(), 8);
    let url = TestServer::shared().await.unwrap().superuser_url();
    execute(&url, &format!("drop role {role}")).await.unwrap();
}

#[tokio::test]
async fn it_is_dropped_with_sessions_open() {
    let database = TestDatabase::create(&MIGRATOR).await.unwrap();
    let pool = database.server_pool().unwrap();
    let _session = pool.acquire().await.unwrap();
    let url = TestServer::shared().await.unwrap().superuser_url();
    let query = format!(
        "select count(*)::text from pg_database where datname = '{}'",
        database.name()
    );
    assert_eq!(text(&url, &query).await, "1");
    drop(database);
    let gone = async {
        while text(&url, &query).await != "0" {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(DEADLINE, gone).await.unwrap();
}

#[tokio::test]
async fn the_runner_serves_its_command_and_passes_its_status_on() {
    let run = Runner::start(runner(), &[]);
    assert_eq!(
        text(&run.url, "select current_user::text").await,
        "postgres"
    );
    let folder = run.data_folder().await;
    assert!(runs_on(&folder));
    assert_eq!(run.finish(7).code(), Some(7));
    assert!(!runs_on(&folder));
    assert!(!folder.exists());
}

#[tokio::test]
async fn a_killed_runner_leaves_nothing_behind() {
    let run = Runner::start(runner(), &[]);
    let folder = run.data_folder().await;
    assert!(folder.exists());
    run.kill();
    eventually("the server has ended", || !runs_on(&folder));
    eventually("its folder is removed", || !folder.exists());
}

#[tokio::test]
async fn an_ordinary_user_can_run_it() {
    // Nobody may be able to read the folder in which it was built.
    let folder = folder();
    fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755)).unwrap();
    let copy = folder.path().join("runner");
    fs::copy(runner().get_program(), &copy).unwrap();
    let mut program = Command::new(&copy);
    program
        .current_dir("/")
        .env_remove(TEST_POSTGRES)
        .env("TMPDIR", "/tmp");
    if is_root() {
        program.uid(65534).gid(65534);
    }
    let run = Runner::start(program, &[]);
    let data = run.data_folder().await;
    let owner = std::os::unix::fs::MetadataExt::uid(&fs::metadata(&data).unwrap());
    assert_ne!(owner, 0);
    assert_eq!(run.finish(0).code(), Some(0));
    assert!(!data.exists());
}
