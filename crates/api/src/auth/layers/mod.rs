//! The layers that know who is asking. They stand around the routes, between the gateway and the handlers.

mod denials;
mod identify;
mod limit;

pub(crate) use self::denials::denials;
pub(crate) use self::identify::identify;
pub use self::limit::limit_caller;
