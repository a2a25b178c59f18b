//! Accounts: registering, profiles, roles.

mod activation;
mod answer;
mod email;
mod export;
mod password;

use std::collections::BTreeSet;

use axum::extract::State;
use axum::http::Uri;
use daybook_commands::{Answered, ChangeUserRoles, RegisterUser, RenameUser};
use daybook_domain::user::{Role, User};
use daybook_domain::{Email, StreamId, UserId, Versioned};
use daybook_history::past::user_at;
use daybook_identity::security::Kind;
use daybook_identity::{credentials, revoke_tokens};
use daybook_log::Actor;
use daybook_projections::users;
use error_reporter::Report;
use serde::Deserialize;
use tracing::warn;
use utoipa::ToSchema;
use utoipa_axum::routes;

pub(super) use self::answer::RoleName;
use self::answer::{UserAnswer, represent};
use super::headers::{IdParam, IfMatchParam, IfNoneMatchParam, KeyParam};
use crate::account_messages::welcome;
use crate::answer::{carried_out, json, tagged, to_response};
use crate::app::{App, BASE};
use crate::auth::sign_in::hash_new_password;
use crate::auth::{Access, Admin, Customer, Routes};
use crate::bounds::{email, line, new_password, optional_line};
use crate::etag::ETag;
use crate::extract::{
    AsOf, AsOfParam, CommandRequest, Id, IfMatch, IfNoneMatch, Json, MinPosition, PageParams,
    Query, Submission, list, of_database, position_as_of,
};
use crate::gateway::Origin;
use crate::problem::{ApiResult, Problem};

pub(super) fn router() -> Routes {
    Routes::new()
        .open_to(Access::Anyone, routes!(register))
        .open_to(Access::Admin, routes!(list_users))
        .open_to(Access::AdminInPerson, routes!(create_user))
        .open_to(Access::Owner, routes!(get_user, change_user))
        .open_to(Access::AdminInPerson, routes!(change_roles))
        .open_to(Access::Owner, routes!(export::export_user))
        .open_to(Access::AdminInPerson, routes!(activation::deactivate_user))
        .open_to(Access::AdminInPerson, routes!(activation::reactivate_user))
        .open_to(Access::Oneself, routes!(password::change_password))
        .open_to(Access::Anyone, routes!(password::forgotten_password))
        .open_to(Access::Anyone, routes!(password::reset_password))
        .open_to(Access::Oneself, routes!(email::ask_email_verification))
        .open_to(Access::Anyone, routes!(email::verify_email))
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
    origin: Origin,
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
    let event = origin.event(Kind::AccountCreated).about(id).by(admin.id);
    let event = event.with_roles(command.roles.clone());
    let answered = open_account(&app, command, &password, Some(admin), submission.request).await?;
    if carried_out(&answered) {
        app.security.record(event);
    }
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
    origin: Origin,
    if_match: IfMatch,
    request: CommandRequest,
    Json { value: body, .. }: Json<RolesBody>,
) -> ApiResult {
    if !body.roles.contains(&Role::Admin) {
        admin.may_dismiss(id)?;
    }
    let expected_version = if_match.expected(&app.commands, StreamId::user(id)).await?;
    let event = origin.event(Kind::RoleChanged).about(id).by(admin.id);
    let event = event.with_roles(body.roles.clone());
    let command = admin.gives(ChangeUserRoles {
        id,
        roles: body.roles,
        expected_version,
    });
    let accept = move |user: &Versioned<User>| represent(id, user).ok();
    let answered = app.execute(command, admin.actor(), request, accept).await?;
    if carried_out(&answered) {
        let revoked = revoke_tokens(&app.pool, id).await;
        app.revocations
            .note(revoked.map_err(|error| of_database(&error))?);
        app.security.record(event);
    }
    Ok(to_response(answered))
}

fn parse_email(email: &str) -> ApiResult<Email> {
    email.parse().map_err(|field| Problem::from(&field))
}

/// Stores the password's hash first, so that no acknowledged user lacks one, and takes it back unless the user
/// was registered just now. Where nobody knows whether it was, the hash stays: it does no harm.
async fn open_account(
    app: &App,
    command: RegisterUser,
    password: &str,
    by: Option<Admin>,
    request: CommandRequest,
) -> ApiResult<Answered> {
    let id = command.id;
    let hash = hash_new_password(password, &command.email, "/password").await?;
    credentials::store(&app.pool, id, &hash)
        .await
        .map_err(|error| of_database(&error))?;
    let accept =
        move |user: &Versioned<User>| represent(id, user).created_at(format!("{BASE}/users/{id}"));
    let answered = match by {
        None => {
            app.execute(command, Actor::Anonymous, request, accept)
                .await
        }
        Some(by) => {
            let command = by.gives(command);
            app.execute(command, by.actor(), request, accept).await
        }
    };
    forget_unless_opened(app, id, &answered).await;
    let answered = answered?;
    if carried_out(&answered) {
        welcome(app, id).await;
    }
    Ok(answered)
}

async fn forget_unless_opened(app: &App, id: UserId, answered: &ApiResult<Answered>) {
    let may_be_open = match answered {
        Ok(answered) => carried_out(answered),
        Err(problem) => problem.status().is_server_error(),
    };
    if may_be_open {
        return;
    }
    if let Err(error) = credentials::remove(&app.pool, id).await {
        warn!(user.id = %id, error = %Report::new(&error), "a password's hash of nobody was left behind");
    }
}
