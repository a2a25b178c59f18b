//! Sends an import's commands to the bus.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use chrono::{DateTime, Utc};
use daybook_commands::{Answer, Command, CommandBus, CommandError, Context, Refusal};
use daybook_domain::UserId;
use daybook_log::{Actor, Metadata, Position};
use parking_lot::Mutex;
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

    /// Executes a command with its events dated `at`; returns once they are durable.
    pub(crate) async fn send<C>(
        &self,
        at: DateTime<Utc>,
        command: C,
    ) -> Result<Result<C::Outcome, Refusal>, CommandError>
    where
        C: Command,
        C::Outcome: Clone + 'static,
    {
        let context = Context {
            metadata: self.metadata.clone(),
            now: at,
            key: None,
        };
        // A command may be decided more than once; the last decision is the one that was written.
        let last = Arc::new(Mutex::new(None));
        let decided = Arc::clone(&last);
        let respond = move |outcome: Result<&C::Outcome, &Refusal>| {
            *decided.lock() = Some(outcome.cloned().map_err(Clone::clone));
            nothing()
        };
        let answered = self.bus.execute(command, context, respond).await?;
        self.position
            .fetch_max(answered.position, Ordering::Relaxed);
        let decided = last.lock().take();
        decided.ok_or_else(|| CommandError::Internal("a command was answered undecided".into()))
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

/// An answer that nobody reads.
fn nothing() -> Answer {
    Answer {
        status: 0,
        headers: Vec::new(),
        body: Vec::new(),
        person: None,
    }
}
