//! The event that stopped a projector.

use std::error::Error;

use daybook_log::{Poison, Position, RecordedEvent};
use error_reporter::Report;
use serde::Serialize;

/// What stopped a projector, kept with its checkpoint for people who look at the status.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Obstacle {
    pub(super) position: Position,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) stream: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) event_type: Option<String>,
    pub(super) error: String,
}

impl Obstacle {
    pub(super) fn new(
        position: Position,
        event: Option<&RecordedEvent>,
        error: &dyn Error,
    ) -> Obstacle {
        Obstacle {
            position,
            stream: event.map(|event| event.stream.to_string()),
            event_type: event.map(|event| event.event.event_type().to_owned()),
            error: Report::new(error).to_string(),
        }
    }
}

impl From<Poison> for Obstacle {
    fn from(poison: Poison) -> Obstacle {
        Obstacle {
            position: poison.position,
            stream: Some(poison.stream),
            event_type: Some(poison.event_type),
            error: poison.error,
        }
    }
}

/// Whether the database refuses the values, so that trying again cannot help: data exceptions, violated
/// constraints, exceeded limits (of an index row, of a tsvector).
pub(super) fn blames_the_data(error: &sqlx::Error) -> bool {
    match error {
        sqlx::Error::Database(error) => error.code().is_some_and(|code| {
            ["22", "23", "54"]
                .iter()
                .any(|class| code.starts_with(class))
        }),
        sqlx::Error::Encode(_) => true,
        _ => false,
    }
}
