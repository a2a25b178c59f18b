//! Finished answers to public queries on the catalog.
//!
//! Invariant of both caches: a client that may rely on the catalog being at a position (`Daybook-Min-Position`) never
//! gets an answer from before a change up to there. Products are removed one by one as they change. Any other answer
//! may depend on any row, so each change of the catalog invalidates all of them.

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
