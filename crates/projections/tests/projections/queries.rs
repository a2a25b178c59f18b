//! The other queries.

use daybook_domain::{
    CategoryId, Money, OrderId, ProductId, StreamId, UserId,
    category::CategoryEvent,
    order::{OrderEvent, OrderLine, OrderStatus},
    user::Role,
};
use daybook_projections::{
    Paging,
    catalog::{Facet, ProductFilter, ProductSort},
    orders::{OrderFilter, Viewer},
    projection::{Target, apply},
    registry,
    schema::SchemaName,
    skipped::Skipped,
};
use rust_decimal::Decimal;

use crate::shop::{
    Shop, category_created, eur, id, order_placed, product_created, product_retired,
    stock_received, user_registered,
};

const ALL: fn() -> Paging = || Paging::page(1, 100);

#[tokio::test]
async fn the_catalog_is_filtered_and_counted() {
    let mut shop = Shop::open().await;
    let (lights, desks, empty): (CategoryId, CategoryId, CategoryId) = (id(), id(), id());
    let (lamp, bulb, desk, retired, yen): (ProductId, ProductId, ProductId, ProductId, ProductId) =
        (id(), id(), id(), id(), id());
    let last = shop
        .append([
            category_created(lights, "Lights"),
            category_created(desks, "desks"),
            category_created(empty, "Empty"),
            product_created(lamp, "Lamp", eur(4_999), Some(lights)),
            product_created(bulb, "Bulb for a lamp", eur(250), Some(lights)),
            product_created(desk, "Desk", eur(19_900), Some(desks)),
            product_created(retired, "Old lamp", eur(100), Some(desks)),
            product_retired(retired),
            // ¥300 is no less than €2.50, whatever their minor units are.
            product_created(
                yen,
                "Paper lamp",
                Money::new(300, "JPY".parse().unwrap()),
                None,
            ),
            stock_received(lamp, 3),
            stock_received(retired, 3),
        ])
        .await;
    let serving = shop.serve();
    serving.reach(last).await;
    let catalog = serving.read_models.catalog();

    let none = ProductFilter::default();
    let euros = |cents| Some(Decimal::new(cents, 2));
    for (filter, expected) in [
        (none.clone(), vec![bulb, lamp, desk, yen]),
        (
            ProductFilter {
                category: Some(lights),
                ..none.clone()
            },
            vec![bulb, lamp],
        ),
        (
            ProductFilter {
                category: Some(empty),
                ..none.clone()
            },
            vec![],
        ),
        (
            ProductFilter {
                min_price: euros(4_999),
                ..none.clone()
            },
            vec![lamp, desk, yen],
        ),
        (
            ProductFilter {
                max_price: euros(4_999),
                ..none.clone()
            },
            vec![bulb, lamp],
        ),
        (
            ProductFilter {
                min_price: euros(251),
                max_price: euros(4_998),
                ..none.clone()
            },
            vec![],
        ),
        (
            ProductFilter {
                in_stock: Some(true),
                ..none.clone()
            },
            vec![lamp],
        ),
        (
            ProductFilter {
                in_stock: Some(false),
                ..none.clone()
            },
            vec![bulb, desk, yen],
        ),
        (
            ProductFilter {
                q: Some("lamp".into()),
                category: Some(lights),
                ..none.clone()
            },
            vec![bulb, lamp],
        ),
    ] {
        let page = catalog
            .list_products(&filter, Some(ProductSort::Price), &ALL())
            .await
            .unwrap()
            .rows;
        let ids = Vec::from_iter(page.items.iter().map(|product| product.id));
        assert_eq!(ids, expected, "{filter:?}");
        assert_eq!(page.total, expected.len() as i64);
    }

    let facet = |category_id, name: &str, count| Facet {
        category_id,
        name: name.to_owned(),
        count,
    };
    let both = [facet(lights, "Lights", 2), facet(desks, "desks", 1)];
    assert_eq!(catalog.facets(&none).await.unwrap().rows, both);
    assert_eq!(
        catalog
            .facets(&ProductFilter {
                category: Some(desks),
                ..none.clone()
            })
            .await
            .unwrap()
            .rows,
        both
    );
    let dear = ProductFilter {
        min_price: euros(10_000),
        ..none.clone()
    };
    assert_eq!(
        catalog.facets(&dear).await.unwrap().rows,
        [facet(desks, "desks", 1)]
    );
    let lamps = ProductFilter {
        q: Some("lamp".into()),
        ..none.clone()
    };
    assert_eq!(
        catalog.facets(&lamps).await.unwrap().rows,
        [facet(lights, "Lights", 2)]
    );

    let newest = catalog
        .list_products(&none, None, &Paging::page(1, 1))
        .await
        .unwrap();
    assert_eq!((newest.rows.total, newest.stand.position), (4, last));
    let found = catalog.get_product(lamp).await.unwrap().unwrap();
    assert_eq!(found.position, last);
    assert_eq!(
        (
            found.product.stock,
            found.product.product_version,
            found.product.stock_version
        ),
        (3, 1, 1)
    );
    assert_eq!(found.product.price, eur(4_999));
    serving.stop().await;
}

