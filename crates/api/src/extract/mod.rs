//! Extractors. Each refuses a request that it cannot read with the answer that the contract describes.

mod as_of;
mod cache_directives;
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
pub(crate) use cache_directives::CacheDirectives;
pub(crate) use elements::Elements;
pub(crate) use json::{BodyLimits, Json, Object, misfit_code};
#[cfg(test)]
pub(crate) use page::{MAX_LIMIT, MAX_PAGE};
pub(crate) use page::{PageParams, TOTAL_COUNT, limit, links, list, page_headers};
pub(crate) use paged::Paged;
pub(crate) use path::Id;
pub(crate) use position::{MinPosition, Waiting};
pub(crate) use precondition::{IfMatch, IfNoneMatch, tagged};
pub(crate) use query::{Query, invalid as invalid_parameter};
#[cfg(test)]
pub(crate) use submission::MAX_KEY_LENGTH;
pub(crate) use submission::{CommandRequest, Submission};
