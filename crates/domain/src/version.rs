//! A state together with its version: how far in its stream it is.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use crate::registry::{AggregateType, Event, State};

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Versioned<S> {
    /// The sequence of the last event in `state`; 0 when there are no events.
    pub version: i64,
    /// When the first event occurred.
    pub created_at: DateTime<Utc>,
    /// When the last event occurred.
    pub updated_at: DateTime<Utc>,
    pub state: S,
}

impl<S> Versioned<S> {
    pub fn map<T>(self, f: impl FnOnce(S) -> T) -> Versioned<T> {
        Versioned {
            version: self.version,
            created_at: self.created_at,
            updated_at: self.updated_at,
            state: f(self.state),
        }
    }

    pub const fn as_ref(&self) -> Versioned<&S> {
        Versioned {
            version: self.version,
            created_at: self.created_at,
            updated_at: self.updated_at,
            state: &self.state,
        }
    }
}

impl Versioned<State> {
    /// A stream without events. Its instants mean nothing yet.
    pub fn empty(aggregate_type: AggregateType) -> Self {
        Self {
            version: 0,
            created_at: DateTime::UNIX_EPOCH,
            updated_at: DateTime::UNIX_EPOCH,
            state: State::empty(aggregate_type),
        }
    }

    /// Applies the stream's next event.
    pub fn apply(&mut self, event: &Event, occurred_at: DateTime<Utc>) {
        self.state.apply(event);
        if self.version == 0 {
            self.created_at = occurred_at;
        }
        self.updated_at = occurred_at;
        self.version += 1;
    }
}
