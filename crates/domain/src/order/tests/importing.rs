//! Orders of another system.

use super::super::{ImportedLine, OrderImport};
use super::*;

fn bought(line: u32, quantity: i64, minor: i64) -> ImportedLine {
    ImportedLine {
        line,
        product_id: Uuid::from_u128(3).into(),
        name: "Spade".to_owned(),
        quantity,
        unit_price: money(minor, "GBP"),
    }
}

fn import(lines: Vec<ImportedLine>) -> OrderImport {
    OrderImport {
        source: "old shop".to_owned(),
        number: "536365".to_owned(),
        user_id: Some(customer()),
        country: Some("France".to_owned()),
        currency: "GBP".parse().unwrap(),
        lines,
    }
}

fn header() -> OrderEvent {
    OrderEvent::Imported {
        source: "old shop".to_owned(),
        number: "536365".to_owned(),
        user_id: Some(customer()),
        country: Some("France".to_owned()),
        currency: "GBP".parse().unwrap(),
    }
}

/// The events of an imported order with lines of one unit at 2.55.
pub(super) fn imported(lines: u32) -> Vec<OrderEvent> {
    let lines = (1..=lines).map(|line| OrderEvent::LineImported(bought(line, 1, 255)));
    [header()].into_iter().chain(lines).collect()
}

#[test]
fn an_order_comes_with_its_lines() {
    let lines = vec![bought(1, 6, 255), bought(2, -2, 100), bought(3, 1, 0)];
    given(vec![])
        .when(OrderCommand::Import(import(lines.clone())))
        .then_expect_events(
            [header()]
                .into_iter()
                .chain(lines.into_iter().map(OrderEvent::LineImported))
                .collect(),
        );
}

#[test]
fn importing_again_takes_only_what_is_new() {
    let again = |lines| OrderCommand::Import(import(lines));
    given(imported(2))
        .when(again(vec![bought(1, 1, 255), bought(2, 1, 255)]))
        .then_expect_events(vec![]);
    given(imported(2))
        .when(again(vec![bought(2, 1, 255), bought(3, 4, 20)]))
        .then_expect_events(vec![OrderEvent::LineImported(bought(3, 4, 20))]);
}

#[test]
fn what_was_imported_before_must_be_the_same() {
    given(imported(2))
        .when(OrderCommand::Import(import(vec![
            bought(1, 1, 255),
            bought(2, 7, 255),
        ])))
        .then_expect_error(OrderRejection::ImportDiffers { line: 2 });
    let for_another = OrderImport {
        user_id: None,
        ..import(vec![bought(1, 1, 255)])
    };
    given(imported(1))
        .when(OrderCommand::Import(for_another))
        .then_expect_error(OrderRejection::ImportedForAnother);
}

#[test]
fn no_line_is_left_out() {
    for line in [0, 2, 4] {
        given(vec![])
            .when(OrderCommand::Import(import(vec![bought(line, 1, 255)])))
            .then_expect_error(OrderRejection::LinesMissing { known: 0 });
    }
}

#[test]
fn a_line_says_something() {
    for (line, field, code) in [
        (bought(1, 0, 255), "/quantity", "out-of-range"),
        (bought(1, -1_000_000_001, 0), "/quantity", "out-of-range"),
        (bought(1, 1, -1), "/unitPrice", "out-of-range"),
        (
            ImportedLine {
                name: " ".to_owned(),
                ..bought(1, 1, 255)
            },
            "/name",
            "required",
        ),
    ] {
        assert_refuses(
            vec![],
            OrderCommand::Import(import(vec![line])),
            field,
            code,
        );
    }
    let none = OrderCommand::Import(import(vec![]));
    assert_refuses(vec![], none, "/lines", "out-of-range");
    let dear = bought(1, 2, Money::MAX_TOTAL_MINOR);
    given(vec![])
        .when(OrderCommand::Import(import(vec![dear])))
        .then_expect_error(OrderRejection::TotalTooLarge);
}

#[test]
fn what_was_placed_here_is_not_imported() {
    given(until(OrderStatus::Pending))
        .when(OrderCommand::Import(import(vec![bought(1, 1, 255)])))
        .then_expect_error(OrderRejection::AlreadyExists);
}

#[test]
fn an_imported_order_stays_as_it_is() {
    let (from, to) = (OrderStatus::Imported, OrderStatus::Cancelled);
    given(imported(1))
        .when(cancel(None))
        .then_expect_error(OrderRejection::InvalidTransition { from, to });
}

#[test]
fn the_total_is_what_was_sold_less_what_came_back() {
    let mut order = Order::default();
    for event in [
        header(),
        OrderEvent::LineImported(bought(1, 6, 255)),
        OrderEvent::LineImported(bought(2, -10, 255)),
    ] {
        order.evolve(&event);
    }
    assert_eq!(order.total, money(-1020, "GBP"));
    assert_eq!(order.status, OrderStatus::Imported);
}
