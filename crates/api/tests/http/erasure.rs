//! Erasing a person: what the API answers about them and to them from then on.

use std::sync::Arc;
use std::time::Duration;

use daybook_accounts::erasure::Erasures;
use daybook_commands::CommandBus;
use daybook_domain::{StreamId, UserId};
use daybook_log::{Codec, Secrets};
use serde_json::{Value, json};
use sqlx::query_scalar;
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;

use crate::shop::{Customer, PASSWORD, Reply, Shop};
use crate::usage::{event, send};

async fn erase(shop: &Shop, id: &str, token: &str) -> Reply {
    shop.delete(&format!("users/{id}")).token(token).await
}

async fn sign_in(shop: &Shop, customer: &Customer) -> Reply {
    let body = json!({"email": customer.email, "password": PASSWORD});
    shop.post("users/login").json(&body).await
}

fn registration(email: &str) -> Value {
    json!({"email": email, "password": PASSWORD, "firstName": "Ann", "lastName": "Lee"})
}

#[tokio::test]
async fn whoever_is_erased_can_do_nothing_more_and_is_nobody_to_others() {
    let shop = Shop::open().await;
    let (ann, admin) = (shop.customer().await, shop.admin());
    let tokens = sign_in(&shop, &ann).await.json();
    let pot = shop.product("12.50", 5).await;
    let order = json!({"items": [{"productId": pot, "quantity": 1}],
        "shippingAddress": {"name": "Ann Lee", "line1": "1 High Street", "city": "Oxford", "postalCode": "OX1",
                            "country": "GB"}});
    let placed = shop.post("orders").token(&ann.token).json(&order).await;
    assert_eq!(placed.status, 201, "{placed:?}");

    let erased = erase(&shop, &ann.id, &ann.token).await;
    assert_eq!((erased.status.as_u16(), erased.text()), (204, ""));

    let refused = shop.get("orders").token(&ann.token).await;
    assert_eq!(
        (refused.status.as_u16(), refused.code()),
        (401, "invalid-token".into())
    );
    assert_eq!(sign_in(&shop, &ann).await.code(), "invalid-credentials");
    let refresh = json!({"refreshToken": tokens["refreshToken"]});
    let refreshed = shop.post("users/refresh").json(&refresh).await;
    assert_eq!(refreshed.code(), "invalid-refresh-token");

    let account = shop
        .get(&format!("users/{}", ann.id))
        .token(&admin)
        .after(&erased)
        .await
        .json();
    assert_eq!(account["email"], Value::Null);
    assert_eq!(account["firstName"], Value::Null);
    assert_eq!(account["roles"], json!([]));
    assert!(account["erasedAt"].is_string());
    let path = format!("orders/{}", placed.json()["id"].as_str().unwrap());
    let kept = shop.get(&path).token(&admin).after(&erased).await;
    assert_eq!(kept.json()["userId"], ann.id, "the order itself stays");
    let stream = shop
        .get(&format!("audit/streams/{path}").replace("orders/", "order/"))
        .token(&admin)
        .await;
    assert_eq!(stream.status, 200, "{stream:?}");
    assert!(!stream.text().contains("High Street"), "{stream:?}");
    let trail = shop
        .get(&format!("audit/streams/user/{}", ann.id))
        .token(&admin)
        .await;
    assert!(trail.text().contains("user.erased"), "{trail:?}");
    assert!(!trail.text().contains(&ann.email), "{trail:?}");
    let cancelled = shop
        .post(&format!("{path}/cancel"))
        .token(&admin)
        .json(&json!({}))
        .await;
    assert_eq!(cancelled.status, 200, "{cancelled:?}");
    let renamed = shop
        .put(&format!("users/{}", ann.id))
        .token(&admin)
        .json(&json!({"firstName": "Anna"}))
        .await;
    assert_eq!(renamed.status, 404, "{renamed:?}");
}

#[tokio::test]
async fn an_address_is_free_again_and_an_id_never() {
    let shop = Shop::open().await;
    let ann = shop.customer().await;
    assert_eq!(erase(&shop, &ann.id, &ann.token).await.status, 204);
    let again = shop
        .post("users/register")
        .json(&registration(&ann.email))
        .await;
    assert_eq!(again.status, 201, "{again:?}");
    assert_ne!(again.json()["id"], ann.id);
    let signed_in = sign_in(&shop, &ann).await;
    assert_eq!(signed_in.status, 200, "{signed_in:?}");
}

#[tokio::test]
async fn oneself_or_an_admin_erases_whom_they_have_seen_and_once_is_enough() {
    let shop = Shop::open().await;
    let (ann, ben, admin) = (shop.customer().await, shop.customer().await, shop.admin());
    assert_eq!(erase(&shop, &ann.id, &ben.token).await.status, 404);
    let path = format!("users/{}", ann.id);
    assert_eq!(shop.delete(&path).await.status, 401);
    let stale = shop
        .delete(&path)
        .token(&admin)
        .header("if-match", "\"7\"")
        .await;
    assert_eq!(
        (stale.status.as_u16(), stale.code()),
        (412, "version-conflict".into())
    );
    let nobody = format!("users/{}", uuid::Uuid::now_v7());
    let missing = shop.delete(&nobody).token(&admin).await;
    assert_eq!(
        (missing.status.as_u16(), missing.code()),
        (404, "user-not-found".into())
    );

    let first = shop
        .delete(&path)
        .token(&admin)
        .header("if-match", "\"1\"")
        .await;
    assert_eq!(first.status, 204, "{first:?}");
    assert_eq!(erase(&shop, &ann.id, &admin).await.status, 204);
    let events: i64 =
        query_scalar("select count(*) from log.events where event_type = 'user.erased'")
            .fetch_one(&shop.pool)
            .await
            .unwrap();
    assert_eq!(events, 1, "erased twice");
}

