use daybook_domain::user::Role;
use daybook_identity::{Means, Principal};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::shop::{PASSWORD, Shop, principal};

fn registration(email: &str) -> Value {
    json!({"email": email, "password": PASSWORD, "firstName": "Ann", "lastName": "Lee"})
}

#[tokio::test]
async fn an_account_is_opened_and_seen_by_its_owner() {
    let shop = Shop::open().await;
    let registered = shop
        .post("users/register")
        .json(&registration("Ann@Example.com"))
        .await;
    assert_eq!(registered.status, 201, "{registered:?}");
    let account = registered.json();
    let id = account["id"].as_str().unwrap();
    assert_eq!(registered.header("location"), format!("/api/v1/users/{id}"));
    assert_eq!(registered.header("etag"), "\"1\"");
    assert_eq!(account["email"], "Ann@Example.com");
    assert_eq!(account["roles"], json!(["user"]));
    assert!(!registered.text().contains("password"));

    let token = shop.token(id.parse().unwrap(), [daybook_domain::user::Role::User]);
    let seen = shop
        .get(&format!("users/{id}"))
        .token(&token)
        .after(&registered)
        .await;
    assert_eq!(seen.status, 200);
    assert_eq!(seen.header("etag"), "\"1\"");
    assert_eq!(seen.json(), account);
}

#[tokio::test]
async fn an_address_belongs_to_one_account() {
    let shop = Shop::open().await;
    assert_eq!(
        shop.post("users/register")
            .json(&registration("ann@example.com"))
            .await
            .status,
        201
    );
    let again = shop
        .post("users/register")
        .json(&registration("ANN@example.com"))
        .await;
    assert_eq!(
        again.problem(),
        (409, "email-taken".into(), "/email".into())
    );
    let hashes: i64 = sqlx::query_scalar("select count(*) from auth.credentials")
        .fetch_one(&shop.pool)
        .await
        .unwrap();
    assert_eq!(hashes, 1, "the refused account's password is gone");
}

#[tokio::test]
async fn what_is_no_account_is_refused_with_the_field() {
    let shop = Shop::open().await;
    let cases = [
        ("email", json!("ann"), "/email"),
        ("email", json!(7), "/email"),
        ("password", json!("short"), "/password"),
        ("password", json!("x".repeat(129)), "/password"),
        ("password", json!("correct\u{0}horse"), "/password"),
        ("firstName", json!(""), "/firstName"),
        ("lastName", json!("x".repeat(101)), "/lastName"),
        ("firstName", json!("A\u{7}nn"), "/firstName"),
        ("firstName", Value::Null, "/firstName"),
    ];
    for (field, value, pointer) in cases {
        let mut body = registration("ann@example.com");
        body[field] = value;
        let refused = shop.post("users/register").json(&body).await;
        assert_eq!(
            refused.problem(),
            (422, "invalid-field".into(), pointer.into()),
            "{body}"
        );
    }
    let mut smuggled = registration("ann@example.com");
    smuggled["roles"] = json!(["admin"]);
    let refused = shop.post("users/register").json(&smuggled).await;
    assert_eq!(
        refused.problem(),
        (422, "unknown-field".into(), "/roles".into())
    );
    let events: i64 = sqlx::query_scalar("select count(*) from log.events")
        .fetch_one(&shop.pool)
        .await
        .unwrap();
    let hashes: i64 = sqlx::query_scalar("select count(*) from auth.credentials")
        .fetch_one(&shop.pool)
        .await
        .unwrap();
    assert_eq!(
        (events, hashes),
        (1, 0),
        "there is the admin's account and nothing else"
    );
}

