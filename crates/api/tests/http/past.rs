//! `?asOf=`, and what changed between two moments.

use std::collections::BTreeMap;

use chrono::{DateTime, TimeDelta, Utc};
use serde_json::{Value, json};
use sqlx::Executor;
use uuid::Uuid;

use crate::shop::{Reply, Shop};

/// The answers about one resource over time, each with the position at which it became current.
type Course = Vec<(i64, Value)>;

fn told(reply: &Reply) -> (i64, Value) {
    assert!(reply.status.is_success(), "{reply:?}");
    (reply.position(), reply.json())
}

/// A reply's position is that of its last event: creating an order or a product ends with reserving or receiving units.
async fn as_of(shop: &Shop, path: &str, moment: impl ToString) -> Reply {
    let path = format!("{path}?asOf={}", moment.to_string());
    shop.get(&path).token(&shop.admin()).await
}

async fn must_have_been(shop: &Shop, path: &str, course: &Course) {
    for (position, answer) in course {
        let was = as_of(shop, path, position).await;
        assert_eq!(was.status, 200, "{was:?}");
        assert_eq!(&was.json(), answer, "{path} as of {position}");
        assert!(was.headers.get("etag").is_none());
    }
}

#[tokio::test]
async fn what_was_is_what_was_answered_then() {
    let shop = Shop::open().await;
    let (ann, admin) = (shop.customer().await, shop.admin());
    let body = json!({"name": "Teapot", "price": 12.50, "stock": 5, "sku": "T-1"});
    let made = shop.post("products").token(&admin).json(&body).await;
    let pot = made.json()["id"].as_str().unwrap().to_owned();
    let path = format!("products/{pot}");
    let put = |path: &str, body: Value| shop.put(path).token(&admin).json(&body);
    let mut course = vec![told(&made)];
    course.push(told(&put(&path, json!({"price": 11, "name": "Pot"})).await));
    let stocked = put(&format!("{path}/stock"), json!({"change": 3})).await;
    let seen = shop.get(&path).after(&stocked).await;
    course.push((stocked.position(), seen.json()));
    course.push(told(&put(&path, json!({"description": "For tea"})).await));
    let retired = shop.delete(&path).token(&admin).await;
    must_have_been(&shop, &path, &course).await;
    assert_eq!(
        as_of(&shop, &path, course[0].0 - 2).await.code(),
        "not-found"
    );
    let after = as_of(&shop, &path, retired.position()).await;
    assert_eq!(after.code(), "not-found", "as it is now");

    let account = format!("users/{}", ann.id);
    let renamed = shop
        .put(&account)
        .token(&ann.token)
        .json(&json!({"firstName": "Anne"}))
        .await;
    let roles = put(
        &format!("{account}/roles"),
        json!({"roles": ["user", "admin"]}),
    )
    .await;
    must_have_been(&shop, &account, &vec![told(&renamed), told(&roles)]).await;
}

#[tokio::test]
async fn an_order_is_shown_as_it_was() {
    let shop = Shop::open().await;
    let (ann, admin) = (shop.customer().await, shop.admin());
    let pot = shop.product("12.50", 5).await;
    let placed = shop
        .post("orders")
        .token(&ann.token)
        .json(&json!({"items": [{"productId": pot, "quantity": 2}]}))
        .await;
    let path = format!("orders/{}", placed.json()["id"].as_str().unwrap());
    let mut course = vec![told(&placed)];
    for (step, body) in [
        ("process", json!({})),
        ("ship", json!({"carrier": "DHL"})),
        ("deliver", json!({})),
    ] {
        let moved = shop
            .post(&format!("{path}/{step}"))
            .token(&admin)
            .json(&body)
            .await;
        course.push(told(&moved));
    }
    must_have_been(&shop, &path, &course).await;
    let before = as_of(&shop, &path, course[0].0 - 2).await;
    assert_eq!(before.code(), "not-found");
    let own = format!("{path}?asOf={}", course[0].0);
    assert_eq!(shop.get(&own).token(&ann.token).await.json(), course[0].1);
}

