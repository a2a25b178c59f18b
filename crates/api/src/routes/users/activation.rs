//! Deactivating and reactivating accounts.

use axum::extract::State;
use daybook_commands::{DeactivateUser, ReactivateUser};
use daybook_domain::user::User;
use daybook_domain::{UserId, Versioned};
use serde::Deserialize;
use utoipa::ToSchema;

use super::super::headers::{IdParam, KeyParam};
use super::answer::{UserAnswer, represent};
use crate::answer::{carried_out, to_response};
use crate::app::App;
use crate::auth::{Admin, RequestOrigin};
use crate::extract::{Id, Submission};
use crate::problem::ApiResult;

/// An empty object.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct ActivationBody {}

/// Deactivates an account: nobody signs in or orders with it until it is reactivated.
///
/// All its sessions end and its access tokens count no longer. The account stays as it is meanwhile. Whoever is
/// deactivated already stays so. An administrator cannot deactivate themselves.
#[utoipa::path(
    post, path = "/api/v1/users/{id}/deactivate", operation_id = "deactivateUser", tag = "users",
    params(IdParam, KeyParam), request_body = ActivationBody,
    responses(
        (status = 200, description = "The account as it is now", body = UserAnswer, headers(("ETag" = String))),
        (status = 409, description = "The caller's own account, or the Idempotency-Key is in use"),
    ),
)]
pub(super) async fn deactivate_user(
    State(app): State<App>,
    admin: Admin,
    origin: RequestOrigin,
    Id(id): Id<UserId>,
    submission: Submission<ActivationBody>,
) -> ApiResult {
    admin.may_dismiss(id)?;
    let accept = move |user: &Versioned<User>| represent(id, user).ok();
    let command = admin.gives(DeactivateUser { id });
    let answered = app
        .execute(command, admin.actor(), submission.request, accept)
        .await?;
    // Also when the answer is repeated: the client may repeat the request because this failed.
    if answered.answer.status == 200 {
        app.accounts
            .after_deactivation(&origin.context(), admin.id, id)
            .await?;
    }
    Ok(to_response(answered))
}

/// Reactivates an account: its owner signs in again, with the password that they had.
#[utoipa::path(
    post, path = "/api/v1/users/{id}/reactivate", operation_id = "reactivateUser", tag = "users",
    params(IdParam, KeyParam), request_body = ActivationBody,
    responses(
        (status = 200, description = "The account as it is now", body = UserAnswer, headers(("ETag" = String))),
        (status = 409, description = "The Idempotency-Key is in use"),
    ),
)]
pub(super) async fn reactivate_user(
    State(app): State<App>,
    admin: Admin,
    origin: RequestOrigin,
    Id(id): Id<UserId>,
    submission: Submission<ActivationBody>,
) -> ApiResult {
    let accept = move |user: &Versioned<User>| represent(id, user).ok();
    let command = admin.gives(ReactivateUser { id });
    let answered = app
        .execute(command, admin.actor(), submission.request, accept)
        .await?;
    if carried_out(&answered) {
        app.accounts
            .after_reactivation(&origin.context(), admin.id, id);
    }
    Ok(to_response(answered))
}
