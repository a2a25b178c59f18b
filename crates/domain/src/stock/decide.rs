use super::{Stock, StockCommand, StockEvent, StockRejection};
use crate::ids::OrderId;
use crate::rejection::InvalidField;
use crate::text;

impl Stock {
    pub fn decide(&self, command: StockCommand) -> Result<Vec<StockEvent>, StockRejection> {
        match command {
            StockCommand::Receive { quantity, reason } => {
                not_zero("/change", quantity)?;
                let reason = reason_of(reason.as_deref())?;
                self.must_have_room_for(quantity)?;
                Ok(vec![StockEvent::Received { quantity, reason }])
            }
            StockCommand::WriteOff { quantity, reason } => {
                not_zero("/change", quantity)?;
                let reason = reason_of(reason.as_deref())?;
                self.must_have_on_hand(quantity)?;
                Ok(vec![StockEvent::WrittenOff { quantity, reason }])
            }
            StockCommand::Reserve { order_id, quantity } => {
                not_zero("/quantity", quantity.into())?;
                self.must_have_on_hand(quantity.into())?;
                Ok(vec![StockEvent::Reserved { order_id, quantity }])
            }
            StockCommand::Release { order_id, quantity } => {
                self.must_be_reserved(order_id, quantity)?;
                Ok(vec![StockEvent::Released { order_id, quantity }])
            }
            StockCommand::Ship { order_id, quantity } => {
                self.must_be_reserved(order_id, quantity)?;
                Ok(vec![StockEvent::Shipped { order_id, quantity }])
            }
        }
    }

    fn must_have_room_for(&self, requested: u64) -> Result<(), StockRejection> {
        let in_warehouse = self.on_hand.saturating_add(self.reserved);
        let room = (Self::MAX_UNITS.saturating_sub(in_warehouse))
            .min(Self::MAX_RECEIVED.saturating_sub(self.received));
        if requested > room {
            return Err(StockRejection::LimitExceeded {
                limit: Self::MAX_UNITS,
                room,
                requested,
            });
        }
        Ok(())
    }

    fn must_have_on_hand(&self, requested: u64) -> Result<(), StockRejection> {
        if requested > self.on_hand {
            return Err(StockRejection::OutOfStock {
                available: self.on_hand,
                requested,
            });
        }
        Ok(())
    }

    fn must_be_reserved(&self, order_id: OrderId, requested: u32) -> Result<(), StockRejection> {
        not_zero("/quantity", requested.into())?;
        let reserved = self.reserved_for(order_id);
        if requested > reserved {
            return Err(StockRejection::NotReserved {
                order_id,
                reserved,
                requested,
            });
        }
        Ok(())
    }
}

fn not_zero(field: &'static str, quantity: u64) -> Result<(), InvalidField> {
    if quantity == 0 {
        let detail = "Give a number of units other than zero.";
        return Err(InvalidField::new(field, "out-of-range", detail));
    }
    Ok(())
}

fn reason_of(reason: Option<&str>) -> Result<Option<String>, InvalidField> {
    text::optional_prose("/reason", reason, Stock::REASON_MAX_CHARS)
}
