//! The one list of aggregates, and what is generated from it: the types for any aggregate's type, event, state and
//! rejection, and each aggregate's implementation for cqrs-es. Adding an aggregate adds a folder and a line to the list
//! at the end.

use std::fmt;
use std::str::FromStr;

use cqrs_es::event_sink::EventSink;
use cqrs_es::{Aggregate, DomainEvent};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::category::{Category, CategoryCommand, CategoryEvent, CategoryRejection};
use crate::event_type::EventType;
use crate::ids::UserId;
use crate::order::{Order, OrderCommand, OrderEvent, OrderRejection};
use crate::product::{Product, ProductCommand, ProductEvent, ProductRejection};
use crate::rejection::InvalidField;
use crate::stock::{Stock, StockCommand, StockEvent, StockRejection};
use crate::stream::StreamId;
use crate::user::{User, UserCommand, UserEvent, UserRejection};

#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("there is no such type of aggregate")]
pub struct UnknownAggregateType;

macro_rules! aggregates {
    ($($aggregate:ident = $name:literal, $command:ident, $event:ident, $rejection:ident, $as_state:ident;)*) => {
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        pub enum AggregateType {
            $(#[serde(rename = $name)] $aggregate,)*
        }

        impl AggregateType {
            pub const ALL: &'static [Self] = &[$(Self::$aggregate,)*];

            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$aggregate => $name,)*
                }
            }

            /// Every event that its streams may hold, in the current version.
            pub const fn event_types(self) -> &'static [EventType] {
                match self {
                    $(Self::$aggregate => $event::TYPES,)*
                }
            }
        }

        impl FromStr for AggregateType {
            type Err = UnknownAggregateType;

            fn from_str(name: &str) -> Result<Self, Self::Err> {
                match name {
                    $($name => Ok(Self::$aggregate),)*
                    _ => Err(UnknownAggregateType),
                }
            }
        }

        /// An event of any aggregate.
        #[derive(Clone, Debug, PartialEq)]
        pub enum Event {
            $($aggregate($event),)*
        }

        impl Event {
            pub const fn aggregate_type(&self) -> AggregateType {
                match self {
                    $(Self::$aggregate(_) => AggregateType::$aggregate,)*
                }
            }

            pub const fn kind(&self) -> EventType {
                match self {
                    $(Self::$aggregate(event) => event.kind(),)*
                }
            }

            /// The payload: an object whose `type` is the event's type.
            pub fn to_json(&self) -> Result<String, serde_json::Error> {
                match self {
                    $(Self::$aggregate(event) => serde_json::to_string(event),)*
                }
            }

            /// Reads a payload of the current version; [`upcast`](crate::upcast::upcast) converts older ones to it.
            pub fn from_json(aggregate_type: AggregateType, payload: &str) -> Result<Self, serde_json::Error> {
                match aggregate_type {
                    $(AggregateType::$aggregate => serde_json::from_str(payload).map(Self::$aggregate),)*
                }
            }

            /// Like [`Event::from_json`], for a payload that is parsed already.
            pub fn from_value(aggregate_type: AggregateType, payload: Value) -> Result<Self, serde_json::Error> {
                match aggregate_type {
                    $(AggregateType::$aggregate => serde_json::from_value(payload).map(Self::$aggregate),)*
                }
            }

            /// The event in a sentence for people, without who and when. `before` is the state of its stream before it,
            /// which need not be known where [`Event::tells_what_was_before`] says no.
            pub fn describe(&self, before: &State) -> String {
                match self {
                    $(Self::$aggregate(event) => match before.$as_state() {
                        Some(before) => event.describe(before),
                        None => event.describe(&$aggregate::default()),
                    },)*
                }
            }

            /// Whether its sentence needs the state before the event.
            pub const fn tells_what_was_before(&self) -> bool {
                match self {
                    $(Self::$aggregate(event) => event.tells_what_was_before(),)*
                }
            }

            /// The person whose key seals the personal data in this event of `stream`; `None` if its shape holds none.
            pub fn person(&self, stream: StreamId) -> Option<UserId> {
                match self {
                    $(Self::$aggregate(event) => event.person(stream),)*
                }
            }
        }

        /// The state of any aggregate.
        #[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
        #[serde(tag = "aggregateType", content = "state")]
        pub enum State {
            $(#[serde(rename = $name)] $aggregate($aggregate),)*
        }

        impl State {
            /// The state of a stream that has no events.
            pub fn empty(aggregate_type: AggregateType) -> Self {
                match aggregate_type {
                    $(AggregateType::$aggregate => Self::$aggregate($aggregate::default()),)*
                }
            }

            pub const fn aggregate_type(&self) -> AggregateType {
                match self {
                    $(Self::$aggregate(_) => AggregateType::$aggregate,)*
                }
            }

            /// Applies one event of its own stream. An event of another aggregate is the caller's mistake and changes
            /// nothing.
            pub fn apply(&mut self, event: &Event) {
                match (self, event) {
                    $((Self::$aggregate(state), Event::$aggregate(event)) => state.evolve(event),)*
                    (state, event) => debug_assert!(
                        false,
                        "{} was given a {}",
                        state.aggregate_type(),
                        event.event_type()
                    ),
                }
            }

            $(
                pub const fn $as_state(&self) -> Option<&$aggregate> {
                    if let Self::$aggregate(state) = self { Some(state) } else { None }
                }
            )*
        }

        /// A rejection by any aggregate.
        #[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
        #[error(transparent)]
        pub enum Rejection {
            $($aggregate(#[from] $rejection),)*
        }

        impl Rejection {
            /// Stable, kebab-case, for programs.
            pub const fn code(&self) -> &'static str {
                match self {
                    $(Self::$aggregate(rejection) => rejection.code(),)*
                }
            }

            /// The field that is wrong, if the rejection is about one.
            pub const fn invalid_field(&self) -> Option<&InvalidField> {
                match self {
                    $(Self::$aggregate($rejection::InvalidField(field)) => Some(field),)*
                    _ => None,
                }
            }
        }

        $(
            impl From<$event> for Event {
                fn from(event: $event) -> Self {
                    Self::$aggregate(event)
                }
            }

            impl From<$aggregate> for State {
                fn from(state: $aggregate) -> Self {
                    Self::$aggregate(state)
                }
            }

            impl DomainEvent for $event {
                fn event_type(&self) -> String {
                    self.kind().name.to_owned()
                }

                fn event_version(&self) -> String {
                    self.kind().version.to_owned()
                }
            }

            impl Aggregate for $aggregate {
                const TYPE: &'static str = $name;
                type Command = $command;
                type Event = $event;
                type Error = $rejection;
                type Services = ();

                async fn handle(
                    &mut self,
                    command: $command,
                    (): &(),
                    sink: &EventSink<Self>,
                ) -> Result<(), $rejection> {
                    for event in self.decide(command)? {
                        sink.write(event, self).await;
                    }
                    Ok(())
                }

                fn apply(&mut self, event: $event) {
                    self.evolve(&event);
                }
            }
        )*
    };
}

impl Event {
    pub const fn event_type(&self) -> &'static str {
        self.kind().name
    }

    pub const fn event_version(&self) -> &'static str {
        self.kind().version
    }
}

impl fmt::Display for AggregateType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

aggregates! {
    User = "user", UserCommand, UserEvent, UserRejection, as_user;
    Category = "category", CategoryCommand, CategoryEvent, CategoryRejection, as_category;
    Product = "product", ProductCommand, ProductEvent, ProductRejection, as_product;
    Stock = "stock", StockCommand, StockEvent, StockRejection, as_stock;
    Order = "order", OrderCommand, OrderEvent, OrderRejection, as_order;
}
