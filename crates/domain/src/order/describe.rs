use super::{Address, ImportedLine, Order, OrderEvent, OrderLine};
use crate::describe::{because, personal};
use crate::money::Money;
use crate::personal::Personal;

const LINES_TOLD: usize = 3;

impl OrderEvent {
    /// Describes the event in words. It does not need the state before the event, so a long stream need not be read for
    /// it.
    pub fn describe(&self, _: &Order) -> String {
        match self {
            Self::Placed {
                user_id: _,
                lines,
                total,
                shipping_address,
            } => placed(lines, *total, shipping_address.as_ref()),
            Self::Imported {
                source,
                number,
                user_id: _,
                country,
                currency: _,
            } => {
                let country = country.as_ref().map_or_else(String::new, |country| {
                    format!(", of a customer in {country}")
                });
                format!("imported from {source}, where it is number {number}{country}")
            }
            Self::LineImported(line) => line_imported(line),
            Self::Processed => "taken into processing".to_owned(),
            Self::Shipped {
                carrier,
                tracking_number,
            } => {
                let carrier = carrier
                    .as_ref()
                    .map_or_else(String::new, |carrier| format!(" with {carrier}"));
                let tracking_number = tracking_number
                    .as_ref()
                    .map_or_else(String::new, |number| format!(", tracking number {number}"));
                format!("shipped{carrier}{tracking_number}")
            }
            Self::Delivered => "delivered".to_owned(),
            Self::Cancelled { reason } => format!("cancelled{}", because(reason.as_deref())),
        }
    }

    /// Whether [`OrderEvent::describe`] uses the state before the event: never.
    pub const fn tells_what_was_before(&self) -> bool {
        false
    }
}

fn placed(lines: &[OrderLine], total: Money, address: Option<&Personal<Address>>) -> String {
    let told = lines.iter().take(LINES_TOLD);
    let mut parts: Vec<String> = told
        .map(|line| format!("{} × {}", line.quantity, line.name))
        .collect();
    match lines.len().saturating_sub(LINES_TOLD) {
        0 => {}
        1 => parts.push("1 more product".to_owned()),
        more => parts.push(format!("{more} more products")),
    }
    let address = address.map_or_else(String::new, |address| {
        format!(", to be shipped to {}", personal(address))
    });
    format!("placed: {} for {total}{address}", parts.join(", "))
}

fn line_imported(line: &ImportedLine) -> String {
    let ImportedLine {
        line,
        product_id: _,
        name,
        quantity,
        unit_price,
    } = line;
    let came_back = if *quantity < 0 { " came back" } else { "" };
    let quantity = quantity.unsigned_abs();
    format!("line {line} imported: {quantity} × {name} at {unit_price}{came_back}")
}
