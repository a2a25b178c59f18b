//! What callers of every aggregate rely on: a stable code, a sentence that helps, the field that is wrong.

use daybook_domain::category::{Category, CategoryCommand, CategoryRejection};
use daybook_domain::order::{OrderRejection, OrderStatus};
use daybook_domain::product::ProductRejection;
use daybook_domain::stock::StockRejection;
use daybook_domain::user::UserRejection;
use daybook_domain::{Currency, OrderId, Rejection};

fn currency(code: &str) -> Currency {
    code.parse().unwrap()
}

#[test]
fn codes_are_part_of_the_contract() {
    let order_id = OrderId::default();
    let (pending, shipped) = (OrderStatus::Pending, OrderStatus::Shipped);
    let (first, other) = (currency("EUR"), currency("USD"));
    let codes: [(Rejection, &str); 22] = [
        (UserRejection::NotFound.into(), "user-not-found"),
        (UserRejection::AlreadyExists.into(), "user-already-exists"),
        (UserRejection::Deactivated.into(), "account-deactivated"),
        (UserRejection::NoEmail.into(), "no-email"),
        (CategoryRejection::NotFound.into(), "category-not-found"),
        (
            CategoryRejection::AlreadyExists.into(),
            "category-already-exists",
        ),
        (ProductRejection::NotFound.into(), "product-not-found"),
        (
            ProductRejection::AlreadyExists.into(),
            "product-already-exists",
        ),
        (ProductRejection::Retired.into(), "product-retired"),
        (
            ProductRejection::CurrencyMismatch {
                current: first,
                given: other,
            }
            .into(),
            "currency-mismatch",
        ),
        (
            StockRejection::OutOfStock {
                available: 3,
                requested: 5,
            }
            .into(),
            "out-of-stock",
        ),
        (
            StockRejection::NotReserved {
                order_id,
                reserved: 2,
                requested: 3,
            }
            .into(),
            "not-reserved",
        ),
        (
            StockRejection::LimitExceeded {
                limit: 9,
                room: 1,
                requested: 2,
            }
            .into(),
            "stock-limit-exceeded",
        ),
        (OrderRejection::NotFound.into(), "order-not-found"),
        (OrderRejection::AlreadyExists.into(), "order-already-exists"),
        (
            OrderRejection::MixedCurrencies { first, other }.into(),
            "mixed-currencies",
        ),
        (OrderRejection::TotalTooLarge.into(), "total-too-large"),
        (
            OrderRejection::ImportDiffers { line: 3 }.into(),
            "import-differs",
        ),
        (
            OrderRejection::ImportedForAnother.into(),
            "imported-for-another",
        ),
        (
            OrderRejection::LinesMissing { known: 3 }.into(),
            "lines-missing",
        ),
        (OrderRejection::AlreadyShipped.into(), "already-shipped"),
        (
            OrderRejection::InvalidTransition {
                from: pending,
                to: shipped,
            }
            .into(),
            "invalid-transition",
        ),
    ];
    for (rejection, code) in codes {
        assert_eq!(rejection.code(), code);
        assert_eq!(rejection.invalid_field(), None);
        assert!(rejection.to_string().ends_with('.'), "{rejection}");
    }
}

#[test]
fn numbers_and_names_stand_in_the_sentence() {
    let rejection = StockRejection::OutOfStock {
        available: 3,
        requested: 5,
    };
    assert_eq!(
        rejection.to_string(),
        "5 units were asked for and 3 are available; ask for fewer, or wait for more."
    );
    let rejection = OrderRejection::InvalidTransition {
        from: OrderStatus::Pending,
        to: OrderStatus::Shipped,
    };
    assert_eq!(
        rejection.to_string(),
        "The order is pending and cannot become shipped; load it again to see what can be done."
    );
}

#[test]
fn a_wrong_field_is_named_with_what_to_do() {
    let command = CategoryCommand::Create {
        name: "x".repeat(130),
        description: String::new(),
    };
    let rejection = Rejection::from(Category::default().decide(command).unwrap_err());

    assert_eq!(rejection.code(), "invalid-field");
    let field = rejection.invalid_field().unwrap();
    assert_eq!((field.field.as_ref(), field.code), ("/name", "too-long"));
    assert_eq!(
        field.detail,
        "Shorten it to 100 characters at most; it has 130."
    );
    assert_eq!(rejection.to_string(), format!("/name: {}", field.detail));
}
