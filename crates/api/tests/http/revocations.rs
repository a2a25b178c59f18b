//! Tokens that no longer count, although they have not expired.

use std::time::Duration;

use daybook_domain::UserId;
use daybook_domain::user::Role;
use daybook_identity::{Revocations, Revoked, revoke_tokens};
use serde_json::{Value, json};
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;

use crate::shop::{Customer, PASSWORD, Reply, Shop, principal};

async fn sign_in(shop: &Shop, customer: &Customer) -> Value {
    let body = json!({"email": customer.email, "password": PASSWORD});
    let answer = shop.post("users/login").json(&body).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    answer.json()
}

async fn present(shop: &Shop, path: &str, tokens: &Value) -> Reply {
    let body = json!({"refreshToken": tokens["refreshToken"]});
    shop.post(path).json(&body).await
}

/// The answers to a session's access token and its refresh token.
async fn standing(shop: &Shop, tokens: &Value) -> (u16, u16) {
    let access = tokens["accessToken"].as_str().unwrap();
    let orders = shop.get("orders").token(access).await;
    let refreshed = present(shop, "users/refresh", tokens).await;
    (orders.status.as_u16(), refreshed.status.as_u16())
}

#[tokio::test]
async fn signing_out_ends_one_session_at_once() {
    let shop = Shop::open().await;
    let ann = shop.customer().await;
    let (phone, laptop) = (sign_in(&shop, &ann).await, sign_in(&shop, &ann).await);
    for _ in 0..2 {
        assert_eq!(present(&shop, "users/logout", &phone).await.status, 204);
    }
    assert_eq!(standing(&shop, &phone).await, (401, 401));
    assert_eq!(standing(&shop, &laptop).await, (200, 200));
    let unknown = json!({"refreshToken": "unknown"});
    assert_eq!(present(&shop, "users/logout", &unknown).await.status, 204);
}

#[tokio::test]
async fn signing_out_everywhere_ends_all_sessions_at_once() {
    let shop = Shop::open().await;
    let (ann, bob) = (shop.customer().await, shop.customer().await);
    let (phone, laptop) = (sign_in(&shop, &ann).await, sign_in(&shop, &ann).await);
    let others = sign_in(&shop, &bob).await;
    let access = phone["accessToken"].as_str().unwrap();
    let ended = shop.post("users/logout-everywhere").token(access).await;
    assert_eq!((ended.status.as_u16(), ended.text()), (204, ""));
    for tokens in [&phone, &laptop] {
        assert_eq!(standing(&shop, tokens).await, (401, 401));
    }
    assert_eq!(standing(&shop, &others).await, (200, 200));
    let again = sign_in(&shop, &ann).await;
    assert_eq!(standing(&shop, &again).await, (200, 200));
}

#[tokio::test]
async fn a_refresh_token_that_comes_back_ends_the_access_tokens_too() {
    let shop = Shop::open().await;
    let ann = shop.customer().await;
    let stolen = sign_in(&shop, &ann).await;
    let next = present(&shop, "users/refresh", &stolen).await.json();
    assert_eq!(present(&shop, "users/refresh", &stolen).await.status, 401);
    for tokens in [stolen, next] {
        assert_eq!(standing(&shop, &tokens).await, (401, 401));
    }
}

#[tokio::test]
async fn a_new_role_ends_the_access_tokens_and_not_the_session() {
    let shop = Shop::open().await;
    let ann = shop.customer().await;
    let tokens = sign_in(&shop, &ann).await;
    let raised = shop
        .put(&format!("users/{}/roles", ann.id))
        .token(&shop.admin())
        .json(&json!({"roles": ["user", "admin"]}))
        .await;
    assert_eq!(raised.status, 200, "{raised:?}");
    assert_eq!(standing(&shop, &tokens).await, (401, 200));
}

