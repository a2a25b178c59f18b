//! Commands that Daybook sends by itself: nobody waits for an HTTP answer to them.

use chrono::{DateTime, Utc};
use daybook_log::{Actor, Metadata};
use uuid::Uuid;

use crate::answer::{Answer, CommandError, Context};
use crate::bus::CommandBus;
use crate::command::Command;
use crate::refusal::Refusal;

/// The stable code of the rule that said no.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct Refused(pub String);

/// Executes a command as `system:<actor>`, its events dated `at`.
pub async fn send_as_system<C: Command>(
    bus: &CommandBus,
    actor: &str,
    at: DateTime<Utc>,
    command: C,
) -> Result<Result<(), Refused>, CommandError> {
    let metadata = Metadata {
        actor: Actor::System(actor.to_owned()),
        correlation_id: Uuid::now_v7(),
        causation_id: None,
        request_id: None,
        trace_parent: None,
        means: None,
        api_key_id: None,
    };
    let context = Context {
        metadata,
        now: at,
        key: None,
    };
    let answered = bus.execute(command, context, code_of).await?;
    let code = String::from_utf8_lossy(&answered.answer.body).into_owned();
    Ok(if code.is_empty() {
        Ok(())
    } else {
        Err(Refused(code))
    })
}

/// An answer for ourselves: the body is the refusal's code, empty when there is none.
fn code_of<O>(outcome: Result<&O, &Refusal>) -> Answer {
    let code = outcome.err().map(Refusal::code).unwrap_or_default();
    Answer {
        status: 0,
        headers: Vec::new(),
        body: code.into(),
        person: None,
    }
}