#[tokio::test]
async fn names_are_changed_by_their_owner_and_by_administrators() {
    let shop = Shop::open().await;
    let ann = shop.customer().await;
    let path = format!("users/{}", ann.id);
    let changed = shop
        .put(&path)
        .token(&ann.token)
        .json(&json!({"lastName": "Lane"}))
        .await;
    assert_eq!(changed.status, 200, "{changed:?}");
    assert_eq!(changed.json()["firstName"], "Ann");
    assert_eq!(changed.json()["lastName"], "Lane");
    let again = shop
        .put(&path)
        .token(&shop.admin())
        .json(&json!({"firstName": "Anne"}))
        .await;
    assert_eq!(again.header("etag"), "\"3\"");
    let seen = shop.get(&path).token(&ann.token).after(&again).await;
    assert_eq!(seen.json(), again.json());
    let refused = shop
        .put(&path)
        .token(&ann.token)
        .json(&json!({"email": "new@example.com"}))
        .await;
    assert_eq!(
        refused.problem(),
        (422, "unknown-field".into(), "/email".into())
    );
}

#[tokio::test]
async fn someone_elses_account_is_not_there() {
    let shop = Shop::open().await;
    let (ann, bob) = (shop.customer().await, shop.customer().await);
    let path = format!("users/{}", ann.id);
    assert_eq!(shop.get(&path).token(&bob.token).await.problem().0, 404);
    let renamed = shop
        .put(&path)
        .token(&bob.token)
        .json(&json!({"firstName": "Eve"}))
        .await;
    assert_eq!(renamed.problem().0, 404);
    assert_eq!(shop.get(&path).await.code(), "unauthenticated");
    for forbidden in [
        shop.get("users").token(&bob.token),
        shop.post("users").token(&bob.token).json(&json!({})),
        shop.put(&format!("users/{}/roles", bob.id))
            .token(&bob.token)
            .json(&json!({"roles": ["admin"]})),
    ] {
        let refused = forbidden.await;
        assert_eq!(
            (refused.status.as_u16(), refused.code()),
            (403, "forbidden".into())
        );
    }
}

#[tokio::test]
async fn administrators_open_accounts_and_give_roles() {
    let shop = Shop::open().await;
    let mut body = registration("boss@example.com");
    body["roles"] = json!(["admin", "user"]);
    let made = shop.post("users").token(&shop.admin()).json(&body).await;
    assert_eq!(made.status, 201, "{made:?}");
    assert_eq!(made.json()["roles"], json!(["user", "admin"]));
    let path = format!("users/{}/roles", made.json()["id"].as_str().unwrap());
    let changed = shop
        .put(&path)
        .token(&shop.admin())
        .json(&json!({"roles": ["user"]}))
        .await;
    assert_eq!(changed.json()["roles"], json!(["user"]), "{changed:?}");
    let none = shop
        .put(&path)
        .token(&shop.admin())
        .json(&json!({"roles": []}))
        .await;
    assert_eq!(
        none.problem(),
        (422, "invalid-field".into(), "/roles".into())
    );
    let unknown = shop
        .put(&path)
        .token(&shop.admin())
        .json(&json!({"roles": ["root"]}))
        .await;
    assert_eq!(
        unknown.problem(),
        (422, "invalid-field".into(), "/roles/0".into())
    );
    let nobody = format!("users/{}/roles", uuid::Uuid::now_v7());
    let missing = shop
        .put(&nobody)
        .token(&shop.admin())
        .json(&json!({"roles": ["user"]}))
        .await;
    assert_eq!(missing.problem().0, 404);

    let listed = shop.get("users").token(&shop.admin()).after(&changed).await;
    assert_eq!(
        listed.header("x-total-count"),
        "2",
        "and the one who did it"
    );
    assert_eq!(listed.json()[0], changed.json());
}

