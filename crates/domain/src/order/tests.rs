mod importing;
mod moving;
mod placing;

use cqrs_es::test::{AggregateTestExecutor, TestFramework};
use uuid::Uuid;

use super::{Address, Order, OrderCommand, OrderEvent, OrderLine, OrderRejection, OrderStatus};
use crate::ids::UserId;
use crate::money::Money;

fn given(events: Vec<OrderEvent>) -> AggregateTestExecutor<Order> {
    TestFramework::with(()).given(events)
}

fn customer() -> UserId {
    Uuid::from_u128(7).into()
}

fn money(minor: i64, currency: &str) -> Money {
    Money::new(minor, currency.parse().unwrap())
}

fn line(product: u128, quantity: u32, unit_price: Money) -> OrderLine {
    let product_id = Uuid::from_u128(product).into();
    OrderLine {
        product_id,
        name: format!("Product {product}"),
        quantity,
        unit_price,
    }
}

fn lines(count: u128) -> Vec<OrderLine> {
    (0..count)
        .map(|product| line(product, 1, money(100, "EUR")))
        .collect()
}

fn address() -> Address {
    Address {
        name: "Ann Lee".to_owned(),
        line1: "1 High Street".to_owned(),
        line2: None,
        city: "Bath".to_owned(),
        postal_code: "BA1 1AA".to_owned(),
        region: Some("Somerset".to_owned()),
        country: "GB".to_owned(),
    }
}

fn place(lines: Vec<OrderLine>) -> OrderCommand {
    OrderCommand::Place {
        user_id: customer(),
        lines,
        shipping_address: None,
    }
}

fn place_to(address: Address) -> OrderCommand {
    let shipping_address = Some(address);
    OrderCommand::Place {
        user_id: customer(),
        lines: lines(1),
        shipping_address,
    }
}

fn placed(lines: Vec<OrderLine>, total: Money) -> OrderEvent {
    OrderEvent::Placed {
        user_id: customer(),
        lines,
        total,
        shipping_address: None,
    }
}

fn ship(carrier: Option<&str>, tracking_number: Option<&str>) -> OrderCommand {
    OrderCommand::Ship {
        carrier: carrier.map(str::to_owned),
        tracking_number: tracking_number.map(str::to_owned),
    }
}

fn shipped() -> OrderEvent {
    OrderEvent::Shipped {
        carrier: None,
        tracking_number: None,
    }
}

fn cancel(reason: Option<&str>) -> OrderCommand {
    OrderCommand::Cancel {
        reason: reason.map(str::to_owned),
    }
}

/// The events that bring an order to `status`.
fn until(status: OrderStatus) -> Vec<OrderEvent> {
    let placed = placed(lines(1), money(100, "EUR"));
    match status {
        OrderStatus::Pending => vec![placed],
        OrderStatus::Processing => vec![placed, OrderEvent::Processed],
        OrderStatus::Shipped => vec![placed, OrderEvent::Processed, shipped()],
        OrderStatus::Delivered => {
            vec![
                placed,
                OrderEvent::Processed,
                shipped(),
                OrderEvent::Delivered,
            ]
        }
        OrderStatus::Imported => importing::imported(1),
        OrderStatus::Cancelled => vec![placed, OrderEvent::Cancelled { reason: None }],
    }
}

fn assert_refuses(events: Vec<OrderEvent>, command: OrderCommand, field: &str, code: &str) {
    match given(events).when(command).inspect_result().unwrap_err() {
        OrderRejection::InvalidField(wrong) => {
            assert_eq!((wrong.field.as_ref(), wrong.code), (field, code));
        }
        other => panic!("expected {field} to be {code}, got: {other}"),
    }
}
