//! Commands on stock.

use daybook_domain::product::ProductRejection;
use daybook_domain::stock::{StockCommand, StockEvent};
use daybook_domain::{ProductId, StreamId};

use crate::command::{Aggregates, Command, Decision, StreamUse};
use crate::refusal::{Refusal, Shortage, check_version};

/// Receives units (above zero) or writes them off (below).
#[derive(Clone)]
pub struct ChangeStock {
    pub product_id: ProductId,
    pub change: i64,
    pub reason: Option<String>,
    /// The version of the stock's own stream.
    pub expected_version: Option<i64>,
}

#[derive(Clone, Copy, Debug)]
pub struct StockOutcome {
    pub product_id: ProductId,
    pub available: u64,
    pub product_version: i64,
    pub stock_version: i64,
}

impl Command for ChangeStock {
    type Outcome = StockOutcome;

    fn streams(&self) -> Vec<StreamUse> {
        let id = self.product_id;
        vec![
            StreamUse::Existing(StreamId::product(id)),
            StreamUse::Existing(StreamId::stock(id)),
        ]
    }

    fn decide(&self, aggregates: &Aggregates<'_>) -> Result<Decision<StockOutcome>, Refusal> {
        let (product, stock) = (
            aggregates.product(self.product_id),
            aggregates.stock(self.product_id),
        );
        if !product.state.exists() || product.state.retired {
            return Err(ProductRejection::NotFound.into());
        }
        check_version(self.expected_version, stock.version)?;
        let (quantity, reason) = (self.change.unsigned_abs(), self.reason.clone());
        let command = if self.change < 0 {
            StockCommand::WriteOff { quantity, reason }
        } else {
            StockCommand::Receive { quantity, reason }
        };
        let available = stock.state.available();
        if self.change < 0 && quantity > available {
            let requested = u32::try_from(quantity).unwrap_or(u32::MAX);
            return Err(Refusal::OutOfStock(vec![Shortage {
                product_id: self.product_id,
                requested,
                available,
            }]));
        }
        let events: Vec<StockEvent> = stock.state.decide(command)?;
        let outcome = StockOutcome {
            product_id: self.product_id,
            available: available.saturating_add_signed(self.change),
            product_version: product.version,
            stock_version: stock.version + events.len() as i64,
        };
        Ok(Decision::new(outcome).append(StreamId::stock(self.product_id), events))
    }
}
