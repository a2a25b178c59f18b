//! Walking through lists by cursor.

use daybook_domain::{ProductId, UserId};
use daybook_projections::{
    Page, Paging, QueryError,
    catalog::{Product, ProductFilter, ProductSort},
    orders::{OrderFilter, Viewer},
};

use crate::shop::{Serving, Shop, eur, id, order_placed, product_created};

const SORTS: [ProductSort; 6] = [
    ProductSort::Name,
    ProductSort::NameDescending,
    ProductSort::Price,
    ProductSort::PriceDescending,
    ProductSort::Newest,
    ProductSort::Relevance,
];

/// Products with many equal names, prices and times, so that only their ids tell them apart.
async fn shop_with_products(count: i64) -> (Shop, Serving) {
    let mut shop = Shop::open().await;
    let last = shop.append((0..count).map(|n| product(n % 5, n % 3))).await;
    let serving = shop.serve();
    serving.reach(last).await;
    (shop, serving)
}

fn product(name: i64, price: i64) -> (daybook_domain::StreamId, daybook_domain::Event) {
    let names = [
        "Apple tree",
        "apple",
        "Äpfel apple",
        "zebra apple",
        "Apple apple pie",
    ];
    product_created(id(), names[name as usize], eur(1_000 + price), None)
}

async fn list(serving: &Serving, sort: ProductSort, paging: &Paging) -> Page<Product> {
    let filter = ProductFilter {
        q: Some("apple".into()),
        ..ProductFilter::default()
    };
    serving
        .read_models
        .catalog()
        .list_products(&filter, Some(sort), paging)
        .await
        .unwrap()
        .rows
}

fn ids(page: &Page<Product>) -> Vec<ProductId> {
    page.items.iter().map(|product| product.id).collect()
}

#[tokio::test]
async fn a_walk_returns_each_row_once_while_rows_come_in() {
    let (mut shop, serving) = shop_with_products(53).await;
    for sort in SORTS {
        let whole = ids(&list(&serving, sort, &Paging::page(1, 1_000)).await);
        let mut walked = Vec::new();
        let mut paging = Paging::page(1, 7);
        loop {
            let page = list(&serving, sort, &paging).await;
            assert_eq!(
                page.total as usize,
                whole.len() + walked.len().div_ceil(7) * 3
            );
            walked.extend(ids(&page));
            let Some(next) = page.next else { break };
            paging = Paging::cursor(next, 7);
            // Before, among and after what the walk has seen.
            let position = shop
                .append([product(0, 0), product(2, 1), product(3, 2)])
                .await;
            serving.reach(position).await;
        }
        let expected: std::collections::BTreeSet<_> = whole.iter().copied().collect();
        let original: Vec<_> = walked
            .iter()
            .copied()
            .filter(|id| expected.contains(id))
            .collect();
        assert_eq!(original, whole, "{sort:?}");
        let distinct: std::collections::BTreeSet<_> = walked.iter().collect();
        assert_eq!(
            distinct.len(),
            walked.len(),
            "{sort:?} returned a row twice"
        );
    }
    serving.stop().await;
}

#[tokio::test]
async fn pages_agree_with_cursors_in_both_directions() {
    let (_shop, serving) = shop_with_products(23).await;
    for sort in SORTS {
        let numbered: Vec<Page<Product>> = {
            let mut pages = Vec::new();
            for number in 1..=5 {
                pages.push(list(&serving, sort, &Paging::page(number, 5)).await);
            }
            pages
        };
        assert!(numbered[0].prev.is_none() && numbered[4].next.is_none());
        assert!(numbered.iter().all(|page| page.total == 23));
        for (before, after) in numbered.iter().zip(&numbered[1..]) {
            let forward = list(
                &serving,
                sort,
                &Paging::cursor(before.next.clone().unwrap(), 5),
            )
            .await;
            assert_eq!(ids(&forward), ids(after), "{sort:?}");
            assert_eq!((&forward.next, &forward.prev), (&after.next, &after.prev));
            let back = list(
                &serving,
                sort,
                &Paging::cursor(after.prev.clone().unwrap(), 5),
            )
            .await;
            assert_eq!(ids(&back), ids(before), "{sort:?}");
            assert_eq!((&back.next, &back.prev), (&before.next, &before.prev));
        }
        let beyond = list(&serving, sort, &Paging::page(u32::MAX, u32::MAX)).await;
        assert_eq!((beyond.items.len(), beyond.total), (0, 23));
    }
    serving.stop().await;
}

