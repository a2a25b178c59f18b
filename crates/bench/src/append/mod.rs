//! The command path in this process: load or cache, decide, append.

pub(super) mod orders;
mod receive;

use std::time::Duration;

use chrono::{DateTime, Utc};
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
    let (metadata, now) = (
        Metadata::of(Actor::System("bench".to_owned()), Uuid::now_v7()),
        Utc::now(),
    );
    if keyed {
        return execute_keyed(bus, command, metadata, now).await;
    }
    let sent = bus.send(command, metadata, now).await?;
    match sent.outcome {
        Ok(_) => Ok(sent.position),
        Err(refusal) => Err(refused(refusal.code())),
    }
}

/// Executes a command with a key of its own. Its recorded answer is as large as a small resource's body.
async fn execute_keyed<C: Command>(
    bus: &CommandBus,
    command: C,
    metadata: Metadata,
    now: DateTime<Utc>,
) -> Result<Position, BenchError> {
    let key = Uuid::now_v7().to_string();
    let key = IdempotencyKey {
        principal: Some("system:bench".to_owned()),
        route: "bench".to_owned(),
        request: key.clone().into_bytes(),
        key,
    };
    let context = Context {
        metadata,
        now,
        key: Some(key),
    };
    let respond = |outcome: Result<&C::Outcome, &Refusal>| {
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
    };
    let answered = bus.execute(command, context, respond).await?;
    match answered.answer.status {
        201 => Ok(answered.position),
        _ => Err(refused(&String::from_utf8_lossy(&answered.answer.body))),
    }
}

fn refused(code: &str) -> BenchError {
    BenchError::new(format!("a command was refused: {code}"))
}
