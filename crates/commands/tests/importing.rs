//! Importing what another system recorded: each line is taken once, whoever imports it and however often.

use std::sync::Arc;

use crate::support::{Shop, code, euros, send};
use daybook_commands::{ImportCustomer, ImportOrder, OrderImported, OrderToImport};
use daybook_domain::order::{ImportedLine, Order};
use daybook_domain::{OrderId, ProductId, State, StreamId};
use sqlx::query_scalar;
use uuid::Uuid;

fn line(product: ProductId, quantity: i64, minor: i64) -> ImportedLine {
    ImportedLine {
        line: 0,
        product_id: product,
        name: "Teapot".into(),
        quantity,
        unit_price: euros(minor),
    }
}

fn order(id: OrderId, lines: Vec<ImportedLine>) -> ImportOrder {
    let order = OrderToImport {
        source: "old-shop".into(),
        number: "A1".into(),
        user_id: None,
        country: None,
        currency: euros(0).currency,
        lines,
    };
    ImportOrder {
        id,
        order: Arc::new(order),
    }
}

async fn import(shop: &Shop, command: ImportOrder) -> OrderImported {
    let sent = send(&shop.bus, command).await.unwrap();
    sent.outcome.expect("an import has an outcome")
}

async fn state(shop: &Shop, id: OrderId) -> Order {
    match shop.bus.load(StreamId::order(id)).await.unwrap().state {
        State::Order(order) => order,
        _ => panic!("not an order"),
    }
}

#[tokio::test]
async fn only_lines_that_are_new_are_taken_and_equal_ones_are_counted() {
    let shop = Shop::open().await;
    let id = OrderId::from(Uuid::now_v7());
    let [a, b, c] = [1, 2, 3].map(|n| line(Uuid::from_u128(n).into(), 1, 100));
    let first = import(&shop, order(id, vec![a.clone(), a.clone(), b.clone()])).await;
    assert!(first.is_new);
    assert_eq!((first.taken, first.known, first.left), (3, 0, 0));

    // The same lines again in another order, one more of the equal ones, and a different one.
    let more = vec![c.clone(), b.clone(), a.clone(), a.clone(), a.clone()];
    let second = import(&shop, order(id, more.clone())).await;
    assert!(!second.is_new);
    assert_eq!((second.taken, second.known), (2, 3));
    let third = import(&shop, order(id, more)).await;
    assert_eq!((third.taken, third.known), (0, 5));
    // A part of the order adds nothing new.
    let part = import(&shop, order(id, vec![b])).await;
    assert_eq!((part.taken, part.known, part.refused.len()), (0, 1, 0));
    assert_eq!(state(&shop, id).await.total, euros(500));
    shop.check_log().await;
}

#[tokio::test]
async fn an_order_that_was_changed_in_between_is_refused_line_by_line() {
    let shop = Shop::open().await;
    let id = OrderId::from(Uuid::now_v7());
    let (a, b) = (
        line(Uuid::from_u128(1).into(), 1, 100),
        line(Uuid::from_u128(2).into(), 1, 100),
    );
    import(&shop, order(id, vec![a.clone(), b])).await;
    let dearer = line(Uuid::from_u128(2).into(), 1, 120);
    let changed = import(&shop, order(id, vec![a, dearer])).await;
    assert_eq!((changed.taken, changed.known), (0, 1));
    assert_eq!((changed.refused, changed.why), (vec![1], "import-differs"));
    assert_eq!(state(&shop, id).await.total, euros(200));
}

#[tokio::test]
async fn a_long_order_is_taken_in_several_appends() {
    let shop = Shop::open().await;
    let id = OrderId::from(Uuid::now_v7());
    let lines: Vec<ImportedLine> = (0..2_500)
        .map(|n| line(Uuid::from_u128(n % 7).into(), 1, 1))
        .collect();
    let mut left = Vec::new();
    for _ in 0..3 {
        left.push(import(&shop, order(id, lines.clone())).await.left);
    }
    assert_eq!(left, [1_500, 500, 0]);
    assert_eq!(import(&shop, order(id, lines)).await.known, 2_500);
    assert_eq!(state(&shop, id).await.total, euros(2_500));
}

#[tokio::test]
async fn a_customer_is_imported_once_and_one_who_was_erased_stays_so() {
    let shop = Shop::open().await;
    let id = shop.bus.imported_customer("old-shop", "77");
    assert_eq!(id, shop.bus.imported_customer("old-shop", "77"));
    assert_ne!(id, shop.bus.imported_customer("new-shop", "77"));
    let command = ImportCustomer {
        id,
        source: "old-shop".into(),
        external_id: "77".into(),
    };
    assert_eq!(code(&shop.bus, command.clone()).await, "");
    let superuser = shop.database.superuser_pool().unwrap();
    sqlx::query("delete from log.person_keys where person_id = $1")
        .bind(id.as_uuid())
        .execute(&superuser)
        .await
        .unwrap();
    assert_eq!(code(&shop.bus, command).await, "user-already-exists");
    let keys: i64 = query_scalar("select count(*) from log.person_keys")
        .fetch_one(&superuser)
        .await
        .unwrap();
    assert_eq!(keys, 0);
}
