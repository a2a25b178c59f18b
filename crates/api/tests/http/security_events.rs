use std::net::SocketAddr;

use axum::extract::ConnectInfo;
use daybook_api::app::HttpConfig;
use daybook_domain::user::Role;
use daybook_identity::security::{Kind, SecurityEvent, SecurityLog};
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

use crate::shop::{Call, Customer, PASSWORD, Reply, Shop};

const HOME: &str = "192.0.2.7";

fn from(address: &str) -> ConnectInfo<SocketAddr> {
    ConnectInfo(format!("{address}:4711").parse().unwrap())
}

fn login(shop: &Shop, customer: &Customer, password: &str) -> Call {
    shop.post("users/login")
        .extension(from(HOME))
        .json(&json!({"email": customer.email, "password": password}))
}

async fn events(shop: &Shop, query: &str) -> Reply {
    let reply = shop
        .get(&format!("security-events?{query}"))
        .token(&shop.admin())
        .await;
    assert_eq!(reply.status, 200, "{reply:?}");
    reply
}

fn kinds(reply: &Reply) -> Vec<String> {
    let events = reply.json();
    let events = events.as_array().unwrap().iter();
    events
        .map(|event| event["kind"].as_str().unwrap().to_owned())
        .collect()
}

/// Signs in with a wrong password, then the right one, and out; becomes an administrator; signs out everywhere.
async fn live(shop: &Shop) -> (Customer, Value) {
    let ann = shop.customer().await;
    assert_eq!(login(shop, &ann, "wrong horse").await.status, 401);
    let tokens = login(shop, &ann, PASSWORD)
        .header("x-request-id", "r-1")
        .await
        .json();
    let body = json!({"refreshToken": tokens["refreshToken"]});
    assert_eq!(
        shop.post("users/refresh").json(&body).await.status,
        200,
        "{tokens}"
    );
    assert_eq!(shop.post("users/refresh").json(&body).await.status, 401);
    let again = login(shop, &ann, PASSWORD).await.json();
    let body = json!({"refreshToken": again["refreshToken"]});
    assert_eq!(shop.post("users/logout").json(&body).await.status, 204);
    let roles = json!({"roles": ["user", "admin"]});
    let path = format!("users/{}/roles", ann.id);
    let changed = shop.put(&path).token(&shop.admin()).json(&roles).await;
    assert_eq!(changed.status, 200, "{changed:?}");
    let last = login(shop, &ann, PASSWORD).await.json();
    let everywhere = shop.post("users/logout-everywhere");
    let everywhere = everywhere.token(last["accessToken"].as_str().unwrap());
    assert_eq!(everywhere.await.status, 204);
    (ann, tokens)
}

#[tokio::test]
async fn what_happens_to_an_account_is_told_to_administrators() {
    let shop = Shop::open().await;
    let (ann, tokens) = live(&shop).await;
    let told = events(&shop, &format!("userId={}", ann.id)).await;
    assert_eq!(
        kinds(&told),
        [
            "logged-out-everywhere",
            "signed-in",
            "role-changed",
            "logged-out",
            "signed-in",
            "refresh-reused",
            "signed-in",
            "sign-in-failed",
        ]
    );
    assert_eq!(told.header("x-total-count"), "8");
    let all = told.json();
    let (changed, reused, signed_in, failed) = (&all[2], &all[5], &all[6], &all[7]);
    assert_eq!(changed["detail"], json!({"roles": ["user", "admin"]}));
    assert!(changed["actorId"].is_string() && changed["actorId"] != changed["userId"]);
    assert_eq!(changed["route"], "PUT /api/v1/users/{id}/roles");
    assert_eq!(signed_in["sessionId"], reused["sessionId"]);
    assert_eq!(
        (&signed_in["address"], &signed_in["requestId"]),
        (&json!(HOME), &json!("r-1"))
    );
    assert_eq!(signed_in["outcome"], "success");
    assert_eq!(
        (&failed["outcome"], &failed["userId"], &failed["times"]),
        (&json!("failure"), &json!(ann.id), &json!(1))
    );
    let access_token = tokens["accessToken"].as_str().unwrap();
    let refresh_token = tokens["refreshToken"].as_str().unwrap();
    for hidden in [
        &ann.email,
        PASSWORD,
        "wrong horse",
        access_token,
        refresh_token,
    ] {
        assert!(!told.text().contains(hidden), "{hidden}");
    }
    let refused = shop.get("security-events").token(&ann.token).await;
    assert_eq!(refused.status, 401, "that token was revoked");
    let bob = shop.customer().await;
    let refused = shop.get("security-events").token(&bob.token).await;
    assert_eq!(
        (refused.status.as_u16(), refused.code()),
        (403, "forbidden".into())
    );
}