#[tokio::test]
async fn who_is_no_administrator_any_more_cannot_make_themselves_one() {
    let shop = Shop::open().await;
    let mut body = registration("boss@example.com");
    body["roles"] = json!(["admin", "user"]);
    let made = shop.post("users").token(&shop.admin()).json(&body).await;
    let id = made.json()["id"].as_str().unwrap().to_owned();
    let token = shop.token(id.parse().unwrap(), [Role::Admin]);
    let path = format!("users/{id}/roles");
    let roles = |roles: &[&str]| json!({ "roles": roles });
    assert_eq!(shop.get("users").token(&token).await.status, 200);

    let demoted = shop
        .put(&path)
        .token(&shop.admin())
        .json(&roles(&["user"]))
        .await;
    assert_eq!(demoted.status, 200);
    let undo = async |token: &str| shop.put(&path).token(token).json(&roles(&["admin"])).await;
    assert_eq!(undo(&token).await.code(), "invalid-token");
    // Not even by a token that was issued since and says otherwise: the log decides.
    let token = shop.token_of(&Principal {
        means: Means::Session {
            id: Uuid::now_v7(),
            generation: 1,
        },
        ..principal(id.parse().unwrap(), [Role::Admin])
    });
    let undone = undo(&token).await;
    assert_eq!(
        (undone.status.as_u16(), undone.code()),
        (403, "forbidden".into())
    );
    let orders = shop.get("orders?limit=1").token(&token).await;
    assert_eq!(orders.status, 200, "what is left is a customer");
}

#[tokio::test]
async fn an_administrator_cannot_give_up_the_role_or_erase_themselves() {
    let shop = Shop::open().await;
    let mut body = registration("boss@example.com");
    body["roles"] = json!(["admin"]);
    let made = shop.post("users").token(&shop.admin()).json(&body).await;
    let id = made.json()["id"].as_str().unwrap().to_owned();
    let token = shop.token(id.parse().unwrap(), [Role::Admin]);
    let path = format!("users/{id}/roles");

    let given_up = shop
        .put(&path)
        .token(&token)
        .json(&json!({"roles": ["user"]}))
        .await;
    let erased = shop.delete(&format!("users/{id}")).token(&token).await;
    for refused in [given_up, erased] {
        assert_eq!(
            (refused.status.as_u16(), refused.code()),
            (409, "own-admin-role".into())
        );
    }
    let kept = shop
        .put(&path)
        .token(&token)
        .json(&json!({"roles": ["user", "admin"]}))
        .await;
    assert_eq!(kept.status, 200);
    let another = shop
        .delete(&format!("users/{id}"))
        .token(&shop.admin())
        .await;
    assert_eq!(another.status, 204);
}

/// Each action requires that the caller is an administrator when it is written, not when it is requested.
#[tokio::test]
async fn of_administrators_who_dismiss_each_other_at_once_one_succeeds() {
    let shop = Shop::open().await;
    for round in 0..5 {
        let mut admins = Vec::new();
        for name in ["ann", "bob"] {
            let mut body = registration(&format!("{name}{round}@example.com"));
            body["roles"] = json!(["admin", "user"]);
            let made = shop.post("users").token(&shop.admin()).json(&body).await;
            let id = made.json()["id"].as_str().unwrap().to_owned();
            let token = shop.token(id.parse().unwrap(), [Role::Admin]);
            admins.push((id, token));
        }
        let [(ann, anns), (bob, bobs)] = &admins[..] else {
            panic!("{admins:?}")
        };
        let customer = json!({"roles": ["user"]});
        let (ann_path, bob_path) = (format!("users/{ann}/roles"), format!("users/{bob}/roles"));
        let (by_ann, by_bob) = tokio::join!(
            shop.put(&bob_path)
                .token(anns)
                .json(&customer)
                .into_future(),
            shop.put(&ann_path)
                .token(bobs)
                .json(&customer)
                .into_future(),
        );
        let mut statuses = [by_ann.status.as_u16(), by_bob.status.as_u16()];
        statuses.sort_unstable();
        assert_eq!(statuses[0], 200, "{by_ann:?} {by_bob:?}");
        assert!([401, 403].contains(&statuses[1]), "{by_ann:?} {by_bob:?}");
    }
}
