//! `?asOf=`: a resource as it was.

use axum::extract::{FromRef, FromRequestParts};
use axum::http::request::Parts;
use chrono::{SecondsFormat, Utc};
use daybook_history::past::{Moment, MomentError, NoMoment};
use daybook_log::{Feed, Position};
use serde::Deserialize;
use utoipa::IntoParams;

use crate::auth::Admin;
use crate::extract::{MinPosition, Query, invalid_parameter};
use crate::problem::{ApiResult, Problem};

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
#[into_params(parameter_in = Query)]
pub(crate) struct AsOfParam {
    /// As it was then: a position of the log, or an RFC 3339 instant, which means what was recorded by then. Without
    /// it: as it is now.
    #[param(
        pattern = "^([0-9]+|[0-9]{4}-[0-9]{2}-[0-9]{2}T.+)$",
        example = "2011-12-09T12:50:00Z"
    )]
    as_of: Option<String>,
}

/// The moment that a query asks about; `None` means now.
pub(crate) struct AsOf(pub Option<Moment>);

/// Like [`AsOf`], for resources that everyone sees but whose past only administrators see.
pub(crate) struct AdminAsOf(pub Option<Moment>);

impl<S: Send + Sync> FromRequestParts<S> for AsOf {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let Query(AsOfParam { as_of }) = Query::from_request_parts(parts, state).await?;
        as_of
            .map(|text| moment("/asOf", &text))
            .transpose()
            .map(AsOf)
    }
}

impl<S: Send + Sync> FromRequestParts<S> for AdminAsOf {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let AsOf(moment) = AsOf::from_request_parts(parts, state).await?;
        if moment.is_some() {
            Admin::from_request_parts(parts, state).await?;
        }
        Ok(AdminAsOf(moment))
    }
}

/// The moment in a query parameter.
pub(crate) fn moment(pointer: &str, text: &str) -> ApiResult<Moment> {
    let detail = "Give a position of the log, 1234, or an RFC 3339 instant, 2011-12-09T12:50:00Z; \
                  in a URL, + is written %2B.";
    text.parse()
        .map_err(|NoMoment| invalid_parameter(pointer, "invalid-value", detail))
}

/// The last position that belongs to the moment of the parameter `asOf`. Refused if the log has events but none by then.
pub(crate) async fn position_as_of<S>(
    state: &S,
    moment: Moment,
    min_position: MinPosition,
) -> ApiResult<Position>
where
    Feed: FromRef<S>,
{
    min_position.reached_by_the_log(state).await?;
    let feed = Feed::from_ref(state);
    let position = moment.position_of_some(&feed, Utc::now()).await;
    position.map_err(|error| refused("/asOf", error))
}

/// The last position that belongs to a moment, or a problem with the parameter that contained it.
pub(crate) async fn position_of<S>(
    state: &S,
    moment: Moment,
    pointer: &'static str,
) -> ApiResult<Position>
where
    Feed: FromRef<S>,
{
    let feed = Feed::from_ref(state);
    let position = moment.position(&feed, Utc::now()).await;
    position.map_err(|error| refused(pointer, error))
}

fn refused(pointer: &'static str, error: MomentError) -> Problem {
    let detail = match error {
        MomentError::BeyondHead { head } => {
            format!("The log has got no further than position {head}.")
        }
        MomentError::InTheFuture => "That instant is yet to come.".to_owned(),
        MomentError::BeforeTheFirst { recorded_at } => format!(
            "That is before the first event was recorded, at {}.",
            recorded_at.to_rfc3339_opts(SecondsFormat::Millis, true)
        ),
        MomentError::Log(error) => return error.into(),
    };
    invalid_parameter(pointer, "out-of-range", detail)
}