#[tokio::test]
async fn events_are_searched_and_come_by_the_page() {
    let shop = Shop::open().await;
    let (ann, _) = live(&shop).await;
    assert_eq!(
        kinds(&events(&shop, "kind=sign-in-failed").await),
        ["sign-in-failed"]
    );
    let at_home = events(&shop, &format!("address={HOME}")).await;
    assert_eq!(at_home.header("x-total-count"), "4");
    assert_eq!(events(&shop, "address=2001:db8::1").await.text(), "[]");
    assert_eq!(events(&shop, "to=2020-01-01T00:00:00Z").await.text(), "[]");
    let everything = events(&shop, "from=2020-01-01T00:00:00Z").await;
    assert_eq!(everything.header("x-total-count"), "8");

    let mut query = format!("userId={}&limit=3", ann.id);
    let mut leafed = Vec::new();
    let last = loop {
        let page = events(&shop, &query).await;
        leafed.extend(page.json().as_array().unwrap().clone());
        match link(&page, "next") {
            Some(next) => query = next,
            None => break page,
        }
    };
    assert_eq!(Value::Array(leafed), everything.json());
    let back = events(&shop, &link(&last, "prev").unwrap()).await;
    assert_eq!(back.json()[2], everything.json()[5]);
    for (query, pointer) in [
        ("kind=signed-on", "/kind"),
        ("address=home", "/address"),
        ("cursor=x", "/cursor"),
        ("limit=0", "/limit"),
    ] {
        let path = format!("security-events?{query}");
        let refused = shop.get(&path).token(&shop.admin()).await.problem();
        assert_eq!(refused, (422, "invalid-parameter".into(), pointer.into()));
    }
}

fn link(page: &Reply, rel: &str) -> Option<String> {
    let links = page.headers.get("link")?.to_str().unwrap();
    let link = links
        .split(", ")
        .find(|link| link.ends_with(&format!("rel=\"{rel}\"")))?;
    let target = link.split(['<', '>']).nth(1).unwrap();
    Some(target.split_once('?').unwrap().1.to_owned())
}

/// How often events were counted, over all minutes in which the test ran.
fn counted(reply: &Reply) -> (usize, i64) {
    let events = reply.json();
    let events = events.as_array().unwrap();
    let times = events.iter().map(|event| event["times"].as_i64().unwrap());
    (events.len(), times.sum())
}

#[tokio::test]
async fn who_is_turned_away_is_counted_by_the_minute() {
    let mut http = HttpConfig::default();
    http.gateway
        .limits
        .as_mut()
        .unwrap()
        .by_address
        .sign_in
        .requests = 1.try_into().unwrap();
    let shop = Shop::open_with(http).await;
    let ann = shop.customer().await;
    for _ in 0..5 {
        let refused = shop
            .get("users")
            .token(&ann.token)
            .extension(from(HOME))
            .await;
        assert_eq!(refused.status, 403);
        let refused = shop
            .get("users")
            .token("x")
            .extension(from("203.0.113.9"))
            .await;
        assert_eq!(refused.status, 401);
        let silent = shop.get("users").extension(from("203.0.113.9")).await;
        assert_eq!(silent.status, 401);
    }
    let of_ann = events(&shop, &format!("kind=access-denied&userId={}", ann.id)).await;
    let (rows, times) = counted(&of_ann);
    assert!(rows <= 2 && times == 5, "{of_ann:?}");
    assert_eq!(of_ann.json()[0]["route"], "GET /api/v1/users");
    let of_tokens = events(&shop, "kind=access-denied&address=203.0.113.9").await;
    let (rows, times) = counted(&of_tokens);
    assert!(rows <= 2 && times == 5, "{of_tokens:?}");

    for _ in 0..4 {
        login(&shop, &ann, "wrong horse").await;
    }
    let limited = events(&shop, "kind=rate-limited").await;
    let (rows, times) = counted(&limited);
    assert!(rows <= 2 && times == 3, "{limited:?}");
}

