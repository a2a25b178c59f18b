//! A database that was set back to an older state, and how a server reacts.

use std::fs::File;
use std::path::Path;

use daybook_database::begin;
use daybook_private_postgres::testing::TestDatabase;
use reqwest::Method;
use sqlx::query;
use tokio::process::Command;

use crate::evidence::{eventually, head};
use crate::process;
use crate::site::{Site, Visitor};

/// All tables of the log and its tree, as in a backup.
const TABLES: [&str; 5] = [
    "log.events",
    "audit.tiles",
    "audit.contents",
    "audit.checkpoints",
    "log.claims",
];

/// Creates a product and stops the server, so that everything is sealed and exported.
async fn grow(site: &Site) -> i64 {
    let server = site.open("127.0.0.1:0").await;
    Visitor::admin(&server).await.product("1.00", 1).await;
    assert!(server.stop().await.success());
    head(&site.database.superuser_pool().unwrap()).await
}

async fn backup(database: &TestDatabase) {
    let pool = database.superuser_pool().unwrap();
    for table in TABLES {
        let copy = table.replace('.', "_");
        let statement = format!("create table public.backup_{copy} as select * from {table}");
        query(&statement).execute(&pool).await.unwrap();
    }
}

async fn restore(database: &TestDatabase) {
    let pool = database.superuser_pool().unwrap();
    let mut transaction = begin(&pool).await.unwrap();
    query("set local session_replication_role = replica")
        .execute(&mut *transaction)
        .await
        .unwrap();
    for table in TABLES {
        let columns: String = sqlx::query_scalar(
            "select string_agg(quote_ident(attname), ', ' order by attnum) from pg_attribute
             where attrelid = $1::regclass and attnum > 0 and not attisdropped and attgenerated = ''",
        )
        .bind(table)
        .fetch_one(&mut *transaction)
        .await
        .unwrap();
        let copy = table.replace('.', "_");
        for statement in [
            format!("delete from {table}"),
            format!("insert into {table} ({columns}) select {columns} from public.backup_{copy}"),
        ] {
            query(&statement).execute(&mut *transaction).await.unwrap();
        }
    }
    // The read models come from the same backup.
    query("update projections.checkpoints set position = (select max(position) from log.events)")
        .execute(&mut *transaction)
        .await
        .unwrap();
    transaction.commit().await.unwrap();
}

fn serve(site: &Site) -> Command {
    site.daybook(&["serve", "--role", "sealer"])
}

