use serde_json::{Value, json};

use crate::shop::Shop;

#[tokio::test]
async fn the_document_and_its_page_are_served() {
    let shop = Shop::open().await;
    let document = shop.get("openapi.json").await;
    assert_eq!(
        (document.status.as_u16(), document.header("content-type")),
        (200, "application/json")
    );
    assert_eq!(document.json()["openapi"], "3.1.0");
    let page = shop.get("/docs/").await;
    assert_eq!(page.status, 200);
    assert!(page.header("content-type").starts_with("text/html"));
    let config = shop.get("/docs/swagger-initializer.js").await;
    assert!(
        config.text().contains("/api/v1/openapi.json"),
        "{}",
        config.text()
    );
    assert!(shop.get("/docs").await.status.is_redirection());
    assert_eq!(shop.get("/docs/nothing").await.code(), "unknown-route");
}

/// Every endpoint of the contract is described, together with its errors.
#[test]
fn every_endpoint_is_described() {
    let document = serde_json::to_value(daybook_api::openapi()).unwrap();
    let contract = [
        ("post", "/users/register"),
        ("post", "/users/login"),
        ("post", "/users/refresh"),
        ("post", "/users/logout"),
        ("post", "/users/logout-everywhere"),
        ("post", "/users/oidc/begin"),
        ("post", "/users/oidc/finish"),
        ("get", "/users"),
        ("post", "/users"),
        ("get", "/users/{id}"),
        ("put", "/users/{id}"),
        ("delete", "/users/{id}"),
        ("put", "/users/{id}/roles"),
        ("get", "/users/{id}/export"),
        ("get", "/api-keys"),
        ("post", "/api-keys"),
        ("get", "/api-keys/{id}"),
        ("delete", "/api-keys/{id}"),
        ("post", "/users/{id}/deactivate"),
        ("post", "/users/{id}/reactivate"),
        ("put", "/users/{id}/password"),
        ("post", "/users/password/forgotten"),
        ("post", "/users/password/reset"),
        ("post", "/users/{id}/email-verification"),
        ("post", "/users/email-verification"),
        ("get", "/categories"),
        ("post", "/categories"),
        ("put", "/categories/{id}"),
        ("delete", "/categories/{id}"),
        ("get", "/products"),
        ("post", "/products"),
        ("get", "/products/{id}"),
        ("put", "/products/{id}"),
        ("delete", "/products/{id}"),
        ("get", "/products/{id}/stock"),
        ("put", "/products/{id}/stock"),
        ("get", "/products/{id}/price-history"),
        ("get", "/products/facets"),
        ("post", "/orders"),
        ("get", "/orders"),
        ("get", "/orders/{id}"),
        ("get", "/orders/{id}/history"),
        ("post", "/orders/{id}/cancel"),
        ("post", "/orders/{id}/process"),
        ("post", "/orders/{id}/ship"),
        ("post", "/orders/{id}/deliver"),
        ("get", "/analytics/sales"),
        ("get", "/analytics/top-products"),
        ("get", "/analytics/customers"),
        ("get", "/analytics/cohorts"),
        ("get", "/analytics/funnel"),
        ("post", "/analytics/events"),
        ("get", "/projections"),
        ("get", "/projections/{name}"),
        ("post", "/projections/{name}/pause"),
        ("post", "/projections/{name}/resume"),
        ("post", "/projections/{name}/reset"),
        ("post", "/projections/{name}/retry"),
        ("post", "/projections/{name}/skip"),
        ("post", "/projections/{name}/rebuild"),
        ("post", "/projections/{name}/verify"),
        ("post", "/projections/{name}/rollback"),
        ("get", "/projections/{name}/progress"),
        ("get", "/projections/{name}/dead-letters"),
        ("get", "/projections/{name}/actions"),
        ("get", "/security-events"),
        ("get", "/audit/streams/{type}/{id}"),
        ("get", "/audit/events"),
        ("get", "/audit/correlations/{id}"),
        ("get", "/audit/checkpoint"),
        ("get", "/audit/keys"),
        ("get", "/audit/consistency"),
        ("get", "/audit/events/{position}/proof"),
        ("get", "/audit/streams/{type}/{id}/diff"),
    ];
    for (method, path) in contract {
        let operation = &document["paths"][format!("/api/v1{path}")][method];
        assert!(operation.is_object(), "{method} {path}");
        let statuses = operation["responses"].as_object().unwrap();
        for status in ["429", "500", "503"] {
            let content = &statuses[status]["content"]["application/problem+json"];
            assert_eq!(
                content["schema"]["$ref"], "#/components/schemas/Problem",
                "{method} {path} {status}"
            );
        }
        let secured = operation.get("security").is_some();
        assert_eq!(
            statuses.contains_key("401"),
            secured
                || ["login", "refresh", "finish"]
                    .iter()
                    .any(|end| path.ends_with(end)),
            "{method} {path}"
        );
        if operation.get("requestBody").is_some() {
            assert_eq!(
                operation["requestBody"]["required"], true,
                "{method} {path}"
            );
            for status in ["400", "413", "415", "422"] {
                assert!(statuses.contains_key(status), "{method} {path} {status}");
            }
        }
    }
}

