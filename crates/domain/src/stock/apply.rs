use std::collections::btree_map::Entry;

use super::{Stock, StockEvent};
use crate::ids::OrderId;

/// All arithmetic saturates: `decide` never lets a number leave its range, and `evolve` never panics whatever it is
/// given.
impl Stock {
    pub fn evolve(&mut self, event: &StockEvent) {
        match *event {
            StockEvent::Received {
                quantity,
                reason: _,
            } => {
                self.received = self.received.saturating_add(quantity);
                self.on_hand = self.on_hand.saturating_add(quantity);
            }
            StockEvent::WrittenOff {
                quantity,
                reason: _,
            } => {
                self.written_off = self.written_off.saturating_add(quantity);
                self.on_hand = self.on_hand.saturating_sub(quantity);
            }
            StockEvent::Reserved { order_id, quantity } => {
                self.on_hand = self.on_hand.saturating_sub(quantity.into());
                self.reserved = self.reserved.saturating_add(quantity.into());
                let reservation = self.reservations.entry(order_id).or_default();
                *reservation = reservation.saturating_add(quantity);
            }
            StockEvent::Released { order_id, quantity } => {
                self.end_reservation(order_id, quantity);
                self.on_hand = self.on_hand.saturating_add(quantity.into());
            }
            StockEvent::Shipped { order_id, quantity } => {
                self.end_reservation(order_id, quantity);
                self.shipped = self.shipped.saturating_add(quantity.into());
            }
        }
    }

    fn end_reservation(&mut self, order_id: OrderId, quantity: u32) {
        self.reserved = self.reserved.saturating_sub(quantity.into());
        if let Entry::Occupied(mut reservation) = self.reservations.entry(order_id) {
            let left = reservation.get().saturating_sub(quantity);
            if left == 0 {
                reservation.remove();
            } else {
                reservation.insert(left);
            }
        }
    }
}
