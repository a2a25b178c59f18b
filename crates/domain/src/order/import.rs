//! Orders from before the shop's log began, as another system recorded them: facts to be kept, not requests to be
//! checked against prices and stocks.

use serde::{Deserialize, Serialize};
use xxhash_rust::xxh3::Xxh3;

use super::{Order, OrderEvent, OrderRejection};
use crate::ids::{ProductId, UserId};
use crate::money::{Currency, Money};
use crate::product::Product;
use crate::rejection::InvalidField;
use crate::text;

/// An order as another system recorded it, or more of its lines.
#[derive(Clone, Debug)]
pub struct OrderImport {
    /// The system that the order comes from, and the order's number there.
    pub source: String,
    pub number: String,
    pub user_id: Option<UserId>,
    pub country: Option<String>,
    pub currency: Currency,
    pub lines: Vec<ImportedLine>,
}

/// A line of an imported order. A negative quantity means goods that came back.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ImportedLine {
    /// Counts up from 1 within the order.
    pub line: u32,
    pub product_id: ProductId,
    pub name: String,
    pub quantity: i64,
    pub unit_price: Money,
}

/// What is needed to decide on further lines.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Imported {
    /// A digest of each line, so that an order that is imported again can be compared without keeping its lines.
    pub lines: Vec<u64>,
    pub sold: Money,
    pub refunded: Money,
}

impl Order {
    /// The limit for a source, an order's number and a country's name.
    pub const ORIGIN_MAX_CHARS: usize = 100;
    /// The limit for one line, also for goods that came back.
    pub const MAX_IMPORTED_QUANTITY: i64 = 1_000_000_000;
    /// The limit for one append; a longer order is imported in several.
    pub const MAX_IMPORTED_LINES_AT_ONCE: usize = 1_000;

    /// Takes the lines that are new. Lines that were imported before must be the same again, so that importing twice
    /// changes nothing.
    pub(super) fn import(&self, order: OrderImport) -> Result<Vec<OrderEvent>, OrderRejection> {
        right_number_of_lines(&order.lines)?;
        let mut events = Vec::with_capacity(order.lines.len() + 1);
        let mut imported = match &self.imported {
            Some(imported) => {
                self.must_be_the_same(&order)?;
                Imported::clone(imported)
            }
            None if self.exists() => return Err(OrderRejection::AlreadyExists),
            None => {
                events.push(header(&order)?);
                Imported::none(order.currency)
            }
        };
        for line in order.lines {
            let known = imported.lines.len();
            match imported.lines.get((line.line as usize).wrapping_sub(1)) {
                Some(digest) if *digest == line.digest() => {}
                Some(_) => return Err(OrderRejection::ImportDiffers { line: line.line }),
                None if line.line as usize != known + 1 => {
                    return Err(OrderRejection::LinesMissing { known });
                }
                None => {
                    let line = line.validated(order.currency)?;
                    imported.add(&line).ok_or(OrderRejection::TotalTooLarge)?;
                    events.push(OrderEvent::LineImported(line));
                }
            }
        }
        Ok(events)
    }

    fn must_be_the_same(&self, order: &OrderImport) -> Result<(), OrderRejection> {
        let (first, other) = (self.total.currency, order.currency);
        if first != other {
            return Err(OrderRejection::MixedCurrencies { first, other });
        }
        if self.user_id != order.user_id {
            return Err(OrderRejection::ImportedForAnother);
        }
        Ok(())
    }
}

fn right_number_of_lines(lines: &[ImportedLine]) -> Result<(), InvalidField> {
    const MAX: usize = Order::MAX_IMPORTED_LINES_AT_ONCE;
    if (1..=MAX).contains(&lines.len()) {
        return Ok(());
    }
    let detail = format!("Import 1 to {MAX} lines of an order at once.");
    Err(InvalidField::new("/lines", "out-of-range", detail))
}

fn header(order: &OrderImport) -> Result<OrderEvent, InvalidField> {
    const MAX: usize = Order::ORIGIN_MAX_CHARS;
    Ok(OrderEvent::Imported {
        source: text::line("/source", &order.source, MAX)?,
        number: text::line("/number", &order.number, MAX)?,
        user_id: order.user_id,
        country: text::optional_line("/country", order.country.as_deref(), MAX)?,
        currency: order.currency,
    })
}

impl ImportedLine {
    /// Quantity × price; `None` when it does not fit.
    pub fn total(&self) -> Option<Money> {
        let minor = self.unit_price.minor.checked_mul(self.quantity)?;
        Some(Money::new(minor, self.unit_price.currency))
    }

    fn validated(self, currency: Currency) -> Result<Self, OrderRejection> {
        if self.unit_price.currency != currency {
            return Err(OrderRejection::MixedCurrencies {
                first: currency,
                other: self.unit_price.currency,
            });
        }
        const MOST: i64 = Order::MAX_IMPORTED_QUANTITY;
        if self.quantity == 0 || !(-MOST..=MOST).contains(&self.quantity) {
            let detail = format!("Give a quantity from -{MOST} to {MOST} that is not 0.");
            return Err(InvalidField::new("/quantity", "out-of-range", detail).into());
        }
        if self.unit_price.is_negative() {
            let detail =
                "Give a price that is not negative; what came back has a negative quantity.";
            return Err(InvalidField::new("/unitPrice", "out-of-range", detail).into());
        }
        let name = text::line("/name", &self.name, Product::NAME_MAX_CHARS)?;
        Ok(Self { name, ..self })
    }

    /// A digest of the line's content. It never changes and does not depend on the line's number.
    pub fn digest(&self) -> u64 {
        let mut hash = Xxh3::new();
        hash.update(self.product_id.as_uuid().as_bytes());
        hash.update(&self.quantity.to_le_bytes());
        hash.update(&self.unit_price.minor.to_le_bytes());
        hash.update(self.name.trim().as_bytes());
        hash.digest()
    }
}

impl Imported {
    pub(super) fn none(currency: Currency) -> Self {
        let nothing = Money::new(0, currency);
        Self {
            lines: Vec::new(),
            sold: nothing,
            refunded: nothing,
        }
    }

    /// Returns `None`, and changes nothing, when a sum is more than an order can have.
    pub(super) fn add(&mut self, line: &ImportedLine) -> Option<()> {
        let total = line.total()?;
        let sum = if line.quantity < 0 {
            &mut self.refunded
        } else {
            &mut self.sold
        };
        let grown = sum.minor.checked_add(total.minor.checked_abs()?)?;
        if grown > Money::MAX_TOTAL_MINOR {
            return None;
        }
        sum.minor = grown;
        self.lines.push(line.digest());
        Some(())
    }

    /// What was sold minus what came back.
    pub fn total(&self) -> Money {
        Money::new(self.sold.minor - self.refunded.minor, self.sold.currency)
    }
}
