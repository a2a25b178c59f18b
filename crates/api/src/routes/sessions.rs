//! Signing in, and staying signed in.

use axum::extract::State;
use axum::http::{HeaderValue, header};
use axum::response::IntoResponse;
use daybook_domain::{Email, StreamId, UserId};
use serde::{Deserialize, Serialize};
use tracing::error;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::answer::json;
use crate::app::App;
use crate::auth::password::{self, PasswordError};
use crate::auth::refresh::{self, RefreshError};
use crate::auth::{credentials, token::TokenKeyError};
use crate::extract::{Json, of_database};
use crate::problem::{ApiResult, Problem, chain};

pub(super) fn router() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(login))
        .routes(routes!(refresh))
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct LoginBody {
    #[schema(format = Email, max_length = 255)]
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
struct Tokens {
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
        (status = 200, description = "An access token and a refresh token", body = Tokens),
        (status = 401, description = "The e-mail address or the password is wrong"),
    ),
)]
async fn login(State(app): State<App>, Json { value: body, .. }: Json<LoginBody>) -> ApiResult {
    let user_id = authenticate(&app, &body)
        .await?
        .ok_or_else(wrong_credentials)?;
    let refresh_token = refresh::issue(&app.pool, user_id, app.http.refresh_token_ttl).await?;
    tokens(&app, user_id, refresh_token).await
}

/// Exchanges a refresh token for fresh tokens.
#[utoipa::path(
    post, path = "/api/v1/users/refresh", operation_id = "refresh", tag = "users",
    request_body = RefreshBody,
    responses(
        (status = 200, description = "An access token and the next refresh token", body = Tokens),
        (status = 401, description = "The refresh token is unknown, expired or spent"),
    ),
)]
async fn refresh(State(app): State<App>, Json { value: body, .. }: Json<RefreshBody>) -> ApiResult {
    let ttl = app.http.refresh_token_ttl;
    let (user_id, next) = refresh::rotate(&app.pool, &body.refresh_token, ttl).await?;
    tokens(&app, user_id, next).await
}

fn wrong_credentials() -> Problem {
    let detail = "The e-mail address or the password is wrong.";
    Problem::unauthorized("invalid-credentials", detail, "Bearer")
}

/// Takes the same time whether or not there is such a user.
async fn authenticate(app: &App, body: &LoginBody) -> ApiResult<Option<UserId>> {
    let owner = match body.email.parse::<Email>() {
        Ok(email) => app.commands.email_owner(&email).await?,
        Err(_) => None,
    };
    let hash = match owner {
        Some(id) => credentials::find(&app.pool, id)
            .await
            .map_err(|error| of_database(&error))?,
        None => None,
    };
    let right = match &hash {
        Some(hash) => password::verify(&body.password, hash).await?,
        None => password::verify_nobody(&body.password).await?,
    };
    Ok(owner.filter(|_| right))
}

/// The roles are those of now, as the log has them.
async fn tokens(app: &App, user_id: UserId, refresh_token: String) -> ApiResult {
    let loaded = app.commands.load(StreamId::user(user_id)).await?.state;
    // They may have been erased since their password was found right.
    let user = loaded.as_user().filter(|user| user.exists());
    let roles = user
        .map(|user| user.roles.clone())
        .ok_or_else(wrong_credentials)?;
    let ttl = app.http.access_token_ttl;
    let access_token = app.token_keys.sign(user_id, &roles, app.now(), ttl)?;
    let body = Tokens {
        access_token,
        token_type: "Bearer",
        expires_in: ttl.as_secs(),
        refresh_token,
    };
    let no_store = [(header::CACHE_CONTROL, HeaderValue::from_static("no-store"))];
    Ok((no_store, json(&body)?).into_response())
}

impl From<RefreshError> for Problem {
    fn from(error: RefreshError) -> Problem {
        match error {
            RefreshError::Invalid => {
                let detail = "The refresh token is unknown, expired or spent; sign in again.";
                Problem::unauthorized("invalid-refresh-token", detail, "Bearer")
            }
            RefreshError::Database(error) => of_database(&error),
            RefreshError::Random => {
                error!(%error, "a refresh token could not be made");
                Problem::internal()
            }
        }
    }
}

impl From<PasswordError> for Problem {
    fn from(error: PasswordError) -> Problem {
        match error {
            PasswordError::Busy => {
                Problem::unavailable("overloaded", "Too many are signing in; try again.", 1)
            }
            PasswordError::Hash(_) => {
                error!(error = chain(&error), "a password could not be checked");
                Problem::internal()
            }
        }
    }
}

impl From<TokenKeyError> for Problem {
    fn from(error: TokenKeyError) -> Problem {
        error!(error = chain(&error), "a token could not be signed");
        Problem::internal()
    }
}