#[tokio::test]
async fn categories_are_listed_by_name_until_they_are_deleted() {
    let mut shop = Shop::open().await;
    let (books, tools, gone): (CategoryId, CategoryId, CategoryId) = (id(), id(), id());
    let last = shop
        .append([
            category_created(tools, "tools"),
            category_created(gone, "Gone"),
            category_created(books, "Books"),
            (StreamId::category(gone), CategoryEvent::Deleted.into()),
        ])
        .await;
    let serving = shop.serve();
    serving.reach(last).await;
    let catalog = serving.read_models.catalog();
    let page = catalog.list_categories(&ALL()).await.unwrap().rows;
    assert_eq!(
        Vec::from_iter(page.items.iter().map(|category| category.id)),
        [books, tools]
    );
    assert_eq!(page.total, 2);
    assert_eq!(
        catalog
            .get_category(books)
            .await
            .unwrap()
            .rows
            .unwrap()
            .name,
        "Books"
    );
    assert!(catalog.get_category(gone).await.unwrap().rows.is_none());
    assert!(catalog.get_category(id()).await.unwrap().rows.is_none());
    serving.stop().await;
}

#[tokio::test]
async fn customers_see_their_own_orders_and_admins_all() {
    let mut shop = Shop::open().await;
    let (ann, ben): (UserId, UserId) = (id(), id());
    let (first, second, third): (OrderId, OrderId, OrderId) = (id(), id(), id());
    let lines = || {
        let line = |name: &str, quantity, price| OrderLine {
            product_id: id(),
            name: name.to_owned(),
            quantity,
            unit_price: eur(price),
        };
        vec![line("Lamp", 2, 1_250), line("Bulb", 1, 99)]
    };
    let mut last = 0;
    for (order, user) in [(first, ann), (second, ben), (third, ann)] {
        last = shop
            .append([order_placed(order, user, lines())])
            .await
            .max(last);
    }
    let shipped = OrderEvent::Shipped {
        carrier: Some("DHL".into()),
        tracking_number: Some("JD01".into()),
    };
    for event in [OrderEvent::Processed, shipped, OrderEvent::Delivered] {
        shop.append([(StreamId::order(first), event.into())]).await;
    }
    let cancelled = OrderEvent::Cancelled {
        reason: Some("too late".into()),
    };
    last = shop
        .append([(StreamId::order(second), cancelled.into())])
        .await
        .max(last);
    let serving = shop.serve();
    serving.reach(last).await;
    let orders = serving.read_models.orders();

    for (viewer, user_id, statuses, expected) in [
        (Viewer::Admin, None, vec![], vec![third, second, first]),
        (Viewer::Admin, Some(ann), vec![], vec![third, first]),
        (
            Viewer::Admin,
            None,
            vec![OrderStatus::Delivered, OrderStatus::Cancelled],
            vec![second, first],
        ),
        (Viewer::Customer(ann), None, vec![], vec![third, first]),
        (
            Viewer::Customer(ann),
            None,
            vec![OrderStatus::Pending],
            vec![third],
        ),
        (Viewer::Customer(ann), Some(ben), vec![], vec![]),
    ] {
        let filter = OrderFilter { user_id, statuses };
        let page = orders.list(viewer, &filter, &ALL()).await.unwrap();
        assert_eq!(
            Vec::from_iter(page.items.iter().map(|order| order.id)),
            expected,
            "{viewer:?} {filter:?}"
        );
        assert_eq!(page.total, expected.len() as i64);
    }

    for (viewer, seen) in [
        (Viewer::Admin, true),
        (Viewer::Customer(ann), true),
        (Viewer::Customer(ben), false),
    ] {
        assert_eq!(
            orders.get(first, viewer).await.unwrap().is_some(),
            seen,
            "{viewer:?}"
        );
        assert_eq!(
            orders.history(first, viewer).await.unwrap().is_some(),
            seen,
            "{viewer:?}"
        );
    }
    let found = orders.get(first, Viewer::Admin).await.unwrap().unwrap();
    assert_eq!(found.position, last);
    assert_eq!(
        (found.order.status, found.order.version, found.order.total),
        (OrderStatus::Delivered, 4, eur(2_599))
    );
    let bought = Vec::from_iter(
        found
            .order
            .lines
            .iter()
            .map(|line| (line.name.as_str(), line.quantity)),
    );
    assert_eq!(bought, [("Lamp", 2), ("Bulb", 1)]);

    let history = orders.history(first, Viewer::Admin).await.unwrap().unwrap();
    let statuses = Vec::from_iter(
        history
            .iter()
            .map(|entry| (entry.sequence, entry.status.as_str())),
    );
    assert_eq!(
        statuses,
        [
            (1, "pending"),
            (2, "processing"),
            (3, "shipped"),
            (4, "delivered")
        ]
    );
    assert_eq!(
        serde_json::json!(history[2].details),
        serde_json::json!({"carrier": "DHL", "trackingNumber": "JD01"})
    );
    assert!(history[0].details.is_empty() && history[0].actor.starts_with("user:"));
    assert!(history.is_sorted_by_key(|entry| entry.at));
    serving.stop().await;
}