#[test]
fn every_reference_in_the_document_leads_somewhere() {
    let document = serde_json::to_value(daybook_api::openapi()).unwrap();
    let mut references = Vec::new();
    collect(&document, &mut references);
    assert!(references.len() > 50);
    for reference in references {
        assert!(
            document
                .pointer(reference.trim_start_matches('#'))
                .is_some(),
            "{reference}"
        );
    }
}

fn collect(value: &Value, references: &mut Vec<String>) {
    match value {
        Value::Object(fields) => {
            references.extend(
                fields
                    .get("$ref")
                    .and_then(Value::as_str)
                    .map(str::to_owned),
            );
            fields.values().for_each(|field| collect(field, references));
        }
        Value::Array(items) => items.iter().for_each(|item| collect(item, references)),
        _ => {}
    }
}

#[tokio::test]
async fn the_shapes_of_answers_are_held() {
    let shop = Shop::open().await;
    let (ann, admin) = (shop.customer().await, shop.admin());
    let pot = shop.product("12.50", 5).await;
    let placed = shop
        .post("orders")
        .token(&ann.token)
        .json(&json!({"items": [{"productId": pot, "quantity": 2}]}))
        .await;
    let history = format!("{}/history", placed.header("location"));
    let answers = json!({
        "user": shop.get(&format!("users/{}", ann.id)).token(&ann.token).after(&placed).await.json(),
        "product": shop.get(&format!("products/{pot}")).after(&placed).await.json(),
        "order": placed.json(),
        "history": shop.get(&history).token(&ann.token).after(&placed).await.json(),
        "category": shop.post("categories").token(&admin).json(&json!({"name": "Tea"})).await.json(),
        "problem": shop.post("orders").token(&ann.token).json(&json!({"items": []})).await.json(),
        "shortage": shop.post("orders").token(&ann.token).json(&json!({"items": [{"productId": pot, "quantity": 9}]})).await.json(),
        "audit": shop.get(&format!("audit/streams/product/{pot}")).token(&admin).await.json(),
        "stock": shop.get(&format!("products/{pot}/stock")).token(&admin).await.json(),
        "prices": shop.get(&format!("products/{pot}/price-history")).await.json(),
        "changes": shop.get(&format!("audit/streams/stock/{pot}/diff?from={}", placed.position() - 1)).token(&admin).await.json(),
        "export": shop.get(&format!("users/{}/export", ann.id)).token(&ann.token).await.json(),
    });
    insta::assert_json_snapshot!(blurred(answers));
}

/// Ids, instants and addresses are new in every run.
fn blurred(value: Value) -> Value {
    match value {
        Value::String(text) if uuid::Uuid::parse_str(&text).is_ok() => json!("<id>"),
        Value::String(text) if text.starts_with("user:") => json!("user:<id>"),
        Value::String(text) if text.len() == 24 && text.ends_with('Z') => json!("<instant>"),
        Value::String(text) if text.contains("@example.com") => json!("<address>"),
        Value::String(text) if is_stream(&text) => json!("<stream>"),
        Value::Array(items) => items.into_iter().map(blurred).collect(),
        Value::Object(fields) => Value::Object(
            fields
                .into_iter()
                .map(|(name, field)| (name, blurred(field)))
                .collect(),
        ),
        other => other,
    }
}

fn is_stream(text: &str) -> bool {
    let id = text
        .split_once('/')
        .map(|(_, id)| uuid::Uuid::parse_str(id));
    id.is_some_and(|id| id.is_ok())
}
