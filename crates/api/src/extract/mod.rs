//! What handlers take from a request. Each extractor refuses what it cannot take with the contract's answer.

mod as_of;
mod asked;
mod elements;
mod json;
mod page;
mod paged;
mod path;
mod position;
mod precondition;
mod query;
mod submission;

pub(crate) use as_of::{AdminAsOf, AsOf, AsOfParam, moment, position_as_of, position_of};
pub(crate) use asked::Asked;
pub(crate) use elements::Elements;
pub(crate) use json::{Json, Object, misfit_code};
#[cfg(test)]
pub(crate) use page::{MAX_LIMIT, MAX_PAGE};
pub(crate) use page::{PageParams, TOTAL_COUNT, limit, links, list, of_database, page_headers};
pub(crate) use paged::Paged;
pub(crate) use path::Id;
pub(crate) use position::MinPosition;
pub(crate) use precondition::{IfMatch, IfNoneMatch};
pub(crate) use query::{Query, invalid as invalid_parameter};
#[cfg(test)]
pub(crate) use submission::MAX_KEY_LENGTH;
pub(crate) use submission::{CommandRequest, Submission};
