//! How the OpenAPI document describes the texts in request bodies. Their bounds are the constants by which they
//! are checked, so that the document cannot promise other bounds.
//!
//! These are functions for `schema_with` and not types: a type `Line` would look as if its text had been checked,
//! but that happens later, where the rules are. A field with `schema_with` has no comment for the document; its
//! description is set on the schema.

use daybook_domain::Email;
use daybook_identity::password;
use utoipa::openapi::schema::{KnownFormat, ObjectBuilder, SchemaFormat, SchemaType, Type};

/// All but control characters.
const LINE: &str = "^[^\\u0000-\\u001f\\u007f-\\u009f]+$";
/// All but control characters other than tabs and line breaks.
const PROSE: &str = "^[^\\u0000-\\u0008\\u000b-\\u001f\\u007f-\\u009f]*$";
/// All but NUL.
const NEW_PASSWORD: &str = "^[^\\u0000]+$";

/// One line of 1 to `MAX_CHARS` characters.
pub(crate) fn line<const MAX_CHARS: usize>() -> ObjectBuilder {
    ObjectBuilder::new()
        .schema_type(Type::String)
        .min_length(Some(1))
        .max_length(Some(MAX_CHARS))
        .pattern(Some(LINE))
}

/// A [`line`] that may be null.
pub(crate) fn optional_line<const MAX_CHARS: usize>() -> ObjectBuilder {
    or_null(line::<MAX_CHARS>())
}

/// Null, or any number of lines, together of at most `MAX_CHARS` characters.
pub(crate) fn optional_prose<const MAX_CHARS: usize>() -> ObjectBuilder {
    let prose = ObjectBuilder::new()
        .max_length(Some(MAX_CHARS))
        .pattern(Some(PROSE));
    or_null(prose)
}

/// The same text, or null.
pub(crate) fn or_null(text: ObjectBuilder) -> ObjectBuilder {
    text.schema_type(SchemaType::from_iter([Type::String, Type::Null]))
}

pub(crate) fn email() -> ObjectBuilder {
    ObjectBuilder::new()
        .schema_type(Type::String)
        .format(Some(SchemaFormat::KnownFormat(KnownFormat::Email)))
        .max_length(Some(Email::MAX_CHARS))
}

/// A password that is to be set. One that was set before may break today's rules.
pub(crate) fn new_password() -> ObjectBuilder {
    ObjectBuilder::new()
        .schema_type(Type::String)
        .format(Some(SchemaFormat::KnownFormat(KnownFormat::Password)))
        .min_length(Some(password::MIN_CHARS))
        .max_length(Some(password::MAX_CHARS))
        .pattern(Some(NEW_PASSWORD))
}

/// The bounds that stand in the document as literals, because utoipa's attributes take nothing else.
#[cfg(test)]
mod tests {
    use daybook_domain::order::Order;
    use daybook_domain::product::Product;
    use daybook_domain::stock::Stock;
    use serde_json::{Value, json};

    use crate::extract::{MAX_KEY_LENGTH, MAX_LIMIT, MAX_PAGE};
    use crate::openapi;

    fn document() -> Value {
        serde_json::to_value(openapi::document()).unwrap()
    }

    #[test]
    fn the_bounds_of_numbers_are_those_that_are_checked() {
        let document = document();
        let schemas = &document["components"]["schemas"];
        let item = &schemas["OrderItemBody"]["properties"];
        assert_eq!(item["quantity"]["maximum"], json!(Order::MAX_QUANTITY));
        let order = &schemas["PlaceOrderBody"]["properties"];
        assert_eq!(order["items"]["maxItems"], json!(Order::MAX_LINES));
        let product = &schemas["CreateProductBody"]["properties"];
        assert_eq!(product["stock"]["maximum"], json!(Stock::MAX_UNITS));
        let change = &schemas["ChangeStockBody"]["properties"]["change"];
        assert_eq!(change["maximum"], json!(Stock::MAX_UNITS));
        assert_eq!(change["minimum"], json!(-(Stock::MAX_UNITS as i64)));
        let price = schemas["Price"]["maximum"].as_f64().unwrap();
        assert_eq!(price, Product::PRICE_MAX_MINOR as f64 / 100.0);
    }

    #[test]
    fn the_bounds_of_parameters_are_those_that_are_checked() {
        let document = document();
        let operations = document["paths"].as_object().unwrap().values();
        let operations = operations.flat_map(|path| path.as_object().unwrap().values());
        let (mut pages, mut limits, mut cursors, mut keys) = (0, 0, 0, 0);
        for parameter in operations
            .filter_map(|operation| operation["parameters"].as_array())
            .flatten()
        {
            let schema = &parameter["schema"];
            match parameter["name"].as_str().unwrap() {
                "page" => {
                    pages += 1;
                    assert_eq!(schema["minimum"], 1);
                    assert_eq!(schema["maximum"], json!(MAX_PAGE));
                }
                "limit" => {
                    limits += 1;
                    assert_eq!(schema["minimum"], 1);
                    assert_eq!(schema["maximum"], json!(MAX_LIMIT));
                }
                "cursor" => {
                    cursors += 1;
                    assert_eq!(schema["pattern"], "^[A-Za-z0-9_-]+$");
                }
                "Idempotency-Key" => {
                    keys += 1;
                    assert_eq!(schema["minLength"], 1);
                    assert_eq!(schema["maxLength"], json!(MAX_KEY_LENGTH));
                }
                _ => {}
            }
        }
        // Were one described under another name, it would not be looked at.
        assert_eq!((pages, limits, cursors), (9, 12, 11));
        assert!(keys > 10);
    }
}