#[tokio::test]
async fn products_are_sorted_as_asked() {
    let (_shop, serving) = shop_with_products(30).await;
    let all = Paging::page(1, 100);
    let names = |page: Page<Product>| {
        Vec::from_iter(
            page.items
                .into_iter()
                .map(|product| product.name.to_lowercase()),
        )
    };
    let prices = |page: Page<Product>| {
        Vec::from_iter(page.items.into_iter().map(|product| product.price.minor))
    };
    assert!(names(list(&serving, ProductSort::Name, &all).await).is_sorted());
    assert!(
        names(list(&serving, ProductSort::NameDescending, &all).await).is_sorted_by(|a, b| a >= b)
    );
    assert!(prices(list(&serving, ProductSort::Price, &all).await).is_sorted());
    assert!(
        prices(list(&serving, ProductSort::PriceDescending, &all).await)
            .is_sorted_by(|a, b| a >= b)
    );
    serving.stop().await;
}

#[tokio::test]
async fn a_cursor_is_good_for_its_own_list_only() {
    let (_shop, serving) = shop_with_products(5).await;
    let by_name = list(&serving, ProductSort::Name, &Paging::page(1, 2))
        .await
        .next
        .unwrap();
    let catalog = serving.read_models.catalog();
    let filter = ProductFilter::default();
    for (sort, cursor) in [
        (ProductSort::Price, by_name.as_str()),
        (ProductSort::NameDescending, by_name.as_str()),
        (ProductSort::Name, "garbage"),
        (ProductSort::Name, ""),
    ] {
        let refused = catalog
            .list_products(&filter, Some(sort), &Paging::cursor(cursor, 2))
            .await;
        assert!(
            matches!(refused, Err(QueryError::BadCursor)),
            "{sort:?} {cursor}"
        );
    }
    let refused = catalog
        .list_categories(&Paging::cursor(by_name.as_str(), 2))
        .await;
    assert!(matches!(refused, Err(QueryError::BadCursor)));
    serving.stop().await;
}

#[tokio::test]
async fn orders_are_walked_newest_first() {
    let mut shop = Shop::open().await;
    let (customer, other): (UserId, UserId) = (id(), id());
    let mut own = Vec::new();
    let mut last = 0;
    for n in 0..20 {
        let order = id();
        let (user, price) = if n % 2 == 0 {
            (customer, 100)
        } else {
            (other, 200)
        };
        let line = daybook_domain::order::OrderLine {
            product_id: id(),
            name: format!("Line {n}"),
            quantity: 1,
            unit_price: eur(price),
        };
        last = shop.append([order_placed(order, user, vec![line])]).await;
        if user == customer {
            own.insert(0, order);
        }
    }
    let serving = shop.serve();
    serving.reach(last).await;
    let orders = serving.read_models.orders();
    let mut walked = Vec::new();
    let mut paging = Paging::page(1, 3);
    loop {
        let page = orders
            .list(Viewer::Customer(customer), &OrderFilter::default(), &paging)
            .await
            .unwrap();
        assert_eq!(page.total, 10);
        assert!(
            page.items
                .iter()
                .all(|order| order.lines.len() == 1 && order.total == eur(100))
        );
        walked.extend(page.items.iter().map(|order| order.id));
        let Some(next) = page.next else { break };
        paging = Paging::cursor(next, 3);
    }
    assert_eq!(walked, own);
    serving.stop().await;
}
