use super::{Imported, Order, OrderEvent, OrderStatus};

impl Order {
    pub fn evolve(&mut self, event: &OrderEvent) {
        match event {
            OrderEvent::Placed {
                user_id,
                lines,
                total,
                shipping_address,
            } => {
                self.placed = true;
                self.status = OrderStatus::Pending;
                self.user_id = Some(*user_id);
                self.lines = lines.clone();
                self.total = *total;
                self.shipping_address = shipping_address.clone();
            }
            OrderEvent::Imported {
                source: _,
                number: _,
                user_id,
                country: _,
                currency,
            } => {
                self.placed = true;
                self.status = OrderStatus::Imported;
                self.user_id = *user_id;
                let imported = Imported::none(*currency);
                self.total = imported.total();
                self.imported = Some(Box::new(imported));
            }
            OrderEvent::LineImported(line) => {
                if let Some(imported) = &mut self.imported {
                    // The import was decided on with the same sums, so it fits.
                    let _ = imported.add(line);
                    self.total = imported.total();
                }
            }
            OrderEvent::Processed => self.status = OrderStatus::Processing,
            OrderEvent::Shipped {
                carrier,
                tracking_number,
            } => {
                self.status = OrderStatus::Shipped;
                self.carrier = carrier.clone();
                self.tracking_number = tracking_number.clone();
            }
            OrderEvent::Delivered => self.status = OrderStatus::Delivered,
            OrderEvent::Cancelled { reason } => {
                self.status = OrderStatus::Cancelled;
                self.cancellation_reason = reason.clone();
            }
        }
    }
}
