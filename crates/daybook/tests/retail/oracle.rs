//! The sums that the shop must report, computed directly from the file with the crate csv and in whole pennies, without
//! any code of Daybook.

use std::collections::{BTreeMap, HashMap};
use std::path::Path;

/// The sums of one month or one product.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Sums {
    pub(crate) orders: i64,
    pub(crate) units: i64,
    pub(crate) revenue: i64,
    pub(crate) returned: i64,
    pub(crate) refunded: i64,
}

#[derive(Debug)]
pub(crate) struct Expected {
    pub(crate) lines: u64,
    pub(crate) rejected: u64,
    /// By month, `2010-12`. An order belongs to the month in which it was placed, which is when its first line was.
    pub(crate) months: BTreeMap<String, Sums>,
    products: HashMap<String, Sums>,
}

#[derive(serde::Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Row {
    invoice_no: String,
    stock_code: String,
    quantity: i64,
    invoice_date: String,
    unit_price: String,
}

impl Expected {
    pub(crate) fn of(file: &Path) -> Expected {
        let mut expected = Expected {
            lines: 0,
            rejected: 0,
            months: BTreeMap::new(),
            products: HashMap::new(),
        };
        // Each order's month, and whether something was sold.
        let mut orders: HashMap<String, (String, bool)> = HashMap::new();
        for row in csv::Reader::from_path(file).unwrap().deserialize() {
            let row: Row = row.unwrap();
            expected.lines += 1;
            let Some(pennies) = pennies(&row.unit_price) else {
                expected.rejected += 1;
                continue;
            };
            let month = row.invoice_date[..7].to_owned();
            let (month, has_sold) = orders.entry(row.invoice_no).or_insert((month, false));
            *has_sold |= row.quantity > 0;
            let month = expected.months.entry(month.clone()).or_default();
            month.add(row.quantity, pennies);
            let product = expected.products.entry(row.stock_code).or_default();
            product.add(row.quantity, pennies);
        }
        for (month, _) in orders.into_values().filter(|(_, has_sold)| *has_sold) {
            expected.months.get_mut(&month).unwrap().orders += 1;
        }
        expected
    }

    /// The ten products with the highest `by`, the highest first.
    pub(crate) fn top(&self, by: impl Fn(&Sums) -> i64) -> Vec<(String, i64, i64)> {
        let mut products: Vec<_> = self
            .products
            .iter()
            .map(|(sku, sums)| (by(sums), sku.clone(), sums.units, sums.revenue))
            .collect();
        products.sort_by(|a, b| b.cmp(a));
        products
            .into_iter()
            .take(10)
            .map(|(_, sku, units, revenue)| (sku, units, revenue))
            .collect()
    }
}

impl Sums {
    fn add(&mut self, quantity: i64, pennies: i64) {
        if quantity > 0 {
            self.units += quantity;
            self.revenue += quantity * pennies;
        } else {
            self.returned -= quantity;
            self.refunded -= quantity * pennies;
        }
    }
}

/// `None` for a price that pounds cannot have: negative, or with parts of a penny.
fn pennies(price: &str) -> Option<i64> {
    let (pounds, rest) = price.split_once('.').unwrap_or((price, ""));
    let (rest, beyond) = rest.split_at(rest.len().min(2));
    if price.starts_with('-') || beyond.bytes().any(|digit| digit != b'0') {
        return None;
    }
    Some(pounds.parse::<i64>().ok()? * 100 + format!("{rest:0<2}").parse::<i64>().ok()?)
}
