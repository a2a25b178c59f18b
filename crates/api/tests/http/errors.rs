use axum::http::Method;
use serde_json::json;

use crate::shop::Shop;

#[tokio::test]
async fn an_unknown_path_and_a_wrong_method_are_problems() {
    let shop = Shop::open().await;
    for path in [
        "/",
        "/api/v1",
        "/api/v1/nothing",
        "/api/v1/products/1/2/3",
        "/api/v2/products",
        "/nothing",
    ] {
        let unknown = shop.get(path).await;
        assert_eq!(
            (unknown.status.as_u16(), unknown.code()),
            (404, "unknown-route".into()),
            "{path}"
        );
        assert_eq!(unknown.json()["instance"], path);
    }
    for (method, path, allowed) in [
        (Method::DELETE, "products", "GET,HEAD,POST"),
        (
            Method::PATCH,
            "products/0190d5a0-0000-7000-8000-000000000000",
            "GET,HEAD,PUT,DELETE",
        ),
        (Method::GET, "users/login", "POST"),
        (Method::TRACE, "orders", "GET,HEAD,POST"),
        (Method::POST, "/healthz", "GET,HEAD"),
        (Method::PUT, "openapi.json", "GET,HEAD"),
    ] {
        let wrong = shop.call(method, path).await;
        assert_eq!(
            (wrong.status.as_u16(), wrong.code()),
            (405, "method-not-allowed".into()),
            "{path}"
        );
        assert_eq!(wrong.header("allow"), allowed, "{path}");
    }
}

#[tokio::test]
async fn an_id_that_is_none_names_nothing() {
    let shop = Shop::open().await;
    for id in [
        "1",
        "x",
        "0190d5a0-0000-7000-8000-00000000000",
        "%00",
        "%ff",
        "0190d5a0000070008000000000000000",
    ] {
        assert_eq!(
            shop.get(&format!("products/{id}")).await.problem().0,
            404,
            "{id}"
        );
    }
}

#[tokio::test]
async fn a_body_must_be_json_of_a_sane_size() {
    let shop = Shop::open().await;
    let admin = shop.admin();
    let post = || shop.post("categories").token(&admin);
    for broken in [
        "",
        "{",
        "{\"name\": \"x\",}",
        "{\"name\": \"\\ud800\"}",
        "\u{feff}{}",
        "{} x",
    ] {
        assert_eq!(
            post().raw(broken.to_owned()).await.code(),
            "malformed-json",
            "{broken}"
        );
    }
    assert_eq!(post().raw(&b"{\"name\": \"\xff\"}"[..]).await.status, 400);
    let deep = format!(
        "{{\"name\": {}1{}}}",
        "[".repeat(10_000),
        "]".repeat(10_000)
    );
    assert_eq!(post().raw(deep).await.status, 422);
    for not_an_object in ["[]", "null", "\"x\"", "7"] {
        assert_eq!(
            post().raw(not_an_object).await.problem(),
            (422, "invalid-field".into(), "".into())
        );
    }
    for content_type in [
        "text/plain",
        "application/x-www-form-urlencoded",
        "application/jsonx",
        "",
    ] {
        let refused = post()
            .body("{\"name\": \"x\"}")
            .header("content-type", content_type)
            .await;
        assert_eq!(
            (refused.status.as_u16(), refused.code()),
            (415, "unsupported-media-type".into())
        );
    }
    let refused = post().body("{\"name\": \"x\"}").await;
    assert_eq!(refused.status, 415, "no content type at all");
    let taken = post()
        .body("{\"name\": \"x\"}")
        .header("content-type", "Application/JSON; charset=utf-8")
        .await;
    assert_eq!(taken.status, 201, "{taken:?}");
    let large = post()
        .json(&json!({"name": "x", "description": "x".repeat(64 * 1024)}))
        .await;
    assert_eq!(
        (large.status.as_u16(), large.code()),
        (413, "body-too-large".into())
    );
}

