//! Exact decimal numbers in JSON: `12.50` in and out, never a float in between.
//!
//! serde_json hands a number's text over unparsed (`RawValue`); its `arbitrary_precision` would break floats
//! inside flattened and tagged types elsewhere, so the number type lives here and nowhere else.

use std::borrow::Cow;

use daybook_domain::{Currency, Money};
use rust_decimal::Decimal;
use serde::de::{self, Deserialize, Deserializer, Unexpected};
use serde::ser::{Error as _, Serialize, Serializer};
use serde_json::value::RawValue;
use utoipa::openapi::schema::{ObjectBuilder, Type};
use utoipa::openapi::{RefOr, Schema};
use utoipa::{PartialSchema, ToSchema};

/// A number as the client wrote it. It is not yet an amount, because its decimal places depend on the currency.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DecimalNumber(String);

/// Why a number is not an amount of a currency.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DecimalError {
    #[error("the number must be written without an exponent")]
    Exponent,
    #[error("the currency has {places} decimal places, the number has more")]
    TooManyPlaces { places: u32 },
    #[error("the number is too large")]
    TooLarge,
}

impl DecimalError {
    pub fn code(self) -> &'static str {
        match self {
            DecimalError::Exponent => "exponent",
            DecimalError::TooManyPlaces { .. } => "too-many-places",
            DecimalError::TooLarge => "too-large",
        }
    }
}

impl DecimalNumber {
    /// This number as an amount of `currency`, in minor units.
    pub fn to_money(&self, currency: Currency) -> Result<Money, DecimalError> {
        let mut number = parse(&self.0)?;
        let places = currency.places();
        if number.scale() > places {
            return Err(DecimalError::TooManyPlaces { places });
        }
        number.rescale(places);
        if number.scale() != places {
            return Err(DecimalError::TooLarge);
        }
        let minor = i64::try_from(number.mantissa()).map_err(|_| DecimalError::TooLarge)?;
        Ok(Money { minor, currency })
    }
}

/// A plain decimal number (`-1`, `12.50`), exactly as written.
fn parse(text: &str) -> Result<Decimal, DecimalError> {
    if text.contains(['e', 'E']) {
        return Err(DecimalError::Exponent);
    }
    Decimal::from_str_exact(text).map_err(|_| DecimalError::TooLarge)
}

impl<'de> Deserialize<'de> for DecimalNumber {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let raw = Box::<RawValue>::deserialize(deserializer)?;
        match raw.get().as_bytes().first() {
            Some(b'-' | b'0'..=b'9') => Ok(DecimalNumber(raw.get().to_owned())),
            _ => Err(de::Error::invalid_type(
                Unexpected::Other(kind_of(raw.get())),
                &"a number",
            )),
        }
    }
}

fn kind_of(json: &str) -> &'static str {
    match json.as_bytes().first() {
        Some(b'"') => "string",
        Some(b'{') => "object",
        Some(b'[') => "array",
        Some(b'n') => "null",
        _ => "boolean",
    }
}

/// An amount in an answer: an exact number with its currency's decimal places.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Amount(pub Money);

impl Amount {
    fn text(self) -> String {
        Decimal::from_i128_with_scale(i128::from(self.0.minor), self.0.currency.places())
            .to_string()
    }
}

impl Serialize for Amount {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        RawValue::from_string(self.text())
            .map_err(S::Error::custom)?
            .serialize(serializer)
    }
}

impl PartialSchema for DecimalNumber {
    fn schema() -> RefOr<Schema> {
        ObjectBuilder::new()
            .schema_type(Type::Number)
            .description(Some(
                "An exact decimal number with at most the currency's places, without an exponent.",
            ))
            .minimum(Some(0))
            .maximum(Some(99_999_999.99))
            .multiple_of(Some(0.01))
            .into()
    }
}

impl ToSchema for DecimalNumber {
    fn name() -> Cow<'static, str> {
        "Price".into()
    }
}

impl PartialSchema for Amount {
    fn schema() -> RefOr<Schema> {
        ObjectBuilder::new()
            .schema_type(Type::Number)
            .description(Some("An exact decimal number with the currency's places."))
            .into()
    }
}

impl ToSchema for Amount {
    fn name() -> Cow<'static, str> {
        "Amount".into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn minor(json: &str, currency: &str) -> Result<i64, DecimalError> {
        let number: DecimalNumber = serde_json::from_str(json).unwrap();
        number
            .to_money(currency.parse().unwrap())
            .map(|money| money.minor)
    }

    #[test]
    fn numbers_are_read_exactly() {
        assert_eq!(minor("12.50", "EUR"), Ok(1250));
        assert_eq!(minor("12.5", "EUR"), Ok(1250));
        assert_eq!(minor("0", "EUR"), Ok(0));
        assert_eq!(minor("-0.01", "EUR"), Ok(-1));
        assert_eq!(minor("99999999.99", "EUR"), Ok(9_999_999_999));
        // 0.29 * 100 is 28.999999999999996 in a float.
        assert_eq!(minor("0.29", "EUR"), Ok(29));
        assert_eq!(minor("500", "JPY"), Ok(500));
        assert_eq!(minor("1.234", "BHD"), Ok(1234));
    }

    #[test]
    fn what_is_no_amount_is_refused() {
        assert_eq!(
            minor("12.505", "EUR"),
            Err(DecimalError::TooManyPlaces { places: 2 })
        );
        assert_eq!(
            minor("12.500", "EUR"),
            Err(DecimalError::TooManyPlaces { places: 2 })
        );
        assert_eq!(
            minor("1.5", "JPY"),
            Err(DecimalError::TooManyPlaces { places: 0 })
        );
        assert_eq!(minor("1e2", "EUR"), Err(DecimalError::Exponent));
        assert_eq!(minor("1E400", "EUR"), Err(DecimalError::Exponent));
        assert_eq!(
            minor("92233720368547758.08", "EUR"),
            Err(DecimalError::TooLarge)
        );
        assert_eq!(minor(&"9".repeat(60), "EUR"), Err(DecimalError::TooLarge));
        for wrong in ["\"12.50\"", "null", "true", "{}", "[1]"] {
            assert!(
                serde_json::from_str::<DecimalNumber>(wrong).is_err(),
                "{wrong}"
            );
        }
    }

    #[test]
    fn amounts_are_written_with_their_currencys_places() {
        let written = |minor, currency: &str| {
            serde_json::to_string(&Amount(Money {
                minor,
                currency: currency.parse().unwrap(),
            }))
            .unwrap()
        };
        assert_eq!(written(1250, "EUR"), "12.50");
        assert_eq!(written(5, "EUR"), "0.05");
        assert_eq!(written(-5, "EUR"), "-0.05");
        assert_eq!(written(500, "JPY"), "500");
        assert_eq!(written(i64::MAX, "EUR"), "92233720368547758.07");
    }
}
