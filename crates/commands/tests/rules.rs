//! The write side's rules in one process, against a real database.

use crate::support::*;
use daybook_commands::{
    Acting, CancelOrder, ChangeProduct, ChangeStock, CommandError, CreateCategory, CreateProduct,
    DeactivateUser, DeleteCategory, ProcessOrder, ReactivateUser, RenameUser, RetireProduct,
    ShipOrder,
};
use daybook_domain::StreamId;
use futures::future::join_all;
use uuid::Uuid;

#[tokio::test]
async fn an_order_reserves_its_stock_and_a_cancellation_gives_it_back() {
    let shop = Shop::open().await;
    let (customer, product) = (shop.customer().await, shop.product(5).await);
    let place = order(customer, &[(product, 3)]);
    let id = place.id;
    assert_eq!(code(&shop.bus, place).await, "");
    assert_eq!(shop.available(product).await, 2);

    let stranger = Acting::Customer(Uuid::now_v7().into());
    let cancel = CancelOrder {
        id,
        acting: stranger,
        reason: None,
    };
    assert_eq!(code(&shop.bus, cancel.clone()).await, "order-not-found");
    assert_eq!(
        code(
            &shop.bus,
            CancelOrder {
                acting: Acting::Customer(customer),
                ..cancel
            }
        )
        .await,
        ""
    );
    assert_eq!(shop.available(product).await, 5);
    shop.check_log().await;
}

#[tokio::test]
async fn a_shipped_order_cannot_be_cancelled() {
    let shop = Shop::open().await;
    let (customer, product) = (shop.customer().await, shop.product(5).await);
    let place = order(customer, &[(product, 3)]);
    let id = place.id;
    assert_eq!(code(&shop.bus, place).await, "");
    let ship = ShipOrder {
        id,
        carrier: None,
        tracking_number: None,
    };
    assert_eq!(code(&shop.bus, ship.clone()).await, "invalid-transition");
    assert_eq!(code(&shop.bus, ProcessOrder { id }).await, "");
    assert_eq!(code(&shop.bus, ship).await, "");
    let cancel = CancelOrder {
        id,
        acting: Acting::Staff,
        reason: None,
    };
    assert_eq!(code(&shop.bus, cancel).await, "already-shipped");
    assert_eq!(shop.available(product).await, 2);
}

#[tokio::test]
async fn whoever_is_deactivated_orders_nothing() {
    let shop = Shop::open().await;
    let (customer, product) = (shop.customer().await, shop.product(5).await);
    let deactivate = DeactivateUser { id: customer };
    assert_eq!(code(&shop.bus, deactivate).await, "");
    let refused = code(&shop.bus, order(customer, &[(product, 3)])).await;
    assert_eq!(refused, "account-deactivated");
    assert_eq!(shop.available(product).await, 5);
    let reactivate = ReactivateUser { id: customer };
    assert_eq!(code(&shop.bus, reactivate).await, "");
    assert_eq!(code(&shop.bus, order(customer, &[(product, 3)])).await, "");
    shop.check_log().await;
}

#[tokio::test]
async fn nothing_is_reserved_when_one_product_is_short() {
    let shop = Shop::open().await;
    let customer = shop.customer().await;
    let (plenty, scarce) = (shop.product(50).await, shop.product(1).await);
    assert_eq!(
        code(&shop.bus, order(customer, &[(plenty, 2), (scarce, 2)])).await,
        "out-of-stock"
    );
    assert_eq!(
        (shop.available(plenty).await, shop.available(scarce).await),
        (50, 1)
    );
}

#[tokio::test]
async fn of_many_who_want_the_last_units_as_many_get_one_as_there_are() {
    let shop = Shop::open().await;
    let (customer, product) = (shop.customer().await, shop.product(20).await);
    let orders = (0..200).map(|_| code(&shop.bus, order(customer, &[(product, 1)])));
    let codes = join_all(orders).await;
    assert_eq!(codes.iter().filter(|code| code.is_empty()).count(), 20);
    assert_eq!(
        codes.iter().filter(|code| *code == "out-of-stock").count(),
        180
    );
    assert_eq!(shop.available(product).await, 0);
    shop.check_log().await;
}

