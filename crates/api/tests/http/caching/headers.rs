//! The caching headers of public answers, and conditional requests.

use serde_json::json;

use crate::shop::{Reply, Shop};

const VARIES: &str = "authorization, daybook-min-position";

fn control(reply: &Reply) -> (&str, &str) {
    (reply.header("cache-control"), reply.header("vary"))
}

async fn public(shop: &Shop) -> Vec<String> {
    let id = shop.product("12.50", 3).await;
    shop.product("4", 3).await;
    let category = json!({"name": "Tea"});
    let made = shop
        .post("categories")
        .token(&shop.admin())
        .json(&category)
        .await;
    let location = made.header("location").to_owned();
    assert_eq!(shop.get(&location).after(&made).await.status, 200);
    vec![
        "products".into(),
        "products?limit=1".into(),
        "products?q=teapot&sort=price".into(),
        "products?page=9".into(),
        "products/facets".into(),
        "categories".into(),
        location,
        format!("products/{id}"),
        format!("products/{id}/price-history"),
    ]
}

#[tokio::test]
async fn a_public_answer_may_be_stored_and_must_be_asked_for_again() {
    let shop = Shop::open().await;
    for path in public(&shop).await {
        // The first answer is read, the second is cached.
        for _ in 0..2 {
            let answer = shop.get(&path).await;
            assert_eq!(answer.status, 200, "{path}");
            assert_eq!(control(&answer), ("public, no-cache", VARIES), "{path}");
            let tag = answer.header("etag").to_owned();
            for held in [
                tag.clone(),
                format!("W/{tag}"),
                format!("\"9\", {tag}"),
                "*".to_owned(),
            ] {
                let again = shop.get(&path).header("if-none-match", &held).await;
                assert_eq!(
                    (again.status.as_u16(), again.body.len()),
                    (304, 0),
                    "{path}"
                );
                for name in ["etag", "cache-control", "vary", "x-total-count", "link"] {
                    let [first, second] = [&answer, &again].map(|reply| reply.headers.get(name));
                    assert_eq!(first, second, "{path} {name}");
                }
            }
            for other in ["\"9\"", "\"\"", "nonsense"] {
                let full = shop.get(&path).header("if-none-match", other).await;
                assert_eq!((full.status.as_u16(), &full.body), (200, &answer.body));
            }
        }
    }
}

/// A shared cache has nothing for such clients, and stores none of the answers to them.
#[tokio::test]
async fn who_says_who_they_are_or_what_they_wrote_is_answered_for_themselves() {
    let shop = Shop::open().await;
    let (paths, ann) = (public(&shop).await, shop.customer().await);
    for path in paths {
        let anyones = shop.get(&path).await;
        for own in [
            shop.get(&path).token(&ann.token),
            shop.get(&path).token("expired"),
            shop.get(&path).header("daybook-min-position", "1"),
        ] {
            let own = own.await;
            assert_eq!(control(&own), ("private, no-cache", VARIES), "{path}");
            assert_eq!((own.status, &own.body), (anyones.status, &anyones.body));
            assert_eq!(own.header("etag"), anyones.header("etag"));
        }
    }
}

#[tokio::test]
async fn a_tag_is_the_answers_own() {
    let shop = Shop::open().await;
    let admin = shop.admin();
    shop.product("4", 1).await;
    let before = shop.get("products?limit=1&sort=price").await;
    let body = r#"{"name": "Dear", "price": 9}"#;
    let made = shop.post("products").token(&admin).raw(body).await;
    let path = made.header("location").to_owned();
    let two = shop
        .get("products?limit=1&sort=price")
        .after(&made)
        .header("if-none-match", before.header("etag"))
        .await;
    assert_eq!(
        (two.status.as_u16(), two.header("x-total-count")),
        (200, "2")
    );
    assert_eq!(
        two.body, before.body,
        "the page is the same, what is told of it is not"
    );
    let retired = shop.delete(&path).token(&admin).await;
    let after = shop
        .get("products?limit=1&sort=price")
        .after(&retired)
        .header("if-none-match", before.header("etag"))
        .await;
    assert_eq!(
        after.status, 304,
        "as it was before, whatever happened meanwhile"
    );
}
