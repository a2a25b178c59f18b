//! Why a command was refused. Every aggregate states its rules as its own rejections; [`Rejection`] is any of them.
//!
//! A rejection's `code()` is stable and for programs; its `Display` is a sentence for people and says how to correct
//! it.

use std::borrow::Cow;

pub use crate::registry::Rejection;

/// A value that is invalid whatever the aggregate's state is.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{field}: {detail}")]
pub struct InvalidField {
    /// A JSON pointer (RFC 6901) in the published contract's names: `/firstName`, `/items/3/quantity`.
    pub field: Cow<'static, str>,
    /// What is wrong, for programs: `required`, `too-long`, `out-of-range` …
    pub code: &'static str,
    /// A sentence that says how to correct it. Never repeats the value, which may be personal.
    pub detail: String,
}

impl InvalidField {
    /// The code of the rejection as a whole; [`InvalidField::code`] is the field's own.
    pub const REJECTION_CODE: &'static str = "invalid-field";

    pub(crate) fn new(
        field: impl Into<Cow<'static, str>>,
        code: &'static str,
        detail: impl Into<String>,
    ) -> Self {
        Self {
            field: field.into(),
            code,
            detail: detail.into(),
        }
    }
}
