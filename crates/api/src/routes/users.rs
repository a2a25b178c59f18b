//! Accounts: registering, profiles, roles.

mod activation;
mod answer;
mod email;
mod export;
mod password;

use std::collections::BTreeSet;

use axum::extract::State;
use axum::http::Uri;
use daybook_accounts::Fate;
use daybook_commands::{Answered, ChangeUserRoles, CommandError, RegisterUser, RenameUser};
use daybook_contract::RoleName;
use daybook_domain::user::{Role, User};
use daybook_domain::{Email, StreamId, UserId, Versioned};
use daybook_history::past::user_at;
use daybook_identity::security::RequestContext;
use daybook_log::Actor;
use daybook_projections::users;
use serde::Deserialize;
use utoipa::ToSchema;
use utoipa_axum::routes;

use self::answer::{UserAnswer, represent};
use super::headers::{IdParam, IfMatchParam, IfNoneMatchParam, KeyParam};
use crate::answer::{carried_out, json, to_response};
use crate::app::{App, BASE};
use crate::auth::{Access, Admin, Customer, Effect, RequestOrigin, Routes};
use crate::bounds::{email, line, new_password, optional_line};
use crate::etag::ETag;
use crate::extract::{
    AsOf, AsOfParam, CommandRequest, Id, IfMatch, IfNoneMatch, Json, MinPosition, PageParams,
    Query, Submission, list, position_as_of, tagged,
};
use crate::problem::{ApiResult, Problem};

pub(super) fn router() -> Routes<App> {
    Routes::new()
        .open_to(Access::Anyone, Effect::Appends, routes!(register))
        .open_to(Access::Admin, Effect::Reads, routes!(list_users))
        .open_to(Access::AdminInPerson, Effect::Appends, routes!(create_user))
        .open_to(Access::Owner, Effect::Reads, routes!(get_user))
        .open_to(Access::Owner, Effect::Appends, routes!(change_user))
        .open_to(
            Access::AdminInPerson,
            Effect::Appends,
            routes!(change_roles),
        )
        .open_to(Access::Owner, Effect::Reads, routes!(export::export_user))
        .open_to(
            Access::AdminInPerson,
            Effect::Appends,
            routes!(activation::deactivate_user),
        )
        .open_to(
            Access::AdminInPerson,
            Effect::Appends,
            routes!(activation::reactivate_user),
        )
        .open_to(
            Access::Oneself,
            Effect::ChangesGuarded,
            routes!(password::change_password),
        )
        .open_to(
            Access::Anyone,
            Effect::ChangesGuarded,
            routes!(password::forgotten_password),
        )
        .open_to(
            Access::Anyone,
            Effect::ChangesGuarded,
            routes!(password::reset_password),
        )
        .open_to(
            Access::Oneself,
            Effect::ChangesGuarded,
            routes!(email::ask_email_verification),
        )
        .open_to(
            Access::Anyone,
            Effect::AppendsGuarded,
            routes!(email::verify_email),
        )
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct RegisterBody {
    #[schema(schema_with = email)]
    email: String,
    #[schema(schema_with = new_password)]
    password: String,
    #[schema(schema_with = line::<{ User::NAME_MAX_CHARS }>)]
    first_name: String,
    #[schema(schema_with = line::<{ User::NAME_MAX_CHARS }>)]
    last_name: String,
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct CreateUserBody {
    #[schema(schema_with = email)]
    email: String,
    #[schema(schema_with = new_password)]
    password: String,
    #[schema(schema_with = line::<{ User::NAME_MAX_CHARS }>)]
    first_name: String,
    #[schema(schema_with = line::<{ User::NAME_MAX_CHARS }>)]
    last_name: String,
    #[schema(value_type = Vec<RoleName>, min_items = 1)]
    roles: BTreeSet<Role>,
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct ChangeUserBody {
    #[schema(schema_with = optional_line::<{ User::NAME_MAX_CHARS }>)]
    first_name: Option<String>,
    #[schema(schema_with = optional_line::<{ User::NAME_MAX_CHARS }>)]
    last_name: Option<String>,
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct RolesBody {
    #[schema(value_type = Vec<RoleName>, min_items = 1)]
    roles: BTreeSet<Role>,
}

/// Opens an account.
#[utoipa::path(
    post, path = "/api/v1/users/register", operation_id = "register", tag = "users", params(KeyParam),
    request_body = RegisterBody,
    responses(
        (status = 201, description = "The account", body = UserAnswer, headers(("ETag" = String))),
        (status = 409, description = "The e-mail address is taken, or the Idempotency-Key is in use"),
    ),
)]
async fn register(State(app): State<App>, submission: Submission<RegisterBody>) -> ApiResult {
    let RegisterBody {
        email,
        password,
        first_name,
        last_name,
    } = submission.body;
    let roles = BTreeSet::from([Role::User]);
    let (id, email) = (app.new_id(), parse_email(&email)?);
    let command = RegisterUser {
        id,
        email,
        first_name,
        last_name,
        roles,
    };
    let answered = open_account(&app, command, &password, None, submission.request).await?;
    Ok(to_response(answered))
}

/// Opens an account for someone else.
#[utoipa::path(
    post, path = "/api/v1/users", operation_id = "createUser", tag = "users", params(KeyParam),
    request_body = CreateUserBody,
    responses(
        (status = 201, description = "The account", body = UserAnswer, headers(("ETag" = String))),
        (status = 409, description = "The e-mail address is taken, or the Idempotency-Key is in use"),
    ),
)]
async fn create_user(
    State(app): State<App>,
    admin: Admin,
    origin: RequestOrigin,
    submission: Submission<CreateUserBody>,
) -> ApiResult {
    let CreateUserBody {
        email,
        password,
        first_name,
        last_name,
        roles,
    } = submission.body;
    let (id, email) = (app.new_id(), parse_email(&email)?);
    let command = RegisterUser {
        id,
        email,
        first_name,
        last_name,
        roles,
    };
    let by = Some((admin, origin.context()));
    let answered = open_account(&app, command, &password, by, submission.request).await?;
    Ok(to_response(answered))
}

