//! What browsers are told: which pages may use the API, and the security headers of every answer.

use std::net::SocketAddr;

use axum::extract::ConnectInfo;
use axum::http::Method;
use daybook_api::app::HttpConfig;
use daybook_api::gateway::GatewaySettings;
use daybook_edge::OverTls;
use serde_json::json;

use crate::shop::{Call, Reply, Shop};

const PAGE: &str = "https://shop.example";

async fn open_to(origins: &[&str]) -> Shop {
    Shop::open_with(HttpConfig {
        cors_origins: origins
            .iter()
            .map(|origin| origin.parse().unwrap())
            .collect(),
        ..HttpConfig::default()
    })
    .await
}

fn preflight(shop: &Shop, path: &str, origin: &str, method: &str) -> Call {
    shop.call(Method::OPTIONS, path)
        .header("origin", origin)
        .header("access-control-request-method", method)
        .header(
            "access-control-request-headers",
            "authorization,content-type,if-match",
        )
        .extension(ConnectInfo("192.0.2.1:4711".parse::<SocketAddr>().unwrap()))
}

fn allowed(reply: &Reply) -> Option<&str> {
    let origin = reply.headers.get("access-control-allow-origin")?;
    Some(origin.to_str().unwrap())
}

#[tokio::test]
async fn a_preflight_is_answered_for_listed_origins_only() {
    let shop = open_to(&[PAGE, "http://localhost:5173"]).await;
    for (path, origin, method, answer) in [
        ("products", PAGE, "POST", Some(PAGE)),
        ("products/1/stock", PAGE, "PUT", Some(PAGE)),
        (
            "orders",
            "http://localhost:5173",
            "GET",
            Some("http://localhost:5173"),
        ),
        ("nothing", PAGE, "DELETE", Some(PAGE)),
        (
            "products",
            "https://shop.example.evil.example",
            "POST",
            None,
        ),
        ("products", "http://shop.example", "POST", None),
        ("products", "https://shop.example:8443", "POST", None),
        ("products", "http://localhost", "POST", None),
        ("products", "null", "POST", None),
    ] {
        let reply = preflight(&shop, path, origin, method).await;
        assert_eq!(
            (reply.status.as_u16(), allowed(&reply)),
            (200, answer),
            "{origin}"
        );
        assert!(varies_by_origin(&reply), "{reply:?}");
        assert!(
            !reply
                .headers
                .contains_key("access-control-allow-credentials")
        );
        assert!(!reply.headers.contains_key("ratelimit"), "it costs nothing");
        assert_eq!(reply.header("x-content-type-options"), "nosniff");
    }
    let reply = preflight(&shop, "products", PAGE, "PUT").await;
    let listed = |header: &str, what: &str| reply.header(header).split(',').any(|one| one == what);
    for method in ["GET", "HEAD", "POST", "PUT", "DELETE"] {
        assert!(listed("access-control-allow-methods", method), "{method}");
    }
    for name in [
        "authorization",
        "content-type",
        "idempotency-key",
        "if-match",
        "if-none-match",
        "daybook-min-position",
        "x-request-id",
        "traceparent",
    ] {
        assert!(listed("access-control-allow-headers", name), "{name}");
    }
    assert!(!listed("access-control-allow-headers", "cookie"));
    assert_eq!(reply.header("access-control-max-age"), "7200");
}

fn varies_by_origin(reply: &Reply) -> bool {
    let mut named = reply.headers.get_all("vary").iter();
    named.any(|names| {
        names
            .to_str()
            .unwrap()
            .split(", ")
            .any(|name| name == "origin")
    })
}

#[tokio::test]
async fn a_listed_page_reads_answers_and_refusals_with_their_headers() {
    let shop = open_to(&[PAGE]).await;
    let answers = [
        (200, shop.get("products")),
        (404, shop.get("nothing")),
        (401, shop.get("orders")),
        (405, shop.call(Method::PATCH, "products")),
    ];
    for (status, call) in answers {
        let reply = call.header("origin", PAGE).await;
        assert_eq!(
            (reply.status.as_u16(), allowed(&reply)),
            (status, Some(PAGE))
        );
        assert!(varies_by_origin(&reply), "{reply:?}");
        let shown = reply.header("access-control-expose-headers");
        for name in [
            "location",
            "etag",
            "link",
            "x-total-count",
            "daybook-position",
            "retry-after",
        ] {
            assert!(shown.split(',').any(|one| one == name), "{name}");
        }
    }
    let elsewhere = shop
        .get("products")
        .header("origin", "https://evil.example")
        .await;
    assert_eq!(
        (elsewhere.status.as_u16(), allowed(&elsewhere)),
        (200, None)
    );
    assert!(
        varies_by_origin(&elsewhere),
        "a cache must not mix them up: {elsewhere:?}"
    );
}

