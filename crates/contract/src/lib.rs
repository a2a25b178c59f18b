//! JSON as Daybook sends it, the same for HTTP, the command line, webhooks and a broker: amounts as exact decimal
//! numbers, instants in UTC.

mod decimal;
mod pointer;
mod role;
mod timestamp;

pub use decimal::{Amount, DecimalNumber};
pub use pointer::pointer_token;
pub use role::RoleName;
pub use timestamp::Timestamp;
