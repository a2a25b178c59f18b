//! API keys: machines that act for an administrator, and what they may not do.

use aws_lc_rs::digest::{SHA256, digest};
use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use chrono::{DateTime, TimeDelta, Utc};
use daybook_domain::UserId;
use daybook_domain::user::Role;
use daybook_identity::Revocations;
use daybook_identity::api_key::{self, ApiKeys};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::shop::{PASSWORD, Reply, Shop};

pub(crate) async fn make(shop: &Shop, token: &str, body: &Value) -> Value {
    let made = shop.post("api-keys").token(token).json(body).await;
    assert_eq!(made.status, 201, "{made:?}");
    made.json()
}

/// A key of the shop's admin, with these roles.
pub(crate) async fn key(shop: &Shop, roles: &[&str]) -> (String, String) {
    let made = make(
        shop,
        &shop.admin(),
        &json!({"name": "till", "roles": roles}),
    )
    .await;
    let text = |field: &str| made[field].as_str().unwrap().to_owned();
    (text("id"), text("key"))
}

/// A second administrator: id and token.
async fn colleague(shop: &Shop) -> (UserId, String) {
    let body = json!({"email": "boss@example.com", "password": PASSWORD, "firstName": "Ann", "lastName": "Lee",
                      "roles": ["user", "admin"]});
    let made = shop.post("users").token(&shop.admin()).json(&body).await;
    let id: UserId = made.json()["id"].as_str().unwrap().parse().unwrap();
    (id, shop.token(id, [Role::User, Role::Admin]))
}

#[track_caller]
fn assert_refused(reply: &Reply) {
    assert_eq!(reply.status, 401, "{reply:?}");
    assert_eq!(reply.code(), "invalid-token");
}

pub(crate) fn instant(value: &Value) -> DateTime<Utc> {
    value.as_str().unwrap().parse().unwrap()
}

/// The key with another secret and a matching checksum.
pub(crate) fn with_another_secret(key: &str) -> String {
    let id = &key[..26];
    let text = format!("{id}_{}", BASE64_URL_SAFE_NO_PAD.encode([7; 32]));
    let check = BASE64_URL_SAFE_NO_PAD.encode(&digest(&SHA256, text.as_bytes()).as_ref()[..4]);
    text + &check
}

#[tokio::test]
async fn a_key_is_shown_once_and_opens_what_its_maker_may() {
    let shop = Shop::open().await;
    let body = json!({"name": "warehouse", "roles": ["admin"]});
    let made = shop.post("api-keys").token(&shop.admin()).json(&body).await;
    assert_eq!(made.status, 201, "{made:?}");
    assert_eq!(made.header("cache-control"), "no-store");
    let about = made.json();
    let text = about["key"].as_str().unwrap();
    assert_eq!(text.len(), 76);
    assert!(text.starts_with(about["prefix"].as_str().unwrap()));
    let days = instant(&about["expiresAt"]) - instant(&about["createdAt"]);
    assert_eq!(days, TimeDelta::days(90));
    assert_eq!(about["userId"], json!(shop.admin_id));

    assert_eq!(shop.get("projections").token(text).await.status, 200);
    let again = shop.get(made.header("location")).token(&shop.admin()).await;
    let listed = shop.get("api-keys").token(&shop.admin()).await;
    for shown in [&again, &listed] {
        assert_eq!(shown.status, 200, "{shown:?}");
        assert!(!shown.text().contains(text) && !shown.text().contains("hash"));
    }
    assert_eq!(listed.json(), json!([again.json()]));
    let kept: Vec<u8> = sqlx::query_scalar("select secret_hash from auth.api_keys")
        .fetch_one(&shop.pool)
        .await
        .unwrap();
    let secret = BASE64_URL_SAFE_NO_PAD.decode(&text[27..70]).unwrap();
    assert_eq!(kept, digest(&SHA256, &secret).as_ref());
}