#[tokio::test]
async fn a_session_ends_when_it_is_idle_and_in_any_case() {
    let shop = Shop::open().await;
    let ann = shop.customer().await;
    let lifetimes = || {
        let sought = "select extract(epoch from expires_at - issued_at)::bigint,
                 extract(epoch from session_expires_at - issued_at)::bigint
             from auth.refresh_tokens where spent_at is null";
        sqlx::query_as::<_, (i64, i64)>(sought).fetch_one(&shop.pool)
    };
    const DAY: i64 = 24 * 60 * 60;
    let first = sign_in(&shop, &ann).await;
    let (idle, absolute) = lifetimes().await.unwrap();
    assert_eq!(((idle + 1) / DAY, (absolute + 1) / DAY), (7, 30));

    // After 26 days of use, 4 are left.
    let age = "update auth.refresh_tokens set session_expires_at = session_expires_at - interval '26 days'";
    sqlx::query(age).execute(&shop.pool).await.unwrap();
    let second = present(&shop, "users/refresh", &first).await;
    assert_eq!(second.status, 200, "{second:?}");
    let (idle, absolute) = lifetimes().await.unwrap();
    assert_eq!(((idle + 1) / DAY, (absolute + 1) / DAY), (4, 4));

    let expire = "update auth.refresh_tokens set expires_at = now() - interval '1 second'";
    sqlx::query(expire).execute(&shop.pool).await.unwrap();
    assert_eq!(
        present(&shop, "users/refresh", &second.json()).await.status,
        401
    );
}

/// Returns once the condition is true.
pub(crate) async fn until(what: &str, mut is_so: impl AsyncFnMut() -> bool) {
    let looking = async {
        while !is_so().await {
            sleep(Duration::from_millis(5)).await;
        }
    };
    timeout(Duration::from_secs(120), looking)
        .await
        .unwrap_or_else(|_| panic!("in vain waited until {what}"));
}

#[tokio::test]
async fn another_process_hears_of_it_and_asks_while_it_cannot() {
    let shop = Shop::open().await;
    let [ann, bob, eve] = [1, 2, 3].map(|number| UserId::from(uuid::Uuid::from_u128(number)));
    let standing = |user: UserId| principal(user, [Role::User]);
    let other = Revocations::new(shop.database.server_pool().unwrap());
    assert!(other.stands(&standing(ann)).await.unwrap());
    // It has not begun to listen.
    revoke_tokens(&shop.pool, ann).await.unwrap();
    assert!(!other.stands(&standing(ann)).await.unwrap());

    let stop = CancellationToken::new();
    let (heard, listening) = (shop.database.server_pool().unwrap(), other.clone());
    let (pool, stopped) = (heard.clone(), stop.clone());
    let task = tokio::spawn(async move { listening.run(pool, stopped).await });
    until("it listens", async || other.is_in_touch()).await;
    assert!(
        !other.stands(&standing(ann)).await.unwrap(),
        "also of what was before"
    );
    assert!(other.stands(&standing(bob)).await.unwrap());
    revoke_tokens(&shop.pool, bob).await.unwrap();
    until("it hears", async || {
        !other.stands(&standing(bob)).await.unwrap()
    })
    .await;

    stop.cancel();
    task.await.unwrap();
    assert!(!other.is_in_touch());
    revoke_tokens(&shop.pool, eve).await.unwrap();
    assert!(!other.stands(&standing(eve)).await.unwrap());
}

#[tokio::test]
async fn only_what_came_before_is_revoked() {
    let shop = Shop::open().await;
    let ann = UserId::from(uuid::Uuid::from_u128(1));
    let known = Revocations::new(shop.pool.clone());
    let mut generations = Vec::new();
    for _ in 0..3 {
        let revoked = revoke_tokens(&shop.pool, ann).await.unwrap();
        let Revoked::Tokens { generation, .. } = revoked else {
            panic!("{revoked:?}");
        };
        generations.push(generation);
        known.note(revoked);
    }
    assert_eq!(generations, [1, 2, 3]);
}