#[tokio::test]
async fn the_stock_is_shown_as_it_is_and_as_it_was() {
    let shop = Shop::open().await;
    let (ann, admin) = (shop.customer().await, shop.admin());
    let pot = shop.product("12.50", 5).await;
    let path = format!("products/{pot}/stock");
    let received = shop
        .put(&path)
        .token(&admin)
        .json(&json!({"change": -1, "reason": "broken"}))
        .await;
    let placed = shop
        .post("orders")
        .token(&ann.token)
        .json(&json!({"items": [{"productId": pot, "quantity": 3}]}))
        .await;
    let levels = |reply: &Reply| {
        let levels = reply.json();
        [
            "stock",
            "onHand",
            "reserved",
            "shipped",
            "received",
            "writtenOff",
        ]
        .map(|name| levels[name].as_u64().unwrap())
    };
    let now = shop.get(&path).token(&admin).await;
    assert_eq!(levels(&now), [1, 1, 3, 0, 5, 1], "{now:?}");
    let at = |reply: &Reply| as_of(&shop, &path, reply.position());
    assert_eq!(levels(&at(&placed).await), [1, 1, 3, 0, 5, 1]);
    assert_eq!(levels(&at(&received).await), [4, 4, 0, 0, 5, 1]);
    assert_eq!(shop.get(&path).token(&ann.token).await.code(), "forbidden");
    assert_eq!(shop.get(&path).await.code(), "unauthenticated");
    let nothing = format!("products/{}/stock", Uuid::now_v7());
    assert_eq!(shop.get(&nothing).token(&admin).await.code(), "not-found");

    let bare = json!({"name": "Cup", "price": 1});
    let made = shop.post("products").token(&admin).json(&bare).await;
    let path = format!("products/{}/stock", made.json()["id"].as_str().unwrap());
    let none = shop.get(&path).token(&admin).await;
    assert_eq!(levels(&none), [0; 6]);
    assert_eq!(none.json()["updatedAt"], Value::Null);
}

#[tokio::test]
async fn an_instant_means_what_was_recorded_by_its_millisecond() {
    let shop = Shop::open().await;
    let admin = shop.admin();
    let pot = shop.product("12.50", 5).await;
    let entries = shop
        .get(&format!("audit/streams/product/{pot}"))
        .token(&admin)
        .await
        .json();
    let shown = entries[0]["recordedAt"].as_str().unwrap();
    let path = format!("products/{pot}");
    assert_eq!(as_of(&shop, &path, shown).await.status, 200);
    let recorded_at: DateTime<Utc> = shown.parse().unwrap();
    let before = (recorded_at - TimeDelta::milliseconds(1)).to_rfc3339();
    let before = before.replace('+', "%2B");
    assert_eq!(as_of(&shop, &path, before).await.code(), "not-found");
}

#[tokio::test]
async fn a_clock_that_was_set_back_hides_nothing() {
    let shop = Shop::open().await;
    let admin = shop.admin();
    let pot = shop.product("12.50", 5).await;
    let owner = shop.database.superuser_pool().unwrap();
    owner
        .execute(
            "set session_replication_role = replica;
             update log.events set recorded_at = recorded_at + interval '1 hour';
             reset session_replication_role",
        )
        .await
        .unwrap();
    let path = format!("products/{pot}");
    let repriced = shop
        .put(&path)
        .token(&admin)
        .json(&json!({"price": 11}))
        .await;
    let instant = |at: DateTime<Utc>| at.format("%FT%T%.3fZ").to_string();
    let now = as_of(&shop, &path, instant(Utc::now())).await;
    assert_eq!(now.json(), repriced.json());
    let lately = instant(Utc::now() - TimeDelta::minutes(2));
    let found = shop
        .get(&format!("audit/events?from={lately}&limit=1"))
        .token(&admin)
        .after(&repriced)
        .await;
    assert_eq!(found.json()[0]["position"], repriced.position());
    let before = as_of(&shop, &path, "2020-01-01T00:00:00Z").await;
    assert_eq!(
        before.problem(),
        (422, "invalid-parameter".into(), "/asOf".into())
    );
}

