use std::collections::BTreeSet;

use super::{Address, Order, OrderCommand, OrderEvent, OrderLine, OrderRejection, OrderStatus};
use crate::ids::UserId;
use crate::money::Money;
use crate::personal::Personal;
use crate::rejection::InvalidField;
use crate::text;

impl Order {
    pub fn decide(&self, command: OrderCommand) -> Result<Vec<OrderEvent>, OrderRejection> {
        match command {
            OrderCommand::Place {
                user_id,
                lines,
                shipping_address,
            } => self.place(user_id, lines, shipping_address),
            OrderCommand::Import(order) => self.import(order),
            OrderCommand::Process => {
                self.must_be_able_to_become(OrderStatus::Processing)?;
                Ok(vec![OrderEvent::Processed])
            }
            OrderCommand::Ship {
                carrier,
                tracking_number,
            } => {
                self.must_be_able_to_become(OrderStatus::Shipped)?;
                Ok(vec![shipped(
                    carrier.as_deref(),
                    tracking_number.as_deref(),
                )?])
            }
            OrderCommand::Deliver => {
                self.must_be_able_to_become(OrderStatus::Delivered)?;
                Ok(vec![OrderEvent::Delivered])
            }
            OrderCommand::Cancel { reason } => {
                if self.status.has_left_the_warehouse() {
                    return Err(OrderRejection::AlreadyShipped);
                }
                self.must_be_able_to_become(OrderStatus::Cancelled)?;
                Ok(vec![cancelled(reason.as_deref())?])
            }
        }
    }

    fn place(
        &self,
        user_id: UserId,
        lines: Vec<OrderLine>,
        shipping_address: Option<Address>,
    ) -> Result<Vec<OrderEvent>, OrderRejection> {
        if self.exists() {
            return Err(OrderRejection::AlreadyExists);
        }
        right_number_of_lines(&lines)?;
        right_quantities(&lines)?;
        right_prices(&lines)?;
        no_product_twice(&lines)?;
        let total = total_of(&lines)?;
        let shipping_address = shipping_address
            .map(Address::validated)
            .transpose()?
            .map(Personal::Known);
        Ok(vec![OrderEvent::Placed {
            user_id,
            lines,
            total,
            shipping_address,
        }])
    }

    fn must_be_able_to_become(&self, to: OrderStatus) -> Result<(), OrderRejection> {
        if !self.exists() {
            return Err(OrderRejection::NotFound);
        }
        if !self.status.may_become(to) {
            return Err(OrderRejection::InvalidTransition {
                from: self.status,
                to,
            });
        }
        Ok(())
    }
}

fn shipped(carrier: Option<&str>, tracking: Option<&str>) -> Result<OrderEvent, InvalidField> {
    let tracking_max = Order::TRACKING_NUMBER_MAX_CHARS;
    Ok(OrderEvent::Shipped {
        carrier: text::optional_line("/carrier", carrier, Order::CARRIER_MAX_CHARS)?,
        tracking_number: text::optional_line("/trackingNumber", tracking, tracking_max)?,
    })
}

fn cancelled(reason: Option<&str>) -> Result<OrderEvent, InvalidField> {
    let reason = text::optional_prose("/reason", reason, Order::REASON_MAX_CHARS)?;
    Ok(OrderEvent::Cancelled { reason })
}

fn right_number_of_lines(lines: &[OrderLine]) -> Result<(), InvalidField> {
    let code = match lines.len() {
        0 => "required",
        1..=Order::MAX_LINES => return Ok(()),
        _ => "too-many",
    };
    let detail = format!("Order 1 to {} different products.", Order::MAX_LINES);
    Err(InvalidField::new("/items", code, detail))
}

fn right_quantities(lines: &[OrderLine]) -> Result<(), InvalidField> {
    let right = |line: &OrderLine| (1..=Order::MAX_QUANTITY).contains(&line.quantity);
    let Some(index) = lines.iter().position(|line| !right(line)) else {
        return Ok(());
    };
    let detail = format!("Order 1 to {} units of a product.", Order::MAX_QUANTITY);
    Err(InvalidField::new(
        format!("/items/{index}/quantity"),
        "out-of-range",
        detail,
    ))
}

fn right_prices(lines: &[OrderLine]) -> Result<(), InvalidField> {
    let Some(index) = lines.iter().position(|line| line.unit_price.is_negative()) else {
        return Ok(());
    };
    let detail = "Give a price that is not negative.";
    Err(InvalidField::new(
        format!("/items/{index}/unitPrice"),
        "out-of-range",
        detail,
    ))
}

fn no_product_twice(lines: &[OrderLine]) -> Result<(), InvalidField> {
    let mut seen = BTreeSet::new();
    let Some(index) = lines.iter().position(|line| !seen.insert(line.product_id)) else {
        return Ok(());
    };
    let detail = "Name a product once, with the whole quantity.";
    Err(InvalidField::new(
        format!("/items/{index}/productId"),
        "duplicate",
        detail,
    ))
}

fn total_of(lines: &[OrderLine]) -> Result<Money, OrderRejection> {
    let first = lines
        .first()
        .map(|line| line.unit_price.currency)
        .unwrap_or_default();
    lines.iter().try_fold(Money::new(0, first), |total, line| {
        let other = line.unit_price.currency;
        if other != first {
            return Err(OrderRejection::MixedCurrencies { first, other });
        }
        line.total()
            .and_then(|line_total| total.checked_add(line_total))
            .filter(|total| total.minor <= Money::MAX_TOTAL_MINOR)
            .ok_or(OrderRejection::TotalTooLarge)
    })
}