/// All accounts, the newest first.
#[utoipa::path(
    get, path = "/api/v1/users", operation_id = "listUsers", tag = "users", params(PageParams),
    responses((status = 200, description = "A page of accounts", body = Vec<UserAnswer>)),
)]
async fn list_users(
    State(app): State<App>,
    _: Admin,
    min_position: MinPosition,
    uri: Uri,
    Query(page): Query<PageParams>,
) -> ApiResult {
    let paging = page.paging()?;
    min_position.reached(&app, users::NAME).await?;
    list(
        &uri,
        app.read_models.users().list(&paging).await?,
        UserAnswer::from,
    )
}

/// One's own account; for administrators anyone's.
#[utoipa::path(
    get, path = "/api/v1/users/{id}", operation_id = "getUser", tag = "users",
    params(IdParam, AsOfParam, IfNoneMatchParam),
    responses((status = 200, description = "The account", body = UserAnswer, headers(("ETag" = String)))),
)]
async fn get_user(
    State(app): State<App>,
    caller: Customer,
    Id(id): Id<UserId>,
    AsOf(moment): AsOf,
    min_position: MinPosition,
    held: IfNoneMatch,
) -> ApiResult {
    caller.may_see(id)?;
    if let Some(moment) = moment {
        let position = position_as_of(&app, moment, min_position).await?;
        let user = user_at(&app.feed, id, position).await?;
        return json(&UserAnswer::of(
            id,
            &user.ok_or_else(Problem::nothing_here)?,
        ));
    }
    min_position.reached(&app, users::NAME).await?;
    let user = app
        .read_models
        .users()
        .get(id)
        .await?
        .ok_or_else(Problem::nothing_here)?;
    let etag = ETag::of(user.version);
    tagged(&UserAnswer::from(user), etag, &held)
}

