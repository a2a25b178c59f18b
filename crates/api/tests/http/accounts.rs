//! Accounts that are deactivated, passwords that are changed or forgotten, addresses that are verified.

use std::time::Duration;

use axum::http::HeaderMap;
use chrono::Utc;
use daybook_domain::user::Role;
use daybook_identity::{Means, Principal};
use daybook_processes::outbox::{Content, OUTBOX_CHANNEL};
use futures::future::join_all;
use serde_json::{Value, json};
use sqlx::postgres::PgListener;
use tokio::time::timeout;
use uuid::Uuid;

use crate::shop::{Customer, PASSWORD, Reply, Shop};

const NEW_PASSWORD: &str = "battery staple";

/// Receives every message that is written from now on.
struct Mailbox<'s> {
    shop: &'s Shop,
    listener: PgListener,
}

impl<'s> Mailbox<'s> {
    async fn open(shop: &'s Shop) -> Mailbox<'s> {
        let mut listener = PgListener::connect_with(&shop.pool).await.unwrap();
        listener.listen(OUTBOX_CHANNEL).await.unwrap();
        Mailbox { shop, listener }
    }

    /// The next message of this template.
    async fn next(&mut self, template: &str) -> Content {
        loop {
            let heard = timeout(Duration::from_secs(30), self.listener.recv()).await;
            let id: Uuid = heard.unwrap().unwrap().payload().parse().unwrap();
            let message = self.shop.outbox.find(id).await.unwrap().unwrap();
            if message.template == template {
                return self.shop.outbox.open(id).await.unwrap().unwrap();
            }
        }
    }

    async fn token(&mut self, template: &str) -> String {
        self.next(template).await.values["token"].clone()
    }

    async fn reset_token(&mut self, customer: &Customer) -> String {
        assert_eq!(forgotten(self.shop, &customer.email).await.status, 202);
        self.token("reset-password").await
    }
}

async fn forgotten(shop: &Shop, email: &str) -> Reply {
    let body = json!({ "email": email });
    shop.post("users/password/forgotten").json(&body).await
}

async fn reset(shop: &Shop, token: &str) -> Reply {
    let body = json!({"token": token, "newPassword": NEW_PASSWORD});
    shop.post("users/password/reset").json(&body).await
}

async fn verify(shop: &Shop, token: &str) -> Reply {
    let body = json!({ "token": token });
    shop.post("users/email-verification").json(&body).await
}

async fn change(shop: &Shop, token: &str, id: &str, old: &str, new: &str) -> Reply {
    let body = json!({"oldPassword": old, "newPassword": new});
    let call = shop.put(&format!("users/{id}/password"));
    call.token(token).json(&body).await
}

async fn sign_in(shop: &Shop, email: &str, password: &str) -> Reply {
    let body = json!({"email": email, "password": password});
    shop.post("users/login").json(&body).await
}

async fn refresh(shop: &Shop, tokens: &Value) -> Reply {
    let body = json!({"refreshToken": tokens["refreshToken"]});
    shop.post("users/refresh").json(&body).await
}

async fn deactivate(shop: &Shop, id: &str) -> Reply {
    let call = shop.post(&format!("users/{id}/deactivate"));
    call.token(&shop.admin()).json(&json!({})).await
}

async fn reactivate(shop: &Shop, id: &str) -> Reply {
    let call = shop.post(&format!("users/{id}/reactivate"));
    call.token(&shop.admin()).json(&json!({})).await
}

/// Uses the account's present tokens, whatever was revoked.
fn newest_token(shop: &Shop, id: &str) -> String {
    let principal = Principal {
        user_id: id.parse().unwrap(),
        roles: [Role::User].into(),
        means: Means::Session {
            id: Uuid::now_v7(),
            generation: 1_000,
        },
    };
    let ttl = Duration::from_secs(60);
    shop.keys.sign(&principal, Utc::now(), ttl).unwrap()
}

/// Checks that earlier credentials no longer count: neither access tokens nor the refresh token.
async fn assert_signed_out(shop: &Shop, tokens: &Value) {
    let access = tokens["accessToken"].as_str().unwrap();
    let refused = shop.get("orders").token(access).await;
    assert_eq!(
        (refused.status.as_u16(), refused.code()),
        (401, "invalid-token".into())
    );
    let refused = refresh(shop, tokens).await;
    assert_eq!(
        (refused.status.as_u16(), refused.code()),
        (401, "invalid-refresh-token".into())
    );
}

async fn count(shop: &Shop, rows: &str) -> i64 {
    sqlx::query_scalar(&format!("select count(*) from {rows}"))
        .fetch_one(&shop.pool)
        .await
        .unwrap()
}

#[tokio::test]
async fn whoever_is_deactivated_is_out_at_once_and_comes_back_when_reactivated() {
    let shop = Shop::open().await;
    let ann = shop.customer().await;
    let tokens = sign_in(&shop, &ann.email, PASSWORD).await.json();

    let deactivated = deactivate(&shop, &ann.id).await;
    assert_eq!(deactivated.status, 200, "{deactivated:?}");
    assert!(deactivated.json()["deactivatedAt"].is_string());
    assert_signed_out(&shop, &tokens).await;
    let right = sign_in(&shop, &ann.email, PASSWORD).await;
    assert_eq!(
        (right.status.as_u16(), right.code()),
        (403, "account-deactivated".into())
    );
    let wrong = sign_in(&shop, &ann.email, "not hers at all").await;
    assert_eq!(wrong.code(), "invalid-credentials", "it tells strangers");

    let reactivated = reactivate(&shop, &ann.id).await;
    assert_eq!(reactivated.status, 200);
    assert!(reactivated.json().get("deactivatedAt").is_none());
    assert_eq!(sign_in(&shop, &ann.email, PASSWORD).await.status, 200);
    assert_signed_out(&shop, &tokens).await;
}

#[tokio::test]
async fn a_deactivated_account_is_shown_as_such_and_stays_as_it_was() {
    let shop = Shop::open().await;
    let (ann, pot) = (shop.customer().await, shop.product("12.50", 5).await);
    let deactivated = deactivate(&shop, &ann.id).await;
    let again = deactivate(&shop, &ann.id).await;
    assert_eq!(again.json(), deactivated.json());
    assert_eq!(again.header("etag"), "\"2\"");
    let path = format!("users/{}", ann.id);
    let seen = shop.get(&path).token(&shop.admin()).after(&again).await;
    assert_eq!(seen.json(), deactivated.json());
    let then = format!("{path}?asOf={}", deactivated.position());
    let then = shop.get(&then).token(&shop.admin()).await;
    assert_eq!(then.json(), deactivated.json());
    let before = format!("{path}?asOf={}", deactivated.position() - 1);
    let before = shop.get(&before).token(&shop.admin()).await.json();
    assert!(before.get("deactivatedAt").is_none());

    let order = json!({"items": [{"productId": pot, "quantity": 1}]});
    let token = newest_token(&shop, &ann.id);
    for refused in [
        shop.post("orders").token(&token).json(&order).await,
        shop.put(&path)
            .token(&token)
            .json(&json!({"firstName": "Eve"}))
            .await,
        shop.put(&format!("{path}/roles"))
            .token(&shop.admin())
            .json(&json!({"roles": ["admin"]}))
            .await,
    ] {
        assert_eq!(
            (refused.status.as_u16(), refused.code()),
            (409, "account-deactivated".into())
        );
    }
    let reactivated = reactivate(&shop, &ann.id).await;
    assert_eq!(reactivate(&shop, &ann.id).await.header("etag"), "\"3\"");
    let seen = shop.get(&path).token(&token).after(&reactivated).await;
    assert_eq!(seen.json(), reactivated.json());
    assert_eq!(
        shop.post("orders").token(&token).json(&order).await.status,
        201
    );
}

#[tokio::test]
async fn administrators_deactivate_others_and_nobody_else_does() {
    let shop = Shop::open().await;
    let (ann, bob) = (shop.customer().await, shop.customer().await);
    let body = json!({});
    for path in ["deactivate", "reactivate"] {
        let path = format!("users/{}/{path}", ann.id);
        let refused = shop.post(&path).token(&bob.token).json(&body).await;
        assert_eq!(refused.code(), "forbidden");
        assert_eq!(shop.post(&path).json(&body).await.code(), "unauthenticated");
        let smuggled = shop.post(&path).token(&shop.admin());
        let smuggled = smuggled.json(&json!({"at": 1})).await;
        assert_eq!(smuggled.problem().1, "unknown-field");
    }
    let missing = deactivate(&shop, &Uuid::now_v7().to_string()).await;
    assert_eq!(missing.code(), "user-not-found");

    let boss = json!({"email": "boss@example.com", "password": PASSWORD, "firstName": "Ann",
                      "lastName": "Lee", "roles": ["admin"]});
    let made = shop.post("users").token(&shop.admin()).json(&boss).await;
    let id = made.json()["id"].as_str().unwrap().to_owned();
    let boss = shop.token(id.parse().unwrap(), [Role::Admin]);
    let own = shop.post(&format!("users/{id}/deactivate"));
    let refused = own.token(&boss).json(&body).await;
    assert_eq!(
        (refused.status.as_u16(), refused.code()),
        (409, "own-admin-role".into())
    );
}

#[tokio::test]
async fn a_repeated_deactivation_ends_what_the_first_could_not() {
    let shop = Shop::open().await;
    let ann = shop.customer().await;
    let path = format!("users/{}/deactivate", ann.id);
    let ask = || {
        shop.post(&path)
            .token(&shop.admin())
            .key("out")
            .json(&json!({}))
    };
    let first = ask().await;
    // As if the first attempt had been interrupted between the log and the sessions.
    sqlx::query("delete from auth.generations")
        .execute(&shop.pool)
        .await
        .unwrap();
    let again = ask().await;
    assert_eq!(again.header("idempotency-replayed"), "true");
    assert_eq!(again.body, first.body);
    assert_eq!(
        count(&shop, "auth.generations where generation > 0").await,
        1
    );
}

#[tokio::test]
async fn a_changed_password_ends_all_sessions() {
    let shop = Shop::open().await;
    let (ann, bob) = (shop.customer().await, shop.customer().await);
    let tokens = sign_in(&shop, &ann.email, PASSWORD).await.json();
    let elsewhere = sign_in(&shop, &ann.email, PASSWORD).await.json();
    let token = tokens["accessToken"].as_str().unwrap();

    let wrong = change(&shop, token, &ann.id, "not hers at all", NEW_PASSWORD).await;
    assert_eq!(
        (wrong.status.as_u16(), wrong.code()),
        (403, "wrong-password".into())
    );
    let short = change(&shop, token, &ann.id, PASSWORD, "short").await;
    assert_eq!(
        short.problem(),
        (422, "invalid-field".into(), "/newPassword".into())
    );
    for (stranger, old) in [(&bob.token, PASSWORD), (&shop.admin(), PASSWORD)] {
        let refused = change(&shop, stranger, &ann.id, old, NEW_PASSWORD).await;
        assert_eq!(refused.problem().0, 404, "not even an administrator");
    }
    assert_eq!(
        refresh(&shop, &elsewhere).await.status,
        200,
        "nothing happened"
    );

    let changed = change(&shop, token, &ann.id, PASSWORD, NEW_PASSWORD).await;
    assert_eq!(changed.status, 204, "{changed:?}");
    assert_signed_out(&shop, &tokens).await;
    assert_signed_out(&shop, &elsewhere).await;
    assert_eq!(
        sign_in(&shop, &ann.email, PASSWORD).await.code(),
        "invalid-credentials"
    );
    assert_eq!(sign_in(&shop, &ann.email, NEW_PASSWORD).await.status, 200);
}

#[tokio::test]
async fn a_session_that_is_refreshed_while_the_password_changes_ends_all_the_same() {
    let shop = Shop::open().await;
    let ann = shop.customer().await;
    for n in 0..8 {
        let (old, new) = (
            format!("staple {n} of a horse"),
            format!("staple {} of a horse", n + 1),
        );
        let old = if n == 0 { PASSWORD } else { &old };
        let mut sessions = Vec::new();
        for _ in 0..3 {
            sessions.push(sign_in(&shop, &ann.email, old).await.json());
        }
        let token = newest_token(&shop, &ann.id);
        let refreshing = async {
            let mut kept = Vec::new();
            for tokens in &sessions {
                kept.push(refresh(&shop, tokens).await);
            }
            kept
        };
        let changing = change(&shop, &token, &ann.id, old, &new);
        let (changed, refreshed) = tokio::join!(changing, refreshing);
        assert_eq!(changed.status, 204, "{changed:?}");
        for reply in refreshed {
            match reply.status.as_u16() {
                200 => assert_signed_out(&shop, &reply.json()).await,
                status => assert_eq!(status, 401, "{reply:?}"),
            }
        }
    }
}

#[tokio::test]
async fn of_many_that_change_a_password_at_once_one_succeeds() {
    let shop = Shop::open().await;
    let ann = shop.customer().await;
    let change = |n: usize| {
        let (shop, ann) = (&shop, &ann);
        async move {
            let new = format!("{NEW_PASSWORD} {n}");
            change(shop, &ann.token, &ann.id, PASSWORD, &new).await
        }
    };
    let changed = join_all((0..4).map(change)).await;
    let done = changed.iter().filter(|reply| reply.status == 204);
    assert_eq!(done.count(), 1, "{changed:?}");
}

#[tokio::test]
async fn a_forgotten_password_is_replaced_once_by_the_newest_message() {
    let shop = Shop::open().await;
    let ann = shop.customer().await;
    let tokens = sign_in(&shop, &ann.email, PASSWORD).await.json();
    let mut mailbox = Mailbox::open(&shop).await;
    let older = mailbox.reset_token(&ann).await;
    assert_eq!(
        forgotten(&shop, &ann.email.to_uppercase()).await.status,
        202
    );
    let message = mailbox.next("reset-password").await;
    assert_eq!(message.to.as_str(), ann.email, "as its owner wrote it");
    assert_eq!(message.values["firstName"], "Ann");
    let token = &message.values["token"];

    for bad in [
        &older,
        "",
        "nonsense",
        tokens["accessToken"].as_str().unwrap(),
    ] {
        let refused = reset(&shop, bad).await;
        assert_eq!(
            (refused.status.as_u16(), refused.code()),
            (422, "invalid-one-time-token".into())
        );
    }
    assert_eq!(verify(&shop, token).await.code(), "invalid-one-time-token");
    let short = json!({"token": token, "newPassword": "short"});
    let short = shop.post("users/password/reset").json(&short).await;
    assert_eq!(
        short.problem(),
        (422, "invalid-field".into(), "/newPassword".into())
    );
    let used = join_all((0..4).map(|_| reset(&shop, token))).await;
    let done = used.iter().filter(|reply| reply.status == 204);
    assert_eq!(done.count(), 1, "{used:?}");
    assert_eq!(reset(&shop, token).await.status, 422);
    assert_signed_out(&shop, &tokens).await;
    assert_eq!(sign_in(&shop, &ann.email, PASSWORD).await.status, 401);
    assert_eq!(sign_in(&shop, &ann.email, NEW_PASSWORD).await.status, 200);
}

#[tokio::test]
async fn whether_somebody_has_an_address_is_not_told() {
    let shop = Shop::open().await;
    let ann = shop.customer().await;
    let mut mailbox = Mailbox::open(&shop).await;
    let unknown = forgotten(&shop, "nobody@example.com").await;
    let known = forgotten(&shop, &ann.email).await;
    let without_id = |reply: &Reply| {
        let mut headers: HeaderMap = reply.headers.clone();
        headers.remove("x-request-id");
        headers
    };
    assert_eq!((unknown.status, &unknown.body), (known.status, &known.body));
    assert_eq!(without_id(&unknown), without_id(&known));
    assert_eq!(known.status, 202);
    assert!(known.body.is_empty());
    // The requests are handled one after another, so the one for the unknown address has been handled.
    mailbox.token("reset-password").await;
    let resets = "outbox.messages where template = 'reset-password'";
    assert_eq!(count(&shop, resets).await, 1);
    let nonsense = forgotten(&shop, "ann").await;
    assert_eq!(
        nonsense.problem(),
        (422, "invalid-field".into(), "/email".into())
    );
}

#[tokio::test]
async fn few_messages_an_hour_are_sent_and_none_to_the_deactivated() {
    let shop = Shop::open().await;
    let (ann, bob, eve) = (
        shop.customer().await,
        shop.customer().await,
        shop.customer().await,
    );
    assert_eq!(deactivate(&shop, &eve.id).await.status, 200);
    let mut mailbox = Mailbox::open(&shop).await;
    for _ in 0..9 {
        assert_eq!(forgotten(&shop, &ann.email).await.status, 202);
        assert_eq!(forgotten(&shop, &eve.email).await.status, 202);
    }
    assert_eq!(forgotten(&shop, &bob.email).await.status, 202);
    while mailbox.next("reset-password").await.to.as_str() != bob.email {}
    let to = async |customer: &Customer| {
        let id = &customer.id;
        let rows =
            format!("outbox.messages where template = 'reset-password' and person_id = '{id}'");
        count(&shop, &rows).await
    };
    assert_eq!((to(&ann).await, to(&eve).await), (5, 0));

    // Requests in somebody else's name keep them from getting a message only until those tokens expire.
    let expired = "update auth.one_time_tokens set expires_at = now()";
    sqlx::query(expired).execute(&shop.pool).await.unwrap();
    mailbox.reset_token(&ann).await;
    assert_eq!(to(&ann).await, 6);

    let an_hour_ago = "update auth.one_time_tokens set issued_at = now() - interval '61 minutes'";
    sqlx::query(an_hour_ago).execute(&shop.pool).await.unwrap();
    let token = mailbox.reset_token(&ann).await;
    assert_eq!(reset(&shop, &token).await.status, 204);
}

#[tokio::test]
async fn what_a_token_rests_on_may_end_before_it_is_used() {
    let shop = Shop::open().await;
    let ann = shop.customer().await;
    let mut mailbox = Mailbox::open(&shop).await;

    let token = mailbox.reset_token(&ann).await;
    let changed = change(&shop, &ann.token, &ann.id, PASSWORD, NEW_PASSWORD).await;
    assert_eq!(changed.status, 204);
    assert_eq!(
        reset(&shop, &token).await.status,
        422,
        "the password was changed"
    );

    let token = mailbox.reset_token(&ann).await;
    assert_eq!(deactivate(&shop, &ann.id).await.status, 200);
    assert_eq!(reset(&shop, &token).await.status, 422, "deactivated");
    assert_eq!(reactivate(&shop, &ann.id).await.status, 200);
    assert_eq!(reset(&shop, &token).await.status, 422, "and void for good");

    let token = mailbox.reset_token(&ann).await;
    let expire = "update auth.one_time_tokens set expires_at = now() - interval '1 second'";
    sqlx::query(expire).execute(&shop.pool).await.unwrap();
    assert_eq!(reset(&shop, &token).await.status, 422, "expired");
}

#[tokio::test]
async fn a_new_accounts_address_is_verified_once() {
    let shop = Shop::open().await;
    let mut mailbox = Mailbox::open(&shop).await;
    let ann = shop.customer().await;
    let message = mailbox.next("verify-email").await;
    assert_eq!(message.to.as_str(), ann.email);
    let token = &message.values["token"];
    let path = format!("users/{}", ann.id);
    let before = shop.get(&format!("{path}?asOf=2")).token(&ann.token).await;
    assert_eq!(before.json()["emailVerified"], false);

    assert_eq!(reset(&shop, token).await.code(), "invalid-one-time-token");
    assert_eq!(
        verify(&shop, "nonsense").await.code(),
        "invalid-one-time-token"
    );
    let used = join_all((0..4).map(|_| verify(&shop, token))).await;
    let done = Vec::from_iter(used.iter().filter(|reply| reply.status == 204));
    assert_eq!(done.len(), 1, "{used:?}");
    let seen = shop.get(&path).token(&ann.token).after(done[0]).await;
    assert_eq!(seen.json()["emailVerified"], true);
    let events = "log.events where event_type = 'user.email_verified'";
    assert_eq!(count(&shop, events).await, 1);

    assert_eq!(verify(&shop, token).await.status, 422);
    let asked = shop.post(&format!("{path}/email-verification"));
    let refused = asked.token(&ann.token).await;
    assert_eq!(
        (refused.status.as_u16(), refused.code()),
        (409, "email-verified".into())
    );
}

#[tokio::test]
async fn another_verification_is_asked_for_by_oneself_and_a_few_times_an_hour() {
    let shop = Shop::open().await;
    let mut mailbox = Mailbox::open(&shop).await;
    let (ann, bob) = (shop.customer().await, shop.customer().await);
    let path = format!("users/{}/email-verification", ann.id);
    let first = mailbox.token("verify-email").await;
    mailbox.token("verify-email").await;
    for stranger in [&bob.token, &shop.admin()] {
        assert_eq!(shop.post(&path).token(stranger).await.problem().0, 404);
    }
    for _ in 0..4 {
        assert_eq!(shop.post(&path).token(&ann.token).await.status, 202);
    }
    let refused = shop.post(&path).token(&ann.token).await;
    assert_eq!(
        (refused.status.as_u16(), refused.code()),
        (429, "rate-limited".into())
    );
    let mut newest = String::new();
    for _ in 0..4 {
        newest = mailbox.token("verify-email").await;
    }
    assert_eq!(verify(&shop, &first).await.status, 422, "replaced");
    assert_eq!(verify(&shop, &newest).await.status, 204);
}

#[tokio::test]
async fn a_refused_or_repeated_registration_writes_to_nobody() {
    let shop = Shop::open().await;
    let body = json!({"email": "ann@example.com", "password": PASSWORD, "firstName": "Ann", "lastName": "Lee"});
    for key in ["one", "one", "two"] {
        shop.post("users/register").key(key).json(&body).await;
    }
    assert_eq!(count(&shop, "outbox.messages").await, 1);
}

#[tokio::test]
async fn neither_addresses_nor_tokens_lie_about_in_the_database() {
    let shop = Shop::open().await;
    let mut mailbox = Mailbox::open(&shop).await;
    let ann = shop.customer().await;
    let token = mailbox.token("verify-email").await;
    let stored: String = sqlx::query_scalar(
        "select concat((select string_agg(m::text, ' ') from outbox.messages m),
                       (select string_agg(t::text, ' ') from auth.one_time_tokens t))",
    )
    .fetch_one(&shop.pool)
    .await
    .unwrap();
    assert!(stored.contains("verify-email") && stored.contains("email-verification"));
    for secret in [&token, &ann.email] {
        let bytes: String = secret.bytes().map(|byte| format!("{byte:02x}")).collect();
        assert!(!stored.contains(secret.as_str()) && !stored.contains(&bytes));
    }
}
