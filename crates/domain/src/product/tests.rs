use cqrs_es::test::{AggregateTestExecutor, TestFramework};
use uuid::Uuid;

use super::{Product, ProductCommand, ProductEvent, ProductRejection};
use crate::ids::CategoryId;
use crate::money::{Currency, Money};

fn given(events: Vec<ProductEvent>) -> AggregateTestExecutor<Product> {
    TestFramework::with(()).given(events)
}

fn money(minor: i64, currency: &str) -> Money {
    Money::new(minor, currency.parse().unwrap())
}

fn category(number: u128) -> CategoryId {
    Uuid::from_u128(number).into()
}

/// A product that breaks no rule, to break one at a time.
struct New {
    name: String,
    description: String,
    price: Money,
    sku: Option<String>,
}

impl Default for New {
    fn default() -> Self {
        Self {
            name: "Spade".to_owned(),
            description: "Digs".to_owned(),
            price: money(1250, "EUR"),
            sku: Some("SP-1".to_owned()),
        }
    }
}

impl New {
    fn command(self) -> ProductCommand {
        let Self {
            name,
            description,
            price,
            sku,
        } = self;
        ProductCommand::Create {
            name,
            description,
            price,
            category_id: Some(category(1)),
            sku,
        }
    }

    fn event(self) -> ProductEvent {
        let Self {
            name,
            description,
            price,
            sku,
        } = self;
        ProductEvent::Created {
            name,
            description,
            price,
            category_id: Some(category(1)),
            sku,
        }
    }
}

fn created() -> ProductEvent {
    New::default().event()
}

fn change(
    name: Option<&str>,
    description: Option<&str>,
    price: Option<Money>,
    category_id: Option<Option<CategoryId>>,
) -> ProductCommand {
    ProductCommand::Change {
        name: name.map(str::to_owned),
        description: description.map(str::to_owned),
        price,
        category_id,
    }
}

fn describe(name: Option<&str>, description: Option<&str>) -> ProductCommand {
    change(name, description, None, None)
}

fn reprice(price: Money) -> ProductCommand {
    change(None, None, Some(price), None)
}

fn categorise(category_id: Option<CategoryId>) -> ProductCommand {
    change(None, None, None, Some(category_id))
}

fn described(name: &str, description: &str) -> ProductEvent {
    ProductEvent::Described {
        name: name.to_owned(),
        description: description.to_owned(),
    }
}

fn assert_refuses(events: Vec<ProductEvent>, command: ProductCommand, field: &str, code: &str) {
    match given(events).when(command).inspect_result().unwrap_err() {
        ProductRejection::InvalidField(wrong) => {
            assert_eq!((wrong.field.as_ref(), wrong.code), (field, code));
        }
        other => panic!("expected {field} to be {code}, got: {other}"),
    }
}

#[test]
fn creates() {
    given(vec![])
        .when(New::default().command())
        .then_expect_events(vec![created()]);
}

#[test]
fn creates_once_even_after_retirement() {
    given(vec![created()])
        .when(New::default().command())
        .then_expect_error(ProductRejection::AlreadyExists);
    given(vec![created(), ProductEvent::Retired])
        .when(New::default().command())
        .then_expect_error(ProductRejection::AlreadyExists);
}

#[test]
fn a_name_has_1_to_255_characters_of_one_line() {
    let longest = "ß".repeat(255);
    given(vec![created()])
        .when(describe(Some(&format!(" {longest} ")), None))
        .then_expect_events(vec![described(&longest, "Digs")]);

    let named = |name: &str| {
        New {
            name: name.to_owned(),
            ..New::default()
        }
        .command()
    };
    assert_refuses(vec![], named(&"ß".repeat(256)), "/name", "too-long");
    assert_refuses(vec![], named("  "), "/name", "required");
    assert_refuses(vec![], named("a\0b"), "/name", "control-character");
    assert_refuses(
        vec![created()],
        describe(Some(""), None),
        "/name",
        "required",
    );
}

#[test]
fn a_description_has_10000_characters_at_most_and_may_have_lines() {
    let longest = format!("a\n\tb{}", "x".repeat(9996));
    given(vec![created()])
        .when(describe(None, Some(&longest)))
        .then_expect_events(vec![described("Spade", &longest)]);

    let with = |description: &str| {
        New {
            description: description.to_owned(),
            ..New::default()
        }
        .command()
    };
    assert_refuses(
        vec![],
        with(&"x".repeat(10_001)),
        "/description",
        "too-long",
    );
    assert_refuses(vec![], with("a\rb"), "/description", "control-character");
    let command = describe(None, Some("\u{1b}[2J"));
    assert_refuses(
        vec![created()],
        command,
        "/description",
        "control-character",
    );
}