fn latest(folder: &Path) -> String {
    std::fs::read_to_string(folder.join("data/checkpoints/latest")).unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_older_backup_is_refused_until_somebody_accepts_it() {
    let site = Site::new().await;
    let old = grow(&site).await;
    backup(&site.database).await;
    let new = grow(&site).await;
    restore(&site.database).await;

    let told = process::failure(&mut serve(&site)).await;
    assert!(
        told.contains(&format!("it has {old} events")) && told.contains(&format!("covers {new}:")),
        "{told}"
    );
    assert!(
        told.contains("daybook audit accept-restored --reason"),
        "{told}"
    );
    let found = process::run(&mut site.daybook(&["audit", "verify"])).await;
    assert_eq!(found.status.code(), Some(1), "{found:?}");

    let accept = ["audit", "accept-restored", "--reason", "the disk was lost"];
    let accepted = process::run(&mut site.daybook(&accept)).await;
    assert!(accepted.status.success(), "{accepted:?}");
    let words = String::from_utf8(accepted.stdout).unwrap();
    assert!(words.contains(&format!("after position {old}")), "{words}");
    assert_eq!(
        latest(site.folder.path()).lines().nth(1).unwrap(),
        old.to_string()
    );

    let server = site.open("127.0.0.1:0").await;
    let admin = Visitor::admin(&server).await;
    admin.product("2.00", 1).await;
    let asked = admin.request(Method::GET, &format!("/audit/consistency?from={old}"));
    assert_eq!(admin.status(asked).await, 200);
    assert!(server.stop().await.success());
    let found = process::run(&mut site.daybook(&["audit", "verify"])).await;
    assert_eq!(found.status.code(), Some(0), "{found:?}");
    let again = process::run(&mut site.daybook(&accept)).await;
    let words = String::from_utf8(again.stdout).unwrap();
    assert!(words.contains("nothing to accept"), "{words}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_older_backup_is_refused_also_where_latest_was_made_to_suit_it() {
    let site = Site::new().await;
    let old = grow(&site).await;
    backup(&site.database).await;
    let of_old = latest(site.folder.path());
    let new = grow(&site).await;
    restore(&site.database).await;
    let path = site.folder.path().join("data/checkpoints/latest");
    for of_old in [Some(of_old), None] {
        match of_old {
            Some(note) => std::fs::write(&path, note).unwrap(),
            None => std::fs::remove_file(&path).unwrap(),
        }
        let told = process::failure(&mut serve(&site)).await;
        assert!(told.contains(&format!("covers {new}:")), "{told}");
        let found = process::run(&mut site.daybook(&["audit", "verify"])).await;
        let words = String::from_utf8(found.stdout).unwrap();
        assert_eq!(found.status.code(), Some(1), "{words}");
        assert!(words.contains("it was set back"), "{words}");
    }
    let accept = ["audit", "accept-restored", "--reason", "the disk was lost"];
    let accepted = process::run(&mut site.daybook(&accept)).await;
    let words = String::from_utf8(accepted.stdout).unwrap();
    assert!(words.contains(&format!("after position {old}")), "{words}");
    let server = site.open("127.0.0.1:0").await;
    assert!(server.stop().await.success());
    let found = process::run(&mut site.daybook(&["audit", "verify"])).await;
    assert_eq!(found.status.code(), Some(0), "{found:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_older_backup_that_went_on_is_not_taken_for_the_log() {
    let site = Site::new().await;
    grow(&site).await;
    backup(&site.database).await;
    let new = grow(&site).await;
    restore(&site.database).await;
    // Somebody serves it elsewhere, without the exported checkpoints.
    let elsewhere = site.folder.path().join("elsewhere");
    while head(&site.database.superuser_pool().unwrap()).await < new + 2 {
        let seeded = process::run(
            site.daybook(&["seed"])
                .env("DAYBOOK_CHECKPOINTS", &elsewhere),
        )
        .await;
        assert!(seeded.status.success(), "{seeded:?}");
    }
    let told = process::failure(&mut serve(&site)).await;
    assert!(
        told.contains("the log is not the one that was exported"),
        "{told}"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_backup_that_lacks_nothing_of_what_was_exported_is_gone_on_with() {
    let site = Site::new().await;
    let old = grow(&site).await;
    backup(&site.database).await;
    restore(&site.database).await;
    let new = grow(&site).await;
    assert!(new > old);
    let found = process::run(&mut site.daybook(&["audit", "verify"])).await;
    assert_eq!(found.status.code(), Some(0), "{found:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_sealed_log_without_any_exported_checkpoint_is_warned_of() {
    let site = Site::new().await;
    grow(&site).await;
    let (elsewhere, told) = (
        site.folder.path().join("elsewhere"),
        site.folder.path().join("told"),
    );
    let mut server = serve(&site)
        .env("DAYBOOK_CHECKPOINTS", &elsewhere)
        .env("DAYBOOK_LOG", "warn")
        .stdout(File::create(&told).unwrap())
        .stderr(File::options().append(true).open(&told).unwrap())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    eventually("the server warns", async || {
        let told = std::fs::read_to_string(&told).unwrap();
        told.contains("nobody can tell whether the log was set back")
    })
    .await;
    server.kill().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_checkpoint_that_nobody_trusted_has_signed_stops_the_start() {
    let site = Site::new().await;
    grow(&site).await;
    let path = site.folder.path().join("data/checkpoints/latest");
    let note = latest(site.folder.path());
    let forged = note.replacen(note.lines().nth(1).unwrap(), "1", 1);
    std::fs::write(&path, forged).unwrap();
    let told = process::failure(&mut serve(&site)).await;
    assert!(told.contains("is not to be trusted"), "{told}");
}
