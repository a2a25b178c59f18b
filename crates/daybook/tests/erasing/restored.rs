//! A backup from before an erasure does not bring the person back.

use std::fs;
use std::path::Path;
use std::time::Duration;

use reqwest::{Client, StatusCode};
use serde_json::{Value, json};
use tokio::process::Command;
use tokio::time::{sleep, timeout};

use crate::process::{Server, daybook, folder, run};

async fn copy(from: &Path, to: &Path) {
    let copied = run(Command::new("cp").arg("-a").arg(from).arg(to)).await;
    assert!(copied.status.success(), "{copied:?}");
}

async fn account(server: &Server, id: &str) -> Value {
    let (email, password) = server.account("Admin");
    let admin = server.sign_in(&email, &password).await;
    let request = Client::new()
        .get(server.url_of(&format!("/users/{id}")))
        .bearer_auth(admin);
    server.ask(request).await.0
}

#[tokio::test]
async fn whom_a_backup_brings_back_is_erased_again_before_it_is_served() {
    let folder = folder();
    let (data, backup) = (folder.path().join("data"), folder.path().join("backup"));
    let server = Server::start(folder.path()).await;
    let (email, password) = server.account("Customer");
    let body = json!({"email": email, "password": password});
    assert!(server.stop().await.success());
    copy(&data.join("postgres"), &backup).await;

    let server = Server::start(folder.path()).await;
    let token = server.sign_in(&email, &password).await;
    let (orders, _) = server
        .ask(
            Client::new()
                .get(server.url_of("/orders?limit=1"))
                .bearer_auth(&token),
        )
        .await;
    let id = orders[0]["userId"].as_str().unwrap().to_owned();
    let erased = Client::new()
        .delete(server.url_of(&format!("/users/{id}")))
        .bearer_auth(&token)
        .send()
        .await
        .unwrap();
    assert_eq!(erased.status(), StatusCode::NO_CONTENT);
    let list = data.join(format!("checkpoints/erasures/{id}.json"));
    let exported = async {
        while !list.exists() {
            sleep(Duration::from_millis(20)).await;
        }
    };
    timeout(Duration::from_secs(60), exported).await.unwrap();
    assert!(server.stop().await.success());

    fs::remove_dir_all(data.join("postgres")).unwrap();
    copy(&backup, &data.join("postgres")).await;
    let accept = ["audit", "accept-restored", "--reason", "the disk was lost"];
    let accepted = run(daybook(folder.path()).args(accept)).await;
    assert!(accepted.status.success(), "{accepted:?}");
    let server = Server::start(folder.path()).await;
    let refused = Client::new()
        .post(server.url_of("/users/login"))
        .json(&body)
        .send()
        .await
        .unwrap();
    assert_eq!(refused.status(), StatusCode::UNAUTHORIZED);
    // The read model is updated without further action.
    let known = async {
        while account(&server, &id).await["email"] != Value::Null {
            sleep(Duration::from_millis(20)).await;
        }
    };
    timeout(Duration::from_secs(60), known).await.unwrap();
    assert!(server.stop().await.success());

    let trail = run(daybook(folder.path()).args(["audit", "trail", "user", &id, "--json"])).await;
    let told = String::from_utf8(trail.stdout).unwrap();
    assert!(
        told.contains("user.erased") && told.contains("system:erasure"),
        "{told}"
    );
    let server = Server::start(folder.path()).await;
    assert!(server.stop().await.success());
    let again = run(daybook(folder.path()).args(["audit", "trail", "user", &id, "--json"])).await;
    assert_eq!(
        told.matches("user.erased").count(),
        String::from_utf8(again.stdout)
            .unwrap()
            .matches("user.erased")
            .count(),
        "erased once more at each start"
    );
}
