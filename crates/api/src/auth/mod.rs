//! Who the caller is, and what they may do: identified once for each request ([`Caller`]), declared for each route
//! ([`Access`]), and passed to handlers as [`Customer`] or [`Admin`]. Credentials themselves are checked by
//! `daybook-identity`.

mod access;
mod caller;
mod callers;
mod identify;
pub mod layers;

pub(crate) use self::access::Routes;
pub use self::access::{Access, EXTENSION};
pub use self::caller::{Admin, Customer};
pub use self::callers::Callers;
pub use self::identify::{Caller, Known};
