//! The row that every contender writes: one `stock.received` on a new stream.

use daybook_domain::Event;
use daybook_domain::stock::{StockCommand, StockEvent};
use daybook_log::{Actor, Metadata};
use uuid::Uuid;

/// A command that leads to this event on a new stream.
pub(crate) fn command() -> StockCommand {
    StockCommand::Receive {
        quantity: 1,
        reason: None,
    }
}

pub(crate) fn event() -> Event {
    Event::from(StockEvent::Received {
        quantity: 1,
        reason: None,
    })
}

pub(crate) fn metadata() -> Metadata {
    Metadata::of(Actor::System("bench".to_owned()), Uuid::now_v7())
}
