//! JSON as Daybook sends it, the same for HTTP, the command line, webhooks and a broker: amounts as exact decimal
//! numbers, instants in UTC. And numbers as it takes them: exactly as they were written.

mod decimal;
mod pointer;
mod role;
mod timestamp;

pub use decimal::{Amount, DecimalError, DecimalNumber};
pub use pointer::pointer_token;
pub use role::RoleName;
pub use timestamp::Timestamp;