#[tokio::test]
async fn a_key_has_its_own_roles_and_no_more_than_its_maker_still_has() {
    let shop = Shop::open().await;
    let (_, plain) = key(&shop, &["user"]).await;
    assert_eq!(shop.get("orders").token(&plain).await.status, 200);
    assert_eq!(
        shop.get("projections").token(&plain).await.code(),
        "forbidden"
    );

    let (boss, token) = colleague(&shop).await;
    let both = make(
        &shop,
        &token,
        &json!({"name": "a", "roles": ["user", "admin"]}),
    )
    .await;
    let only = make(&shop, &token, &json!({"name": "b", "roles": ["admin"]})).await;
    let (both, only) = (both["key"].as_str().unwrap(), only["key"].as_str().unwrap());
    for key in [both, only] {
        assert_eq!(shop.get("projections").token(key).await.status, 200);
    }
    let path = format!("users/{boss}/roles");
    let lowered = shop
        .put(&path)
        .token(&shop.admin())
        .json(&json!({"roles": ["user"]}))
        .await;
    assert_eq!(lowered.status, 200, "{lowered:?}");
    assert_eq!(shop.get("projections").token(both).await.status, 403);
    assert_eq!(shop.get("orders").token(both).await.status, 200);
    assert_refused(&shop.get("projections").token(only).await);
    assert_refused(&shop.get("orders").token(only).await);
}

#[tokio::test]
async fn what_a_key_does_is_told_from_what_its_maker_does() {
    let shop = Shop::open().await;
    let (id, text) = key(&shop, &["admin"]).await;
    let body = json!({"name": "Kettle", "price": 20});
    let by_key = shop.post("products").token(&text).json(&body).await;
    assert_eq!(by_key.status, 201, "{by_key:?}");
    let by_hand = shop.post("products").token(&shop.admin()).json(&body).await;
    let mut told = Vec::new();
    for made in [by_key, by_hand] {
        let path = made
            .header("location")
            .replace("/api/v1/products", "audit/streams/product");
        let trail = shop.get(&path).token(&shop.admin()).await.json();
        assert_eq!(trail[0]["actor"], format!("user:{}", shop.admin_id));
        told.push((trail[0]["means"].clone(), trail[0].get("apiKeyId").cloned()));
    }
    assert_eq!(
        told,
        [
            (json!("api-key"), Some(json!(id))),
            (json!("session"), None)
        ]
    );
    let registered = json!({"email": "new@example.com", "password": PASSWORD, "firstName": "Ann", "lastName": "Lee"});
    let registered = shop
        .post("users/register")
        .token(&text)
        .json(&registered)
        .await;
    let path = registered
        .header("location")
        .replace("/api/v1/users", "audit/streams/user");
    let trail = shop.get(&path).token(&shop.admin()).await.json();
    assert_eq!(
        (&trail[0]["actor"], &trail[0]["means"]),
        (&json!("anonymous"), &json!("anonymous"))
    );
}

#[tokio::test]
async fn a_key_may_do_nothing_that_concerns_credentials() {
    let shop = Shop::open().await;
    let (id, text) = key(&shop, &["user", "admin"]).await;
    let ann = shop.customer().await;
    let user = json!({"email": "evil@example.com", "password": PASSWORD, "firstName": "E", "lastName": "Vil",
                      "roles": ["admin"]});
    let calls = [
        shop.get("api-keys"),
        shop.get(&format!("api-keys/{id}")),
        shop.post("api-keys")
            .json(&json!({"name": "heir", "roles": ["admin"]})),
        shop.delete(&format!("api-keys/{id}")),
        shop.post("users/logout-everywhere"),
        shop.post("users").json(&user),
        shop.put(&format!("users/{}/roles", ann.id))
            .json(&json!({"roles": ["user", "admin"]})),
        shop.delete(&format!("users/{}", ann.id)),
        shop.delete(&format!("users/{}", shop.admin_id)),
    ];
    for call in calls {
        let refused = call.token(&text).await;
        assert_eq!(refused.status, 403, "{refused:?}");
        assert_eq!(refused.code(), "forbidden");
        assert!(refused.text().contains("API key"), "{refused:?}");
    }
    assert_eq!(shop.get("projections").token(&text).await.status, 200);
}

#[tokio::test]
async fn only_administrators_have_to_do_with_keys() {
    let shop = Shop::open().await;
    let ann = shop.customer().await;
    let (id, _) = key(&shop, &["user"]).await;
    let body = json!({"name": "mine", "roles": ["user"]});
    let one = format!("api-keys/{id}");
    for call in [
        shop.get("api-keys"),
        shop.post("api-keys").json(&body),
        shop.get(&one),
        shop.delete(&one),
    ] {
        assert_eq!(call.token(&ann.token).await.code(), "forbidden");
    }
    assert_eq!(shop.post("api-keys").json(&body).await.status, 401);
}

