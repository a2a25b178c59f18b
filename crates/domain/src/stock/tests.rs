use cqrs_es::test::{AggregateTestExecutor, TestFramework};
use uuid::Uuid;

use super::{Stock, StockCommand, StockEvent, StockRejection};
use crate::ids::OrderId;

fn given(events: Vec<StockEvent>) -> AggregateTestExecutor<Stock> {
    TestFramework::with(()).given(events)
}

fn order(number: u128) -> OrderId {
    Uuid::from_u128(number).into()
}

fn receive(quantity: u64) -> StockCommand {
    StockCommand::Receive {
        quantity,
        reason: None,
    }
}

fn write_off(quantity: u64) -> StockCommand {
    StockCommand::WriteOff {
        quantity,
        reason: None,
    }
}

fn received(quantity: u64) -> StockEvent {
    StockEvent::Received {
        quantity,
        reason: None,
    }
}

fn reserved(order_id: OrderId, quantity: u32) -> StockEvent {
    StockEvent::Reserved { order_id, quantity }
}

fn assert_refuses(events: Vec<StockEvent>, command: StockCommand, field: &str, code: &str) {
    match given(events).when(command).inspect_result().unwrap_err() {
        StockRejection::InvalidField(wrong) => {
            assert_eq!((wrong.field.as_ref(), wrong.code), (field, code));
        }
        other => panic!("expected {field} to be {code}, got: {other}"),
    }
}

#[test]
fn receives_the_first_units_and_more() {
    given(vec![])
        .when(receive(5))
        .then_expect_events(vec![received(5)]);
    given(vec![received(5)])
        .when(receive(1))
        .then_expect_events(vec![received(1)]);
}

#[test]
fn holds_a_thousand_million_units_reserved_ones_included() {
    let nearly_full = vec![received(Stock::MAX_UNITS - 1), reserved(order(1), 7)];
    given(nearly_full.clone())
        .when(receive(1))
        .then_expect_events(vec![received(1)]);
    given(nearly_full)
        .when(receive(2))
        .then_expect_error(StockRejection::LimitExceeded {
            limit: Stock::MAX_UNITS,
            room: 1,
            requested: 2,
        });
    given(vec![])
        .when(receive(u64::MAX))
        .then_expect_error(StockRejection::LimitExceeded {
            limit: Stock::MAX_UNITS,
            room: Stock::MAX_UNITS,
            requested: u64::MAX,
        });
}

#[test]
fn what_was_ever_received_stays_countable() {
    let all_but_three = Stock::MAX_RECEIVED - 3;
    let history = vec![
        received(all_but_three),
        StockEvent::WrittenOff {
            quantity: all_but_three,
            reason: None,
        },
    ];
    given(history.clone())
        .when(receive(3))
        .then_expect_events(vec![received(3)]);
    given(history)
        .when(receive(4))
        .then_expect_error(StockRejection::LimitExceeded {
            limit: Stock::MAX_UNITS,
            room: 3,
            requested: 4,
        });
}

#[test]
fn writes_off_what_is_on_hand() {
    given(vec![received(5)])
        .when(write_off(5))
        .then_expect_events(vec![StockEvent::WrittenOff {
            quantity: 5,
            reason: None,
        }]);
}

#[test]
fn writes_off_no_more_than_is_on_hand() {
    given(vec![received(5), reserved(order(1), 2)])
        .when(write_off(4))
        .then_expect_error(StockRejection::OutOfStock {
            available: 3,
            requested: 4,
        });
    given(vec![])
        .when(write_off(1))
        .then_expect_error(StockRejection::OutOfStock {
            available: 0,
            requested: 1,
        });
}

#[test]
fn a_reason_has_500_characters_at_most_and_may_have_lines() {
    let longest = Some(format!("a\n{}", "x".repeat(498)));
    given(vec![])
        .when(StockCommand::Receive {
            quantity: 1,
            reason: longest.clone(),
        })
        .then_expect_events(vec![StockEvent::Received {
            quantity: 1,
            reason: longest,
        }]);

    let command = StockCommand::Receive {
        quantity: 1,
        reason: Some("x".repeat(501)),
    };
    assert_refuses(vec![], command, "/reason", "too-long");
    let command = StockCommand::WriteOff {
        quantity: 1,
        reason: Some("\0".to_owned()),
    };
    assert_refuses(vec![received(1)], command, "/reason", "control-character");
}