#[tokio::test]
async fn what_is_no_moment_is_refused() {
    let shop = Shop::open().await;
    let pot = shop.product("12.50", 5).await;
    let path = format!("products/{pot}");
    let head: i64 = sqlx::query_scalar("select max(position) from log.events")
        .fetch_one(&shop.pool)
        .await
        .unwrap();
    let tomorrow = (Utc::now() + TimeDelta::days(1)).format("%FT%TZ");
    for wrong in ["yesterday", "-1", "2011-12-09", "", &tomorrow.to_string()] {
        let refused = as_of(&shop, &path, wrong).await;
        assert_eq!(
            refused.problem(),
            (422, "invalid-parameter".into(), "/asOf".into()),
            "{wrong}"
        );
    }
    assert_eq!(as_of(&shop, &path, head).await.status, 200);
    assert_eq!(as_of(&shop, &path, head + 1).await.problem().0, 422);
    let mistyped = shop.get(&format!("{path}?asof=1")).await;
    assert_eq!(mistyped.code(), "unknown-parameter");
}

#[tokio::test]
async fn the_past_belongs_to_whom_the_present_belongs() {
    let shop = Shop::open().await;
    let (ann, bob) = (shop.customer().await, shop.customer().await);
    let pot = shop.product("12.50", 5).await;
    let placed = shop
        .post("orders")
        .token(&ann.token)
        .json(&json!({"items": [{"productId": pot, "quantity": 2}]}))
        .await;
    let order = placed.json()["id"].as_str().unwrap().to_owned();
    let then = placed.position();
    let status = async |path: String, token: Option<&str>| {
        let call = shop.get(&path);
        let call = match token {
            Some(token) => call.token(token),
            None => call,
        };
        call.await.status.as_u16()
    };
    let (ann_id, admin) = (&ann.id, shop.admin());
    for (path, anyone, other, owner) in [
        (format!("products/{pot}?asOf={then}"), 401, 403, 403),
        (format!("products/{pot}/stock?asOf={then}"), 401, 403, 403),
        (format!("orders/{order}?asOf={then}"), 401, 404, 200),
        (format!("users/{ann_id}?asOf={then}"), 401, 404, 200),
        (format!("audit/streams/order/{order}/diff"), 401, 404, 200),
        (format!("audit/streams/user/{ann_id}/diff"), 401, 404, 200),
        (format!("audit/streams/product/{pot}/diff"), 401, 404, 404),
        (format!("users/{ann_id}/export"), 401, 404, 200),
    ] {
        assert_eq!(status(path.clone(), None).await, anyone, "{path}");
        assert_eq!(
            status(path.clone(), Some(&bob.token)).await,
            other,
            "{path}"
        );
        assert_eq!(
            status(path.clone(), Some(&ann.token)).await,
            owner,
            "{path}"
        );
        assert_eq!(status(path.clone(), Some(&admin)).await, 200, "{path}");
    }
}

async fn changes(shop: &Shop, stream: &str, window: &str) -> Vec<Value> {
    let path = format!("audit/streams/{stream}/diff{window}");
    let answer = shop.get(&path).token(&shop.admin()).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    serde_json::from_slice(&answer.body).unwrap()
}

