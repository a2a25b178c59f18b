use std::time::Duration;

use chrono::Utc;
use daybook_domain::user::Role;
use daybook_identity::access_token::TokenKeys;
use serde_json::{Value, json};

use crate::shop::{Customer, PASSWORD, Reply, Shop, principal};

async fn sign_in(shop: &Shop, customer: &Customer) -> Value {
    let answer = login(shop, &customer.email, PASSWORD).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    answer.json()
}

async fn login(shop: &Shop, email: &str, password: &str) -> Reply {
    shop.post("users/login")
        .json(&json!({"email": email, "password": password}))
        .await
}

async fn refresh(shop: &Shop, token: &Value) -> Reply {
    shop.post("users/refresh")
        .json(&json!({"refreshToken": token}))
        .await
}

#[tokio::test]
async fn signing_in_gives_a_token_that_opens_ones_own_account() {
    let shop = Shop::open().await;
    let ann = shop.customer().await;
    let answer = login(&shop, &ann.email.to_uppercase(), PASSWORD).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    assert_eq!(answer.header("cache-control"), "no-store");
    let tokens = answer.json();
    assert_eq!(tokens["tokenType"], "Bearer");
    assert_eq!(tokens["expiresIn"], 900);
    let token = tokens["accessToken"].as_str().unwrap();
    let orders = shop.get("orders").token(token).await;
    assert_eq!((orders.status.as_u16(), orders.text()), (200, "[]"));
}

#[tokio::test]
async fn a_wrong_password_and_an_unknown_address_look_the_same() {
    let shop = Shop::open().await;
    let ann = shop.customer().await;
    let mut answers = Vec::new();
    for (email, password) in [
        (ann.email.as_str(), "wrong horse"),
        ("nobody@example.com", PASSWORD),
        ("not an address", PASSWORD),
        ("", ""),
    ] {
        let refused = login(&shop, email, password).await;
        assert_eq!(
            (refused.status.as_u16(), refused.code()),
            (401, "invalid-credentials".into())
        );
        assert!(refused.headers.contains_key("www-authenticate"));
        let mut body = refused.json();
        body.as_object_mut().unwrap().remove("requestId");
        answers.push(body);
    }
    assert!(answers.iter().all(|answer| answer == &answers[0]));
}

#[tokio::test]
async fn a_refresh_token_is_good_once() {
    let shop = Shop::open().await;
    let ann = shop.customer().await;
    let first = sign_in(&shop, &ann).await;
    let second = refresh(&shop, &first["refreshToken"]).await;
    assert_eq!(second.status, 200, "{second:?}");
    let second = second.json();
    assert_ne!(second["refreshToken"], first["refreshToken"]);
    assert_eq!(
        shop.get("orders")
            .token(second["accessToken"].as_str().unwrap())
            .await
            .status,
        200
    );

    let other = sign_in(&shop, &ann).await;
    assert_eq!(
        refresh(&shop, &first["refreshToken"]).await.code(),
        "invalid-refresh-token"
    );
    let ended = refresh(&shop, &second["refreshToken"]).await;
    assert_eq!(ended.status, 401, "a spent token ends its whole family");
    assert_eq!(
        refresh(&shop, &other["refreshToken"]).await.status,
        200,
        "and no other"
    );
    for nonsense in [json!(""), json!("nonsense"), first["accessToken"].clone()] {
        assert_eq!(refresh(&shop, &nonsense).await.status, 401);
    }
}

#[tokio::test]
async fn of_many_that_spend_one_refresh_token_at_most_one_succeeds() {
    let shop = Shop::open().await;
    let ann = shop.customer().await;
    let token = sign_in(&shop, &ann).await["refreshToken"].clone();
    let spent = futures::future::join_all((0..8).map(|_| refresh(&shop, &token))).await;
    assert_eq!(spent.iter().filter(|reply| reply.status == 200).count(), 1);
}

#[tokio::test]
async fn an_expired_refresh_token_is_refused() {
    let shop = Shop::open().await;
    let ann = shop.customer().await;
    let tokens = sign_in(&shop, &ann).await;
    let expire = "update auth.refresh_tokens set expires_at = now() - interval '1 second'";
    sqlx::query(expire).execute(&shop.pool).await.unwrap();
    assert_eq!(refresh(&shop, &tokens["refreshToken"]).await.status, 401);
}

#[tokio::test]
async fn a_new_role_comes_with_the_next_token() {
    let shop = Shop::open().await;
    let ann = shop.customer().await;
    let tokens = sign_in(&shop, &ann).await;
    let token = |tokens: &Value| tokens["accessToken"].as_str().unwrap().to_owned();
    assert_eq!(
        shop.get("projections").token(&token(&tokens)).await.status,
        403
    );
    let path = format!("users/{}/roles", ann.id);
    let raised = shop
        .put(&path)
        .token(&shop.admin())
        .json(&json!({"roles": ["user", "admin"]}))
        .await;
    assert_eq!(raised.status, 200, "{raised:?}");
    let refreshed = refresh(&shop, &tokens["refreshToken"]).await.json();
    assert_eq!(
        shop.get("projections")
            .token(&token(&refreshed))
            .await
            .status,
        200
    );
}

#[tokio::test]
async fn only_this_servers_unexpired_tokens_open_anything() {
    let shop = Shop::open().await;
    let ann = shop.customer().await;
    let admin = principal(ann.id.parse().unwrap(), [Role::Admin]);
    let others = TokenKeys::from_pkcs8(&TokenKeys::generate().unwrap()).unwrap();
    let ttl = Duration::from_secs(60);
    let expired = shop.keys.sign(&admin, Utc::now() - 2 * ttl, ttl).unwrap();
    let foreign = others.sign(&admin, Utc::now(), ttl).unwrap();
    let header = format!("Bearer {}", ann.token);
    let cases = [
        format!("Bearer {expired}"),
        format!("Bearer {foreign}"),
        format!("Bearer {}x", ann.token),
        "Bearer eyJhbGciOiJub25lIn0.e30.".to_owned(),
        "Bearer".to_owned(),
        format!("Basic {}", ann.token),
        ann.token.clone(),
    ];
    for value in cases {
        let refused = shop.get("orders").header("authorization", &value).await;
        assert_eq!(
            (refused.status.as_u16(), refused.code()),
            (401, "invalid-token".into()),
            "{value}"
        );
        assert_eq!(
            refused.header("www-authenticate"),
            "Bearer error=\"invalid_token\""
        );
    }
    let twice = shop
        .get("orders")
        .header("authorization", &header)
        .header("authorization", &header)
        .await;
    assert_eq!(twice.status, 401);
    let without = shop.get("orders").await;
    assert_eq!(
        (without.code(), without.header("www-authenticate")),
        ("unauthenticated".into(), "Bearer")
    );
    assert_eq!(
        shop.get("orders")
            .header("authorization", &header.replace("Bearer", "bearer"))
            .await
            .status,
        200
    );
}
