//! The command path in this process: load or cache, decide, append.

pub(super) mod orders;
mod receive;

use std::time::Duration;

use chrono::Utc;
use daybook_commands::{Answer, Command, CommandBus, Context, IdempotencyKey, Refusal};
use daybook_log::{Actor, Metadata, Position};
use uuid::Uuid;

use super::load::closed_loop;
use super::{BenchError, Report};

pub use orders::Spread;

/// Appends one event to one new stream each, the smallest append there is.
pub async fn run(
    bus: &CommandBus,
    clients: usize,
    duration: Duration,
    keyed: bool,
) -> Result<Report, BenchError> {
    let clients = (0..clients)
        .map(|_| receive::Receiver::new(bus.clone(), keyed))
        .collect();
    closed_loop(clients, duration).await
}

/// Places single-unit orders: all for one product, or spread over many.
pub async fn run_orders(
    bus: &CommandBus,
    clients: usize,
    duration: Duration,
    keyed: bool,
    spread: Spread,
) -> Result<Report, BenchError> {
    closed_loop(
        orders::customers(bus, clients, keyed, spread).await?,
        duration,
    )
    .await
}

/// Executes a command, which must be accepted; returns the position at which a read model shows it.
async fn execute<C: Command>(
    bus: &CommandBus,
    command: C,
    keyed: bool,
) -> Result<Position, BenchError> {
    let metadata = Metadata {
        actor: Actor::System("bench".to_owned()),
        correlation_id: Uuid::now_v7(),
        causation_id: None,
        request_id: None,
        trace_parent: None,
        means: None,
        api_key_id: None,
    };
    let key = keyed.then(|| {
        let key = Uuid::now_v7().to_string();
        IdempotencyKey {
            principal: Some("system:bench".to_owned()),
            route: "bench".to_owned(),
            request: key.clone().into_bytes(),
            key,
        }
    });
    let answered = bus
        .execute(
            command,
            Context {
                metadata,
                now: Utc::now(),
                key,
            },
            answer,
        )
        .await
        .map_err(|error| BenchError::Meaningless(format!("a command failed: {error}")))?;
    match answered.answer.status {
        201 => Ok(answered.position),
        _ => Err(BenchError::Meaningless(format!(
            "a command was refused: {}",
            String::from_utf8_lossy(&answered.answer.body)
        ))),
    }
}

/// As large as a small resource's body, since the body is recorded with a key.
fn answer<O>(outcome: Result<&O, &Refusal>) -> Answer {
    let (status, body) = match outcome {
        Ok(_) => (201, vec![b' '; 200]),
        Err(refusal) => (409, refusal.code().into()),
    };
    Answer {
        status,
        headers: Vec::new(),
        body,
        person: None,
    }
}
