use daybook_domain::order::{
    Address, ImportedLine, Order, OrderCommand, OrderEvent, OrderImport, OrderLine, OrderStatus,
};
use daybook_domain::{Money, ProductId};
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::{Just, Strategy, any, prop_oneof};
use proptest::sample::select;
use uuid::Uuid;

use super::journey::explore;

#[test]
fn an_order_adds_up_and_goes_forward() {
    explore(
        command(),
        Order::decide,
        &[
            "order-not-found",
            "order-already-exists",
            "mixed-currencies",
            "total-too-large",
            "already-shipped",
            "import-differs",
            "imported-for-another",
            "lines-missing",
            "invalid-transition",
            "invalid-field",
        ],
        |order, stream| {
            if order.exists() {
                assert_adds_up(order, stream);
                assert_went_forward(order, stream);
            }
        },
    );
}

fn assert_adds_up(order: &Order, stream: &[OrderEvent]) {
    let placed = order
        .lines
        .iter()
        .map(|line| i128::from(line.unit_price.minor) * i128::from(line.quantity));
    let imported = stream.iter().filter_map(|event| match event {
        OrderEvent::LineImported(line) => {
            Some(i128::from(line.unit_price.minor) * i128::from(line.quantity))
        }
        _ => None,
    });
    let sum: i128 = placed.chain(imported).sum();
    assert_eq!(i128::from(order.total.minor), sum);
    assert!(order.total.minor <= Money::MAX_TOTAL_MINOR);
    assert!(
        order
            .lines
            .iter()
            .all(|line| line.unit_price.currency == order.total.currency)
    );
}

fn assert_went_forward(order: &Order, stream: &[OrderEvent]) {
    let statuses: Vec<_> = stream.iter().map(status_after).collect();
    if order.imported.is_some() {
        assert!(
            statuses
                .iter()
                .all(|status| *status == OrderStatus::Imported)
        );
        return;
    }
    assert_eq!(statuses.first(), Some(&OrderStatus::Pending));
    assert_eq!(statuses.last(), Some(&order.status));
    let steps = [
        OrderStatus::Pending,
        OrderStatus::Processing,
        OrderStatus::Shipped,
    ];
    let cancelled = statuses.contains(&OrderStatus::Cancelled);
    assert!(!(cancelled && statuses.contains(&OrderStatus::Shipped)));
    // All events but the last follow the one way forward, in its order, with none left out and none
    // twice.
    let before_last = &statuses[..statuses.len() - 1];
    assert_eq!(before_last, &steps[..before_last.len()]);
}

fn status_after(event: &OrderEvent) -> OrderStatus {
    match event {
        OrderEvent::Placed { .. } => OrderStatus::Pending,
        OrderEvent::Imported { .. } | OrderEvent::LineImported(_) => OrderStatus::Imported,
        OrderEvent::Processed => OrderStatus::Processing,
        OrderEvent::Shipped { .. } => OrderStatus::Shipped,
        OrderEvent::Delivered => OrderStatus::Delivered,
        OrderEvent::Cancelled { .. } => OrderStatus::Cancelled,
    }
}

fn command() -> impl Strategy<Value = OrderCommand> {
    prop_oneof![
        4 => (any::<u128>(), lines(), option::of(address())).prop_map(
            |(user, lines, shipping_address)| OrderCommand::Place {
                user_id: Uuid::from_u128(user).into(),
                lines,
                shipping_address,
            }
        ),
        2 => import().prop_map(OrderCommand::Import),
        2 => Just(OrderCommand::Process),
        2 => (option::of("[A-Z]{0,4}"), option::of("[A-Z0-9]{0,9}")).prop_map(
            |(carrier, tracking_number)| OrderCommand::Ship { carrier, tracking_number }
        ),
        1 => Just(OrderCommand::Deliver),
        1 => option::of("[a-z\n]{0,10}").prop_map(|reason| OrderCommand::Cancel { reason }),
    ]
}

/// Lines of few kinds, so that the same ones are imported again; now and then for another customer.
fn import() -> impl Strategy<Value = OrderImport> {
    let currency = prop_oneof![9 => Just("EUR"), 1 => Just("USD")];
    let lines = vec((-2..=2_i64, select(vec![0, 250, -1])), 0..4);
    (
        prop_oneof![9 => Just(1), 1 => Just(2_u128)],
        currency,
        1..=3_u32,
        lines,
    )
        .prop_map(|(user, currency, first, lines)| {
            let currency = currency.parse().unwrap();
            let line = |(line, (quantity, minor))| ImportedLine {
                line,
                product_id: Uuid::from_u128(1).into(),
                name: "Spade".to_owned(),
                quantity,
                unit_price: Money::new(minor, currency),
            };
            OrderImport {
                source: "old shop".to_owned(),
                number: "1".to_owned(),
                user_id: Some(Uuid::from_u128(user).into()),
                country: None,
                currency,
                lines: (first..).zip(lines).map(line).collect(),
            }
        })
}

/// Mostly one currency and right quantities; now and then a line that is out of place.
fn lines() -> impl Strategy<Value = Vec<OrderLine>> {
    let quantity = prop_oneof![20 => 1..=10_000_u32, 1 => Just(0), 1 => any::<u32>()];
    let minor = prop_oneof![
        // Mostly prices of which a total of several lines is still within bounds.
        20 => 0..=100_000_i64,
        1 => 0..=9_999_999_999_i64,
        1 => any::<i64>(),
        1 => Just(Money::MAX_TOTAL_MINOR),
    ];
    let currency = prop_oneof![20 => Just("EUR"), 1 => select(vec!["USD", "JPY"])];
    let line = (product(), "[A-Z][a-z]{0,8}", quantity, minor, currency).prop_map(
        |(product_id, name, quantity, minor, currency)| OrderLine {
            product_id,
            name,
            quantity,
            unit_price: Money::new(minor, currency.parse().unwrap()),
        },
    );
    vec(line, 0..6)
}

/// Enough products that the same one is seldom named twice.
fn product() -> impl Strategy<Value = ProductId> {
    (1..=200_u128).prop_map(|number| Uuid::from_u128(number).into())
}

fn address() -> impl Strategy<Value = Address> {
    let country = select(vec!["DE", "GB", "JP", "de"]);
    ("[A-Z][a-z]{1,8}", option::of(" ?[a-z]{1,8}"), country).prop_map(|(text, line2, country)| {
        Address {
            name: text.clone(),
            line1: text.clone(),
            line2,
            city: text.clone(),
            postal_code: text,
            region: None,
            country: country.to_owned(),
        }
    })
}
