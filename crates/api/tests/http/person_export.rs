use serde_json::{Value, json};
use uuid::Uuid;

use crate::shop::{PASSWORD, Shop};

fn types(entries: &Value) -> Vec<&str> {
    let entries = entries.as_array().unwrap();
    entries
        .iter()
        .map(|entry| entry["type"].as_str().unwrap())
        .collect()
}

#[tokio::test]
async fn everything_about_a_person_is_one_document() {
    let shop = Shop::open().await;
    let (ann, bob, admin) = (shop.customer().await, shop.customer().await, shop.admin());
    let pot = shop.product("12.50", 50).await;
    let address = json!({"name": "Ann Lee", "line1": "1 High Street", "city": "Oxford", "postalCode": "OX1",
                         "country": "GB"});
    let body = json!({"items": [{"productId": pot, "quantity": 2}], "shippingAddress": address});
    let placed = shop.post("orders").token(&ann.token).json(&body).await;
    let id = placed.json()["id"].as_str().unwrap().to_owned();
    let shipped_to_bob = shop.post("orders").token(&bob.token).json(&body).await;
    assert_eq!(shipped_to_bob.status, 201);
    shop.post(&format!("orders/{id}/cancel"))
        .token(&admin)
        .json(&json!({"reason": "A typo"}))
        .await;
    let credentials = json!({"email": ann.email, "password": PASSWORD});
    let signed_in = shop.post("users/login").json(&credentials).await;
    assert_eq!(signed_in.status, 200, "{signed_in:?}");
    let visit = |user: &str| {
        json!({"eventId": Uuid::now_v7(), "eventType": "page_view", "sessionId": "s-1", "userId": user,
               "eventData": {}, "timestamp": chrono::Utc::now()})
    };
    let visits = json!([visit(&ann.id), visit(&bob.id)]);
    let counted = shop.post("analytics/events").json(&visits).await;
    assert_eq!(counted.json()["accepted"], 2, "{counted:?}");

    let export = shop
        .get(&format!("users/{}/export", ann.id))
        .token(&ann.token)
        .await;
    assert_eq!(export.status, 200, "{export:?}");
    assert_eq!(export.header("content-type"), "application/json");
    assert_eq!(export.header("cache-control"), "no-store");
    let told = export.json();
    assert_eq!(told["account"]["email"], ann.email);
    assert_eq!(types(&told["events"]), ["user.registered"]);
    assert_eq!(
        told["events"][0]["data"]["email"],
        json!({"$personal": ann.email})
    );
    assert!(told["passwordSetAt"].is_string());
    assert_eq!(told["signIns"].as_array().unwrap().len(), 1);

    let orders = told["orders"].as_array().unwrap();
    assert_eq!(orders.len(), 1, "and none of Bob's");
    let order = &orders[0];
    assert_eq!(
        (&order["id"], &order["status"]),
        (&json!(id), &json!("cancelled"))
    );
    assert_eq!(order["shippingAddress"]["city"], "Oxford");
    assert_eq!(order["history"][1]["reason"], "A typo");
    assert_eq!(types(&order["events"]), ["order.placed", "order.cancelled"]);
    assert!(export.text().contains(r#""totalAmount":25.00"#));

    assert_eq!(types(&told["actions"]), ["order.placed", "stock.reserved"]);
    assert!(told["actions"][0].get("data").is_none());
    let visits = told["usageEvents"].as_array().unwrap();
    assert_eq!(visits.len(), 1);
    assert_eq!(visits[0]["event"]["userId"], ann.id);
    let refresh_token = signed_in.json()["refreshToken"]
        .as_str()
        .unwrap()
        .to_owned();
    for secret in ["argon2", "hash", &refresh_token, &bob.email] {
        assert!(!export.text().contains(secret), "{secret}");
    }
}

/// An administrator's actions concern other people, who have rights of their own to that data.
#[tokio::test]
async fn an_export_tells_nothing_of_other_people() {
    let shop = Shop::open().await;
    let admin = shop.another_admin().await;
    let body = json!({"email": "secret@example.com", "password": PASSWORD, "firstName": "Rosalind",
                      "lastName": "Franklin", "roles": ["user"]});
    let made = shop.post("users").token(&admin).json(&body).await;
    assert_eq!(made.status, 201);
    let boss: Uuid = sqlx::query_scalar(
        "select aggregate_id::uuid from log.events where event_type = 'user.registered' order by position offset 1 limit 1",
    )
    .fetch_one(&shop.pool)
    .await
    .unwrap();
    let export = shop
        .get(&format!("users/{boss}/export"))
        .token(&admin)
        .await;
    assert_eq!(types(&export.json()["actions"]), ["user.registered"]);
    for theirs in ["secret@example.com", "Rosalind", "Franklin"] {
        assert!(!export.text().contains(theirs), "{theirs}");
    }
}

#[tokio::test]
async fn a_long_export_is_whole() {
    let shop = Shop::open().await;
    let ann = shop.customer().await;
    let pot = shop.product("1", 500).await;
    const ORDERS: usize = 120;
    let place = |_| {
        shop.post("orders")
            .token(&ann.token)
            .json(&json!({"items": [{"productId": pot, "quantity": 1}]}))
            .into_future()
    };
    let placed = futures::future::join_all((0..ORDERS).map(place)).await;
    assert!(placed.iter().all(|placed| placed.status == 201));
    let now = chrono::Utc::now();
    let visit = |n: usize| {
        json!({"eventId": Uuid::from_u128(n as u128 + 1), "eventType": "page_view", "sessionId": "s",
               "userId": ann.id, "eventData": {}, "timestamp": now})
    };
    let mut sent = 0;
    for batch in 0..3 {
        let visits: Vec<Value> = (batch * 700..(batch + 1) * 700).map(visit).collect();
        let counted = shop.post("analytics/events").json(&json!(visits)).await;
        sent += counted.json()["accepted"].as_u64().unwrap();
    }
    let export = shop
        .get(&format!("users/{}/export", ann.id))
        .token(&ann.token)
        .await
        .json();
    let ids = |list: &str, id: &dyn Fn(&Value) -> String| {
        let list = export[list].as_array().unwrap();
        let ids: std::collections::BTreeSet<String> = list.iter().map(id).collect();
        assert_eq!(ids.len(), list.len(), "each once");
        ids.len()
    };
    assert_eq!(ids("orders", &|order| order["id"].to_string()), ORDERS);
    let actions = ids("actions", &|action| action["position"].to_string());
    assert_eq!(actions, 2 * ORDERS);
    let visits = ids("usageEvents", &|visit| {
        visit["event"]["eventId"].to_string()
    });
    assert_eq!(visits as u64, sent);
}

#[tokio::test]
async fn of_an_erased_person_it_tells_what_is_left() {
    let shop = Shop::open().await;
    let (ann, admin) = (shop.customer().await, shop.admin());
    let pot = shop.product("12.50", 50).await;
    let address = json!({"name": "Marjory Kempe", "line1": "1 High Street", "city": "Lynn", "postalCode": "PE30",
                         "country": "GB"});
    let body = json!({"items": [{"productId": pot, "quantity": 2}], "shippingAddress": address});
    let placed = shop.post("orders").token(&ann.token).json(&body).await;
    assert_eq!(placed.status, 201);
    let path = format!("users/{}", ann.id);
    let credentials = json!({"email": ann.email, "password": PASSWORD});
    shop.post("users/login").json(&credentials).await;
    assert_eq!(shop.delete(&path).token(&admin).await.status, 204);
    let export = shop.get(&format!("{path}/export")).token(&admin).await;
    assert_eq!(export.status, 200, "{export:?}");
    let told = export.json();
    assert!(told["account"]["erasedAt"].is_string());
    assert_eq!(told["account"]["email"], Value::Null);
    assert_eq!(told["passwordSetAt"], Value::Null);
    assert_eq!(told["signIns"], json!([]));
    assert_eq!(types(&told["events"]), ["user.registered", "user.erased"]);
    assert_eq!(told["orders"][0]["status"], "pending", "orders stay");
    assert_eq!(told["orders"][0]["shippingAddress"], Value::Null);
    for personal in [ann.email.as_str(), "Marjory", "High Street", "Lynn"] {
        assert!(!export.text().contains(personal), "{personal}");
    }
    let nobody = format!("users/{}/export", Uuid::now_v7());
    assert_eq!(shop.get(&nobody).token(&admin).await.code(), "not-found");
}
