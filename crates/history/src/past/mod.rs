//! The past: resources as they were at a moment, what changed between two moments, and what a product cost.
//!
//! Everything is folded from the log, so it exists for every resource from its first event on, whatever the read models
//! contain. Personal data is decrypted with the keys that exist now, so a person who was erased since does not appear
//! here.

mod diff;
mod fold;
mod moment;
mod prices;
mod record;

pub use diff::Change;
pub use fold::{PastOrder, PastProduct, order_at, product_at, stock_at, user_at, was_there};
pub use moment::{Moment, MomentError, NoMoment};
pub use prices::{Period, PriceHistory, price_history};
pub use record::{OrderRecord, UserRecord, changes_between};
