//! Creating and listing API keys, and the time of their last use.

use chrono::{TimeDelta, Utc};
use serde_json::{Value, json};

use crate::api_keys::{instant, key, make, with_another_secret};
use crate::shop::Shop;

#[tokio::test]
async fn what_a_key_is_made_with_is_checked() {
    let shop = Shop::open().await;
    let post = |body: Value| shop.post("api-keys").token(&shop.admin()).json(&body);
    let in_days = |days: i64| json!(Utc::now() + TimeDelta::days(days));
    for (body, pointer) in [
        (json!({"roles": ["user"]}), "/name"),
        (json!({"name": "", "roles": ["user"]}), "/name"),
        (json!({"name": "a\nb", "roles": ["user"]}), "/name"),
        (json!({"name": "n".repeat(101), "roles": ["user"]}), "/name"),
        (json!({"name": "a"}), "/roles"),
        (json!({"name": "a", "roles": []}), "/roles"),
        (json!({"name": "a", "roles": ["root"]}), "/roles/0"),
        (
            json!({"name": "a", "roles": ["user"], "expiresInDays": 0}),
            "/expiresInDays",
        ),
        (
            json!({"name": "a", "roles": ["user"], "expiresInDays": 367}),
            "/expiresInDays",
        ),
        (
            json!({"name": "a", "roles": ["user"], "expiresAt": in_days(367)}),
            "/expiresAt",
        ),
        (
            json!({"name": "a", "roles": ["user"], "expiresAt": in_days(-1)}),
            "/expiresAt",
        ),
        (
            json!({"name": "a", "roles": ["user"], "expiresAt": in_days(1), "expiresInDays": 1}),
            "/expiresInDays",
        ),
        (
            json!({"name": "a", "roles": ["user"], "userId": shop.admin_id}),
            "/userId",
        ),
    ] {
        let refused = post(body.clone()).await;
        assert_eq!(refused.status, 422, "{body}: {refused:?}");
        assert_eq!(refused.problem().2, pointer, "{body}");
    }
    let longest =
        post(json!({"name": "n".repeat(100), "roles": ["user"], "expiresInDays": 366})).await;
    assert_eq!(longest.status, 201, "{longest:?}");
    let boss = shop.another_admin().await;
    let beyond = shop
        .post("api-keys")
        .token(&boss)
        .json(&json!({"name": "a", "roles": ["user"]}))
        .await;
    assert_eq!(
        beyond.problem(),
        (422, "invalid-field".into(), "/roles".into()),
        "a role that the maker does not have"
    );
}

#[tokio::test]
async fn keys_come_in_pages() {
    let shop = Shop::open().await;
    for name in ["a", "b", "c", "d", "e"] {
        make(
            &shop,
            &shop.admin(),
            &json!({"name": name, "roles": ["user"]}),
        )
        .await;
    }
    let page = async |path: &str| {
        let page = shop.get(path).token(&shop.admin()).await;
        assert_eq!(page.header("x-total-count"), "5", "{page:?}");
        let names: String = page
            .json()
            .as_array()
            .unwrap()
            .iter()
            .map(|key| key["name"].as_str().unwrap())
            .collect();
        let links = page
            .headers
            .get("link")
            .map_or("", |links| links.to_str().unwrap());
        let link = |rel: &str| {
            let link = links.split(", ").find(|link| link.ends_with(rel))?;
            Some(link[1..link.find('>').unwrap()].to_owned())
        };
        (names, link("\"next\""), link("\"prev\""))
    };
    let (first, next, prev) = page("api-keys?limit=2").await;
    assert_eq!((&*first, prev), ("ed", None));
    let (second, next, _) = page(&next.unwrap()).await;
    assert_eq!(second, "cb");
    let (third, end, prev) = page(&next.unwrap()).await;
    assert_eq!((&*third, end), ("a", None));
    let (second, _, prev) = page(&prev.unwrap()).await;
    assert_eq!(second, "cb");
    let (first, _, prev) = page(&prev.unwrap()).await;
    assert_eq!((&*first, prev), ("ed", None));
    assert_eq!(page("api-keys?limit=2&page=3").await.0, "a");
    let forged = shop.get("api-keys?cursor=x").token(&shop.admin()).await;
    assert_eq!(forged.problem().2, "/cursor");
}

#[tokio::test]
async fn when_a_key_was_used_is_written_down_once_a_minute_at_most() {
    let shop = Shop::open().await;
    let (id, text) = key(&shop, &["user"]).await;
    let path = format!("api-keys/{id}");
    let last_used =
        async || shop.get(&path).token(&shop.admin()).await.json()["lastUsedAt"].clone();
    assert_eq!(last_used().await, Value::Null);
    shop.get("orders").token(&with_another_secret(&text)).await;
    shop.app.callers.api_keys.record_uses().await.unwrap();
    assert_eq!(last_used().await, Value::Null, "nobody had the key");
    let before = Utc::now() - TimeDelta::milliseconds(1);
    shop.get("orders").token(&text).await;
    shop.app.callers.api_keys.record_uses().await.unwrap();
    let used = last_used().await;
    assert!(instant(&used) >= before);
    shop.get("orders").token(&text).await;
    shop.app.callers.api_keys.record_uses().await.unwrap();
    assert_eq!(last_used().await, used);
}
