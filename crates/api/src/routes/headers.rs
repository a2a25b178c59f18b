//! Parameters that many endpoints have, as the OpenAPI document describes them.

use utoipa::IntoParams;
use uuid::Uuid;

/// The id in the path.
#[derive(IntoParams)]
#[into_params(parameter_in = Path)]
#[allow(dead_code, reason = "only describes")]
pub(super) struct IdParam {
    id: Uuid,
}

#[derive(IntoParams)]
#[into_params(parameter_in = Header)]
#[allow(dead_code, reason = "only describes")]
pub(super) struct KeyParam {
    /// Carries the command out once, however often the request is sent; remembered for 24 hours.
    #[param(
        rename = "Idempotency-Key",
        min_length = 1,
        max_length = 255,
        pattern = "^[!-~]([ -~]*[!-~])?$",
        required = false
    )]
    idempotency_key: String,
}

#[derive(IntoParams)]
#[into_params(parameter_in = Header)]
#[allow(dead_code, reason = "only describes")]
pub(super) struct IfMatchParam {
    /// Changes the resource only if its present entity tag is one of these.
    #[param(
        rename = "If-Match",
        pattern = r##"^(\*|(W/)?"[!#-~]*"(, ?(W/)?"[!#-~]*")*)$"##,
        required = false
    )]
    if_match: String,
}

#[derive(IntoParams)]
#[into_params(parameter_in = Header)]
#[allow(dead_code, reason = "only describes")]
pub(super) struct IfNoneMatchParam {
    /// Answers 304 if the resource's present entity tag is one of these.
    #[param(rename = "If-None-Match", required = false)]
    if_none_match: String,
}