#[tokio::test]
async fn an_erased_person_is_gone_from_a_read_model_made_afterwards() {
    let mut shop = Shop::open().await;
    let (ann, ben): (UserId, UserId) = (id(), id());
    shop.append([user_registered(ann, "ann@example.com", &[Role::User])])
        .await;
    let last = shop
        .append([user_registered(
            ben,
            "ben@example.com",
            &[Role::User, Role::Admin],
        )])
        .await;
    let serving = shop.serve();
    serving.reach(last).await;
    let users = serving.read_models.users();
    let page = users.list(&ALL()).await.unwrap();
    assert_eq!(
        Vec::from_iter(page.items.iter().map(|user| user.id)),
        [ben, ann]
    );
    let found = users.get(ann).await.unwrap().unwrap();
    assert_eq!(found.email.as_deref(), Some("ann@example.com"));
    assert_eq!(
        users.get(ben).await.unwrap().unwrap().roles,
        [Role::User, Role::Admin].into()
    );
    assert!(users.get(id()).await.unwrap().is_none());
    serving.stop().await;

    let superuser = shop.database.superuser_pool().unwrap();
    sqlx::query("delete from log.person_keys where person_id = $1")
        .bind(ann.as_uuid())
        .execute(&superuser)
        .await
        .unwrap();
    sqlx::query("delete from users.users")
        .execute(&shop.pool)
        .await
        .unwrap();
    let events = shop.fresh_feed().read_after(0, 10).await.unwrap().events;
    let projection = registry()
        .into_iter()
        .find(|projection| projection.name() == "users")
        .unwrap();
    let mut conn = shop.pool.acquire().await.unwrap();
    let target = Target::live(SchemaName::live("users"));
    apply(
        &*projection,
        &mut conn,
        &target,
        &events,
        &Skipped::default(),
    )
    .await
    .unwrap();

    let read_models = daybook_projections::ReadModels::new(
        shop.pool.clone(),
        daybook_projections::ProgressTracker::new(),
    );
    let erased = read_models.users().get(ann).await.unwrap().unwrap();
    assert_eq!(
        (erased.email, erased.first_name, erased.last_name),
        (None, None, None)
    );
    assert!(
        read_models
            .users()
            .get(ben)
            .await
            .unwrap()
            .unwrap()
            .email
            .is_some()
    );
}