#[test]
fn reserves_what_is_on_hand() {
    given(vec![received(5), reserved(order(1), 2)])
        .when(StockCommand::Reserve {
            order_id: order(2),
            quantity: 3,
        })
        .then_expect_events(vec![reserved(order(2), 3)]);
}

#[test]
fn reserves_no_more_than_is_on_hand() {
    given(vec![received(5), reserved(order(1), 2)])
        .when(StockCommand::Reserve {
            order_id: order(2),
            quantity: 4,
        })
        .then_expect_error(StockRejection::OutOfStock {
            available: 3,
            requested: 4,
        });
}

#[test]
fn releases_what_the_order_has_reserved() {
    given(vec![
        received(5),
        reserved(order(1), 2),
        reserved(order(1), 1),
    ])
    .when(StockCommand::Release {
        order_id: order(1),
        quantity: 3,
    })
    .then_expect_events(vec![StockEvent::Released {
        order_id: order(1),
        quantity: 3,
    }]);
}

#[test]
fn releases_no_more_than_the_order_has_reserved() {
    let history = vec![received(5), reserved(order(1), 2), reserved(order(2), 3)];
    given(history.clone())
        .when(StockCommand::Release {
            order_id: order(1),
            quantity: 3,
        })
        .then_expect_error(StockRejection::NotReserved {
            order_id: order(1),
            reserved: 2,
            requested: 3,
        });
    given(history)
        .when(StockCommand::Release {
            order_id: order(3),
            quantity: 1,
        })
        .then_expect_error(StockRejection::NotReserved {
            order_id: order(3),
            reserved: 0,
            requested: 1,
        });
}

#[test]
fn ships_what_the_order_has_reserved() {
    given(vec![received(5), reserved(order(1), 2)])
        .when(StockCommand::Ship {
            order_id: order(1),
            quantity: 2,
        })
        .then_expect_events(vec![StockEvent::Shipped {
            order_id: order(1),
            quantity: 2,
        }]);
}

#[test]
fn ships_nothing_twice() {
    given(vec![
        received(5),
        reserved(order(1), 2),
        StockEvent::Shipped {
            order_id: order(1),
            quantity: 2,
        },
    ])
    .when(StockCommand::Ship {
        order_id: order(1),
        quantity: 1,
    })
    .then_expect_error(StockRejection::NotReserved {
        order_id: order(1),
        reserved: 0,
        requested: 1,
    });
}

#[test]
fn nothing_is_not_a_quantity() {
    let history = vec![received(5), reserved(order(1), 2)];
    for command in [receive(0), write_off(0)] {
        assert_refuses(history.clone(), command, "/change", "out-of-range");
    }
    let order_id = order(1);
    for command in [
        StockCommand::Reserve {
            order_id,
            quantity: 0,
        },
        StockCommand::Release {
            order_id,
            quantity: 0,
        },
        StockCommand::Ship {
            order_id,
            quantity: 0,
        },
    ] {
        assert_refuses(history.clone(), command, "/quantity", "out-of-range");
    }
}

#[test]
fn the_state_is_what_happened() {
    let mut stock = Stock::default();
    for event in [
        received(20),
        StockEvent::WrittenOff {
            quantity: 1,
            reason: None,
        },
        reserved(order(1), 4),
        reserved(order(2), 5),
        StockEvent::Released {
            order_id: order(1),
            quantity: 1,
        },
        StockEvent::Shipped {
            order_id: order(2),
            quantity: 5,
        },
    ] {
        stock.evolve(&event);
    }
    let expected = Stock {
        on_hand: 11,
        reserved: 3,
        shipped: 5,
        received: 20,
        written_off: 1,
        reservations: [(order(1), 3)].into(),
    };
    assert_eq!(stock, expected);
}
