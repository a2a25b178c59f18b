//! An invented shop's export, about as large as a real shop's year and spread in the same way.

use std::io::{self, BufWriter, Write};
use std::path::Path;

use chrono::{DateTime, TimeDelta, Utc};

const PRODUCTS: u64 = 4_000;
const CUSTOMERS: u64 = 4_400;
/// One order in this many is a return.
const RETURNS: u64 = 12;
const SECONDS_A_YEAR: i64 = 365 * 24 * 60 * 60;

/// Writes orders of 1 to 41 lines until there are `lines` of them.
pub(super) fn write(path: &Path, lines: u64) -> io::Result<()> {
    let mut file = BufWriter::new(std::fs::File::create(path)?);
    writeln!(
        file,
        "order,placed_at,customer,sku,description,quantity,unit_price,country"
    )?;
    let mut random = Random(7);
    let orders = lines.div_ceil(21).max(1);
    let (mut written, mut number) = (0, 0);
    while written < lines {
        number += 1;
        let placed_at = moment(number, orders);
        let customer = match random.below(4) {
            0 => String::new(),
            _ => format!("C{}", random.below(CUSTOMERS)),
        };
        let sign = if number % RETURNS == 0 { "-" } else { "" };
        let in_order = (1 + random.below(41)).min(lines - written);
        for _ in 0..in_order {
            // Some products sell far more often than others.
            let most = 1 + random.below(PRODUCTS);
            let product = random.below(most);
            let (quantity, pence) = (1 + random.below(24), 10 + product % 1_990);
            writeln!(
                file,
                "{number},{},{customer},SKU{product:04},Article {product},{sign}{quantity},{}.{:02},United Kingdom",
                placed_at.format("%Y-%m-%d %H:%M:%S"),
                pence / 100,
                pence % 100,
            )?;
        }
        written += in_order;
    }
    file.flush()
}

/// When an order was placed: they are spread evenly over a year.
fn moment(number: u64, orders: u64) -> DateTime<Utc> {
    let share = number as f64 / orders as f64;
    let seconds = (SECONDS_A_YEAR as f64 * share) as i64;
    DateTime::UNIX_EPOCH + TimeDelta::days(365 * 40) + TimeDelta::seconds(seconds)
}

/// splitmix64: the same history every time.
struct Random(u64);

impl Random {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) % bound
    }
}
