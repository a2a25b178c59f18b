//! Signing in with a password: whose password it is, and how long a guess has to wait.

use std::net::IpAddr;

use axum::http::StatusCode;
use daybook_domain::{Email, UserId};
use daybook_edge::network_of;
use daybook_identity::guessing::{Admission, GuessContext, GuessError};
use daybook_identity::password::{self, PasswordError, PasswordRule};
use daybook_identity::security::Kind;
use daybook_identity::{credentials, session};
use error_reporter::Report;
use tracing::error;
use uuid::Uuid;

use crate::app::App;
use crate::extract::of_database;
use crate::gateway::RequestOrigin;
use crate::problem::{ApiResult, Problem};

/// The user, and the generation of their tokens before the password was checked. Takes the same time, and has the same
/// delays, whether the user exists or not.
pub(crate) async fn authenticate(
    app: &App,
    origin: &RequestOrigin,
    email: &str,
    password: &str,
) -> ApiResult<Option<(UserId, i64)>> {
    let owner = match email.parse::<Email>() {
        Ok(email) => app.commands.email_owner(&email).await?,
        Err(_) => None,
    };
    let attempt = match app.guessing.admit(claim(app, email, owner, origin)).await? {
        Admission::Granted(attempt) => attempt,
        Admission::Delayed(rest) => {
            app.security
                .record(origin.event(Kind::SignInDelayed).about(owner));
            return Err(delayed(rest.as_secs_f64().ceil()));
        }
    };
    // Also looked up if there is no such user, so that it takes as long.
    let known = stored(app, owner.unwrap_or(Uuid::nil().into())).await;
    let known = known.map_err(|error| of_database(&error))?;
    let hash = known.as_ref().map(|(_, hash)| hash.as_str());
    if !attempt.check(password, hash).await? {
        app.security
            .record(origin.event(Kind::SignInFailed).about(owner));
        return Ok(None);
    }
    Ok(owner.zip(known.map(|(generation, _)| generation)))
}

/// Lets somebody sign in at once who has proven in another way that the account is theirs: strangers' wrong guesses no
/// longer delay them here.
pub(crate) async fn forgive(
    app: &App,
    origin: &RequestOrigin,
    email: &Email,
    owner: UserId,
) -> ApiResult<()> {
    let claim = claim(app, &email.canonical(), Some(owner), origin);
    let forgiven = app.guessing.forgive(&claim).await;
    forgiven.map_err(|error| of_database(&error))
}

/// The hash of a new password; `pointer` names its field in the body.
pub(crate) async fn hash_new_password(
    password: &str,
    email: &Email,
    pointer: &'static str,
) -> ApiResult<String> {
    let hash = password::hash_new(password, &email.canonical()).await?;
    hash.map_err(|rule| bad_password(rule, pointer))
}

fn bad_password(rule: PasswordRule, pointer: &'static str) -> Problem {
    Problem::invalid_field(pointer, rule.code(), rule.to_string())
}

/// Pseudonyms, so that nothing tells whose password is guessed from where.
fn claim(app: &App, email: &str, owner: Option<UserId>, origin: &RequestOrigin) -> GuessContext {
    let address = email
        .parse::<Email>()
        .map_or_else(|_| email.to_lowercase(), |email| email.canonical());
    let network = |network: IpAddr| {
        // Combined with the account, so that two accounts do not show that they have the same network.
        app.commands
            .pseudonym("network", &format!("{network} {address}"))
    };
    GuessContext {
        account: app.commands.pseudonym("guessed", &address),
        network: origin.address.map(network_of).map(network),
        user_id: owner,
    }
}

/// Reads the generation first: a password that is changed afterwards starts another generation.
async fn stored(app: &App, id: UserId) -> Result<Option<(i64, String)>, sqlx::Error> {
    let generation = session::generation(&app.pool, id).await?;
    let hash = credentials::find(&app.pool, id).await?;
    Ok(hash.map(|hash| (generation, hash)))
}

/// The same for an address without an account.
fn delayed(seconds: f64) -> Problem {
    let detail = "Too many wrong passwords for this account: wait as long as Retry-After says, or reset the password.";
    // A quarter of an hour at most.
    Problem::new(StatusCode::TOO_MANY_REQUESTS, "sign-in-delayed", detail)
        .with_retry_after(seconds.max(1.0) as u32)
}

impl From<GuessError> for Problem {
    fn from(error: GuessError) -> Problem {
        match error {
            GuessError::Password(error) => error.into(),
            GuessError::Database(error) => of_database(&error),
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
                error!(error = %Report::new(&error), "a password could not be checked");
                Problem::internal()
            }
        }
    }
}
