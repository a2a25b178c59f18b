//! The smallest command: units of a new product arrive.

use daybook_commands::{Aggregates, Command, CommandBus, Decision, Refusal, StreamUse};
use daybook_domain::stock::StockCommand;
use daybook_domain::{ProductId, StreamId};
use uuid::Uuid;

use super::execute;
use crate::BenchError;
use crate::load::Client;

pub(super) struct Receiver {
    bus: CommandBus,
    keyed: bool,
}

impl Receiver {
    pub(super) fn new(bus: CommandBus, keyed: bool) -> Receiver {
        Receiver { bus, keyed }
    }
}

impl Client for Receiver {
    async fn send(&mut self) -> Result<(), BenchError> {
        let command = ReceiveStock {
            product_id: Uuid::now_v7().into(),
        };
        execute(&self.bus, command, self.keyed).await?;
        Ok(())
    }
}

struct ReceiveStock {
    product_id: ProductId,
}

impl Command for ReceiveStock {
    type Outcome = ();

    fn streams(&self) -> Vec<StreamUse> {
        vec![StreamUse::Fresh(StreamId::stock(self.product_id))]
    }

    fn decide(&self, aggregates: &Aggregates<'_>) -> Result<Decision<()>, Refusal> {
        let command = StockCommand::Receive {
            quantity: 1,
            reason: None,
        };
        let events = aggregates.stock(self.product_id).state.decide(command)?;
        Ok(Decision::new(()).append(StreamId::stock(self.product_id), events))
    }
}
