//! A database that is set back while servers run on it: an older copy of its folder is put back, as after a restore or
//! a failover that lost the last commits. Nobody restarts a server.

mod shop;
mod standby;

use daybook_private_postgres::StopMode;
use reqwest::Method;
use serde_json::Value;

use crate::evidence::{self, eventually, head};
use crate::process;
use crate::process::proxy::Proxy;
use crate::site::Visitor;
use shop::{Shop, insist};
use standby::Standby;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn servers_end_on_a_database_that_lacks_what_was_exported_and_start_only_once_that_is_accepted()
 {
    let mut shop = Shop::new().await;
    let (one, other) = (shop.open(&[]).await, shop.open(&[]).await);
    let admin = Visitor::admin(&one).await;
    let product = admin.product("12.50", 100).await;
    let customer = Visitor::customer(&one).await;
    shop.everything_is_exported().await;
    let old = shop.exported();
    shop.keep_a_copy().await;
    for n in 0..12 {
        let (status, _) = insist(&customer, &product, 1, &format!("order-{n}")).await;
        assert_eq!(status, 201);
    }
    shop.everything_is_exported().await;
    let new = shop.exported();

    shop.put_the_copy_back().await;
    // Both would like to go on: the second one never wrote what is gone.
    for server in [one, other] {
        assert_eq!(server.ended().await.code(), Some(1));
    }
    let told = process::failure(&mut shop.command(&["serve"])).await;
    assert!(
        told.contains(&format!("it has {old} events")) && told.contains(&format!("covers {new}:")),
        "{told}"
    );
    assert_eq!(shop.exported(), new, "the proof of what is gone stays");
    let found = process::run(&mut shop.command(&["audit", "verify", "--json"])).await;
    assert_eq!(found.status.code(), Some(1), "{found:?}");
    let found: Value = serde_json::from_slice(&found.stdout).unwrap();
    let finding = &found["findings"][0];
    assert_eq!(finding["kind"], "rolled-back", "{found}");
    assert_eq!(
        (&finding["position"], &finding["through"]),
        (&Value::from(old + 1), &Value::from(new)),
        "{found}"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_lost_history_told_is_neither_sold_nor_answered_again() {
    let mut shop = Shop::new().await;
    // Nothing is exported, so only memory can tell what is gone.
    let roles = ["api", "projector"];
    let (one, other) = (shop.open(&roles).await, shop.open(&roles).await);
    let admin = Visitor::admin(&one).await;
    let product = admin.product("12.50", 5).await;
    let customer = Visitor::customer(&one).await;
    let elsewhere = customer.at(&other);
    for (visitor, key) in [(&customer, "first"), (&elsewhere, "second")] {
        assert_eq!(insist(visitor, &product, 1, key).await.0, 201);
    }
    shop.keep_a_copy().await;
    // Acknowledged by the first, seen by the second, and lost.
    let path = format!("/products/{product}/stock");
    let more = serde_json::json!({"change": 10});
    let received = admin.request(Method::PUT, &path).json(&more);
    eventually("more units are there", async || {
        let again = received
            .try_clone()
            .unwrap()
            .header("idempotency-key", "more");
        admin.status(again).await == 200
    })
    .await;
    assert_eq!(insist(&elsewhere, &product, 1, "seen").await.0, 201);
    let (status, lost) = insist(&customer, &product, 9, "lost").await;
    assert_eq!(status, 201);

    shop.put_the_copy_back().await;
    // The first has acknowledged what is not there any more, and says so.
    assert_eq!(one.ended().await.code(), Some(1));
    // The second had acknowledged an order, too.
    assert_eq!(other.ended().await.code(), Some(1));
    let third = shop.open(&roles).await;
    let customer = customer.at(&third);
    let (status, told) = insist(&customer, &product, 9, "lost").await;
    assert_eq!(
        (status, &told["code"]),
        (409, &Value::from("out-of-stock")),
        "{told}"
    );
    let (status, order) = insist(&customer, &product, 3, "new").await;
    assert_eq!(status, 201, "{order}");
    assert_ne!(order["id"], lost["id"]);
    evidence::everything_holds(&shop.pool().await).await;
    assert!(third.stop().await.success());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_acknowledged_nothing_of_what_is_lost_goes_on_with_what_is_there() {
    let mut shop = Shop::new().await;
    let roles = ["api", "projector"];
    let (one, other) = (shop.open(&roles).await, shop.open(&roles).await);
    let admin = Visitor::admin(&one).await;
    let product = admin.product("12.50", 5).await;
    let customer = Visitor::customer(&one).await;
    let elsewhere = customer.at(&other);
    assert_eq!(insist(&elsewhere, &product, 1, "before").await.0, 201);
    shop.keep_a_copy().await;
    assert_eq!(insist(&customer, &product, 4, "lost").await.0, 201);
    // The second server now has in memory that nothing is left.
    assert_eq!(insist(&elsewhere, &product, 1, "too late").await.0, 409);

    shop.put_the_copy_back().await;
    assert_eq!(one.ended().await.code(), Some(1));
    let (status, order) = insist(&elsewhere, &product, 4, "after").await;
    assert_eq!(status, 201, "the four units are there again: {order}");
    let (status, _) = insist(&elsewhere, &product, 1, "none left").await;
    assert_eq!(status, 409);
    let pool = shop.pool().await;
    let position = head(&pool).await;
    assert_eq!(elsewhere.stock(&product, position).await, 0);
    evidence::everything_holds(&pool).await;
    assert!(other.stop().await.success());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_is_appended_while_a_crash_would_lose_it() {
    let mut shop = Shop::new().await;
    let server = shop.open(&[]).await;
    let product = Visitor::admin(&server).await.product("12.50", 5).await;
    let customer = Visitor::customer(&server).await;
    let before = head(&shop.pool().await).await;
    shop.offline(&[("full_page_writes", "off")], async |_| {})
        .await;
    let ready = server.url.replace("/api/v1", "/readyz");
    eventually("the server says that it is not ready", async || {
        let answer = reqwest::get(&ready).await.unwrap();
        answer.status() == 503
            && answer
                .text()
                .await
                .unwrap()
                .contains("would lose in a crash")
    })
    .await;
    let order = customer.order(&product, 1).header("idempotency-key", "o");
    assert_eq!(customer.status(order).await, 503);
    assert_eq!(head(&shop.pool().await).await, before);
    shop.offline(&[], async |_| {}).await;
    assert_eq!(insist(&customer, &product, 1, "o").await.0, 201);
    eventually("the server is ready again", async || {
        reqwest::get(&ready).await.unwrap().status() == 200
    })
    .await;
    evidence::everything_holds(&shop.pool().await).await;
    assert!(server.stop().await.success());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_asynchronous_standby_that_lacks_the_last_commits_is_not_taken_for_the_shop() {
    let mut shop = Shop::new().await;
    let proxy = Proxy::to(&shop.server_url).await;
    shop.server_url = proxy.url(&shop.server_url);
    shop.migration_url = proxy.url(&shop.migration_url);
    let (one, other) = (shop.open(&[]).await, shop.open(&[]).await);
    let product = Visitor::admin(&one).await.product("12.50", 100).await;
    let customer = Visitor::customer(&one).await;
    shop.everything_is_exported().await;
    let old = shop.exported();
    let mut standby = Standby::of(&shop).await;
    standby.follows(&shop).await;
    for arguments in [
        &["audit", "trail", "product", &product][..],
        &["audit", "verify"],
        &["projections", "status"],
    ] {
        let mut command = shop.command(arguments);
        let ran = process::run(command.env("DATABASE_URL", standby.server_url())).await;
        assert!(ran.status.success(), "{arguments:?}: {ran:?}");
    }
    standby.stop().await;
    for n in 0..5 {
        let (status, _) = insist(&customer, &product, 1, &format!("order-{n}")).await;
        assert_eq!(status, 201);
    }
    shop.everything_is_exported().await;
    let new = shop.exported();

    shop.postgres
        .take()
        .unwrap()
        .stop(StopMode::Immediate)
        .await;
    standby.start().await;
    standby.promote().await;
    proxy.lead_to(&standby.folder.join(".s.PGSQL.5432"));
    for server in [one, other] {
        assert_eq!(server.ended().await.code(), Some(1));
    }
    let told = process::failure(&mut shop.command(&["serve"])).await;
    assert!(
        told.contains(&format!("it has {old} events")) && told.contains(&format!("covers {new}:")),
        "{told}"
    );
    let accept = [
        "audit",
        "accept-restored",
        "--reason",
        "the primary is lost",
    ];
    let accepted = process::run(&mut shop.command(&accept)).await;
    assert!(accepted.status.success(), "{accepted:?}");
    let server = shop.open(&[]).await;
    let (status, _) = insist(&customer.at(&server), &product, 1, "order-0").await;
    assert_eq!(status, 201, "what was lost is ordered anew");
    assert!(server.stop().await.success());
    standby.stop().await;
}
