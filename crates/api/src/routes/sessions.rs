//! Signing in, and staying signed in.

use axum::extract::State;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::IntoResponse;
use daybook_domain::{StreamId, UserId};
use daybook_identity::access_token::TokenKeyError;
use daybook_identity::security::Kind;
use daybook_identity::session::{self, Session, SessionError};
use daybook_identity::{Principal, Revoked};
use error_reporter::Report;
use serde::{Deserialize, Serialize};
use tracing::error;
use utoipa::ToSchema;
use utoipa_axum::routes;

use crate::answer::json;
use crate::app::App;
use crate::auth::{Access, Customer, Routes, sign_in};
use crate::bounds::email;
use crate::extract::{Json, of_database};
use crate::gateway::Origin;
use crate::problem::{ApiResult, Problem};

pub(super) fn router() -> Routes {
    Routes::new()
        .open_to(Access::Anyone, routes!(login))
        .open_to(Access::Anyone, routes!(refresh))
        .open_to(Access::Anyone, routes!(logout))
        .open_to(Access::InPerson, routes!(logout_everywhere))
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
pub(super) struct Tokens {
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
        (status = 403, description = "The password is right, and the account has been deactivated"),
    ),
)]
async fn login(
    State(app): State<App>,
    origin: Origin,
    Json { value: body, .. }: Json<LoginBody>,
) -> ApiResult {
    let proven = sign_in::authenticate(&app, &origin, &body.email, &body.password).await?;
    let (user_id, generation) = proven.ok_or_else(wrong_credentials)?;
    refuse_deactivated(&app, user_id).await?;
    let session = session::start(&app.pool, user_id, generation, app.http.sessions).await?;
    let event = origin.event(Kind::SignedIn).about(user_id);
    app.security.record(event.of_session(session.id));
    tokens(&app, session).await
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
async fn refresh(
    State(app): State<App>,
    origin: Origin,
    Json { value: body, .. }: Json<RefreshBody>,
) -> ApiResult {
    let session = session::refresh(&app.pool, &body.refresh_token, app.http.sessions).await;
    if let Err(SessionError::Invalid {
        ended: Some((user_id, id)),
    }) = &session
    {
        app.revocations.note(Revoked::Session(*id));
        let event = origin.event(Kind::RefreshReused).about(*user_id);
        app.security.record(event.of_session(*id));
    }
    tokens(&app, session?).await
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
    origin: Origin,
    Json { value: body, .. }: Json<RefreshBody>,
) -> ApiResult {
    let ended = session::end(&app.pool, &body.refresh_token).await;
    if let Some((user_id, revoked)) = ended.map_err(|error| of_database(&error))? {
        app.revocations.note(revoked);
        app.security
            .record(origin.event(Kind::LoggedOut).about(user_id));
    }
    Ok(StatusCode::NO_CONTENT.into_response())
}

/// Ends all sessions of the caller, this one included: none of their tokens counts from now on.
#[utoipa::path(
    post, path = "/api/v1/users/logout-everywhere", operation_id = "logoutEverywhere", tag = "users",
    responses((status = 204, description = "All sessions have ended")),
)]
async fn logout_everywhere(State(app): State<App>, caller: Customer, origin: Origin) -> ApiResult {
    let revoked = session::end_all(&app.pool, caller.id).await;
    app.revocations
        .note(revoked.map_err(|error| of_database(&error))?);
    app.security
        .record(origin.event(Kind::LoggedOutEverywhere).about(caller.id));
    Ok(StatusCode::NO_CONTENT.into_response())
}

fn wrong_credentials() -> Problem {
    let detail = "The e-mail address or the password is wrong.";
    Problem::unauthorized("invalid-credentials", detail, "Bearer")
}

/// To be asked only of who has shown that the account is theirs.
async fn refuse_deactivated(app: &App, user_id: UserId) -> ApiResult<()> {
    let loaded = app.commands.load(StreamId::user(user_id)).await?.state;
    if !loaded.as_user().is_some_and(|user| user.deactivated) {
        return Ok(());
    }
    let detail = "The account has been deactivated; an administrator can reactivate it.";
    let code = "account-deactivated";
    Err(Problem::new(StatusCode::FORBIDDEN, code, detail))
}

/// The roles are those of now, as the log has them.
pub(super) async fn tokens(app: &App, session: Session) -> ApiResult {
    let loaded = app
        .commands
        .load(StreamId::user(session.user_id))
        .await?
        .state;
    // They may have been erased or deactivated since they proved who they are.
    let user = loaded.as_user().filter(|user| user.is_active());
    let roles = user
        .map(|user| user.roles.clone())
        .ok_or_else(wrong_credentials)?;
    let principal = Principal {
        user_id: session.user_id,
        roles,
        means: session.means(),
    };
    let ttl = app.http.access_token_ttl;
    let access_token = app.token_keys.sign(&principal, app.now(), ttl)?;
    let body = Tokens {
        access_token,
        token_type: "Bearer",
        expires_in: ttl.as_secs(),
        refresh_token: session.refresh_token,
    };
    let no_store = [(header::CACHE_CONTROL, HeaderValue::from_static("no-store"))];
    Ok((no_store, json(&body)?).into_response())
}

impl From<SessionError> for Problem {
    fn from(error: SessionError) -> Problem {
        match error {
            SessionError::Invalid { .. } => {
                let detail = "The refresh token is unknown, expired or spent; sign in again.";
                Problem::unauthorized("invalid-refresh-token", detail, "Bearer")
            }
            SessionError::Revoked => wrong_credentials(),
            SessionError::Database(error) => of_database(&error),
            SessionError::Random => {
                error!(%error, "a refresh token could not be made");
                Problem::internal()
            }
        }
    }
}

impl From<TokenKeyError> for Problem {
    fn from(error: TokenKeyError) -> Problem {
        error!(error = %Report::new(&error), "a token could not be signed");
        Problem::internal()
    }
}
