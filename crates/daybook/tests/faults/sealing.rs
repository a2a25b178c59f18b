//! A sealer that is killed during its work: what it sealed before remains valid, and the next one continues from there.

use std::path::Path;

use daybook_audit::{SignedCheckpoint, VerifierKey};
use reqwest::Method;
use serde_json::{Value, json};
use sqlx::{query, query_scalar};

use crate::evidence::{eventually, head};
use crate::load::Load;
use crate::process::{self, Server};
use crate::site::{Site, Visitor, free_address};

const KILLS: usize = 4;

/// How many events the newest checkpoint covers.
async fn sealed(visitor: &Visitor) -> i64 {
    let asked = visitor.request(Method::GET, "/audit/checkpoint");
    let answer: Value = asked.send().await.unwrap().json().await.unwrap();
    answer["size"].as_i64().unwrap_or_default()
}

/// The result of `daybook audit verify`.
async fn verified(site: &Site) -> Value {
    let told = process::run(&mut site.daybook(&["audit", "verify", "--json"])).await;
    let errors = String::from_utf8_lossy(&told.stderr);
    let found = String::from_utf8_lossy(&told.stdout);
    assert_eq!(told.status.code(), Some(0), "{found} {errors}");
    serde_json::from_slice(&told.stdout).unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_log_stays_whole_and_is_sealed_to_its_end_over_deaths_of_the_sealer() {
    let site = Site::new().await;
    let listen = free_address();
    let mut server: Server = site.open(&listen).await;
    let admin = Visitor::admin(&server).await;
    let product = admin.product("12.50", 1_000_000).await;
    let load = Load::start(&Visitor::customer(&server).await, &product);
    let mut before = 0;
    for _ in 0..KILLS {
        load.acknowledged(50).await;
        eventually("the log is sealed further", async || {
            sealed(&admin).await > before
        })
        .await;
        before = sealed(&admin).await;
        server.kill().await;
        assert_eq!(verified(&site).await["whole"], true);
        server = site.open(&listen).await;
    }
    load.acknowledged(50).await;
    load.end().await;
    let head = head(&site.database.superuser_pool().unwrap()).await;
    eventually("all is sealed", async || sealed(&admin).await == head).await;
    let found = verified(&site).await;
    assert_eq!(
        (&found["sealed"], &found["unsealed"]),
        (&head.into(), &0.into())
    );
    assert!(server.stop().await.success());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_appended_last_is_sealed_and_exported_before_the_server_ends() {
    let site = Site::new().await;
    let server = site.open("127.0.0.1:0").await;
    Visitor::admin(&server).await.product("1.00", 1).await;
    assert!(server.stop().await.success());
    let head = head(&site.database.superuser_pool().unwrap()).await;
    let latest = site.folder.path().join("data/checkpoints/latest");
    let note = std::fs::read_to_string(latest).unwrap();
    assert_eq!(note.lines().nth(1).unwrap(), head.to_string());
    assert_eq!(verified(&site).await["unsealed"], 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_new_key_is_vouched_for_by_the_one_before_which_is_then_let_go_of() {
    let site = Site::new().await;
    let keys = site.folder.path().join("data/keys");
    let read = |path: &Path| std::fs::read_to_string(path).unwrap();
    let server = site.open("127.0.0.1:0").await;
    assert!(server.stop().await.success());
    let before = read(&keys.join("checkpoint.pub"));
    let rotate = ["keys", "rotate", "checkpoint"];
    let rotated = process::run(process::daybook(site.folder.path()).args(rotate)).await;
    assert!(rotated.status.success(), "{rotated:?}");

    let server = site.open("127.0.0.1:0").await;
    let admin = Visitor::admin(&server).await;
    let kept = read(&site.folder.path().join("data/checkpoints/latest"));
    assert_eq!(signatures(&kept), 1);
    admin.product("1.00", 1).await;
    eventually("the older key is let go of", async || {
        read(&keys.join("checkpoint.key")).lines().count() == 1
    })
    .await;
    admin.product("2.00", 1).await;
    assert!(server.stop().await.success());
    let note = read(&site.folder.path().join("data/checkpoints/latest"));
    assert_eq!(signatures(&note), 1, "{note}");
    let public = read(&keys.join("checkpoint.pub"));
    assert!(
        public.ends_with(&before) && public.lines().count() == 2,
        "{public}"
    );
    assert_eq!(verified(&site).await["whole"], true);

    // A user who trusts only the first key learns of the other key from the checkpoint that has both signatures.
    let pool = site.database.superuser_pool().unwrap();
    let notes: Vec<String> = query_scalar("select note from audit.checkpoints order by size")
        .fetch_all(&pool)
        .await
        .unwrap();
    let first: VerifierKey = before.trim().parse().unwrap();
    let by_both = notes.iter().find(|note| signatures(note) == 2).unwrap();
    SignedCheckpoint::open(by_both, &[first]).unwrap();

    // Without that checkpoint, the other key may be anybody's: this proves neither that the log was tampered with nor
    // that it was not.
    let verify = ["audit", "verify", "--json", "--pubkey", before.trim()];
    let undecided = process::run(&mut site.daybook(&verify)).await;
    assert_eq!(undecided.status.code(), Some(2), "{undecided:?}");
    let told: Value = serde_json::from_slice(&undecided.stdout).unwrap();
    let key = SignedCheckpoint::parse(&note)
        .unwrap()
        .signed_as()
        .remove(0);
    assert_eq!(
        (&told["whole"], &told["unknownKey"]),
        (&json!(false), &json!(key))
    );
    let line = String::from_utf8(undecided.stderr).unwrap();
    assert!(line.contains(&format!("(yet): {key}: ")), "{line}");
    // Events after those that the trusted key has signed do not excuse changes to earlier ones.
    let mut harm = pool.acquire().await.unwrap();
    query("set session_replication_role = replica")
        .execute(&mut *harm)
        .await
        .unwrap();
    query("update log.events set payload = '{}' where position = 1")
        .execute(&mut *harm)
        .await
        .unwrap();
    let tampered = process::run(&mut site.daybook(&verify)).await;
    assert_eq!(tampered.status.code(), Some(1), "{tampered:?}");
}

fn signatures(note: &str) -> usize {
    note.lines().filter(|line| line.starts_with("— ")).count()
}
