use std::fmt;

use iso_currency::Country;
use serde::{Deserialize, Serialize};

use crate::rejection::InvalidField;
use crate::text;

/// Where to ship to. Personal data: in events it is [`Personal`](crate::Personal).
///
/// Deserialising trusts the log; placing an order validates. Its `Debug` shows everything: not for logs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Address {
    /// Who receives it.
    pub name: String,
    pub line1: String,
    pub line2: Option<String>,
    pub city: String,
    pub postal_code: String,
    pub region: Option<String>,
    /// ISO 3166-1 alpha-2, in capital letters: `DE`.
    pub country: String,
}

/// On one line, for people: `Ann Lee, 1 High Street, 10115 Berlin, DE`.
impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}, {}", self.name, self.line1)?;
        if let Some(line2) = &self.line2 {
            write!(f, ", {line2}")?;
        }
        write!(f, ", {} {}", self.postal_code, self.city)?;
        if let Some(region) = &self.region {
            write!(f, ", {region}")?;
        }
        write!(f, ", {}", self.country)
    }
}

impl Address {
    pub const FIELD_MAX_CHARS: usize = 200;

    /// The same address, trimmed, or the first field that is wrong.
    pub fn validated(self) -> Result<Self, InvalidField> {
        const MAX: usize = Address::FIELD_MAX_CHARS;
        Ok(Self {
            name: text::line("/shippingAddress/name", &self.name, MAX)?,
            line1: text::line("/shippingAddress/line1", &self.line1, MAX)?,
            line2: text::optional_line("/shippingAddress/line2", self.line2.as_deref(), MAX)?,
            city: text::line("/shippingAddress/city", &self.city, MAX)?,
            postal_code: text::line("/shippingAddress/postalCode", &self.postal_code, MAX)?,
            region: text::optional_line("/shippingAddress/region", self.region.as_deref(), MAX)?,
            country: country_of(self.country)?,
        })
    }
}

fn country_of(country: String) -> Result<String, InvalidField> {
    match country.parse() {
        // The crate parses the empty string to this.
        Ok(Country::Unspecified) | Err(_) => {
            let detail = "Give the two capital letters of a country in ISO 3166, such as DE.";
            Err(InvalidField::new(
                "/shippingAddress/country",
                "unknown-country",
                detail,
            ))
        }
        Ok(_) => Ok(country),
    }
}
