//! Changing a password, and getting back in without one.

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::IntoResponse;
use daybook_domain::UserId;
use daybook_identity::account;
use daybook_identity::one_time::{self, Purpose};
use daybook_identity::security::Kind;
use serde::Deserialize;
use utoipa::ToSchema;

use super::super::headers::IdParam;
use super::email::invalid_token;
use super::parse_email;
use crate::account_messages::active_user;
use crate::app::App;
use crate::auth::Customer;
use crate::auth::sign_in::{authenticate, forgive, hash_new_password};
use crate::bounds::{email, new_password};
use crate::extract::{Id, Json, of_database};
use crate::gateway::Origin;
use crate::problem::{ApiResult, Problem};

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
    origin: Origin,
    Id(id): Id<UserId>,
    Json { value: body, .. }: Json<ChangePasswordBody>,
) -> ApiResult {
    caller.must_be(id)?;
    let user = active_user(&app, id).await?;
    let email = user.as_ref().and_then(|user| user.email.known());
    let email = email.ok_or_else(Problem::nothing_here)?;
    let hash = hash_new_password(&body.new_password, email, "/newPassword").await?;
    // Guessing it here is delayed like guessing it when signing in.
    let proven = authenticate(&app, &origin, email.as_str(), &body.old_password).await?;
    let (_, generation) = proven.ok_or_else(wrong_password)?;
    let changed = account::change_password(&app.pool, id, generation, &hash).await;
    let changed = changed.map_err(|error| of_database(&error))?;
    // Changed by somebody else meanwhile, so that the old one is no longer right.
    app.revocations.note(changed.ok_or_else(wrong_password)?);
    app.security
        .record(origin.event(Kind::PasswordChanged).about(id));
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
    origin: Origin,
    Json { value: body, .. }: Json<ForgottenPasswordBody>,
) -> ApiResult {
    let event = origin.event(Kind::PasswordResetRequested);
    app.forgotten_passwords
        .ask(parse_email(&body.email)?, event)?;
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
    origin: Origin,
    Json { value: body, .. }: Json<ResetPasswordBody>,
) -> ApiResult {
    let issued = one_time::find(&app.pool, Purpose::PasswordReset, &body.token).await;
    let issued = issued.map_err(|error| of_database(&error))?;
    let issued = issued.ok_or_else(invalid_token)?;
    let user = active_user(&app, issued.user_id).await?;
    let email = user.as_ref().and_then(|user| user.email.known());
    let email = email
        .filter(|email| issued.was_sent_to(email))
        .ok_or_else(invalid_token)?;
    let hash = hash_new_password(&body.new_password, email, "/newPassword").await?;
    let reset = account::reset_password(&app.pool, &body.token, issued.user_id, &hash).await;
    let reset = reset.map_err(|error| of_database(&error))?;
    app.revocations.note(reset.ok_or_else(invalid_token)?);
    app.security
        .record(origin.event(Kind::PasswordReset).about(issued.user_id));
    // The way in for whose password strangers are guessing at this moment.
    forgive(&app, &origin, email, issued.user_id).await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

fn wrong_password() -> Problem {
    let detail = "The old password is wrong.";
    Problem::new(StatusCode::FORBIDDEN, "wrong-password", detail)
}
