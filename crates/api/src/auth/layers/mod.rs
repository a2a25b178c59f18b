//! The layers that know the caller. They are around the routes, between the gateway and the handlers.

mod denials;
mod identify;
mod limit;

pub(crate) use self::denials::denials;
pub(crate) use self::identify::identify;
pub use self::limit::limit_caller;
