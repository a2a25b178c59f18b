//! Staff sign in at an OpenID Connect provider.

use axum::extract::State;
use axum::http::{HeaderValue, header};
use axum::response::IntoResponse;
use daybook_identity::oidc::{self, OidcError, Provider};
use error_reporter::Report;
use serde::{Deserialize, Serialize};
use tracing::{error, info, warn};
use utoipa::ToSchema;
use utoipa_axum::routes;

use super::sessions::{TokensAnswer, answer};
use crate::answer::json;
use crate::app::App;
use crate::auth::{Access, Effect, RequestOrigin, Routes};
use crate::extract::Json;
use crate::problem::{ApiResult, Problem};

pub(super) fn router() -> Routes<App> {
    Routes::new()
        .open_to(Access::Anyone, Effect::ChangesGuarded, routes!(begin))
        .open_to(Access::Anyone, Effect::ChangesGuarded, routes!(finish))
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct BeginBody {}

#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct BegunAnswer {
    /// Where to go to sign in. The provider then sends the browser to the page that is registered with it, with `code`
    /// and `state`.
    authorization_url: String,
    /// A secret for the other call, to be kept where no other page can read it.
    attempt: String,
    /// Seconds until the attempt is too old.
    expires_in: u64,
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct FinishBody {
    #[schema(max_length = 100, pattern = "^[^\\u0000]*$")]
    attempt: String,
    #[schema(max_length = 4096, pattern = "^[^\\u0000]*$")]
    code: String,
    #[schema(max_length = 4096, pattern = "^[^\\u0000]*$")]
    state: String,
}

/// Begins to sign in at the identity provider.
#[utoipa::path(
    post, path = "/api/v1/users/oidc/begin", operation_id = "beginOidc", tag = "users",
    request_body = BeginBody,
    responses(
        (status = 200, description = "Where to go, and a secret for coming back", body = BegunAnswer),
        (status = 404, description = "No identity provider is configured"),
    ),
)]
async fn begin(State(app): State<App>, _: Json<BeginBody>) -> ApiResult {
    let begun = provider(&app)?.begin(&app.pool).await?;
    let answer = BegunAnswer {
        authorization_url: begun.authorization_url.into(),
        attempt: begun.attempt,
        expires_in: oidc::LIFETIME.as_secs(),
    };
    let no_store = [(header::CACHE_CONTROL, HeaderValue::from_static("no-store"))];
    Ok((no_store, json(&answer)?).into_response())
}

/// Signs in whom the identity provider has proven: an administrator's account that has signed in there before, or
/// whose e-mail address the provider has verified.
#[utoipa::path(
    post, path = "/api/v1/users/oidc/finish", operation_id = "finishOidc", tag = "users",
    request_body = FinishBody,
    responses(
        (status = 200, description = "An access token and a refresh token", body = TokensAnswer),
        (status = 401, description = "The attempt is unknown, finished or too old, or the provider proves nobody"),
        (status = 403, description = "Whoever that is has no account of staff here"),
        (status = 404, description = "No identity provider is configured"),
    ),
)]
async fn finish(
    State(app): State<App>,
    origin: RequestOrigin,
    Json { value: body, .. }: Json<FinishBody>,
) -> ApiResult {
    let provider = provider(&app)?;
    let FinishBody {
        attempt,
        code,
        state,
    } = body;
    let subject = provider.finish(&app.pool, &attempt, code, &state).await?;
    let context = origin.context();
    answer(app.accounts.sign_in_staff(&context, &subject).await?)
}

fn provider(app: &App) -> ApiResult<&Provider> {
    app.oidc
        .as_ref()
        .ok_or_else(|| Problem::not_found("No identity provider is configured here."))
}

impl From<OidcError> for Problem {
    fn from(error: OidcError) -> Problem {
        match error {
            OidcError::NoSuchAttempt => {
                let detail =
                    "The attempt to sign in is unknown, finished or too old; begin another.";
                Problem::unauthorized("invalid-attempt", detail, "Bearer")
            }
            OidcError::NotProven(_) => {
                info!(error = %Report::new(&error), "the identity provider proved nobody");
                let detail = "The identity provider did not confirm who you are; begin again.";
                Problem::unauthorized("not-proven", detail, "Bearer")
            }
            OidcError::Unavailable(_) => {
                warn!(error = %Report::new(&error), "the identity provider is of no use");
                let detail = "The identity provider does not answer as it should; try again.";
                Problem::unavailable("identity-provider-unavailable", detail, 5)
            }
            OidcError::Database(error) => error.into(),
            OidcError::Random => {
                error!(%error, "an attempt to sign in could not be begun");
                Problem::internal()
            }
        }
    }
}
