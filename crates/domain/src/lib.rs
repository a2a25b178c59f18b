//! What Daybook decides: aggregates, their commands, events and rejections, and the values they are made of.
//!
//! Invariants:
//! - Pure: no clock, no randomness, no I/O. Ids arrive in the command; instants belong to the log.
//! - `decide` may reject and never changes anything; `evolve` may change, never rejects and never panics.
//! - Events are forever: their names and versions are spelled out, and every version ever written has a fixture in
//!   `tests/fixtures/events` that must decode. A changed shape gets an upcaster in [`upcast`].
//! - Reading an event trusts the log: deserialising checks shapes, not rules, so that a rule made stricter tomorrow
//!   leaves yesterday's events readable. The rules are `decide`'s.
//!
//! A new aggregate is a folder of its own and a line in [`registry`].

#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used))]

mod describe;
mod event_type;
mod text;

pub mod category;
pub mod email;
pub mod ids;
pub mod money;
pub mod order;
pub mod personal;
pub mod product;
pub mod registry;
pub mod rejection;
pub mod stock;
pub mod stream;
pub mod upcast;
pub mod user;
pub mod version;

pub use email::Email;
pub use event_type::EventType;
pub use ids::{CategoryId, OrderId, ProductId, UserId};
pub use money::{Currency, Money};
pub use personal::Personal;
pub use registry::{AggregateType, Event, Rejection, State};
pub use rejection::InvalidField;
pub use stream::StreamId;
pub use version::Versioned;
