//! `daybook keys`: with other keys everything else stays the same.

use std::fs;
use std::time::Duration;

use reqwest::Client;
use serde_json::{Value, json};
use tokio::time::{sleep, timeout};

use crate::process::{Server, daybook, failure, folder, run};

const ZOE: &str = "zoe@example.com";

/// Registers this address; a repeated call returns the same answer.
async fn register(server: &Server, email: &str) -> Value {
    let body = json!({"email": email, "password": "a long password", "firstName": "Zoe",
                      "lastName": "Lee"});
    let request = Client::new()
        .post(server.url_of("/users/register"))
        .header("idempotency-key", "once")
        .json(&body);
    server.ask(request).await.0
}

async fn stdout(command: &mut tokio::process::Command) -> String {
    let done = run(command).await;
    assert!(done.status.success(), "{done:?}");
    String::from_utf8(done.stdout).unwrap()
}

#[tokio::test]
async fn another_master_key_opens_and_finds_all_that_was_there() {
    let folder = folder();
    let server = Server::start(folder.path()).await;
    let zoe = register(&server, ZOE).await;
    let (admin, before) = server.account("Admin");
    let in_use = failure(daybook(folder.path()).args(["keys", "rotate", "master"])).await;
    assert!(in_use.contains("another process is using"), "{in_use}");
    assert!(server.stop().await.success());
    let file = folder.path().join("data/keys/master.key");
    let old = fs::read_to_string(&file).unwrap();

    let told = stdout(daybook(folder.path()).args(["keys", "rotate", "master"])).await;
    assert!(told.contains("belongs to the new master key"), "{told}");
    let new = fs::read_to_string(&file).unwrap();
    assert_ne!(old, new);
    assert!(!told.contains(new.trim()), "the key is shown");
    let left: Vec<_> = fs::read_dir(folder.path().join("data/keys"))
        .unwrap()
        .filter(|entry| {
            entry
                .as_ref()
                .unwrap()
                .file_name()
                .to_string_lossy()
                .contains("next")
        })
        .collect();
    assert!(left.is_empty(), "{left:?}");

    let server = Server::start(folder.path()).await;
    assert_eq!(
        register(&server, ZOE).await,
        zoe,
        "the record is found and opened"
    );
    server.sign_in(ZOE, "a long password").await;
    let (_, after) = server.account("Admin");
    assert_ne!(
        before, after,
        "a demo's passwords follow from the master key"
    );
    server.sign_in(&admin, &after).await;
    let (customer, password) = server.account("Customer");
    server.sign_in(&customer, &password).await;
    assert!(server.stop().await.success());

    fs::write(&file, old).unwrap();
    let refused = failure(daybook(folder.path()).arg("serve")).await;
    assert!(
        refused.contains("not the one that this database was made with"),
        "{refused}"
    );
}

#[tokio::test]
async fn a_rotation_that_was_killed_before_the_file_was_renamed_is_finished() {
    let folder = folder();
    let server = Server::start(folder.path()).await;
    let zoe = register(&server, ZOE).await;
    assert!(server.stop().await.success());
    let keys = folder.path().join("data/keys");
    let old = fs::read(keys.join("master.key")).unwrap();
    stdout(daybook(folder.path()).args(["keys", "rotate", "master"])).await;
    // As after a crash between the commit and the renaming.
    fs::rename(keys.join("master.key"), keys.join("master.key.next")).unwrap();
    fs::write(keys.join("master.key"), old).unwrap();

    let told = stdout(daybook(folder.path()).args(["keys", "rotate", "master"])).await;
    assert!(told.contains("already"), "{told}");
    let server = Server::start(folder.path()).await;
    assert_eq!(register(&server, ZOE).await, zoe);
    assert!(server.stop().await.success());
}

#[tokio::test]
async fn where_the_master_key_is_given_so_is_the_next_one() {
    let folder = folder();
    let (old, new) = (
        "dwHS/TTJRUjTi/SW0O/3vMAYqKUVlX7RFHa8KIzJUcI=",
        "Ge0qlOLkl8zbg7SOGN+0xaCRcms0GGuKnmdJcTRt/A0=",
    );
    let with = |key: &str| {
        let mut command = daybook(folder.path());
        command
            .env("DAYBOOK_MASTER_KEY", key)
            .env("DAYBOOK_DEMO", "off");
        command
    };
    let server = Server::start_command(with(old).arg("serve")).await;
    let zoe = register(&server, ZOE).await;
    assert!(server.stop().await.success());
    let missing = failure(with(old).args(["keys", "rotate", "master"])).await;
    assert!(missing.contains("DAYBOOK_NEW_MASTER_KEY"), "{missing}");
    let told = stdout(
        with(old)
            .args(["keys", "rotate", "master"])
            .env("DAYBOOK_NEW_MASTER_KEY", new),
    )
    .await;
    assert!(
        told.contains("Set DAYBOOK_MASTER_KEY") && !told.contains(new),
        "{told}"
    );
    let server = Server::start_command(with(new).arg("serve")).await;
    assert_eq!(register(&server, ZOE).await, zoe);
    assert!(server.stop().await.success());
}

#[tokio::test]
async fn another_checkpoint_key_is_trusted_beside_the_one_before() {
    let folder = folder();
    let shown = || async {
        let text = stdout(daybook(folder.path()).args(["keys", "show", "--json"])).await;
        let keys: Value = serde_json::from_str(&text).unwrap();
        keys["checkpoint"]["trusted"].as_array().unwrap().clone()
    };
    assert!(shown().await.is_empty(), "looking makes no key");
    let server =
        Server::start_command(daybook(folder.path()).args(["serve", "--demo", "off"])).await;
    register(&server, ZOE).await;
    assert!(server.stop().await.success());
    let before = shown().await;
    assert_eq!(before.len(), 1);

    let told = stdout(daybook(folder.path()).args(["keys", "rotate", "checkpoint"])).await;
    let after = shown().await;
    assert_eq!(after[1..], before);
    assert!(told.contains(after[0].as_str().unwrap()), "{told}");
    let file = folder.path().join("data/keys/checkpoint.key");
    assert_eq!(fs::read_to_string(&file).unwrap().lines().count(), 2);

    // Once a checkpoint has the signatures of both keys, the older key is deleted.
    let server =
        Server::start_command(daybook(folder.path()).args(["serve", "--demo", "off"])).await;
    register(&server, "ann@example.com").await;
    let retired = async {
        while fs::read_to_string(&file).unwrap().lines().count() > 1 {
            sleep(Duration::from_millis(20)).await;
        }
    };
    timeout(Duration::from_secs(60), retired).await.unwrap();
    assert!(server.stop().await.success());
    assert_eq!(shown().await, after);
    let verified = run(daybook(folder.path()).args(["audit", "verify"])).await;
    assert_eq!(verified.status.code(), Some(0), "{verified:?}");
}
