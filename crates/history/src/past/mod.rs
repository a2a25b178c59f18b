//! What was: resources as they were at a moment, what changed between two, and what a product cost.
//!
//! Everything is folded from the log, so it is there for every resource from its first event on, whatever the read
//! models hold; and as personal data is opened with the keys that exist now, nobody is remembered here who was
//! forgotten since.

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