/// Changes a name.
#[utoipa::path(
    put, path = "/api/v1/users/{id}", operation_id = "changeUser", tag = "users", params(IdParam, IfMatchParam),
    request_body = ChangeUserBody,
    responses(
        (status = 200, description = "The account as it is now", body = UserAnswer, headers(("ETag" = String))),
        (status = 409, description = "The account has been deactivated"),
        (status = 412, description = "The account has changed since"),
    ),
)]
async fn change_user(
    State(app): State<App>,
    caller: Customer,
    Id(id): Id<UserId>,
    if_match: IfMatch,
    request: CommandRequest,
    body: Json<ChangeUserBody>,
) -> ApiResult {
    caller.may_see(id)?;
    let expected_version = if_match.expected(&app.commands, StreamId::user(id)).await?;
    let ChangeUserBody {
        first_name,
        last_name,
    } = body.value;
    let command = RenameUser {
        id,
        first_name,
        last_name,
        expected_version,
    };
    let accept = move |user: &Versioned<User>| represent(id, user).ok();
    Ok(to_response(
        app.execute(command, caller.actor(), request, accept)
            .await?,
    ))
}

/// Gives someone other roles; one's own role of administrator only another administrator takes away. Their access
/// tokens count no longer: refreshed ones have the new roles.
#[utoipa::path(
    put, path = "/api/v1/users/{id}/roles", operation_id = "changeRoles", tag = "users", params(IdParam, IfMatchParam),
    request_body = RolesBody,
    responses(
        (status = 200, description = "The account as it is now", body = UserAnswer, headers(("ETag" = String))),
        (status = 409, description = "The administrator would no longer be one, or the account has been deactivated"),
        (status = 412, description = "The account has changed since"),
    ),
)]
async fn change_roles(
    State(app): State<App>,
    admin: Admin,
    Id(id): Id<UserId>,
    origin: RequestOrigin,
    if_match: IfMatch,
    request: CommandRequest,
    Json { value: body, .. }: Json<RolesBody>,
) -> ApiResult {
    if !body.roles.contains(&Role::Admin) {
        admin.may_dismiss(id)?;
    }
    let expected_version = if_match.expected(&app.commands, StreamId::user(id)).await?;
    let roles = body.roles;
    let command = admin.gives(ChangeUserRoles {
        id,
        roles: roles.clone(),
        expected_version,
    });
    let accept = move |user: &Versioned<User>| represent(id, user).ok();
    let answered = app.execute(command, admin.actor(), request, accept).await?;
    if carried_out(&answered) {
        app.accounts
            .after_roles_changed(&origin.context(), admin.id, id, roles)
            .await?;
    }
    Ok(to_response(answered))
}

fn parse_email(email: &str) -> ApiResult<Email> {
    email.parse().map_err(|field| Problem::from(&field))
}

/// Answers a command that opens an account, from an anonymous caller, or from an administrator in the request that is
/// given with them.
async fn open_account(
    app: &App,
    command: RegisterUser,
    password: &str,
    by: Option<(Admin, RequestContext)>,
    request: CommandRequest,
) -> ApiResult<Answered> {
    let id = command.id;
    let mut opening = app
        .accounts
        .begin_opening(id, &command.email, password)
        .await?;
    let accept =
        move |user: &Versioned<User>| represent(id, user).created_at(format!("{BASE}/users/{id}"));
    let answered = match by {
        None => {
            app.try_execute(command, Actor::Anonymous, request, accept)
                .await
        }
        Some((admin, context)) => {
            opening = opening.by_admin(&context, admin.id, command.roles.clone());
            let command = admin.gives(command);
            app.try_execute(command, admin.actor(), request, accept)
                .await
        }
    };
    opening.end(fate(&answered)).await;
    Ok(answered?)
}

fn fate(answered: &Result<Answered, CommandError>) -> Fate {
    match answered {
        Ok(answered) if carried_out(answered) => Fate::Opened,
        Err(error) if error.may_have_been_executed() => Fate::Unknown,
        Ok(_) | Err(_) => Fate::NotOpened,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hash_stays_only_where_its_user_may_exist() {
        for (error, is_left_open) in [
            (CommandError::KeyInUse, false),
            (CommandError::Overloaded, false),
            (CommandError::ShuttingDown, true),
            (CommandError::Unavailable(None), true),
        ] {
            let fate = fate(&Err(error));
            assert_eq!(fate == Fate::Unknown, is_left_open, "{fate:?}");
        }
    }
}
