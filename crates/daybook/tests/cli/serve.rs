//! `daybook serve` as a process with a PostgreSQL of its own: started, stopped, killed, started again.

use std::net::TcpListener;
use std::pin::pin;
use std::time::Duration;

use reqwest::{Client, StatusCode};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::interval;
use uuid::Uuid;

use crate::process::{Server, daybook, failure, folder, run};
use crate::redis_server::RedisServer;

async fn count_products(server: &Server, at_least: Option<String>) -> String {
    let mut request = Client::new().get(server.url_of("/products"));
    if let Some(position) = at_least {
        request = request.header("daybook-min-position", position);
    }
    let answer = request.send().await.unwrap();
    assert_eq!(answer.status(), 200);
    answer.headers()["x-total-count"]
        .to_str()
        .unwrap()
        .to_owned()
}

#[tokio::test]
async fn the_first_start_lays_out_a_shop_and_the_second_keeps_what_was_done_to_it() {
    let folder = folder();
    let server = Server::start(folder.path()).await;
    let (email, password) = server.account("Admin");
    let admin = server.sign_in(&email, &password).await;
    let body = json!({ "name": "A product of ours", "price": 5, "stock": 3 });
    let request = Client::new()
        .post(server.url_of("/products"))
        .bearer_auth(&admin)
        .json(&body);
    let (product, position) = server.ask(request).await;
    assert_eq!(
        count_products(&server, position).await,
        "61",
        "60 of the demo and ours"
    );
    let orders = Client::new()
        .get(server.url_of("/orders"))
        .bearer_auth(&admin)
        .send()
        .await
        .unwrap();
    assert_eq!(orders.headers()["x-total-count"], "50");
    let postmaster = folder.path().join("data/postgres/cluster/postmaster.pid");
    assert!(postmaster.exists());
    assert!(server.stop().await.success(), "SIGTERM ends it in order");
    assert!(
        !postmaster.exists(),
        "its PostgreSQL is stopped in order too"
    );

    let server = Server::start(folder.path()).await;
    assert_eq!(
        server.account("Admin"),
        (email.clone(), password.clone()),
        "the credentials stay"
    );
    server.sign_in(&email, &password).await;
    let path = format!("/products/{}", product["id"].as_str().unwrap());
    let (kept, _) = server.ask(Client::new().get(server.url_of(&path))).await;
    assert_eq!(kept, product);
    assert_eq!(count_products(&server, None).await, "61");
    let (customer, password) = server.account("Customer");
    server.sign_in(&customer, &password).await;
    server.signal(Signal::INT);
    assert!(server.ended().await.success(), "Ctrl-C ends it in order");
}

#[tokio::test]
async fn after_kill_9_it_starts_again_at_once_with_all_that_was_acknowledged() {
    let folder = folder();
    let server = Server::start(folder.path()).await;
    let (customer, password) = server.account("Customer");
    let token = server.sign_in(&customer, &password).await;
    let (products, _) = server
        .ask(Client::new().get(server.url_of("/products?inStock=true")))
        .await;
    let order = json!({ "items": [{ "productId": products[0]["id"], "quantity": 1 }] });
    let request = Client::new()
        .post(server.url_of("/orders"))
        .bearer_auth(&token)
        .json(&order);
    let (order, position) = server.ask(request).await;
    server.kill().await;

    let server = Server::start(folder.path()).await;
    let token = server.sign_in(&customer, &password).await;
    let path = format!("/orders/{}", order["id"].as_str().unwrap());
    let request = Client::new()
        .get(server.url_of(&path))
        .bearer_auth(&token)
        .header("daybook-min-position", position.unwrap());
    let (kept, _) = server.ask(request).await;
    assert_eq!(kept["id"], order["id"]);
    assert_eq!(kept["items"], order["items"]);
    assert!(server.stop().await.success());
}

