//! Which way an order may go, and what it is then.

use super::*;

#[test]
fn processes_ships_and_delivers() {
    given(until(OrderStatus::Pending))
        .when(OrderCommand::Process)
        .then_expect_events(vec![OrderEvent::Processed]);
    given(until(OrderStatus::Processing))
        .when(ship(Some(" DHL"), Some("JD 1")))
        .then_expect_events(vec![OrderEvent::Shipped {
            carrier: Some("DHL".to_owned()),
            tracking_number: Some("JD 1".to_owned()),
        }]);
    given(until(OrderStatus::Shipped))
        .when(OrderCommand::Deliver)
        .then_expect_events(vec![OrderEvent::Delivered]);
}

#[test]
fn goes_no_other_way() {
    use OrderStatus::{Cancelled, Delivered, Pending, Processing, Shipped};
    for (from, command, to) in [
        (Processing, OrderCommand::Process, Processing),
        (Shipped, OrderCommand::Process, Processing),
        (Delivered, OrderCommand::Process, Processing),
        (Cancelled, OrderCommand::Process, Processing),
        (Pending, ship(None, None), Shipped),
        (Shipped, ship(None, None), Shipped),
        (Delivered, ship(None, None), Shipped),
        (Cancelled, ship(None, None), Shipped),
        (Pending, OrderCommand::Deliver, Delivered),
        (Processing, OrderCommand::Deliver, Delivered),
        (Delivered, OrderCommand::Deliver, Delivered),
        (Cancelled, OrderCommand::Deliver, Delivered),
        (Cancelled, cancel(None), Cancelled),
    ] {
        given(until(from))
            .when(command)
            .then_expect_error(OrderRejection::InvalidTransition { from, to });
    }
}

#[test]
fn a_carrier_and_a_tracking_number_say_something_short() {
    let processing = || until(OrderStatus::Processing);
    let longest = "x".repeat(100);
    given(processing())
        .when(ship(Some(&longest), Some(&longest)))
        .then_expect_events(vec![OrderEvent::Shipped {
            carrier: Some(longest.clone()),
            tracking_number: Some(longest.clone()),
        }]);

    let longer = "x".repeat(101);
    assert_refuses(
        processing(),
        ship(Some(&longer), None),
        "/carrier",
        "too-long",
    );
    assert_refuses(processing(), ship(Some(""), None), "/carrier", "required");
    assert_refuses(
        processing(),
        ship(None, Some(&longer)),
        "/trackingNumber",
        "too-long",
    );
    let command = ship(None, Some("JD\t1"));
    assert_refuses(
        processing(),
        command,
        "/trackingNumber",
        "control-character",
    );
}

#[test]
fn cancels_what_is_not_shipped() {
    for status in [OrderStatus::Pending, OrderStatus::Processing] {
        given(until(status))
            .when(cancel(Some("changed my mind")))
            .then_expect_events(vec![OrderEvent::Cancelled {
                reason: Some("changed my mind".to_owned()),
            }]);
    }
}

#[test]
fn cancels_nothing_that_is_shipped() {
    for status in [OrderStatus::Shipped, OrderStatus::Delivered] {
        given(until(status))
            .when(cancel(None))
            .then_expect_error(OrderRejection::AlreadyShipped);
    }
}

#[test]
fn a_reason_has_500_characters_at_most() {
    let longest = format!("a\n{}", "x".repeat(498));
    given(until(OrderStatus::Pending))
        .when(cancel(Some(&longest)))
        .then_expect_events(vec![OrderEvent::Cancelled {
            reason: Some(longest.clone()),
        }]);

    let command = cancel(Some(&"x".repeat(501)));
    assert_refuses(until(OrderStatus::Pending), command, "/reason", "too-long");
}

#[test]
fn moves_only_what_is_there() {
    for command in [
        OrderCommand::Process,
        ship(None, None),
        OrderCommand::Deliver,
        cancel(None),
    ] {
        given(vec![])
            .when(command)
            .then_expect_error(OrderRejection::NotFound);
    }
}

#[test]
fn the_state_is_what_happened() {
    let mut order = Order::default();
    assert!(!order.exists());
    order.evolve(&OrderEvent::Placed {
        user_id: customer(),
        lines: lines(2),
        total: money(200, "EUR"),
        shipping_address: Some(address().into()),
    });
    order.evolve(&OrderEvent::Processed);
    order.evolve(&OrderEvent::Shipped {
        carrier: Some("DHL".to_owned()),
        tracking_number: Some("JD1".to_owned()),
    });
    order.evolve(&OrderEvent::Delivered);
    let expected = Order {
        placed: true,
        user_id: Some(customer()),
        lines: lines(2),
        total: money(200, "EUR"),
        status: OrderStatus::Delivered,
        shipping_address: Some(address().into()),
        carrier: Some("DHL".to_owned()),
        tracking_number: Some("JD1".to_owned()),
        cancellation_reason: None,
        imported: None,
    };
    assert_eq!(order, expected);
}

#[test]
fn a_cancelled_order_knows_why() {
    let mut order = Order::default();
    for event in until(OrderStatus::Pending) {
        order.evolve(&event);
    }
    order.evolve(&OrderEvent::Cancelled {
        reason: Some("late".to_owned()),
    });
    assert_eq!(order.status, OrderStatus::Cancelled);
    assert_eq!(order.cancellation_reason.as_deref(), Some("late"));
}
