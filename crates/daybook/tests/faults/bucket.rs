//! Checkpoints in a bucket, which Moto simulates: <https://docs.getmoto.org>.

use std::process::Stdio;

use reqwest::{Client, Method};
use serde_json::Value;
use tokio::process::{Child, Command};

use crate::evidence::{eventually, eventually_some};
use crate::process::{self, Server};
use crate::site::{Site, Visitor, free_address};

/// An S3 server that forgets everything when it ends.
struct Bucket {
    server: Child,
    address: String,
}

impl Bucket {
    async fn open(address: &str) -> Bucket {
        let moto = std::env::var("DAYBOOK_MOTO_SERVER")
            .expect("DAYBOOK_MOTO_SERVER names the program; `make test` installs it and sets it");
        let (host, port) = address.split_once(':').unwrap();
        let server = Command::new(moto)
            .args(["-H", host, "-p", port])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let bucket = Bucket {
            server,
            address: address.to_owned(),
        };
        eventually("the bucket is made", async || {
            let made = bucket.request(Method::PUT, "").await;
            made.is_some()
        })
        .await;
        bucket
    }

    async fn end(mut self) {
        self.server.kill().await.unwrap();
    }

    async fn get(&self, path: &str) -> Option<String> {
        self.request(Method::GET, path).await
    }

    /// The body of a successful answer.
    async fn request(&self, method: Method, path: &str) -> Option<String> {
        let url = format!("http://{}/evidence{path}", self.address);
        let asked = Client::new()
            .request(method, url)
            .header("authorization", AUTHORIZATION);
        let answer = asked.send().await.ok()?.error_for_status().ok()?;
        answer.text().await.ok()
    }
}

/// Moto requires a signature but does not check it.
const AUTHORIZATION: &str = "AWS4-HMAC-SHA256 Credential=test/20261123/us-east-1/s3/aws4_request, \
     SignedHeaders=host, Signature=none";

fn exporting(command: &mut Command, address: &str) {
    command
        .env("DAYBOOK_CHECKPOINTS", "s3://evidence/shop")
        .env("AWS_ENDPOINT", format!("http://{address}"))
        .env("AWS_ALLOW_HTTP", "true")
        .env("AWS_REGION", "us-east-1")
        .env("AWS_ACCESS_KEY_ID", "test")
        .env("AWS_SECRET_ACCESS_KEY", "test");
}

/// The newest checkpoint, once it covers everything that was appended.
async fn newest(visitor: &Visitor, position: i64) -> String {
    eventually_some("all is sealed", async || {
        let asked = visitor.request(Method::GET, "/audit/checkpoint").send();
        let answer: Value = asked.await.unwrap().json().await.unwrap();
        let is_all = answer["size"].as_i64() >= Some(position);
        is_all.then(|| answer["note"].as_str().unwrap().to_owned())
    })
    .await
}

async fn failures(server: &Server) -> f64 {
    let url = format!("http://{}/metrics", server.authority());
    let metrics = reqwest::get(url).await.unwrap().text().await.unwrap();
    let name = "daybook_checkpoint_export_failures_total ";
    let line = metrics.lines().find_map(|line| line.strip_prefix(name));
    line.unwrap().parse().unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn checkpoints_go_to_a_bucket_and_what_was_missed_while_it_was_away_follows() {
    let site = Site::new().await;
    let address = free_address();
    let bucket = Bucket::open(&address).await;
    let mut command = site.command("127.0.0.1:0");
    exporting(&mut command, &address);
    let server = Server::start_command(&mut command).await;
    let admin = Visitor::admin(&server).await;
    admin.product("1.00", 1).await;
    let pool = site.database.superuser_pool().unwrap();
    let head = async || crate::evidence::head(&pool).await;
    let exported = async |bucket: &Bucket, note: &str| {
        eventually("the newest checkpoint is exported", async || {
            bucket.get("/shop/latest").await.as_deref() == Some(note)
        })
        .await;
    };
    exported(&bucket, &newest(&admin, head().await).await).await;

    bucket.end().await;
    assert_eq!(failures(&server).await, 0.0);
    admin.product("2.00", 1).await;
    // Sealing does not wait for the export.
    let note = newest(&admin, head().await).await;
    eventually("an export fails", async || failures(&server).await > 0.0).await;
    let bucket = Bucket::open(&address).await;
    exported(&bucket, &note).await;

    let mut verify = site.daybook(&["audit", "verify"]);
    exporting(&mut verify, &address);
    let verified = process::run(&mut verify).await;
    assert_eq!(verified.status.code(), Some(0), "{verified:?}");
    let told = String::from_utf8(verified.stdout).unwrap();
    assert!(told.contains("s3://evidence/shop"), "{told}");
    assert!(server.stop().await.success());

    bucket.end().await;
    let mut command = site.command("127.0.0.1:0");
    exporting(&mut command, &address);
    let told = process::failure(&mut command).await;
    assert!(told.contains("s3://evidence/shop cannot be used"), "{told}");
    assert!(told.contains("DAYBOOK_CHECKPOINTS"), "{told}");
}