#[tokio::test]
async fn what_changed_is_told_field_by_field() {
    let shop = Shop::open().await;
    let admin = shop.admin();
    let pot = shop.product("12.50", 5).await;
    let path = format!("products/{pot}");
    let first = shop
        .put(&path)
        .token(&admin)
        .json(&json!({"price": 11, "name": "Pot"}))
        .await;
    let second = shop
        .put(&path)
        .token(&admin)
        .json(&json!({"price": 12.50}))
        .await;
    let stream = format!("product/{pot}");
    let (one, two) = (first.position(), second.position());
    let answer = shop
        .get(&format!("audit/streams/{stream}/diff?from={one}&to={two}"))
        .token(&admin)
        .await;
    assert!(answer.text().contains(r#""before":11.00,"after":12.50"#));
    let found = changes(&shop, &stream, &format!("?from={one}&to={two}")).await;
    let pointers: Vec<&str> = found
        .iter()
        .map(|change| change["pointer"].as_str().unwrap())
        .collect();
    assert_eq!(pointers, ["/price", "/updatedAt"]);
    let all = changes(&shop, &stream, "").await;
    let name = all.iter().find(|change| change["pointer"] == "/name");
    assert_eq!(
        name.unwrap(),
        &json!({"pointer": "/name", "after": "Pot"}),
        "there was nothing before the first event"
    );
    assert!(
        changes(&shop, &stream, &format!("?from={two}"))
            .await
            .is_empty()
    );
    assert!(changes(&shop, &stream, "?from=0&to=0").await.is_empty());

    let ask = |path: String| shop.get(&path).token(&admin);
    let reversed = ask(format!("audit/streams/{stream}/diff?from={two}&to={one}")).await;
    assert_eq!(
        reversed.problem(),
        (422, "invalid-parameter".into(), "/to".into())
    );
    let beyond = ask(format!("audit/streams/{stream}/diff?from=999999")).await;
    assert_eq!(
        beyond.problem(),
        (422, "invalid-parameter".into(), "/from".into())
    );
    let nobody = ask(format!("audit/streams/product/{}/diff", Uuid::now_v7())).await;
    assert_eq!(nobody.code(), "not-found");
}

/// Applying the changes to the earlier state gives the later one.
#[tokio::test]
async fn changes_lead_from_one_moment_to_the_other() {
    let shop = Shop::open().await;
    let (ann, admin) = (shop.customer().await, shop.admin());
    let pot = shop.product("12.50", 5).await;
    let address = json!({"name": "Ann Lee", "line1": "1 High Street", "city": "Oxford", "postalCode": "OX1",
                         "country": "GB"});
    let body = json!({"items": [{"productId": pot, "quantity": 2}], "shippingAddress": address});
    let placed = shop.post("orders").token(&ann.token).json(&body).await;
    let id = placed.json()["id"].as_str().unwrap().to_owned();
    let path = format!("orders/{id}");
    shop.post(&format!("{path}/process"))
        .token(&admin)
        .json(&json!({}))
        .await;
    let shipped = shop
        .post(&format!("{path}/ship"))
        .token(&admin)
        .json(&json!({"carrier": "DHL", "trackingNumber": "7"}))
        .await;
    let window = format!("?from={}&to={}", placed.position(), shipped.position());
    let found = changes(&shop, &format!("order/{id}"), &window).await;
    let mut fields: BTreeMap<String, Value> = placed
        .json()
        .as_object()
        .unwrap()
        .iter()
        .map(|(name, value)| (format!("/{name}"), value.clone()))
        .collect();
    for change in &found {
        let pointer = change["pointer"].as_str().unwrap().to_owned();
        let before = fields.insert(pointer.clone(), change["after"].clone());
        assert_eq!(before.unwrap_or_default(), change["before"], "{pointer}");
    }
    let now = as_of(&shop, &path, shipped.position()).await.json();
    for (name, value) in now.as_object().unwrap() {
        assert_eq!(&fields[&format!("/{name}")], value, "{name}");
    }
    assert_eq!(fields["/carrier"], "DHL");
    assert_eq!(fields["/trackingNumber"], "7");
    let all = changes(&shop, &format!("order/{id}"), "").await;
    let shown = all
        .iter()
        .find(|change| change["pointer"] == "/shippingAddress");
    assert_eq!(shown.unwrap()["after"]["city"], "Oxford");
}

#[tokio::test]
async fn whoever_was_erased_since_is_nobody_in_the_past_too() {
    let shop = Shop::open().await;
    let ann = shop.customer().await;
    let path = format!("users/{}", ann.id);
    let renamed = shop
        .put(&path)
        .token(&ann.token)
        .json(&json!({"firstName": "Marjory"}))
        .await;
    let then = renamed.position();
    assert_eq!(as_of(&shop, &path, then).await.json(), renamed.json());
    let erased = shop.delete(&path).token(&ann.token).await;
    assert_eq!(erased.status, 204, "{erased:?}");
    let was = as_of(&shop, &path, then).await;
    assert_eq!(was.status, 200, "{was:?}");
    let was = was.json();
    for personal in ["email", "firstName", "lastName"] {
        assert_eq!(was[personal], Value::Null, "{personal}");
    }
    assert_eq!(was["roles"], json!(["user"]), "as they were");
    assert!(was.get("erasedAt").is_none(), "it had not happened yet");
    let stream = format!("user/{}", ann.id);
    let found = changes(&shop, &stream, &format!("?from={then}")).await;
    let pointers: Vec<&str> = found
        .iter()
        .map(|change| change["pointer"].as_str().unwrap())
        .collect();
    assert_eq!(pointers, ["/erasedAt", "/roles/0", "/updatedAt"]);
    let all = changes(&shop, &stream, "?to=1").await;
    assert!(all.is_empty());
}
