//! Ready answers to what anyone may ask of the catalog.
//!
//! Invariant of both caches: whoever may rely on the catalog being at a position (`Daybook-Min-Position`) is not
//! given an answer from before a change up to there. Products are forgotten one by one as they change; any other
//! answer may draw on any row, so that each change of the catalog outdates them all.

mod answers;
mod cached;
mod measure;
mod products;
mod question;
mod shared;

pub(crate) use self::answers::AnswerCache;
pub(crate) use self::cached::CachedAnswer;
pub(crate) use self::products::{CachedProduct, ProductCache};
pub(crate) use self::question::Question;
