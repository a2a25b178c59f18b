//! Money is a whole number of minor units (cents) and its currency. Never a float, anywhere.

use std::fmt;
use std::str::FromStr;

use iso_currency::Currency as Iso4217;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// A currency of ISO 4217, written as its code: `EUR`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Currency(Iso4217);

/// An amount in a currency's minor units: `{"minor":1250,"currency":"EUR"}` is €12.50, and with `JPY` ¥1250.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Money {
    pub minor: i64,
    pub currency: Currency,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("Give the three capital letters of a currency in ISO 4217, such as EUR.")]
pub struct UnknownCurrency;

impl Currency {
    pub const EUR: Currency = Currency(Iso4217::EUR);

    pub fn code(self) -> &'static str {
        self.0.code()
    }

    /// Digits after the decimal point: 2 for EUR, 0 for JPY, 3 for BHD.
    pub fn places(self) -> u32 {
        self.0.exponent().map_or(0, u32::from)
    }

    /// Whether prices can be in this currency: ISO 4217 gives gold (XAU) or "no currency" (XXX) no minor
    /// unit.
    pub fn has_minor_unit(self) -> bool {
        self.0.exponent().is_some()
    }
}

impl Money {
    /// The largest total: ten digits, as for prices, however many decimal places the currency has:
    /// 99,999,999.99 in EUR.
    pub const MAX_TOTAL_MINOR: i64 = 9_999_999_999;

    pub const fn new(minor: i64, currency: Currency) -> Self {
        Self { minor, currency }
    }

    /// `None` when the currencies differ or the sum does not fit.
    #[must_use]
    pub fn checked_add(self, other: Self) -> Option<Self> {
        if self.currency != other.currency {
            return None;
        }
        let minor = self.minor.checked_add(other.minor)?;
        Some(Self::new(minor, self.currency))
    }

    /// `None` when the product does not fit.
    #[must_use]
    pub fn checked_mul(self, quantity: u32) -> Option<Self> {
        let minor = self.minor.checked_mul(i64::from(quantity))?;
        Some(Self::new(minor, self.currency))
    }

    pub const fn is_negative(self) -> bool {
        self.minor < 0
    }
}

/// XXX, "no currency": the currency of a product's price before the product has any events.
impl Default for Currency {
    fn default() -> Self {
        Self(Iso4217::XXX)
    }
}

/// Parses input from outside: only currencies that prices can be in, in capital letters.
impl FromStr for Currency {
    type Err = UnknownCurrency;

    fn from_str(code: &str) -> Result<Self, Self::Err> {
        Iso4217::from_code(code)
            .map(Self)
            .filter(|currency| currency.has_minor_unit())
            .ok_or(UnknownCurrency)
    }
}

impl fmt::Display for Currency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code())
    }
}

/// `12.50 EUR`, for people. The API writes the exact decimal number in JSON.
impl fmt::Display for Money {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let places = self.currency.places() as usize;
        let sign = if self.is_negative() { "-" } else { "" };
        let digits = format!("{:0width$}", self.minor.unsigned_abs(), width = places + 1);
        let (whole, fraction) = digits.split_at(digits.len() - places);
        let point = if places > 0 { "." } else { "" };
        write!(f, "{sign}{whole}{point}{fraction} {}", self.currency)
    }
}

impl Serialize for Currency {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.code())
    }
}

impl<'de> Deserialize<'de> for Currency {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let code = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        Iso4217::from_code(&code)
            .map(Self)
            .ok_or_else(|| de::Error::custom(UnknownCurrency))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn money(minor: i64, currency: &str) -> Money {
        Money::new(minor, currency.parse().unwrap())
    }

    #[test]
    fn a_currency_has_the_places_of_iso_4217() {
        for (code, places) in [("EUR", 2), ("JPY", 0), ("BHD", 3), ("CLF", 4)] {
            let currency: Currency = code.parse().unwrap();
            assert_eq!((currency.code(), currency.places()), (code, places));
        }
    }

    #[test]
    fn a_currency_is_one_that_prices_can_be_in() {
        for code in ["eur", "Eur", "EURO", "", "AAA", "XAU", "XXX", " EUR"] {
            assert_eq!(code.parse::<Currency>(), Err(UnknownCurrency), "{code}");
        }
    }

    #[test]
    fn adds_one_currency_as_far_as_it_fits() {
        assert_eq!(
            money(1, "EUR").checked_add(money(2, "EUR")),
            Some(money(3, "EUR"))
        );
        assert_eq!(money(1, "EUR").checked_add(money(2, "USD")), None);
        assert_eq!(money(i64::MAX, "EUR").checked_add(money(1, "EUR")), None);
    }

    #[test]
    fn multiplies_as_far_as_it_fits() {
        assert_eq!(money(1250, "EUR").checked_mul(3), Some(money(3750, "EUR")));
        assert_eq!(money(i64::MAX, "EUR").checked_mul(2), None);
    }

    #[test]
    fn is_written_with_whole_minor_units() {
        let json = r#"{"minor":1250,"currency":"EUR"}"#;
        assert_eq!(serde_json::to_string(&money(1250, "EUR")).unwrap(), json);
        assert_eq!(
            serde_json::from_str::<Money>(json).unwrap(),
            money(1250, "EUR")
        );
        assert!(serde_json::from_str::<Money>(r#"{"minor":12.5,"currency":"EUR"}"#).is_err());
        assert!(serde_json::from_str::<Money>(r#"{"minor":1,"currency":"EURO"}"#).is_err());
    }

    #[test]
    fn is_shown_with_the_currencys_places() {
        for (amount, shown) in [
            (money(1250, "EUR"), "12.50 EUR"),
            (money(5, "EUR"), "0.05 EUR"),
            (money(-5, "EUR"), "-0.05 EUR"),
            (money(1250, "JPY"), "1250 JPY"),
            (money(0, "JPY"), "0 JPY"),
            (money(1250, "BHD"), "1.250 BHD"),
            (money(i64::MIN, "EUR"), "-92233720368547758.08 EUR"),
        ] {
            assert_eq!(amount.to_string(), shown);
        }
    }
}
