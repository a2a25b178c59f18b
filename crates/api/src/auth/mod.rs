//! Who is asking, and whether they may: found out once for each request ([`Caller`]), declared for each route
//! ([`Access`], beside what it does, its [`Effect`]), and handed to handlers as [`Customer`] or [`Admin`], with where
//! it came from as `RequestOrigin`. What proves who someone is, is the business of `daybook-identity`.

mod access;
mod caller;
mod callers;
mod effect;
mod identify;
pub mod layers;
mod origin;

pub(crate) use self::access::Routes;
pub use self::access::{Access, EXTENSION};
pub use self::caller::{Admin, Customer};
pub use self::callers::Callers;
pub use self::effect::Effect;
pub use self::identify::{Caller, Known};
pub(crate) use self::origin::RequestOrigin;
