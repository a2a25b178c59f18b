use std::collections::BTreeSet;

use serde_json::json;

use crate::shop::{Reply, Shop};

async fn stocked() -> (Shop, Reply) {
    let shop = Shop::open().await;
    let mut last = None;
    for (name, price, stock) in [
        ("Teapot", "12.50", 3),
        ("Tea cup", "4", 0),
        ("Saucer", "2.25", 9),
        ("Tray", "30", 1),
        ("Spoon", "2.25", 5),
    ] {
        let body = format!(r#"{{"name": "{name}", "price": {price}, "stock": {stock}}}"#);
        last = Some(shop.post("products").token(&shop.admin()).raw(body).await);
    }
    (shop, last.unwrap())
}

fn names(reply: &Reply) -> Vec<String> {
    assert_eq!(reply.status, 200, "{reply:?}");
    reply
        .json()
        .as_array()
        .unwrap()
        .iter()
        .map(|item| item["name"].as_str().unwrap().to_owned())
        .collect()
}

/// The target of one of a `Link` header's relations.
fn link(reply: &Reply, rel: &str) -> Option<String> {
    let links = reply.headers.get("link")?.to_str().unwrap();
    let link = links
        .split(", ")
        .find(|link| link.ends_with(&format!("; rel=\"{rel}\"")))?;
    Some(link[1..link.find('>').unwrap()].to_owned())
}

#[tokio::test]
async fn products_are_filtered_and_sorted() {
    let (shop, last) = stocked().await;
    shop.get("products").after(&last).await;
    for (query, expected) in [
        (
            "sort=name",
            vec!["Saucer", "Spoon", "Tea cup", "Teapot", "Tray"],
        ),
        ("sort=-price&limit=2", vec!["Tray", "Teapot"]),
        (
            "minPrice=4&maxPrice=12.50&sort=price",
            vec!["Tea cup", "Teapot"],
        ),
        ("inStock=false", vec!["Tea cup"]),
        ("inStock=true&sort=-name&limit=1", vec!["Tray"]),
        ("q=saucer", vec!["Saucer"]),
        ("sort=newest&limit=1", vec!["Spoon"]),
        ("q=", vec!["Spoon", "Tray", "Saucer", "Tea cup", "Teapot"]),
    ] {
        assert_eq!(
            names(&shop.get(&format!("products?{query}")).await),
            expected,
            "{query}"
        );
    }
}

#[tokio::test]
async fn links_lead_through_the_whole_list_and_back() {
    let (shop, last) = stocked().await;
    let mut reply = shop
        .get("products?sort=price&limit=2&minPrice=1")
        .after(&last)
        .await;
    let mut seen = Vec::new();
    assert_eq!(link(&reply, "prev"), None);
    loop {
        assert_eq!(reply.header("x-total-count"), "5");
        seen.extend(names(&reply));
        let Some(next) = link(&reply, "next") else {
            break;
        };
        assert!(
            next.starts_with("/api/v1/products?sort=price&limit=2&minPrice=1&cursor="),
            "{next}"
        );
        reply = shop.get(&next).await;
    }
    assert_eq!(seen.len(), 5);
    assert_eq!(BTreeSet::from_iter(&seen).len(), 5);
    let back = shop.get(&link(&reply, "prev").unwrap()).await;
    assert_eq!(names(&back), seen[2..4]);
    let second = shop.get("products?sort=price&limit=2&page=2").await;
    assert_eq!(names(&second), seen[2..4]);
}

#[tokio::test]
async fn parameters_that_are_none_are_refused() {
    let shop = Shop::open().await;
    for (query, code, pointer) in [
        ("page=0", "invalid-parameter", "/page"),
        ("page=-1", "invalid-parameter", "/page"),
        ("page=x", "invalid-parameter", "/page"),
        ("limit=0", "invalid-parameter", "/limit"),
        ("limit=101", "invalid-parameter", "/limit"),
        ("limit=99999999999999999999", "invalid-parameter", "/limit"),
        ("limit=1&limit=2", "invalid-parameter", "/limit"),
        ("cursor=forged", "invalid-parameter", "/cursor"),
        ("sort=colour", "invalid-parameter", "/sort"),
        ("minPrice=x", "invalid-parameter", "/minPrice"),
        ("maxPrice=-1", "invalid-parameter", "/maxPrice"),
        ("category=x", "invalid-parameter", "/category"),
        ("inStock=yes", "invalid-parameter", "/inStock"),
        ("colour=red", "unknown-parameter", "/colour"),
    ] {
        let refused = shop.get(&format!("products?{query}")).await;
        assert_eq!(
            refused.problem(),
            (422, code.into(), pointer.into()),
            "{query}"
        );
    }
    for path in [
        "categories?page=0",
        "products/facets?page=1",
        "products/facets?minPrice=x",
    ] {
        assert_eq!(shop.get(path).await.status, 422, "{path}");
    }
    let admin = shop.admin();
    for path in [
        "users?limit=0",
        "orders?page=0",
        "orders?user=x",
        "users?cursor=forged",
    ] {
        assert_eq!(shop.get(path).token(&admin).await.status, 422, "{path}");
    }
}

#[tokio::test]
async fn facets_count_the_products_of_each_category() {
    let shop = Shop::open().await;
    let admin = shop.admin();
    let mut last = None;
    for (category, count) in [("Tea", 2), ("Coffee", 1), ("Empty", 0)] {
        let made = shop
            .post("categories")
            .token(&admin)
            .json(&json!({"name": category}))
            .await;
        for number in 0..count {
            let body = json!({"name": format!("{category} {number}"), "price": 1, "categoryId": made.json()["id"]});
            last = Some(shop.post("products").token(&admin).json(&body).await);
        }
    }
    let facets = shop
        .get("products/facets?q=tea")
        .after(last.as_ref().unwrap())
        .await;
    let facets = facets.json();
    assert_eq!(facets[0]["name"], "Tea", "{facets}");
    assert_eq!(facets[0]["count"], 2);
    let all = shop.get("products/facets").await.json();
    let counts: Vec<(&str, i64)> = all
        .as_array()
        .unwrap()
        .iter()
        .map(|facet| {
            (
                facet["name"].as_str().unwrap(),
                facet["count"].as_i64().unwrap(),
            )
        })
        .collect();
    assert!(
        counts.starts_with(&[("Tea", 2), ("Coffee", 1)]),
        "{counts:?}"
    );
}
