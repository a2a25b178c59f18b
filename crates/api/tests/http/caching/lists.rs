//! Lists are cached, but only as long as they are correct.

use serde_json::json;

use super::essence;
use crate::shop::{Server, Shop};

#[tokio::test]
async fn a_list_is_answered_from_memory_until_anything_changes() {
    let shop = Shop::open().await;
    shop.product("1", 5).await;
    shop.until_kept("products").await;
    shop.forge("Forged").await;
    let kept = shop.names("products").await;
    assert_ne!(kept, ["Forged"]);
    assert_eq!(shop.names("products?").await, kept, "the same question");
    assert_eq!(
        shop.names("products?limit=9").await,
        ["Forged"],
        "another question"
    );
    // Changes that do not concern the catalog.
    shop.customer().await;
    assert_eq!(shop.names("products").await, kept);
    let admin = shop.admin();
    let made = shop
        .post("categories")
        .token(&admin)
        .json(&json!({"name": "Tea"}))
        .await;
    let seen = shop.get("products").after(&made).await;
    assert_eq!(seen.json()[0]["name"], "Forged");
}

/// A list that was read before a change must not be stored after it.
#[tokio::test(flavor = "multi_thread")]
async fn readers_at_the_same_time_leave_nothing_outdated_behind() {
    let shop = Shop::open().await;
    let admin = shop.admin();
    let id = shop.product("1", 0).await;
    let stock = format!("products/{id}/stock");
    for round in 1..=30 {
        let readers =
            futures::future::join_all((0..16).map(|_| async { shop.get("products").await }));
        let body = json!({"change": 1});
        let writer = async { shop.put(&stock).token(&admin).json(&body).await };
        let (_, changed) = futures::join!(readers, writer);
        let seen = futures::future::join_all(
            (0..4).map(|_| async { shop.get("products").after(&changed).await }),
        );
        for seen in seen.await {
            assert_eq!(seen.json()[0]["stock"], round);
        }
    }
}

/// Rows are exchanged for others without anything being appended.
#[tokio::test]
async fn other_rows_are_seen_by_everyone() {
    let shop = Shop::open().await;
    shop.product("1", 5).await;
    shop.until_kept("products").await;
    let forged = shop.names("products?limit=2").await;
    assert_ne!(forged, ["Teapot"]);
    let forged = [forged[0].as_str()];

    shop.build("catalog/rebuild", json!({})).await;
    shop.until_names_are("products", &["Teapot"]).await;
    shop.build("catalog/rollback", json!({})).await;
    shop.until_names_are("products", &forged).await;
    let reset = shop.operate("catalog/reset", json!({})).await;
    assert_eq!(reset.status, 200, "{reset:?}");
    shop.until_names_are("products", &["Teapot"]).await;
    // And it is cached again.
    shop.until_kept("products").await;
}

#[tokio::test]
async fn no_question_is_answered_with_the_answer_to_another() {
    let shop = Shop::open().await;
    shop.product("4", 2).await;
    shop.product("12.50", 0).await;
    let deaf = shop.beside(Server::Deaf, None).await;
    shop.until_kept("products").await;
    // From here on nothing is forged any more.
    shop.product("30", 9).await;
    let category = "00000000-0000-0000-0000-000000000001";
    let of_category = format!("products?category={category}");
    let questions = [
        "products",
        "products?limit=1",
        "products?limit=2",
        "products?limit=2&page=2",
        "products?page=2&limit=2",
        "products?sort=price",
        "products?sort=-price",
        "products?inStock=true",
        "products?inStock=false",
        "products?minPrice=5",
        "products?maxPrice=5",
        "products?minPrice=5&maxPrice=20&sort=price&limit=1",
        "products?limit=1&sort=price&maxPrice=20&minPrice=5",
        "products?q=teapot",
        "products?q=teapot%26limit%3D1",
        "products?q=teapot&limit=1",
        "products?q=",
        &of_category,
        "products/facets",
        "products/facets?inStock=true",
        "categories",
        "categories?limit=1",
        // Refused, whatever similar answers are cached.
        "products?limit=1&limit=2",
        "products?limit=1&limit=1",
        "products?colour=red",
        "products?limit=1&colour=red",
        "products?page=0",
        "products?cursor=forged",
    ];
    for _ in 0..2 {
        for question in questions {
            let (kept, read) = (shop.get(question).await, deaf.get(question).await);
            let (kept, read) = (essence(&kept), essence(&read));
            match kept.0 {
                200 => assert_eq!(kept, read, "{question}"),
                status => assert_eq!((status, read.0), (422, 422), "{question}"),
            }
        }
    }
}

/// A retired product is gone, also from the list of a category's products.
#[tokio::test]
async fn what_is_gone_is_not_answered_from_memory() {
    let shop = Shop::open().await;
    let admin = shop.admin();
    let made = shop
        .post("categories")
        .token(&admin)
        .json(&json!({"name": "Tea"}))
        .await;
    let category = made.header("location").to_owned();
    for _ in 0..2 {
        let kept = shop.get(&category).after(&made).await;
        assert_eq!((kept.status.as_u16(), kept.header("etag")), (200, "\"1\""));
    }
    let deleted = shop.delete(&category).token(&admin).await;
    let gone = shop.get(&category).after(&deleted).await;
    assert_eq!(
        (gone.status.as_u16(), gone.code()),
        (404, "not-found".into())
    );
}