#[tokio::test]
async fn without_a_list_no_page_is_told_anything() {
    let shop = Shop::open().await;
    for reply in [
        preflight(&shop, "products", PAGE, "POST").await,
        shop.get("products").header("origin", PAGE).await,
    ] {
        let told = reply
            .headers
            .keys()
            .find(|name| name.as_str().starts_with("access-control"));
        assert_eq!(told, None);
        assert!(!varies_by_origin(&reply), "{reply:?}");
    }
}

#[tokio::test]
async fn every_answer_keeps_browsers_from_making_something_else_of_it() {
    let shop = Shop::open().await;
    let nothing = "default-src 'none'; frame-ancestors 'none'";
    let answers = [
        (200, shop.get("products")),
        (200, shop.get("/healthz")),
        (200, shop.get("openapi.json")),
        (200, shop.get("/docs/swagger-ui.css")),
        (400, shop.post("users/login").raw("{")),
        (401, shop.get("orders")),
        (404, shop.get("/nothing")),
        (405, shop.call(Method::DELETE, "products")),
    ];
    for (status, call) in answers {
        let reply = call.await;
        assert_eq!(reply.status, status, "{reply:?}");
        for (name, value) in [
            ("x-content-type-options", "nosniff"),
            ("x-frame-options", "DENY"),
            ("referrer-policy", "no-referrer"),
            ("cross-origin-resource-policy", "same-origin"),
            ("content-security-policy", nothing),
        ] {
            assert_eq!(reply.header(name), value, "{name} {reply:?}");
        }
    }
    let id = shop.product("1", 1).await;
    let path = format!("products/{id}");
    let tag = shop.get(&path).await.header("etag").to_owned();
    let same = shop.get(&path).header("if-none-match", &tag).await;
    assert_eq!(same.status, 304);
    assert!(
        !same.headers.contains_key("content-security-policy"),
        "it would take the place of a page's"
    );
    let page = shop.get("/docs/").await;
    let policy = page.header("content-security-policy");
    for directive in [
        "default-src 'none'",
        "script-src 'self'",
        "frame-ancestors 'none'",
    ] {
        assert!(policy.split("; ").any(|one| one == directive), "{policy}");
    }
    assert_eq!(page.header("cross-origin-opener-policy"), "same-origin");
    assert!(page.headers.contains_key("permissions-policy"));
}

#[tokio::test]
async fn browsers_are_told_to_keep_to_tls_where_there_is_tls() {
    let plain = Shop::open().await;
    let hsts = "strict-transport-security";
    assert!(!plain.get("products").await.headers.contains_key(hsts));
    let over_tls = plain.get("products").extension(OverTls).await;
    assert_eq!(over_tls.header(hsts), "max-age=31536000; includeSubDomains");
    let behind = Shop::open_with(HttpConfig {
        gateway: GatewaySettings {
            is_behind_https: true,
            ..GatewaySettings::default()
        },
        ..HttpConfig::default()
    })
    .await;
    assert!(behind.get("/healthz").await.headers.contains_key(hsts));
}

#[tokio::test]
async fn what_is_somebodys_is_kept_by_no_cache() {
    let shop = Shop::open().await;
    let ann = shop.customer().await;
    let signing_in = json!({"email": ann.email, "password": crate::shop::PASSWORD});
    for (status, call) in [
        (200, shop.get("orders").token(&ann.token)),
        (401, shop.get("orders").token("nonsense")),
        (200, shop.post("users/login").json(&signing_in)),
        (422, shop.post("users/login").json(&json!({}))),
    ] {
        let reply = call.await;
        assert_eq!(reply.status, status, "{reply:?}");
        assert_eq!(reply.header("cache-control"), "no-store", "{reply:?}");
    }
    let public = shop.get("categories").await;
    let kept = public.headers.get("cache-control");
    assert!(kept.is_none_or(|value| value != "no-store"), "{public:?}");
}
