//! The figures that are summed.

use crate::{analytics::lines::Line, projection::Unfoldable};

#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Figures {
    pub(super) orders: i64,
    pub(super) units: i64,
    pub(super) revenue_minor: i64,
    pub(super) cancellations: i64,
    pub(super) cancelled_minor: i64,
    pub(super) returned: i64,
    pub(super) refunded_minor: i64,
}

impl Figures {
    pub(super) fn of_line(line: &Line, first_sold: bool) -> Result<Figures, Unfoldable> {
        let positive = |value: i64| {
            value
                .checked_abs()
                .ok_or(Unfoldable::OutOfRange("an amount"))
        };
        Ok(if line.is_sold() {
            Figures {
                orders: i64::from(first_sold),
                units: line.quantity,
                revenue_minor: line.amount_minor,
                ..Figures::default()
            }
        } else {
            Figures {
                returned: positive(line.quantity)?,
                refunded_minor: positive(line.amount_minor)?,
                ..Figures::default()
            }
        })
    }

    pub(super) fn of_cancellation(revenue_minor: i64) -> Figures {
        Figures {
            cancellations: 1,
            cancelled_minor: revenue_minor,
            ..Figures::default()
        }
    }

    pub(super) fn add(&mut self, other: &Figures) -> Result<(), Unfoldable> {
        for (sum, more) in [
            (&mut self.orders, other.orders),
            (&mut self.units, other.units),
            (&mut self.revenue_minor, other.revenue_minor),
            (&mut self.cancellations, other.cancellations),
            (&mut self.cancelled_minor, other.cancelled_minor),
            (&mut self.returned, other.returned),
            (&mut self.refunded_minor, other.refunded_minor),
        ] {
            *sum = sum
                .checked_add(more)
                .ok_or(Unfoldable::OutOfRange("a sum"))?;
        }
        Ok(())
    }
}