#[tokio::test]
async fn an_answer_that_spoke_of_somebody_erased_is_gone() {
    let shop = Shop::open().await;
    let body = registration("ann@example.com");
    let register = || shop.post("users/register").key("once").json(&body);
    let first = register().await;
    assert_eq!(first.status, 201, "{first:?}");
    let id = first.json()["id"].as_str().unwrap().to_owned();
    assert_eq!(erase(&shop, &id, &shop.admin()).await.status, 204);
    let again = register().await;
    assert_eq!(
        (again.status.as_u16(), again.code()),
        (410, "person-erased".into())
    );
    assert!(!again.text().contains("ann@example.com"));
    let other = registration("other@example.com");
    let reused = shop.post("users/register").key("once").json(&other).await;
    assert_eq!(reused.status, 201, "another stranger's key is another key");
}

#[tokio::test]
async fn every_process_forgets() {
    let shop = Shop::open().await;
    let ann = shop.customer().await;
    let id: UserId = ann.id.parse().unwrap();
    let secrets = Arc::new(Secrets::from_master_key(&[7; 32]));
    let codec = Codec::new(shop.pool.clone(), secrets);
    let (elsewhere, _tasks) = CommandBus::start(shop.pool.clone(), codec.clone());
    assert!(codec.key_of(id).await.unwrap().is_some());
    let known = elsewhere.load(StreamId::user(id)).await.unwrap().state;
    assert!(known.as_user().unwrap().email.known().is_some());
    let erasures = Erasures::new(elsewhere.clone());
    let (hearing, stop) = (erasures.clone(), CancellationToken::new());
    let pool = shop.database.server_pool().unwrap();
    let hears = tokio::spawn({
        let stop = stop.clone();
        async move { hearing.run(pool, stop).await }
    });

    assert_eq!(erase(&shop, &ann.id, &ann.token).await.status, 204);
    let heard = async {
        while !erasures.contains(id) {
            sleep(Duration::from_millis(5)).await;
        }
    };
    timeout(Duration::from_secs(30), heard).await.unwrap();
    assert!(
        codec.key_of(id).await.unwrap().is_none(),
        "the key is still in memory"
    );
    let known = elsewhere.load(StreamId::user(id)).await.unwrap().state;
    assert!(known.as_user().unwrap().email.known().is_none());
    stop.cancel();
    hears.await.unwrap();
}

#[tokio::test]
async fn a_server_that_starts_later_knows_whose_tokens_count_no_longer() {
    let shop = Shop::open().await;
    let ann = shop.customer().await;
    assert_eq!(erase(&shop, &ann.id, &ann.token).await.status, 204);
    let secrets = Arc::new(Secrets::from_master_key(&[7; 32]));
    let (elsewhere, _tasks) =
        CommandBus::start(shop.pool.clone(), Codec::new(shop.pool.clone(), secrets));
    let erasures = Erasures::new(elsewhere);
    let stop = CancellationToken::new();
    let knows = async {
        while !erasures.contains(ann.id.parse().unwrap()) {
            sleep(Duration::from_millis(5)).await;
        }
        stop.cancel();
    };
    let pool = shop.database.server_pool().unwrap();
    let both = async { tokio::join!(erasures.run(pool, stop.clone()), knows) };
    timeout(Duration::from_secs(30), both).await.unwrap();
}

#[tokio::test]
async fn usage_events_that_come_late_are_taken_and_not_kept() {
    let shop = Shop::open().await;
    let (ann, ben) = (shop.customer().await, shop.customer().await);
    let of = |who: &Customer| {
        let mut event = event(uuid::Uuid::now_v7(), chrono::Utc::now());
        event["userId"] = json!(who.id);
        event
    };
    send(&shop, &[of(&ann), of(&ben)]).await;
    assert_eq!(erase(&shop, &ann.id, &ann.token).await.status, 204);
    daybook_usage::UsageStore::new(shop.pool.clone())
        .forget(ann.id.parse().unwrap())
        .await
        .unwrap();
    assert_eq!(kept_of(&ann, &shop).await, 0);
    assert_eq!(kept_of(&ben, &shop).await, 1);
    let late = send(&shop, &[of(&ann), of(&ben)]).await;
    assert_eq!(late.json()["accepted"], 2, "nobody is to send it again");
    assert_eq!(kept_of(&ann, &shop).await, 0);
    assert_eq!(kept_of(&ben, &shop).await, 2);
}

async fn kept_of(who: &Customer, shop: &Shop) -> i64 {
    query_scalar("select count(*) from usage.events where user_id = $1::uuid")
        .bind(&who.id)
        .fetch_one(&shop.pool)
        .await
        .unwrap()
}
