//! Reads a row as a line of an order.

use chrono::{DateTime, Utc};
use chrono_tz::Tz;
use daybook_domain::order::Order;
use daybook_domain::product::Product;
use daybook_domain::user::User;
use daybook_domain::{Currency, Money};

use super::columns::{Columns, Field};
use super::dates::Format;
use super::fields::Fields;
use super::numbers::{self, DecimalMark};
use super::reason::Reason;

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Line {
    pub placed_at: DateTime<Utc>,
    /// The customer's identifier in the other shop; empty for a guest.
    pub customer: String,
    pub country: String,
    pub sku: String,
    /// The description, or the SKU if there is none.
    pub name: String,
    /// Negative for a return.
    pub quantity: i64,
    pub price: Money,
}

/// How to read a file's rows, known once all of them have been seen.
#[derive(Clone, Debug)]
pub(crate) struct Reading {
    pub columns: Columns,
    pub dates: Format,
    pub zone: Tz,
    pub mark: DecimalMark,
    pub currency: Currency,
    pub now: DateTime<Utc>,
}

/// The order that a row belongs to.
pub(crate) fn order_number<'f>(columns: &Columns, fields: &'f Fields) -> Result<&'f str, Reason> {
    if !columns.fits(fields) {
        return Err(Reason::WrongNumberOfFields);
    }
    let number = columns.get(fields, Field::Order);
    if number.is_empty() {
        return Err(Reason::NoOrder);
    }
    name_like(number, Order::ORIGIN_MAX_CHARS, Reason::BadOrder)?;
    Ok(number)
}

impl Reading {
    pub(crate) fn line(&self, fields: &Fields) -> Result<Line, Reason> {
        let text = |field| self.columns.get(fields, field);
        let placed_at = self.placed_at(text(Field::PlacedAt))?;
        let sku = sku(text(Field::Sku))?;
        let quantity = numbers::quantity(text(Field::Quantity), self.mark)?;
        let price = numbers::price(text(Field::UnitPrice), self.mark, self.currency)?;
        let amount = price.checked_mul(quantity).map(i64::saturating_abs);
        if amount.is_none_or(|amount| amount > Money::MAX_TOTAL_MINOR) {
            return Err(Reason::AmountTooHigh);
        }
        let customer = text(Field::Customer);
        name_like(customer, User::EXTERNAL_ID_MAX_CHARS, Reason::BadCustomer)?;
        let country = text(Field::Country);
        name_like(country, Order::ORIGIN_MAX_CHARS, Reason::BadCountry)?;
        Ok(Line {
            placed_at,
            customer: customer.to_owned(),
            country: country.to_owned(),
            sku: sku.to_owned(),
            name: name(text(Field::Description), sku)?,
            quantity,
            price: Money::new(price, self.currency),
        })
    }

    fn placed_at(&self, text: &str) -> Result<DateTime<Utc>, Reason> {
        if text.is_empty() {
            return Err(Reason::NoDate);
        }
        match self.dates.read(text, self.zone) {
            // Spreadsheets write a date that they lost as one of 1900.
            Some(at) if at < DateTime::UNIX_EPOCH => Err(Reason::BadDate),
            Some(at) if at > self.now => Err(Reason::FutureDate),
            Some(at) => Ok(at),
            None => Err(Reason::BadDate),
        }
    }
}

/// Checks a SKU by the shop's rule.
fn sku(sku: &str) -> Result<&str, Reason> {
    if sku.is_empty() {
        return Err(Reason::NoSku);
    }
    let printable = sku.bytes().all(|byte| matches!(byte, b' '..=b'~'));
    if !printable || sku.len() > Product::SKU_MAX_CHARS {
        return Err(Reason::BadSku);
    }
    Ok(sku)
}

/// The name in one line; line breaks and tabs within it become spaces.
fn name(description: &str, sku: &str) -> Result<String, Reason> {
    if description.is_empty() {
        return Ok(sku.to_owned());
    }
    if description.chars().count() > Product::NAME_MAX_CHARS {
        return Err(Reason::DescriptionTooLong);
    }
    let name = description.replace(char::is_control, " ").trim().to_owned();
    Ok(if name.is_empty() {
        sku.to_owned()
    } else {
        name
    })
}

