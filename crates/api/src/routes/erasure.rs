//! Forgetting a person, for good.

use axum::extract::State;
use daybook_commands::EraseUser;
use daybook_domain::{StreamId, UserId};
use utoipa_axum::routes;

use super::headers::{IdParam, IfMatchParam};
use crate::answer::{carried_out, no_content, to_response};
use crate::app::App;
use crate::auth::{Access, Admin, Customer, Effect, Routes};
use crate::extract::{CommandRequest, Id, IfMatch};
use crate::problem::ApiResult;

pub(super) fn router() -> Routes<App> {
    Routes::new().open_to(Access::OwnerInPerson, Effect::Appends, routes!(erase_user))
}

/// Erases a person: oneself, or for administrators anyone else. There is no way back.
///
/// The key that their data is sealed with is destroyed, their e-mail address is free again, and their tokens count no
/// longer. Orders stay, with a customer of whom nothing is known. Whoever is erased already stays so: 204 again.
#[utoipa::path(
    delete, path = "/api/v1/users/{id}", operation_id = "eraseUser", tag = "users", params(IdParam, IfMatchParam),
    responses(
        (status = 204, description = "Nobody knows any more who that was"),
        (status = 409, description = "The caller is an administrator, whom another one has to erase"),
        (status = 412, description = "The account has changed since"),
    ),
)]
async fn erase_user(
    State(app): State<App>,
    caller: Customer,
    Id(id): Id<UserId>,
    if_match: IfMatch,
    request: CommandRequest,
) -> ApiResult {
    caller.may_erase(id)?;
    let expected_version = if_match.expected(&app.commands, StreamId::user(id)).await?;
    let command = EraseUser {
        id,
        expected_version,
    };
    let actor = caller.actor();
    let answered = match caller.id == id {
        true => app.execute(command, actor, request, |_| no_content()).await,
        false => {
            let command = Admin { id: caller.id }.gives(command);
            app.execute(command, actor, request, |_| no_content()).await
        }
    }?;
    if carried_out(&answered) {
        app.accounts.after_erasure(id);
    }
    Ok(to_response(answered))
}
