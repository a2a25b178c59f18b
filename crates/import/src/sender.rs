//! Sends an import's commands to the bus.

use std::sync::atomic::{AtomicI64, Ordering};

use chrono::{DateTime, Utc};
use daybook_commands::{Command, CommandBus, CommandError, Refusal};
use daybook_domain::UserId;
use daybook_log::{Actor, Metadata, Position};
use uuid::Uuid;

use super::orders::Order;

/// Sends as `system:import`, all with one correlation id.
pub(crate) struct Sender {
    pub bus: CommandBus,
    pub source: String,
    metadata: Metadata,
    position: AtomicI64,
}

impl Sender {
    pub(crate) fn new(bus: CommandBus, source: String) -> Sender {
        let actor = Actor::System("import".to_owned());
        Sender {
            bus,
            source,
            metadata: Metadata::of(actor, Uuid::now_v7()),
            position: AtomicI64::new(0),
        }
    }

    /// Sends a command with its events dated `at`; returns once they are durable.
    pub(crate) async fn send<C: Command>(
        &self,
        at: DateTime<Utc>,
        command: C,
    ) -> Result<Result<C::Outcome, Refusal>, CommandError> {
        let sent = self.bus.send(command, self.metadata.clone(), at).await?;
        self.position.fetch_max(sent.position, Ordering::Relaxed);
        Ok(sent.outcome)
    }

    /// A read model at this position has everything that was sent.
    pub(crate) fn position(&self) -> Position {
        self.position.load(Ordering::Relaxed)
    }

    /// The customer of an order: the first one that one of its lines names.
    pub(crate) fn customer<'o>(&self, order: &'o Order) -> Option<(UserId, &'o str)> {
        let named = order.lines.iter().find(|line| !line.customer.is_empty())?;
        let id = self.bus.imported_customer(&self.source, &named.customer);
        Some((id, &named.customer))
    }
}