#[tokio::test]
async fn a_revoked_key_counts_no_longer_in_any_process() {
    let shop = Shop::open().await;
    let (id, text) = key(&shop, &["admin"]).await;
    // Another process, which has the key in memory.
    let (elsewhere, revocations) = (
        ApiKeys::new(shop.pool.clone()),
        Revocations::new(shop.pool.clone()),
    );
    let principal = elsewhere.check(&text).await.unwrap().unwrap();
    assert!(revocations.stands(&principal).await.unwrap());
    assert_eq!(shop.get("projections").token(&text).await.status, 200);

    let path = format!("api-keys/{id}");
    let revoked = shop.delete(&path).token(&shop.admin()).await;
    assert_eq!((revoked.status.as_u16(), revoked.text()), (204, ""));
    assert_refused(&shop.get("projections").token(&text).await);
    assert!(!revocations.stands(&principal).await.unwrap());
    let fresh = ApiKeys::new(shop.pool.clone());
    assert!(fresh.check(&text).await.unwrap().is_none());

    let shown = shop.get(&path).token(&shop.admin()).await.json();
    let again = shop.delete(&path).token(&shop.admin()).await;
    assert_eq!(again.status, 204);
    assert!(shown["revokedAt"].is_string());
    assert_eq!(shop.get(&path).token(&shop.admin()).await.json(), shown);
    let nobody = format!("api-keys/{}", Uuid::now_v7());
    for call in [shop.get(&nobody), shop.delete(&nobody)] {
        assert_eq!(call.token(&shop.admin()).await.code(), "not-found");
    }
}

/// A process that listens to the announcements does not query; it learns of revocations by them.
#[tokio::test]
async fn a_process_hears_of_a_revocation_elsewhere() {
    let shop = Shop::open().await;
    let (id, text) = key(&shop, &["admin"]).await;
    assert_eq!(shop.get("projections").token(&text).await.status, 200);
    let id: Uuid = id.parse().unwrap();
    assert!(api_key::revoke(&shop.pool, id).await.unwrap().is_some());
    let hears = async {
        while shop.get("projections").token(&text).await.status != 401 {
            tokio::task::yield_now().await;
        }
    };
    let patience = std::time::Duration::from_secs(30);
    tokio::time::timeout(patience, hears)
        .await
        .expect("it hears");
}

#[tokio::test]
async fn a_key_ends_when_it_expires_and_with_its_maker() {
    let shop = Shop::open().await;
    let (_, text) = key(&shop, &["user"]).await;
    sqlx::query("update auth.api_keys set expires_at = now() - interval '1 second'")
        .execute(&shop.pool)
        .await
        .unwrap();
    assert_refused(&shop.get("orders").token(&text).await);

    let (boss, token) = colleague(&shop).await;
    let made = make(&shop, &token, &json!({"name": "a", "roles": ["user"]})).await;
    let text = made["key"].as_str().unwrap();
    assert_eq!(shop.get("orders").token(text).await.status, 200);
    let export = shop
        .get(&format!("users/{boss}/export"))
        .token(&token)
        .await
        .json();
    assert_eq!(export["apiKeys"][0]["id"], made["id"]);
    assert!(export["apiKeys"][0].get("key").is_none());
    let erased = shop
        .delete(&format!("users/{boss}"))
        .token(&shop.admin())
        .await;
    assert_eq!(erased.status, 204, "{erased:?}");
    assert_refused(&shop.get("orders").token(text).await);
    let left: i64 = sqlx::query_scalar("select count(*) from auth.api_keys where user_id = $1")
        .bind(boss.as_uuid())
        .fetch_one(&shop.pool)
        .await
        .unwrap();
    assert_eq!(left, 0);
}

#[tokio::test]
async fn what_only_looks_like_a_key_opens_nothing() {
    let shop = Shop::open().await;
    let (_, text) = key(&shop, &["admin"]).await;
    let unknown = {
        let (_, other) = key(&shop, &["admin"]).await;
        sqlx::query(
            "delete from auth.api_keys where id = (select max(id::text)::uuid from auth.api_keys)",
        )
        .execute(&shop.pool)
        .await
        .unwrap();
        other
    };
    for wrong in [
        with_another_secret(&text),
        unknown,
        text[..70].to_owned(),
        format!("{text}A"),
        text.replace("dbk_", "DBK_"),
        text[4..].to_owned(),
        "dbk_".to_owned(),
        format!("dbk_{}", "é".repeat(36)),
    ] {
        let header = format!("Bearer {wrong}");
        let bytes = axum::http::HeaderValue::from_bytes(header.as_bytes());
        let refused = match bytes {
            Ok(value) if value.to_str().is_ok() => shop.get("projections").token(&wrong).await,
            _ => continue,
        };
        assert_refused(&refused);
    }
    assert_eq!(shop.get("projections").token(&text).await.status, 200);
}