#[tokio::test]
async fn an_address_is_taken_once_even_when_asked_for_at_once() {
    let shop = Shop::open().await;
    let registrations = (0..20).map(|_| code(&shop.bus, registration("Ada@example.com")));
    let codes = join_all(registrations).await;
    assert_eq!(codes.iter().filter(|code| code.is_empty()).count(), 1);
    assert_eq!(
        codes.iter().filter(|code| *code == "email-taken").count(),
        19
    );
    assert_eq!(
        code(&shop.bus, registration("ada@EXAMPLE.com")).await,
        "email-taken"
    );
}

#[tokio::test]
async fn a_category_in_use_is_not_deleted() {
    let shop = Shop::open().await;
    let id = Uuid::now_v7().into();
    let create = CreateCategory {
        id,
        name: "Tea".into(),
        description: String::new(),
    };
    assert_eq!(code(&shop.bus, create.clone()).await, "");
    let again = CreateCategory {
        id: Uuid::now_v7().into(),
        name: " tea ".into(),
        ..create
    };
    assert_eq!(code(&shop.bus, again.clone()).await, "category-name-taken");

    let teapot = CreateProduct {
        category_id: Some(id),
        sku: Some("T-1".into()),
        ..new_product(100, 1)
    };
    assert_eq!(code(&shop.bus, teapot.clone()).await, "");
    let delete = DeleteCategory {
        id,
        expected_version: None,
    };
    assert_eq!(code(&shop.bus, delete.clone()).await, "category-in-use");
    let same_sku = CreateProduct {
        id: Uuid::now_v7().into(),
        ..teapot.clone()
    };
    assert_eq!(code(&shop.bus, same_sku.clone()).await, "sku-taken");

    assert_eq!(
        code(
            &shop.bus,
            RetireProduct {
                id: teapot.id,
                expected_version: None
            }
        )
        .await,
        ""
    );
    assert_eq!(code(&shop.bus, delete).await, "");
    assert_eq!(code(&shop.bus, again).await, "", "the name is free again");
    assert_eq!(code(&shop.bus, same_sku).await, "unknown-category");
}

#[tokio::test]
async fn a_stale_version_is_refused() {
    let shop = Shop::open().await;
    let product = shop.product(1).await;
    let change = ChangeProduct {
        id: product,
        name: None,
        description: None,
        price: Some(euros(999)),
        category_id: None,
        expected_version: Some(1),
    };
    assert_eq!(code(&shop.bus, change.clone()).await, "");
    assert_eq!(code(&shop.bus, change).await, "precondition-failed");
}

#[tokio::test]
async fn one_key_has_one_effect_and_one_answer() {
    let shop = Shop::open().await;
    let product = shop.product(10).await;
    let take = || ChangeStock {
        product_id: product,
        change: -1,
        reason: None,
        expected_version: None,
    };
    let attempts = (0..50).map(|_| shop.bus.execute(take(), keyed("k", "take"), respond));
    let answers = join_all(attempts).await;
    let carried_out = answers
        .iter()
        .filter(|answer| matches!(answer, Ok(answered) if !answered.replayed))
        .count();
    assert_eq!(carried_out, 1);
    assert!(
        answers
            .iter()
            .all(|answer| matches!(answer, Ok(_) | Err(CommandError::KeyInUse)))
    );
    assert_eq!(shop.available(product).await, 9);

    let elsewhere = shop.another_bus();
    let replayed = elsewhere
        .execute(take(), keyed("k", "take"), respond)
        .await
        .unwrap();
    assert!(replayed.replayed);
    assert_eq!(shop.available(product).await, 9);
    let other = elsewhere
        .execute(take(), keyed("k", "something else"), respond)
        .await;
    assert!(matches!(other, Err(CommandError::KeyReused)), "{other:?}");
}

