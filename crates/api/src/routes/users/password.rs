//! Changing a password, and replacing a forgotten one.

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::IntoResponse;
use daybook_domain::UserId;
use daybook_identity::security::Kind;
use serde::Deserialize;
use utoipa::ToSchema;

use super::super::headers::IdParam;
use super::parse_email;
use crate::app::App;
use crate::auth::{Customer, RequestOrigin};
use crate::bounds::{email, new_password};
use crate::extract::{Id, Json};
use crate::problem::ApiResult;

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(super) struct ChangePasswordBody {
    #[schema(format = Password, pattern = "^[^\\u0000]*$")]
    old_password: String,
    #[schema(schema_with = new_password)]
    new_password: String,
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct ForgottenPasswordBody {
    #[schema(schema_with = email)]
    email: String,
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(super) struct ResetPasswordBody {
    /// From the message. Good for one use, for half an hour.
    #[schema(pattern = "^[^\\u0000]*$")]
    token: String,
    #[schema(schema_with = new_password)]
    new_password: String,
}

/// Changes one's own password. All sessions end, this one included: sign in again.
#[utoipa::path(
    put, path = "/api/v1/users/{id}/password", operation_id = "changePassword", tag = "users", params(IdParam),
    request_body = ChangePasswordBody,
    responses(
        (status = 204, description = "The new password counts, and nothing that was proven with the old one"),
        (status = 403, description = "The old password is wrong"),
    ),
)]
pub(super) async fn change_password(
    State(app): State<App>,
    caller: Customer,
    origin: RequestOrigin,
    Id(id): Id<UserId>,
    Json { value: body, .. }: Json<ChangePasswordBody>,
) -> ApiResult {
    caller.must_be(id)?;
    let ChangePasswordBody {
        old_password,
        new_password,
    } = body;
    let context = origin.context();
    app.accounts
        .change_password(&context, id, &old_password, &new_password)
        .await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

/// Asks for a message by which a forgotten password can be replaced.
///
/// The answer is the same, and takes as long, whether or not somebody has an account with this address. An account is
/// sent few of these messages an hour, and each makes those before it worthless.
#[utoipa::path(
    post, path = "/api/v1/users/password/forgotten", operation_id = "forgottenPassword", tag = "users",
    request_body = ForgottenPasswordBody,
    responses((status = 202, description = "If there is such an account, its owner will be written to")),
)]
pub(super) async fn forgotten_password(
    State(app): State<App>,
    origin: RequestOrigin,
    Json { value: body, .. }: Json<ForgottenPasswordBody>,
) -> ApiResult {
    let event = origin.context().event(Kind::PasswordResetRequested);
    app.accounts
        .ask_password_reset(parse_email(&body.email)?, event)?;
    Ok(StatusCode::ACCEPTED.into_response())
}

/// Replaces a forgotten password. All sessions end.
#[utoipa::path(
    post, path = "/api/v1/users/password/reset", operation_id = "resetPassword", tag = "users",
    request_body = ResetPasswordBody,
    responses((status = 204, description = "The new password counts, and nothing that was proven with the old one")),
)]
pub(super) async fn reset_password(
    State(app): State<App>,
    origin: RequestOrigin,
    Json { value: body, .. }: Json<ResetPasswordBody>,
) -> ApiResult {
    let ResetPasswordBody {
        token,
        new_password,
    } = body;
    let context = origin.context();
    app.accounts
        .reset_password(&context, &token, &new_password)
        .await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}
