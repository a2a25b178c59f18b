//! What the bus takes together with a command, and what it returns.

use std::fmt;

use chrono::{DateTime, Utc};
use daybook_domain::UserId;
use daybook_log::{DATABASE_REMEDY, LogError, Metadata, Position};

use crate::refusal::Refusal;

/// The circumstances of a command that is to be answered.
#[derive(Clone, Debug)]
pub struct Context {
    pub metadata: Metadata,
    /// The time of the events; an import sets it in the past.
    pub now: DateTime<Utc>,
    pub key: Option<IdempotencyKey>,
}

/// A key under which a request is carried out once and answered the same each time. `Debug` shows neither key nor
/// request.
#[derive(Clone)]
pub struct IdempotencyKey {
    /// The principal who sends it; different principals may use the same key independently. `None` for anonymous
    /// callers, whose keys are told apart by the request itself.
    pub principal: Option<String>,
    pub route: String,
    pub key: String,
    /// The request in a canonical form: the same key with another request is a mistake.
    pub request: Vec<u8>,
}

impl fmt::Debug for IdempotencyKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "IdempotencyKey({}, [REDACTED])", self.route)
    }
}

/// An answer as bytes, so that it can be recorded and repeated as it was.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    pub status: u16,
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
    /// The person whose personal data the body holds: it is then sealed in the record.
    pub person: Option<UserId>,
}

#[derive(Clone, Debug)]
pub struct Answered {
    pub answer: Answer,
    /// A read model at this position includes everything that the answer is about.
    pub position: Position,
    /// The answer was recorded earlier and is repeated.
    pub replayed: bool,
}

/// How a command ended, for a sender that is not answered in bytes.
#[derive(Clone, Debug)]
pub struct Sent<O> {
    /// Of the decision that was written. A refusal is durable, too: the append confirmed what it depends on.
    pub outcome: Result<O, Refusal>,
    /// A read model at this position includes everything that the outcome is about.
    pub position: Position,
}

/// Why there is no answer. Only the first three are caused by the client's request.
#[derive(Debug, thiserror::Error)]
pub enum CommandError {
    #[error("the idempotency key was used for another request")]
    KeyReused,
    #[error("a request with this idempotency key is being carried out")]
    KeyInUse,
    #[error("the answer to this idempotency key spoke of a person who was erased")]
    PersonErased,
    #[error("too many commands are waiting")]
    Overloaded,
    #[error("the server is shutting down")]
    ShuttingDown,
    #[error("the database cannot be reached")]
    Unavailable(#[source] Option<LogError>),
    #[error("a command failed")]
    Failed(#[source] LogError),
    #[error("a command failed: {0}")]
    Internal(String),
}

impl CommandError {
    /// How to mend it, for the line that an operator reads.
    pub fn remedy(&self) -> &'static str {
        match self {
            CommandError::KeyReused | CommandError::PersonErased => "take a fresh idempotency key",
            CommandError::KeyInUse => "wait until that request is answered, then try again",
            CommandError::Overloaded => "try again in a moment",
            CommandError::ShuttingDown => {
                "start it again; nothing that was acknowledged is lost, and the log above tells what to report"
            }
            CommandError::Unavailable(_) => DATABASE_REMEDY,
            CommandError::Failed(error) => error.remedy(),
            CommandError::Internal(_) => {
                "try again; if it happens again, report it with the log above"
            }
        }
    }

    /// Whether this very command may be in the log all the same.
    pub fn may_have_been_executed(&self) -> bool {
        match self {
            CommandError::KeyReused
            | CommandError::KeyInUse
            | CommandError::PersonErased
            | CommandError::Overloaded => false,
            // Also what is said of an append that was queued when the writer died.
            CommandError::ShuttingDown
            | CommandError::Unavailable(_)
            | CommandError::Failed(_)
            | CommandError::Internal(_) => true,
        }
    }
}

impl From<LogError> for CommandError {
    fn from(error: LogError) -> CommandError {
        match &error {
            LogError::Database(_) => CommandError::Unavailable(Some(error)),
            LogError::Undecodable { .. } | LogError::Encode { .. } | LogError::Seal(_) => {
                CommandError::Failed(error)
            }
        }
    }
}