#[tokio::test]
async fn a_refusal_is_remembered_under_its_key() {
    let shop = Shop::open().await;
    let product = shop.product(0).await;
    let take = || ChangeStock {
        product_id: product,
        change: -1,
        reason: None,
        expected_version: None,
    };
    let first = shop
        .bus
        .execute(take(), keyed("k", "take"), respond)
        .await
        .unwrap();
    assert_eq!(first.answer.body, b"out-of-stock");
    let receive = ChangeStock {
        product_id: product,
        change: 5,
        reason: None,
        expected_version: None,
    };
    assert_eq!(code(&shop.bus, receive).await, "");
    let again = shop
        .another_bus()
        .execute(take(), keyed("k", "take"), respond)
        .await
        .unwrap();
    assert!(again.replayed && again.answer == first.answer && again.position == first.position);
}

#[tokio::test]
async fn a_taken_address_is_answered_from_the_record_when_the_key_was_ours() {
    let shop = Shop::open().await;
    let register = || registration("ada@example.com");
    let first = shop
        .bus
        .execute(register(), keyed("k", "register"), respond)
        .await
        .unwrap();
    assert_eq!(first.answer.status, 200);
    let again = shop
        .another_bus()
        .execute(register(), keyed("k", "register"), respond)
        .await
        .unwrap();
    assert!(again.replayed, "not email-taken: {:?}", again.answer);
}

#[tokio::test]
async fn personal_data_is_nowhere_in_the_log_in_the_clear() {
    let shop = Shop::open().await;
    let register = registration("grace.hopper@example.com");
    let id = register.id;
    shop.bus
        .execute(register, keyed("k", "register"), move |outcome| {
            let body = outcome
                .unwrap()
                .state
                .email
                .known()
                .unwrap()
                .to_string()
                .into_bytes();
            daybook_commands::Answer {
                body,
                person: Some(id),
                ..respond(outcome)
            }
        })
        .await
        .unwrap();
    let rename = RenameUser {
        id,
        first_name: Some("Amazing".into()),
        last_name: None,
        expected_version: None,
    };
    assert_eq!(code(&shop.bus, rename).await, "");
    let dump: String = sqlx::query_scalar(
        "select coalesce(string_agg(t, ' '), '') from (
             select e::text as t from log.events e
             union all select r::text from log.idempotency_records r
             union all select convert_from(body, 'SQL_ASCII') from log.idempotency_records where person_id is null
             union all select c::text from log.claims c) rows",
    )
    .fetch_one(&shop.pool)
    .await
    .unwrap();
    for secret in ["grace", "hopper", "Amazing", "Ada", "Byron"] {
        assert!(!dump.contains(secret), "{secret} is in the log");
    }
    let user = shop.bus.load(StreamId::user(id)).await.unwrap().state;
    assert_eq!(
        user.as_user().unwrap().first_name.known().unwrap(),
        "Amazing"
    );
}

#[tokio::test]
async fn what_was_accepted_before_closing_is_written() {
    let mut shop = Shop::open().await;
    let (customer, product) = (shop.customer().await, shop.product(1000).await);
    let orders = (0..300).map(|_| {
        let (bus, place) = (shop.bus.clone(), order(customer, &[(product, 1)]));
        tokio::spawn(async move { send(&bus, place).await })
    });
    let orders: Vec<_> = orders.collect();
    tokio::task::yield_now().await;
    shop.tasks.take().unwrap().close(PATIENCE).await.unwrap();
    let mut written = 0;
    for outcome in orders {
        match outcome.await.unwrap() {
            Ok(sent) if sent.outcome.is_ok() => written += 1,
            Err(CommandError::ShuttingDown) => {}
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(shop.available(product).await, 1000 - written);
    shop.check_log().await;
}
