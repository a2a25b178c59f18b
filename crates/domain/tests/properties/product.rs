use daybook_domain::product::{Product, ProductCommand, ProductEvent};
use daybook_domain::{CategoryId, Money};
use proptest::option;
use proptest::prelude::{Just, Strategy, any, prop_oneof};
use proptest::sample::select;
use uuid::Uuid;

use super::journey::explore;

#[test]
fn a_price_stays_in_range_and_in_its_currency_and_retirement_is_the_end() {
    explore(
        command(),
        Product::decide,
        &[
            "product-not-found",
            "product-already-exists",
            "product-retired",
            "currency-mismatch",
            "invalid-field",
        ],
        |product, stream| {
            let mut current: Option<Money> = None;
            for event in stream {
                match event {
                    ProductEvent::Created { price, .. } => current = Some(*price),
                    ProductEvent::Repriced { from, to } => {
                        assert_eq!(current, Some(*from));
                        assert_ne!(from, to);
                        assert_eq!(from.currency, to.currency);
                        current = Some(*to);
                    }
                    ProductEvent::Described { .. }
                    | ProductEvent::Categorised { .. }
                    | ProductEvent::Retired => {}
                }
            }
            assert_eq!(product.exists().then_some(product.price), current);
            assert!((0..=Product::PRICE_MAX_MINOR).contains(&product.price.minor));
            let retired = stream
                .iter()
                .position(|event| *event == ProductEvent::Retired);
            assert!(retired.is_none_or(|index| index + 1 == stream.len()));
        },
    );
}

fn command() -> impl Strategy<Value = ProductCommand> {
    prop_oneof![
        4 => (name(), description(), price(), option::of(category()), option::of("[A-Z0-9 ]{0,4}"))
            .prop_map(|(name, description, price, category_id, sku)| ProductCommand::Create {
                name,
                description,
                price,
                category_id,
                sku,
            }),
        8 => (
            option::of(name()),
            option::of(description()),
            option::of(price()),
            option::of(option::of(category())),
        )
            .prop_map(|(name, description, price, category_id)| ProductCommand::Change {
                name,
                description,
                price,
                category_id,
            }),
        1 => Just(ProductCommand::Retire),
    ]
}

fn name() -> impl Strategy<Value = String> {
    prop_oneof![10 => "[A-Za-z ]{1,3}", 1 => Just("\0".to_owned())]
}

fn description() -> impl Strategy<Value = String> {
    "[a-z\n]{0,2}"
}

fn price() -> impl Strategy<Value = Money> {
    let minor = prop_oneof![20 => 0..=3_i64, 2 => 0..=9_999_999_999_i64, 1 => any::<i64>()];
    let currency = prop_oneof![8 => Just("EUR"), 1 => select(vec!["USD", "JPY"])];
    (minor, currency).prop_map(|(minor, currency)| Money::new(minor, currency.parse().unwrap()))
}

fn category() -> impl Strategy<Value = CategoryId> {
    (1..=2_u128).prop_map(|number| Uuid::from_u128(number).into())
}