#[tokio::test]
async fn hostile_fields_are_refused_and_written_nowhere() {
    let shop = Shop::open().await;
    let admin = shop.admin();
    let post = |body: &str| shop.post("categories").token(&admin).raw(body.to_owned());
    for (body, code, pointer) in [
        (r#"{"name": "a\u0000b"}"#, "invalid-field", "/name"),
        (
            r#"{"name": "x", "description": "a\u0000b"}"#,
            "invalid-field",
            "/description",
        ),
        (r#"{"name": "x", "admin": true}"#, "unknown-field", "/admin"),
        (
            r#"{"name": "x", "__proto__": {}}"#,
            "unknown-field",
            "/__proto__",
        ),
        (r#"{"name": "x", "name": "y"}"#, "invalid-field", "/name"),
        (r#"{"name": ["x"]}"#, "invalid-field", "/name"),
        (r#"{"name": "  "}"#, "invalid-field", "/name"),
        (r#"{"description": "x"}"#, "invalid-field", "/name"),
    ] {
        assert_eq!(
            post(body).await.problem(),
            (422, code.into(), pointer.into()),
            "{body}"
        );
    }
    assert_eq!(
        shop.get("products?q=%00").await.problem(),
        (422, "invalid-parameter".into(), "/q".into())
    );
    let searched = shop
        .get("products?q=%27%29%3B%20drop%20table%20x%20%26%20%7C%20%21%20%3A%2A")
        .await;
    assert_eq!(searched.status, 200, "{searched:?}");
    let events: i64 = sqlx::query_scalar("select count(*) from log.events")
        .fetch_one(&shop.pool)
        .await
        .unwrap();
    assert_eq!(events, 1, "there is the admin's account and nothing else");
}

#[tokio::test]
async fn every_answer_has_a_request_id() {
    let shop = Shop::open().await;
    let taken = shop.get("nothing").header("x-request-id", "abc-1").await;
    assert_eq!(
        (
            taken.header("x-request-id"),
            taken.json()["requestId"].as_str()
        ),
        ("abc-1", Some("abc-1"))
    );
    let made = shop
        .get("products")
        .header("x-request-id", "has spaces")
        .await;
    assert!(uuid::Uuid::parse_str(made.header("x-request-id")).is_ok());
    assert_eq!(made.header("x-content-type-options"), "nosniff");
    let refused = shop
        .post("orders")
        .header("x-request-id", "abc-2")
        .json(&json!({}))
        .await;
    assert_eq!(refused.json()["requestId"], "abc-2");
}

#[tokio::test]
async fn head_answers_like_get_without_a_body() {
    let shop = Shop::open().await;
    let id = shop.product("1", 1).await;
    let path = format!("products/{id}");
    let (get, head) = (shop.get(&path).await, shop.call(Method::HEAD, &path).await);
    assert_eq!((head.status, head.body.len()), (get.status, 0));
    assert_eq!(head.header("etag"), get.header("etag"));
    assert_eq!(head.header("content-length"), get.body.len().to_string());
    let missing = shop
        .call(Method::HEAD, &format!("products/{}", uuid::Uuid::now_v7()))
        .await;
    assert_eq!((missing.status.as_u16(), missing.body.len()), (404, 0));
}

#[tokio::test]
async fn without_a_database_the_answer_is_to_try_again() {
    let shop = Shop::open().await;
    let id = uuid::Uuid::now_v7();
    shop.pool.close().await;
    for reply in [
        shop.get("products").await,
        shop.get(&format!("products/{id}")).await,
        shop.get("orders").token(&shop.admin()).await,
        shop.post("users/login")
            .json(&json!({"email": "a@example.com", "password": "x"}))
            .await,
        shop.get("/readyz").await,
    ] {
        assert_eq!(reply.status, 503, "{reply:?}");
        assert!(reply.headers.contains_key("retry-after"));
        assert!(
            !reply.text().contains("sqlx") && !reply.text().contains("postgres"),
            "{reply:?}"
        );
    }
    assert_eq!(shop.get("/healthz").await.status, 200);
}
