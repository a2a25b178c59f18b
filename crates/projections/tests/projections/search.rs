//! The catalog's search.

use daybook_domain::ProductId;
use daybook_projections::{
    Paging, ReadModels,
    catalog::{Product, ProductFilter},
};

use crate::shop::{Serving, Shop, eur, id, product_described};

async fn shop_with_goods() -> (Shop, Serving) {
    let mut shop = Shop::open().await;
    let mut last = 0;
    for (name, description, sku) in [
        (
            "Brass Desk Lamp",
            "Casts a warm light on books.",
            Some("LMP-100"),
        ),
        (
            "Oak Desk",
            "Room for two lamps and a kettle.",
            Some("DSK-7"),
        ),
        ("Enamel Kettle", "Boils water. Whistling.", None),
        ("The Who: Who Are You", "A record.", None),
        ("Gürtel / Belt", "Rindsleder, 3.5 cm.", None),
    ] {
        last = shop
            .append([product_described(
                id(),
                name,
                description,
                eur(1_000),
                None,
                sku,
            )])
            .await;
    }
    let serving = shop.serve();
    serving.reach(last).await;
    (shop, serving)
}

async fn found(read_models: &ReadModels, q: &str) -> Vec<String> {
    let filter = ProductFilter {
        q: Some(q.to_owned()),
        ..ProductFilter::default()
    };
    let page = read_models
        .catalog()
        .list_products(&filter, None, &Paging::page(1, 100))
        .await
        .unwrap()
        .rows;
    assert_eq!(page.total, page.items.len() as i64);
    page.items
        .into_iter()
        .map(|product: Product| product.name)
        .collect()
}

#[tokio::test]
async fn words_are_found_as_people_type_them() {
    let (_shop, serving) = shop_with_goods().await;
    let models = &serving.read_models;
    // A name counts for more than a description; stems and beginnings of words are enough.
    assert_eq!(
        found(models, "lamps").await,
        ["Brass Desk Lamp", "Oak Desk"]
    );
    assert_eq!(found(models, "kett").await, ["Enamel Kettle", "Oak Desk"]);
    assert_eq!(found(models, "WHISTLE").await, ["Enamel Kettle"]);
    assert_eq!(found(models, "desk lam").await.len(), 2);
    assert_eq!(found(models, "brass kettle").await, [""; 0]);
    // SKUs, names of stop words only, other languages, words joined by punctuation.
    assert_eq!(found(models, "LMP-100").await, ["Brass Desk Lamp"]);
    assert_eq!(found(models, "lmp-1").await, ["Brass Desk Lamp"]);
    assert_eq!(found(models, "the who").await, ["The Who: Who Are You"]);
    assert_eq!(found(models, "gürtel").await, ["Gürtel / Belt"]);
    assert_eq!(found(models, "belt").await, ["Gürtel / Belt"]);
    assert_eq!(found(models, "3.5").await, ["Gürtel / Belt"]);
    serving.stop().await;
}

#[tokio::test]
async fn operators_mean_what_they_say() {
    let (_shop, serving) = shop_with_goods().await;
    let models = &serving.read_models;
    assert_eq!(found(models, "lamp -oak").await, ["Brass Desk Lamp"]);
    assert_eq!(found(models, "\"desk lamp\"").await, ["Brass Desk Lamp"]);
    assert_eq!(found(models, "belt or brass").await.len(), 2);
    serving.stop().await;
}

#[tokio::test]
async fn nothing_that_is_typed_is_an_error() {
    let (_shop, serving) = shop_with_goods().await;
    let long_word = "x".repeat(5_000);
    let many_words = "word ".repeat(5_000);
    for q in [
        "",
        " ",
        "'",
        "''",
        "\\",
        ":*",
        "a:*",
        "!",
        "&",
        "|",
        "<->",
        "(",
        ")",
        "-",
        "\"",
        "or",
        "or or",
        "a' | 'b",
        "%",
        "\0",
        "la\0mp",
        "';drop table catalog.products--",
        "日本語",
        "🛒",
        "e\u{301}",
        "²",
        &long_word,
        &many_words,
    ] {
        found(&serving.read_models, q).await;
    }
    serving.stop().await;
}

#[tokio::test]
async fn retired_products_are_not_found() {
    let (mut shop, serving) = shop_with_goods().await;
    let filter = ProductFilter {
        q: Some("brass".into()),
        ..ProductFilter::default()
    };
    let catalog = serving.read_models.catalog();
    let lamp: ProductId = catalog
        .list_products(&filter, None, &Paging::page(1, 1))
        .await
        .unwrap()
        .rows
        .items[0]
        .id;
    let retired = shop.append([crate::shop::product_retired(lamp)]).await;
    serving.reach(retired).await;
    assert_eq!(found(&serving.read_models, "brass").await, [""; 0]);
    assert!(catalog.get_product(lamp).await.unwrap().is_none());
    serving.stop().await;
}
