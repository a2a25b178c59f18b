//! Verifying an e-mail address by a message that is sent to it.

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::IntoResponse;
use daybook_commands::VerifyEmail;
use daybook_domain::UserId;
use daybook_log::Actor;
use serde::Deserialize;
use utoipa::ToSchema;

use super::super::headers::IdParam;
use crate::answer::{carried_out, no_content, to_response};
use crate::app::App;
use crate::auth::{Customer, RequestOrigin};
use crate::extract::{CommandRequest, Id, Json};
use crate::problem::ApiResult;

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct VerifyEmailBody {
    /// From the message. Good for one use, for half an hour.
    #[schema(pattern = "^[^\\u0000]*$")]
    token: String,
}

/// Asks for another message by which one's own e-mail address can be verified; the one before is then worthless.
#[utoipa::path(
    post, path = "/api/v1/users/{id}/email-verification", operation_id = "askEmailVerification", tag = "users",
    params(IdParam),
    responses(
        (status = 202, description = "The message will be sent"),
        (status = 409, description = "The address is verified already"),
    ),
)]
pub(super) async fn ask_email_verification(
    State(app): State<App>,
    caller: Customer,
    Id(id): Id<UserId>,
) -> ApiResult {
    caller.must_be(id)?;
    app.accounts.ask_email_verification(id).await?;
    Ok(StatusCode::ACCEPTED.into_response())
}

/// Verifies an e-mail address, by the token that was sent to it.
#[utoipa::path(
    post, path = "/api/v1/users/email-verification", operation_id = "verifyEmail", tag = "users",
    request_body = VerifyEmailBody,
    responses(
        (status = 204, description = "The address is verified"),
        (status = 409, description = "The account has been deactivated"),
    ),
)]
pub(super) async fn verify_email(
    State(app): State<App>,
    origin: RequestOrigin,
    request: CommandRequest,
    Json { value: body, .. }: Json<VerifyEmailBody>,
) -> ApiResult {
    let id = app.accounts.find_email_verification(&body.token).await?;
    let verified = app.execute(VerifyEmail { id }, Actor::User(id), request, |_| {
        no_content()
    });
    let answered = verified.await?;
    if carried_out(&answered) {
        app.accounts.spend_email_verification(&body.token).await?;
    }
    app.accounts.email_was_verified(&origin.context(), id);
    Ok(to_response(answered))
}
