//! Signing in, and staying signed in.

use axum::extract::State;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::IntoResponse;
use daybook_accounts::Tokens;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::routes;

use crate::answer::json;
use crate::app::App;
use crate::auth::{Access, Customer, Effect, RequestOrigin, Routes};
use crate::bounds::email;
use crate::extract::Json;
use crate::problem::ApiResult;

pub(super) fn router() -> Routes<App> {
    Routes::new()
        .open_to(Access::Anyone, Effect::SignsIn, routes!(login))
        .open_to(Access::Anyone, Effect::SignsIn, routes!(refresh))
        .open_to(Access::Anyone, Effect::Changes, routes!(logout))
        .open_to(
            Access::InPerson,
            Effect::Changes,
            routes!(logout_everywhere),
        )
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct LoginBody {
    #[schema(schema_with = email)]
    email: String,
    #[schema(format = Password, pattern = "^[^\\u0000]*$")]
    password: String,
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct RefreshBody {
    /// Good for one use: the answer brings the next one.
    #[schema(pattern = "^[^\\u0000]*$")]
    refresh_token: String,
}

#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = Tokens)]
pub(super) struct TokensAnswer {
    access_token: String,
    #[schema(pattern = "^Bearer$")]
    token_type: &'static str,
    /// Seconds until the access token expires.
    expires_in: u64,
    refresh_token: String,
}

/// Signs in.
#[utoipa::path(
    post, path = "/api/v1/users/login", operation_id = "login", tag = "users",
    request_body = LoginBody,
    responses(
        (status = 200, description = "An access token and a refresh token", body = TokensAnswer),
        (status = 401, description = "The e-mail address or the password is wrong"),
        (status = 403, description = "The password is right, and the account has been deactivated"),
    ),
)]
async fn login(
    State(app): State<App>,
    origin: RequestOrigin,
    Json { value: body, .. }: Json<LoginBody>,
) -> ApiResult {
    let context = origin.context();
    let signed_in = app.accounts.sign_in(&context, &body.email, &body.password);
    answer(signed_in.await?)
}

/// Exchanges a refresh token for fresh tokens.
#[utoipa::path(
    post, path = "/api/v1/users/refresh", operation_id = "refresh", tag = "users",
    request_body = RefreshBody,
    responses(
        (status = 200, description = "An access token and the next refresh token", body = TokensAnswer),
        (status = 401, description = "The refresh token is unknown, expired or spent"),
    ),
)]
async fn refresh(
    State(app): State<App>,
    origin: RequestOrigin,
    Json { value: body, .. }: Json<RefreshBody>,
) -> ApiResult {
    let context = origin.context();
    answer(app.accounts.refresh(&context, &body.refresh_token).await?)
}

/// Ends the session of a refresh token: neither it nor the session's access tokens count from now on. An unknown
/// token is as good as ended.
#[utoipa::path(
    post, path = "/api/v1/users/logout", operation_id = "logout", tag = "users",
    request_body = RefreshBody,
    responses((status = 204, description = "The session has ended")),
)]
async fn logout(
    State(app): State<App>,
    origin: RequestOrigin,
    Json { value: body, .. }: Json<RefreshBody>,
) -> ApiResult {
    let context = origin.context();
    app.accounts.sign_out(&context, &body.refresh_token).await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

/// Ends all sessions of the caller, this one included: none of their tokens counts from now on.
#[utoipa::path(
    post, path = "/api/v1/users/logout-everywhere", operation_id = "logoutEverywhere", tag = "users",
    responses((status = 204, description = "All sessions have ended")),
)]
async fn logout_everywhere(
    State(app): State<App>,
    caller: Customer,
    origin: RequestOrigin,
) -> ApiResult {
    let context = origin.context();
    app.accounts
        .sign_out_everywhere(&context, caller.id)
        .await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

pub(super) fn answer(tokens: Tokens) -> ApiResult {
    let body = TokensAnswer {
        access_token: tokens.access_token,
        token_type: "Bearer",
        expires_in: tokens.expires_in.as_secs(),
        refresh_token: tokens.refresh_token,
    };
    let no_store = [(header::CACHE_CONTROL, HeaderValue::from_static("no-store"))];
    Ok((no_store, json(&body)?).into_response())
}
