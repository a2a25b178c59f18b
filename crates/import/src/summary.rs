//! The result of an import, for people and for programs.

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;

use daybook_contract::Amount;
use daybook_domain::{Currency, Money};
use daybook_log::Position;
use serde::Serialize;

use super::numbers::DecimalMark;

/// `lines_read` is the sum of `taken`, `already_there` and all in `rejected`.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Summary {
    pub lines_read: u64,
    /// Lines taken by this run.
    pub taken: u64,
    /// Lines taken by an earlier run.
    pub already_there: u64,
    pub rejected: BTreeMap<&'static str, u64>,
    pub rejects_file: Option<PathBuf>,
    /// What the shop now has of this file, from all runs together.
    #[serde(flatten)]
    pub figures: Figures,
    /// What this run created.
    pub made: Made,
    /// A read model at this position of the log has everything that was imported.
    pub position: Position,
    pub encoding: &'static str,
    pub separator: char,
    /// The mark that was found or given.
    pub decimal_mark: DecimalMark,
    /// How dates were read: `day first`, `month first`, or the format that was given.
    pub dates: String,
    pub seconds: f64,
    pub lines_per_second: u64,
}

#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Figures {
    /// Order numbers with something sold.
    pub orders: u64,
    /// Order numbers with nothing but returns.
    pub returns: u64,
    pub products: u64,
    pub customers: u64,
    pub units: i64,
    pub revenue: Amount,
    pub returned: i64,
    pub refunded: Amount,
    pub currency: &'static str,
}

#[derive(Clone, Copy, Debug, Serialize)]
pub struct Made {
    pub orders: u64,
    pub products: u64,
    pub customers: u64,
}

/// What became of the orders, added up while they are sent. Amounts are in minor units.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    pub taken: u64,
    pub already_there: u64,
    pub orders_made: u64,
    /// Order numbers with something sold.
    pub orders: u64,
    /// Order numbers with nothing but returns.
    pub returns: u64,
    sold: Sum,
    returned: Sum,
}

#[derive(Debug, Default)]
struct Sum {
    units: i64,
    minor: i64,
}

impl Tally {
    pub(crate) fn add_line(&mut self, quantity: i64, price: Money) {
        let sum = if quantity < 0 {
            &mut self.returned
        } else {
            &mut self.sold
        };
        let units = quantity.saturating_abs();
        sum.units = sum.units.saturating_add(units);
        sum.minor = sum.minor.saturating_add(price.minor.saturating_mul(units));
    }

    pub(crate) fn figures(&self, products: u64, customers: u64, currency: Currency) -> Figures {
        let amount = |sum: &Sum| Amount(Money::new(sum.minor, currency));
        Figures {
            orders: self.orders,
            returns: self.returns,
            products,
            customers,
            units: self.sold.units,
            revenue: amount(&self.sold),
            returned: self.returned.units,
            refunded: amount(&self.returned),
            currency: currency.code(),
        }
    }
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let rejected = self.rejected.values().sum();
        writeln!(
            f,
            "{} lines read: {} taken, {} there already, {} rejected.",
            grouped(self.lines_read),
            grouped(self.taken),
            grouped(self.already_there),
            grouped(rejected)
        )?;
        for (reason, count) in &self.rejected {
            writeln!(f, "  {:>9}  {reason}", grouped(*count))?;
        }
        if let Some(path) = &self.rejects_file {
            writeln!(f, "The rejected lines and why: {}", path.display())?;
        }
        let Figures {
            orders,
            returns,
            products,
            customers,
            units,
            revenue,
            returned,
            refunded,
            currency: _,
        } = &self.figures;
        writeln!(
            f,
            "Read as {}, separated by {:?}, decimals after a {}, dates {}.",
            self.encoding, self.separator, self.decimal_mark, self.dates
        )?;
        writeln!(f, "The shop has of this file:")?;
        let of = |count: &u64| grouped(*count);
        writeln!(
            f,
            "  orders     {}, and {} returns",
            of(orders),
            of(returns)
        )?;
        writeln!(f, "  products   {}", of(products))?;
        writeln!(f, "  customers  {}", of(customers))?;
        writeln!(
            f,
            "  sold       {} units for {}",
            grouped(units.unsigned_abs()),
            revenue.0
        )?;
        writeln!(
            f,
            "  returned   {} units for {}",
            grouped(returned.unsigned_abs()),
            refunded.0
        )?;
        write!(
            f,
            "{:.1} seconds, {} lines a second.",
            self.seconds,
            grouped(self.lines_per_second)
        )
    }
}

/// `541,909`
fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (n, digit) in digits.chars().enumerate() {
        if n > 0 && (digits.len() - n).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::grouped;

    #[test]
    fn thousands_are_grouped() {
        let shown = [0, 999, 1_000, 541_909, 1_234_567].map(grouped);
        assert_eq!(shown, ["0", "999", "1,000", "541,909", "1,234,567"]);
    }
}
