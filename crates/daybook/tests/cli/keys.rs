//! The keys of access tokens change while servers run. Instead of waiting a minute or an hour, the tests change the
//! names of the files, which tell when a key signs.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use chrono::{TimeDelta, Utc};
use reqwest::Client;
use serde_json::Value;
use tokio::process::Command;
use tokio::time::{sleep, timeout};

use crate::process::place::{ADMIN, Place};
use crate::process::{Server, daybook, folder, run};

async fn stdout(command: &mut Command) -> String {
    let done = run(command).await;
    assert!(done.status.success(), "{done:?}");
    String::from_utf8(done.stdout).unwrap()
}

/// The keys that `daybook keys show` lists, in the order in which they sign.
async fn shown(folder: &Path) -> Vec<String> {
    let text = stdout(daybook(folder).args(["keys", "show", "--json"])).await;
    let keys: Value = serde_json::from_str(&text).unwrap();
    let keys = keys["accessToken"].as_array().unwrap();
    let kid = |key: &Value| key["kid"].as_str().unwrap().to_owned();
    keys.iter().map(kid).collect()
}

async fn published(server: &Server) -> Vec<String> {
    let url = format!("http://{}/.well-known/jwks.json", server.authority());
    let keys: Value = reqwest::get(url).await.unwrap().json().await.unwrap();
    let keys = keys["keys"].as_array().unwrap();
    let kid = |key: &Value| key["kid"].as_str().unwrap().to_owned();
    keys.iter().map(kid).collect()
}

async fn sign_in(server: &Server) -> String {
    server.sign_in(ADMIN.0, ADMIN.1).await
}

/// The key that a token was signed with.
fn kid(token: &str) -> String {
    let header = BASE64_URL_SAFE_NO_PAD.decode(token.split('.').next().unwrap());
    let header: Value = serde_json::from_slice(&header.unwrap()).unwrap();
    header["kid"].as_str().unwrap().to_owned()
}

async fn opens(server: &Server, token: &str) -> bool {
    let asked = Client::new()
        .get(server.url_of("/orders"))
        .bearer_auth(token);
    match asked.send().await.unwrap().status().as_u16() {
        200 => true,
        401 => false,
        other => panic!("{other}"),
    }
}

/// Waits: servers read the folder every few seconds.
async fn until(what: &str, holds: impl AsyncFn() -> bool) {
    let waiting = async {
        while !holds().await {
            sleep(Duration::from_millis(50)).await;
        }
    };
    let waited = timeout(Duration::from_secs(60), waiting).await;
    waited.unwrap_or_else(|_| panic!("never: {what}"));
}

/// The files in the order in which their keys sign.
fn files(folder: &Path) -> Vec<PathBuf> {
    let files = fs::read_dir(folder.join("data/keys/access-tokens")).unwrap();
    let mut files: Vec<PathBuf> = files.map(|file| file.unwrap().path()).collect();
    files.sort();
    files
}

/// Changes the key in `file` to sign from that many seconds ago.
fn redate(file: &Path, seconds_ago: i64) {
    let instant = Utc::now() - TimeDelta::seconds(seconds_ago);
    let name = format!("{}.der", instant.format("%Y%m%dT%H%M%SZ"));
    fs::rename(file, file.with_file_name(name)).unwrap();
}

#[tokio::test]
async fn keys_rotate_under_running_servers_and_nobody_is_signed_out() {
    let folder = folder();
    let place = Place::new(folder.path()).await;
    let servers = [
        Server::start_command(&mut place.daybook(&["serve"])).await,
        Server::start_command(&mut place.daybook(&["serve", "--role", "api"])).await,
    ];
    let [one, other] = &servers;
    let before = sign_in(one).await;
    let rotate = ["keys", "rotate", "access-token"];

    let told = stdout(daybook(folder.path()).args(rotate)).await;
    let keys = shown(folder.path()).await;
    assert_eq!((keys.len(), &keys[0]), (2, &kid(&before)));
    assert!(told.contains(&keys[1]), "{told}");
    let again = stdout(daybook(folder.path()).args(rotate)).await;
    assert!(again.contains("Nothing to do"), "{again}");
    for server in &servers {
        until("both keys are published", async || {
            published(server).await == keys
        })
        .await;
        assert_eq!(kid(&sign_in(server).await), keys[0], "it is not time yet");
    }

    redate(&files(folder.path())[1], 1);
    for server in &servers {
        until("the new key signs", async || {
            kid(&sign_in(server).await) == keys[1]
        })
        .await;
    }
    let after = sign_in(other).await;
    for server in &servers {
        assert!(opens(server, &before).await && opens(server, &after).await);
    }

    let of_both = files(folder.path());
    redate(&of_both[0], 3 * 60 * 60);
    redate(&of_both[1], 2 * 60 * 60);
    for server in &servers {
        until("the old key is trusted no longer", async || {
            !opens(server, &before).await
        })
        .await;
        assert!(opens(server, &after).await);
        assert_eq!(published(server).await, [keys[1].clone()]);
    }
    let told = stdout(daybook(folder.path()).args(rotate)).await;
    assert!(
        told.contains("One that is trusted no longer was removed"),
        "{told}"
    );
    assert_eq!(files(folder.path()).len(), 2);
    for server in servers {
        assert!(server.stop().await.success());
    }
}

#[tokio::test]
async fn a_key_that_leaked_is_replaced_within_seconds() {
    let folder = folder();
    let place = Place::new(folder.path()).await;
    let settings = ["serve", "--access-token-minutes", "60"];
    let server = Server::start_command(&mut place.daybook(&settings)).await;
    let before = sign_in(&server).await;
    // The other key must not have the same second.
    redate(&files(folder.path())[0], 10);
    let told =
        stdout(daybook(folder.path()).args(["keys", "rotate", "access-token", "--at-once"])).await;
    let keys = shown(folder.path()).await;
    assert!(keys.len() == 1 && told.contains(&keys[0]), "{told}");
    until("what the old key signed is refused", async || {
        !opens(&server, &before).await
    })
    .await;
    let after = sign_in(&server).await;
    assert_eq!(kid(&after), keys[0]);
    assert!(opens(&server, &after).await);
    assert!(server.stop().await.success());
}

#[tokio::test]
async fn a_server_goes_on_with_the_keys_that_it_knew_when_they_cannot_be_read() {
    let folder = folder();
    let place = Place::new(folder.path()).await;
    let mut server = Server::start_command(&mut place.daybook(&["serve"])).await;
    let token = sign_in(&server).await;
    fs::write(
        folder.path().join("data/keys/access-tokens/mine.der"),
        "no key",
    )
    .unwrap();
    server.logs("those that were known go on").await;
    assert!(opens(&server, &token).await);
    assert!(opens(&server, &sign_in(&server).await).await);
    assert!(server.stop().await.success());
}