#[tokio::test]
async fn a_request_that_is_on_its_way_at_sigterm_is_answered() {
    let folder = folder();
    let mut server =
        Server::start_command(daybook(folder.path()).arg("serve").args(["--demo", "off"])).await;
    let body = r#"{"email":"nobody@example.com","password":"wrong but long"}"#;
    let head = format!(
        "POST /api/v1/users/login HTTP/1.1\r\nhost: {}\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n",
        server.authority(),
        body.len()
    );
    let mut connection = TcpStream::connect(server.authority()).await.unwrap();
    connection.write_all(head.as_bytes()).await.unwrap();
    connection.write_all(&body.as_bytes()[..10]).await.unwrap();
    server.signal(Signal::TERM);
    server.logs("stopping").await;
    connection.write_all(&body.as_bytes()[10..]).await.unwrap();
    let mut answer = String::new();
    connection.read_to_string(&mut answer).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 401 "), "{answer}");
    assert!(server.ended().await.success());
}

#[tokio::test]
async fn a_second_signal_ends_it_at_once() {
    let folder = folder();
    let mut server =
        Server::start_command(daybook(folder.path()).arg("serve").args(["--demo", "off"])).await;
    // A request that is never completed keeps the server from stopping.
    let mut connection = TcpStream::connect(server.authority()).await.unwrap();
    let head = "POST /api/v1/users/login HTTP/1.1\r\nhost: x\r\n\
        content-type: application/json\r\ncontent-length: 100\r\n\r\n";
    connection.write_all(head.as_bytes()).await.unwrap();
    server.signal(Signal::TERM);
    server.logs("stopping").await;
    // A second signal within half a second counts as an echo, so signals are sent until one counts.
    let pid = server.pid();
    let mut ended = pin!(server.ended());
    let mut again = interval(Duration::from_millis(100));
    let status = loop {
        tokio::select! {
            biased;
            status = &mut ended => break status,
            // Fails only once the process is gone.
            _ = again.tick() => drop(kill_process(pid, Signal::TERM)),
        }
    };
    assert_eq!(status.code(), Some(130));
}

#[tokio::test]
async fn other_commands_can_be_used_beside_it() {
    let folder = folder();
    let server = Server::start(folder.path()).await;
    let (_, position) = {
        let (email, password) = server.account("Admin");
        let admin = server.sign_in(&email, &password).await;
        let body = json!({ "name": "Made while we look on" });
        server
            .ask(
                Client::new()
                    .post(server.url_of("/categories"))
                    .bearer_auth(&admin)
                    .json(&body),
            )
            .await
    };
    let head: i64 = position.unwrap().parse().unwrap();

    let output = run(daybook(folder.path()).args(["projections", "status", "--json"])).await;
    assert!(output.status.success(), "{output:?}");
    let status: Value = serde_json::from_slice(&output.stdout).unwrap();
    let names: Vec<&str> = status
        .as_array()
        .unwrap()
        .iter()
        .map(|one| one["name"].as_str().unwrap())
        .collect();
    assert_eq!(names, ["catalog", "orders", "users", "analytics", "trail"]);
    for projection in status.as_array().unwrap() {
        assert_eq!(projection["head"], head);
        assert!(projection["worker"].is_string(), "{projection}");
    }
    let table = run(daybook(folder.path()).args(["projections", "status"])).await;
    let table = String::from_utf8(table.stdout).unwrap();
    assert!(table.starts_with("NAME"), "{table}");
    assert_eq!(table.lines().count(), 1 + names.len(), "{table}");

    let seeded = run(daybook(folder.path()).arg("seed")).await;
    assert!(
        String::from_utf8(seeded.stdout)
            .unwrap()
            .contains("there already")
    );
    let told = failure(daybook(folder.path()).arg("serve")).await;
    assert!(told.contains("another process is using"), "{told}");
    assert!(server.stop().await.success());
}

