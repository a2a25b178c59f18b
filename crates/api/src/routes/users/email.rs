//! Verifying an e-mail address by a message that is sent to it.

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::IntoResponse;
use daybook_commands::VerifyEmail;
use daybook_domain::UserId;
use daybook_identity::one_time::{self, Purpose};
use daybook_identity::security::Kind;
use daybook_log::Actor;
use serde::Deserialize;
use utoipa::ToSchema;

use super::super::headers::IdParam;
use crate::account_messages::{active_user, write};
use crate::answer::{carried_out, no_content, to_response};
use crate::app::App;
use crate::auth::Customer;
use crate::extract::{CommandRequest, Id, Json, of_database};
use crate::gateway::RequestOrigin;
use crate::problem::{ApiResult, Problem};

/// After this time, all earlier tokens are forgotten.
const AN_HOUR_S: u32 = 3_600;

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
    let user = active_user(&app, id).await?;
    let user = user.ok_or_else(Problem::nothing_here)?;
    if user.email_verified {
        let detail = "The e-mail address of this account is verified already.";
        return Err(Problem::new(StatusCode::CONFLICT, "email-verified", detail));
    }
    match write(&app, id, &user, Purpose::EmailVerification).await? {
        true => Ok(StatusCode::ACCEPTED.into_response()),
        false => {
            let detail = "You were sent several messages of late; use the newest, or wait an hour.";
            let refused = Problem::new(StatusCode::TOO_MANY_REQUESTS, "rate-limited", detail);
            Err(refused.with_retry_after(AN_HOUR_S))
        }
    }
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
    let purpose = Purpose::EmailVerification;
    let issued = one_time::find(&app.pool, purpose, &body.token).await;
    let issued = issued.map_err(|error| of_database(&error))?;
    let issued = issued.ok_or_else(invalid_token)?;
    let id = issued.user_id;
    let user = active_user(&app, id).await?;
    let email = user.as_ref().and_then(|user| user.email.known());
    if !email.is_some_and(|email| issued.was_sent_to(email)) {
        return Err(invalid_token());
    }
    let answered = app
        .execute(VerifyEmail { id }, Actor::User(id), request, |_| {
            no_content()
        })
        .await?;
    // Spent last, so that the token is not lost if the log could not be reached.
    let spent = match carried_out(&answered) {
        true => one_time::spend(&app.pool, purpose, &body.token).await,
        false => Ok(true),
    };
    match spent.map_err(|error| of_database(&error))? {
        true => {
            app.security
                .record(origin.event(Kind::EmailVerification).about(id));
            Ok(to_response(answered))
        }
        false => Err(invalid_token()),
    }
}

pub(super) fn invalid_token() -> Problem {
    let detail = "The token is unknown, used or older than half an hour; ask for another message.";
    Problem::unprocessable("invalid-one-time-token", detail)
}
