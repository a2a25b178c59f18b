//! Usage events: what visitors do in the shop (look at a page, click, fill a cart), as their browsers and
//! apps report it in batches.
//!
//! A crate of its own, because it belongs to neither side of the log. No command is decided on these
//! events and the shop's state does not depend on them, so they are not in the log; and what is not in
//! the log cannot be projected or rebuilt, so they are not a read model. It depends on none of the other
//! crates. Invariants: an event is stored once for each id, whatever its day; what was acknowledged is
//! durable; its JSON is stored as it came.

mod event;
mod person;
mod sessions;
mod store;

pub use event::{Times, UsageEvent};
pub use person::{KeptEvent, Mark};
pub use sessions::Sessions;
pub use store::{BatchPermit, Recorded, UsageStore};
