//! API keys: what machines sign in with. Each acts for the administrator who made it.

mod answer;
mod body;
mod pages;

use axum::extract::State;
use axum::http::{StatusCode, Uri, header};
use axum::response::IntoResponse;
use daybook_accounts::ApiKeyRecord;
use daybook_identity::api_key::{self, ApiKeyError};
use error_reporter::Report;
use tracing::error;
use utoipa_axum::routes;
use uuid::Uuid;

use self::answer::MadeApiKeyAnswer;
use self::body::ApiKeyBody;
use super::headers::IdParam;
use crate::answer::json;
use crate::app::{App, BASE};
use crate::auth::{Access, Admin, Effect, RequestOrigin, Routes};
use crate::extract::{Id, Json, PageParams, Query, list};
use crate::problem::{ApiResult, Problem};

pub(super) fn router() -> Routes<App> {
    Routes::new()
        .open_to(Access::AdminInPerson, Effect::Reads, routes!(list_api_keys))
        .open_to(
            Access::AdminInPerson,
            Effect::Changes,
            routes!(create_api_key),
        )
        .open_to(Access::AdminInPerson, Effect::Reads, routes!(get_api_key))
        .open_to(
            Access::AdminInPerson,
            Effect::Changes,
            routes!(revoke_api_key),
        )
}

/// Makes a key that acts for the caller: the answer shows it, once.
///
/// It is sent like an access token, as `Authorization: Bearer dbk_…`, and may do what its roles may, as long as its
/// maker has them too; but nothing that concerns credentials. Takes no `Idempotency-Key`, since what it answers is kept
/// nowhere: a key that did not arrive is revoked, and another one made.
#[utoipa::path(
    post, path = "/api/v1/api-keys", operation_id = "createApiKey", tag = "api-keys", request_body = ApiKeyBody,
    responses((status = 201, description = "The key", body = MadeApiKeyAnswer, headers(("Location" = String)))),
)]
async fn create_api_key(
    State(app): State<App>,
    admin: Admin,
    origin: RequestOrigin,
    Json { value: body, .. }: Json<ApiKeyBody>,
) -> ApiResult {
    let held = app.accounts.roles(admin.id).await?;
    let new = body.into_key(admin.id, &held, app.now())?;
    let (key, text) = app.accounts.create_api_key(&origin.context(), new).await?;
    let location = format!("{BASE}/api-keys/{}", key.id);
    let made = MadeApiKeyAnswer::of(key, text);
    let headers = [
        (header::LOCATION, location),
        (header::CACHE_CONTROL, "no-store".to_owned()),
    ];
    Ok((StatusCode::CREATED, headers, json(&made)?).into_response())
}

/// All keys, the newest first; without what would prove anything.
#[utoipa::path(
    get, path = "/api/v1/api-keys", operation_id = "listApiKeys", tag = "api-keys", params(PageParams),
    responses((status = 200, description = "A page of keys", body = Vec<ApiKeyRecord>)),
)]
async fn list_api_keys(
    State(app): State<App>,
    _: Admin,
    uri: Uri,
    Query(page): Query<PageParams>,
) -> ApiResult {
    let (place, limit) = pages::place(page)?;
    let found = api_key::list(&app.pool, place, limit).await;
    let page = pages::of(found?);
    list(&uri, page, ApiKeyRecord::from)
}

/// One key; without what would prove anything.
#[utoipa::path(
    get, path = "/api/v1/api-keys/{id}", operation_id = "getApiKey", tag = "api-keys", params(IdParam),
    responses((status = 200, description = "The key", body = ApiKeyRecord)),
)]
async fn get_api_key(State(app): State<App>, _: Admin, Id(id): Id<Uuid>) -> ApiResult {
    let key = api_key::get(&app.pool, id).await?;
    json(&ApiKeyRecord::from(key.ok_or_else(Problem::nothing_here)?))
}

/// Revokes a key: no request is answered to it from now on. Stays in the list; one that was revoked stays so.
#[utoipa::path(
    delete, path = "/api/v1/api-keys/{id}", operation_id = "revokeApiKey", tag = "api-keys", params(IdParam),
    responses((status = 204, description = "The key counts no longer")),
)]
async fn revoke_api_key(
    State(app): State<App>,
    admin: Admin,
    origin: RequestOrigin,
    Id(id): Id<Uuid>,
) -> ApiResult {
    let context = origin.context();
    match app.accounts.revoke_api_key(&context, admin.id, id).await? {
        true => Ok(StatusCode::NO_CONTENT.into_response()),
        false => Err(Problem::nothing_here()),
    }
}

impl From<ApiKeyError> for Problem {
    fn from(error: ApiKeyError) -> Problem {
        match error {
            ApiKeyError::Database(error) => error.into(),
            ApiKeyError::NoOwner => {
                let detail = "Whoever the key would act for has just been erased.";
                Problem::unauthorized("invalid-token", detail, "Bearer error=\"invalid_token\"")
            }
            ApiKeyError::Random => {
                error!(error = %Report::new(&error), "an API key could not be made");
                Problem::internal()
            }
        }
    }
}