#[tokio::test]
async fn a_port_that_is_taken_is_told_before_anything_is_made() {
    let folder = folder();
    let holder = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = holder.local_addr().unwrap().to_string();
    let told = failure(daybook(folder.path()).args(["serve", "--listen", &address])).await;
    assert_eq!(
        told,
        format!(
            "daybook: {address} is taken by another program: stop that program, or choose another port with \
             --listen or DAYBOOK_LISTEN"
        )
    );
    assert!(!folder.path().join("data").exists());
}

#[tokio::test]
async fn without_a_demo_the_shop_is_empty_and_has_the_admin_that_was_asked_for() {
    let folder = folder();
    let mut command = daybook(folder.path());
    command
        .args(["serve", "--demo", "off"])
        .env("DAYBOOK_ADMIN_EMAIL", "owner@shop.example")
        .env("DAYBOOK_ADMIN_PASSWORD", "a password of ours");
    let server = Server::start_command(&mut command).await;
    assert!(
        !server
            .welcome
            .iter()
            .any(|line| line.contains("a password of ours"))
    );
    let admin = server
        .sign_in("owner@shop.example", "a password of ours")
        .await;
    let users = Client::new()
        .get(server.url_of("/users"))
        .bearer_auth(&admin)
        .send()
        .await
        .unwrap();
    assert_eq!(users.status(), StatusCode::OK);
    assert_eq!(count_products(&server, None).await, "0");
    assert!(server.stop().await.success());
}

#[tokio::test]
async fn a_postgresql_that_dies_is_started_again() {
    let folder = folder();
    let mut server = Server::start(folder.path()).await;
    let (email, password) = server.account("Admin");
    let admin = server.sign_in(&email, &password).await;
    let pid_file = folder.path().join("data/postgres/cluster/postmaster.pid");
    let pid_file = std::fs::read_to_string(pid_file).unwrap();
    let postmaster = pid_file.lines().next().unwrap().parse().unwrap();
    kill_process(Pid::from_raw(postmaster).unwrap(), Signal::QUIT).unwrap();
    server.logs("starting it again").await;

    let body = json!({ "name": "Made after the crash" });
    let request = Client::new()
        .post(server.url_of("/categories"))
        .bearer_auth(&admin)
        .json(&body);
    server.ask(request).await;
    assert!(server.stop().await.success());
}

#[tokio::test]
async fn a_shop_counts_in_the_redis_it_is_given_and_goes_on_without() {
    let folder = folder();
    let mut redis = RedisServer::start();
    let mut command = daybook(folder.path());
    command
        .arg("serve")
        .env("DAYBOOK_DEMO", "off")
        .env("DAYBOOK_TRUSTED_PROXIES", "127.0.0.1")
        .env("REDIS_URL", redis.url());
    let mut server = Server::start_command(&mut command).await;
    server.logs("connected to Redis").await;
    let client = Client::new();
    let guess = |address: &'static str| {
        // Each guess is for another account, so that only the address counts.
        let email = format!("{}@example.com", Uuid::now_v7().simple());
        let body = json!({ "email": email, "password": "a guess" });
        let request = client.post(server.url_of("/users/login"));
        let request = request.header("x-forwarded-for", address).json(&body);
        async move { request.send().await.unwrap().status() }
    };
    // So many that forgetting them takes longer than checking the counter.
    let guesses = (0..10).map(|_| guess("192.0.2.1"));
    let guessed = futures::future::join_all(guesses.chain([guess("192.0.2.2")])).await;
    assert_eq!(guessed, [StatusCode::UNAUTHORIZED; 11]);
    let counts = redis.keys("daybook:*:rate:*");
    assert!((1..=2).contains(&counts.len()), "{counts:?}");
    assert!(!counts.iter().any(|key| key.contains("192")), "{counts:?}");
    redis.kill();
    assert_eq!(guess("192.0.2.1").await, StatusCode::UNAUTHORIZED);
    server.logs("lost Redis").await;
    redis.restart();
    server.logs("connected to Redis").await;
    assert!(server.stop().await.success());
}