#[tokio::test]
async fn a_person_takes_the_events_of_their_account_along() {
    let shop = Shop::open().await;
    let (ann, _) = live(&shop).await;
    let path = format!("users/{}/export", ann.id);
    let told = shop.get(&path).token(&shop.admin()).await.json();
    let told = told["securityEvents"].as_array().unwrap();
    assert_eq!(told.len(), 9, "{told:?}");
    assert_eq!(told[8]["kind"], "exported");
    assert_eq!(
        (&told[0]["kind"], &told[0]["address"]),
        (&json!("sign-in-failed"), &json!(HOME))
    );
    let by_another = told
        .iter()
        .find(|event| event["kind"] == "role-changed")
        .unwrap();
    assert_eq!(
        (&by_another["address"], &by_another["requestId"]),
        (&Value::Null, &Value::Null)
    );
}

#[tokio::test]
async fn of_an_erased_person_there_is_what_happened_and_when() {
    let shop = Shop::open().await;
    let ann = shop.customer().await;
    assert_eq!(login(&shop, &ann, PASSWORD).await.status, 200);
    assert_eq!(login(&shop, &ann, "wrong horse").await.status, 401);
    let query = format!("userId={}", ann.id);
    assert_eq!(events(&shop, &query).await.json()[0]["address"], HOME);
    let erased = shop
        .delete(&format!("users/{}", ann.id))
        .token(&shop.admin())
        .await;
    assert_eq!(erased.status, 204);
    let left = events(&shop, &query).await;
    assert_eq!(kinds(&left), ["sign-in-failed", "signed-in"]);
    for event in left.json().as_array().unwrap() {
        for field in ["address", "requestId", "sessionId"] {
            assert_eq!(event[field], Value::Null, "{event}");
        }
    }
    let kept: i64 = sqlx::query_scalar(
        "select (select count(*) from auth.sign_in_failures) + (select count(*) from auth.known_networks)",
    )
    .fetch_one(&shop.pool)
    .await
    .unwrap();
    assert_eq!(kept, 0);
}

#[tokio::test]
async fn the_server_cannot_change_what_was_told() {
    let shop = Shop::open().await;
    let ann = shop.customer().await;
    assert_eq!(login(&shop, &ann, PASSWORD).await.status, 200);
    assert_eq!(kinds(&events(&shop, "").await), ["signed-in"]);
    for statement in [
        "update auth.security_events set kind = 'logged-out'",
        "delete from auth.security_events",
        "truncate auth.security_events",
        "insert into auth.security_events (at, kind, outcome) values (now(), 'signed-in', 'success')",
    ] {
        let refused = sqlx::query(statement)
            .execute(&shop.pool)
            .await
            .unwrap_err();
        let code = refused
            .into_database_error()
            .unwrap()
            .code()
            .unwrap()
            .into_owned();
        assert_eq!(code, "42501", "{statement}");
    }
    let hurried: i64 = sqlx::query_scalar("select auth.expire_security_events(interval '0')")
        .fetch_one(&shop.pool)
        .await
        .unwrap();
    assert_eq!(hurried, 0, "nothing goes before its time");
}

#[tokio::test]
async fn events_are_kept_for_four_hundred_days_and_written_before_the_end() {
    let shop = Shop::open().await;
    let log = SecurityLog::new(shop.pool.clone());
    for days in [1, 399, 401] {
        let at = chrono::Utc::now() - chrono::Duration::days(days);
        let event = SecurityEvent::new(Kind::RoleChanged, at);
        log.record(event.with_roles([Role::User].into()));
    }
    let stop = CancellationToken::new();
    stop.cancel();
    log.run(stop).await;
    let kept = events(&shop, "kind=role-changed").await;
    assert_eq!(kinds(&kept).len(), 3, "what was queued is written");
    assert_eq!(log.expire().await.unwrap(), 1);
    assert_eq!(kinds(&events(&shop, "").await).len(), 2);
}
