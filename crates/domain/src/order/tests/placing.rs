//! What an order may be made of.

use super::*;

#[test]
fn places_and_adds_up_the_lines() {
    let lines = vec![line(1, 3, money(1250, "EUR")), line(2, 1, money(99, "EUR"))];
    given(vec![])
        .when(place(lines.clone()))
        .then_expect_events(vec![placed(lines, money(3849, "EUR"))]);
}

#[test]
fn places_once() {
    given(until(OrderStatus::Cancelled))
        .when(place(lines(1)))
        .then_expect_error(OrderRejection::AlreadyExists);
}

#[test]
fn has_1_to_100_lines() {
    given(vec![])
        .when(place(lines(100)))
        .then_expect_events(vec![placed(lines(100), money(10_000, "EUR"))]);

    assert_refuses(vec![], place(lines(0)), "/items", "required");
    assert_refuses(vec![], place(lines(101)), "/items", "too-many");
}

#[test]
fn a_line_has_1_to_10000_units() {
    let most = vec![line(1, 10_000, money(1, "EUR"))];
    given(vec![])
        .when(place(most.clone()))
        .then_expect_events(vec![placed(most, money(10_000, "EUR"))]);

    for quantity in [0, 10_001, u32::MAX] {
        let wrong = vec![
            line(1, 1, money(1, "EUR")),
            line(2, quantity, money(1, "EUR")),
        ];
        assert_refuses(vec![], place(wrong), "/items/1/quantity", "out-of-range");
    }
}

#[test]
fn a_price_is_not_negative() {
    let free = vec![line(1, 1, money(0, "EUR"))];
    given(vec![])
        .when(place(free.clone()))
        .then_expect_events(vec![placed(free, money(0, "EUR"))]);

    let wrong = vec![line(1, 1, money(-1, "EUR"))];
    assert_refuses(vec![], place(wrong), "/items/0/unitPrice", "out-of-range");
}

#[test]
fn names_no_product_twice() {
    let twice = vec![line(1, 1, money(1, "EUR")), line(2, 1, money(1, "EUR"))];
    let twice = [twice, vec![line(1, 1, money(1, "EUR"))]].concat();
    assert_refuses(vec![], place(twice), "/items/2/productId", "duplicate");
}

#[test]
fn has_one_currency() {
    let mixed = vec![line(1, 1, money(1, "EUR")), line(2, 1, money(1, "USD"))];
    given(vec![])
        .when(place(mixed))
        .then_expect_error(OrderRejection::MixedCurrencies {
            first: "EUR".parse().unwrap(),
            other: "USD".parse().unwrap(),
        });
}

#[test]
fn has_a_total_of_ten_digits_at_most() {
    let most = vec![
        line(1, 1, money(Money::MAX_TOTAL_MINOR - 1, "EUR")),
        line(2, 1, money(1, "EUR")),
    ];
    given(vec![])
        .when(place(most.clone()))
        .then_expect_events(vec![placed(most, money(Money::MAX_TOTAL_MINOR, "EUR"))]);

    for too_much in [
        vec![
            line(1, 1, money(Money::MAX_TOTAL_MINOR, "EUR")),
            line(2, 1, money(1, "EUR")),
        ],
        vec![line(1, 2, money(i64::MAX, "EUR"))],
        vec![
            line(1, 1, money(i64::MAX, "EUR")),
            line(2, 1, money(i64::MAX, "EUR")),
        ],
    ] {
        given(vec![])
            .when(place(too_much))
            .then_expect_error(OrderRejection::TotalTooLarge);
    }
}

#[test]
fn ships_to_an_address_and_trims_it() {
    let untrimmed = Address {
        city: " Bath\u{a0}".to_owned(),
        ..address()
    };
    let expected = OrderEvent::Placed {
        user_id: customer(),
        lines: lines(1),
        total: money(100, "EUR"),
        shipping_address: Some(address().into()),
    };
    given(vec![])
        .when(place_to(untrimmed))
        .then_expect_events(vec![expected]);
}

#[test]
fn an_address_is_complete_and_bounded() {
    let text = str::to_owned;
    let long = "x".repeat(201);
    for (wrong, field, code) in [
        (
            Address {
                name: text(""),
                ..address()
            },
            "name",
            "required",
        ),
        (
            Address {
                line1: long.clone(),
                ..address()
            },
            "line1",
            "too-long",
        ),
        (
            Address {
                line2: Some(text(" ")),
                ..address()
            },
            "line2",
            "required",
        ),
        (
            Address {
                city: text("Ba\0th"),
                ..address()
            },
            "city",
            "control-character",
        ),
        (
            Address {
                postal_code: text("\n"),
                ..address()
            },
            "postalCode",
            "required",
        ),
        (
            Address {
                region: Some(long),
                ..address()
            },
            "region",
            "too-long",
        ),
        (
            Address {
                country: text("gb"),
                ..address()
            },
            "country",
            "unknown-country",
        ),
        (
            Address {
                country: text("ZZ"),
                ..address()
            },
            "country",
            "unknown-country",
        ),
        (
            Address {
                country: text("GBR"),
                ..address()
            },
            "country",
            "unknown-country",
        ),
        (
            Address {
                country: text(""),
                ..address()
            },
            "country",
            "unknown-country",
        ),
    ] {
        assert_refuses(
            vec![],
            place_to(wrong),
            &format!("/shippingAddress/{field}"),
            code,
        );
    }
}