#[test]
fn a_price_has_ten_digits_at_most_and_is_not_negative() {
    for price in [
        money(0, "EUR"),
        money(9_999_999_999, "EUR"),
        money(9_999_999_999, "JPY"),
    ] {
        given(vec![])
            .when(
                New {
                    price,
                    ..New::default()
                }
                .command(),
            )
            .then_expect_events(vec![
                New {
                    price,
                    ..New::default()
                }
                .event(),
            ]);
    }
    for minor in [-1, 10_000_000_000, i64::MIN, i64::MAX] {
        let price = money(minor, "EUR");
        let command = New {
            price,
            ..New::default()
        }
        .command();
        assert_refuses(vec![], command, "/price", "out-of-range");
        assert_refuses(vec![created()], reprice(price), "/price", "out-of-range");
    }
}

#[test]
fn a_price_is_in_a_currency_with_minor_units() {
    let price = Money::new(1, Currency::default());
    let command = New {
        price,
        ..New::default()
    }
    .command();
    assert_refuses(vec![], command, "/currency", "unknown-currency");
}

#[test]
fn a_sku_is_printable_ascii_without_spaces_at_its_ends() {
    let with = |sku: &str| New {
        sku: Some(sku.to_owned()),
        ..New::default()
    };
    for sku in ["A", "a b/c#~!", &"9".repeat(64)] {
        given(vec![])
            .when(with(sku).command())
            .then_expect_events(vec![with(sku).event()]);
    }
    let none = || New {
        sku: None,
        ..New::default()
    };
    given(vec![])
        .when(none().command())
        .then_expect_events(vec![none().event()]);

    assert_refuses(vec![], with("").command(), "/sku", "required");
    assert_refuses(vec![], with(&"9".repeat(65)).command(), "/sku", "too-long");
    for sku in [" A", "A ", "Ä", "A\tB", "\u{7f}"] {
        assert_refuses(vec![], with(sku).command(), "/sku", "invalid-sku");
    }
}

#[test]
fn changes_what_differs_and_nothing_else() {
    let to = money(1300, "EUR");
    given(vec![created()])
        .when(change(Some("Shovel"), Some("Digs"), Some(to), Some(None)))
        .then_expect_events(vec![
            described("Shovel", "Digs"),
            ProductEvent::Repriced {
                from: money(1250, "EUR"),
                to,
            },
            ProductEvent::Categorised { category_id: None },
        ]);
    given(vec![created()])
        .when(reprice(to))
        .then_expect_events(vec![ProductEvent::Repriced {
            from: money(1250, "EUR"),
            to,
        }]);
    given(vec![created()])
        .when(categorise(Some(category(2))))
        .then_expect_events(vec![ProductEvent::Categorised {
            category_id: Some(category(2)),
        }]);
}

#[test]
fn changing_nothing_is_nothing() {
    given(vec![created()])
        .when(change(None, None, None, None))
        .then_expect_events(vec![]);
    let same = change(
        Some("Spade "),
        Some("Digs"),
        Some(money(1250, "EUR")),
        Some(Some(category(1))),
    );
    given(vec![created()]).when(same).then_expect_events(vec![]);
}

#[test]
fn one_wrong_field_changes_nothing() {
    let command = change(Some("Shovel"), None, Some(money(-1, "EUR")), None);
    assert_refuses(vec![created()], command, "/price", "out-of-range");
}

#[test]
fn a_currency_never_changes() {
    given(vec![created()])
        .when(reprice(money(1, "USD")))
        .then_expect_error(ProductRejection::CurrencyMismatch {
            current: "EUR".parse().unwrap(),
            given: "USD".parse().unwrap(),
        });
}

#[test]
fn retires() {
    given(vec![created()])
        .when(ProductCommand::Retire)
        .then_expect_events(vec![ProductEvent::Retired]);
}

#[test]
fn what_is_retired_changes_no_more() {
    let commands = [
        describe(Some("Shovel"), None),
        change(None, None, None, None),
        ProductCommand::Retire,
    ];
    for command in commands {
        given(vec![created(), ProductEvent::Retired])
            .when(command)
            .then_expect_error(ProductRejection::Retired);
    }
}

#[test]
fn changes_and_retires_only_what_is_there() {
    for command in [reprice(money(1, "EUR")), ProductCommand::Retire] {
        given(vec![])
            .when(command)
            .then_expect_error(ProductRejection::NotFound);
    }
}

#[test]
fn the_state_is_what_happened() {
    let mut product = Product::default();
    assert!(!product.exists());
    product.evolve(&created());
    product.evolve(&described("Shovel", "Shovels"));
    product.evolve(&ProductEvent::Repriced {
        from: money(1250, "EUR"),
        to: money(99, "EUR"),
    });
    product.evolve(&ProductEvent::Categorised {
        category_id: Some(category(2)),
    });
    product.evolve(&ProductEvent::Retired);
    let expected = Product {
        created: true,
        retired: true,
        name: "Shovel".to_owned(),
        description: "Shovels".to_owned(),
        price: money(99, "EUR"),
        category_id: Some(category(2)),
        sku: Some("SP-1".to_owned()),
    };
    assert_eq!(product, expected);
}