/// A text that identifies something must be undamaged.
fn name_like(text: &str, most: usize, otherwise: Reason) -> Result<(), Reason> {
    if text.contains(char::REPLACEMENT_CHARACTER) {
        return Err(Reason::Undecodable);
    }
    if text.contains(char::is_control) || text.chars().count() > most {
        return Err(otherwise);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::columns::NamedColumn;
    use crate::dates::DayOrMonth;

    fn fields(row: &str) -> Fields {
        let mut fields = Fields::separated_by(b',');
        fields.split(row);
        fields
    }

    fn reading() -> Reading {
        let header = fields("order,date,customer,sku,description,quantity,price,country");
        let named: [NamedColumn; 0] = [];
        Reading {
            columns: Columns::by_header(&header, &named).unwrap(),
            dates: Format::Usual(DayOrMonth::DayFirst),
            zone: Tz::UTC,
            mark: DecimalMark::Point,
            currency: "EUR".parse().unwrap(),
            now: "2020-01-01T00:00:00Z".parse().unwrap(),
        }
    }

    fn read(row: &str) -> Result<Line, Reason> {
        let (reading, fields) = (reading(), fields(row));
        order_number(&reading.columns, &fields)?;
        reading.line(&fields)
    }

    #[test]
    fn a_row_is_read_as_a_line() {
        let line = read("7,2019-05-01 10:00, 12 ,MUG-1,\"Blue\nmug\",-2,3.5,").unwrap();
        assert_eq!(line.customer, "12");
        assert_eq!(line.name, "Blue mug");
        assert_eq!((line.quantity, line.price.minor), (-2, 350));
        assert_eq!(read("7,2019-05-01,,MUG-1,,1,0,").unwrap().name, "MUG-1");
    }

    #[test]
    fn each_thing_that_is_wrong_has_its_reason() {
        let long = "x".repeat(300);
        for (row, reason) in [
            ("7,2019-05-01,1,MUG-1,Mug,1", Reason::WrongNumberOfFields),
            (",2019-05-01,1,MUG-1,Mug,1,2,", Reason::NoOrder),
            (
                &format!("{long},2019-05-01,1,MUG-1,Mug,1,2,"),
                Reason::BadOrder,
            ),
            ("7\u{FFFD},2019-05-01,1,MUG-1,Mug,1,2,", Reason::Undecodable),
            ("7,,1,MUG-1,Mug,1,2,", Reason::NoDate),
            ("7,tomorrow,1,MUG-1,Mug,1,2,", Reason::BadDate),
            ("7,1900-01-01,1,MUG-1,Mug,1,2,", Reason::BadDate),
            ("7,2020-01-02,1,MUG-1,Mug,1,2,", Reason::FutureDate),
            ("7,2019-05-01,1,,Mug,1,2,", Reason::NoSku),
            ("7,2019-05-01,1,TASSE-Ä,Mug,1,2,", Reason::BadSku),
            ("7,2019-05-01,1,MUG-1,Mug,,2,", Reason::NoQuantity),
            ("7,2019-05-01,1,MUG-1,Mug,0,2,", Reason::BadQuantity),
            ("7,2019-05-01,1,MUG-1,Mug,1,,", Reason::NoPrice),
            ("7,2019-05-01,1,MUG-1,Mug,1,two,", Reason::BadPrice),
            ("7,2019-05-01,1,MUG-1,Mug,1,-2,", Reason::NegativePrice),
            ("7,2019-05-01,1,MUG-1,Mug,1,0.001,", Reason::TooManyPlaces),
            (
                "7,2019-05-01,1,MUG-1,Mug,1,999999999,",
                Reason::PriceTooHigh,
            ),
            (
                "7,2019-05-01,1,MUG-1,Mug,-999999,99999,",
                Reason::AmountTooHigh,
            ),
            (
                &format!("7,2019-05-01,{long},MUG-1,Mug,1,2,"),
                Reason::BadCustomer,
            ),
            (
                &format!("7,2019-05-01,1,MUG-1,Mug,1,2,{long}"),
                Reason::BadCountry,
            ),
            (
                &format!("7,2019-05-01,1,MUG-1,{long},1,2,"),
                Reason::DescriptionTooLong,
            ),
        ] {
            assert_eq!(read(row), Err(reason), "{row}");
        }
    }
}
