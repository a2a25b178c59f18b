//! Finds out who sends a request, once for each request, before anything else is done for them.

use axum::http::{Extensions, HeaderMap, header};
use daybook_domain::user::Role;
use daybook_domain::{StreamId, UserId};
use daybook_identity::{Means, Principal, api_key};
use tracing::debug;
use uuid::Uuid;

use super::callers::Callers;
use crate::problem::{ApiResult, Problem};

/// The sender of a request.
#[derive(Clone, Debug)]
pub enum Caller {
    /// The request has no credentials.
    Anonymous,
    Known(Known),
    /// The request has credentials that are not valid.
    Refused(Problem),
}

#[derive(Clone, Debug)]
pub struct Known {
    pub principal: Principal,
    /// As the log says now, not as the credentials say: they may have lost the role since.
    pub is_admin: bool,
}

impl Known {
    fn api_key_id(&self) -> Option<Uuid> {
        match self.principal.means {
            Means::ApiKey { id } => Some(id),
            Means::Session { .. } => None,
        }
    }
}

impl Caller {
    /// The caller that the headers prove. Whether they are still an administrator is not known yet.
    pub async fn identify(callers: &Callers, headers: &HeaderMap) -> Caller {
        match identify(callers, headers).await {
            Ok(None) => Caller::Anonymous,
            Ok(Some(principal)) => Caller::Known(Known {
                principal,
                is_admin: false,
            }),
            Err(problem) => Caller::Refused(problem),
        }
    }

    /// Asks the log whether the caller is an administrator. A token is valid for minutes: somebody who lost the role
    /// must not use the remaining time to give it back to themself. An API key is valid for months, and has no more
    /// rights than its creator has now.
    pub async fn confirm(&mut self, callers: &Callers) {
        let Caller::Known(known) = self else { return };
        let key = known.api_key_id();
        if key.is_none() && !known.principal.roles.contains(&Role::Admin) {
            return;
        }
        let stream = StreamId::user(known.principal.user_id);
        let loaded = match callers.commands.load(stream).await {
            Ok(loaded) => loaded,
            Err(error) => {
                *self = Caller::Refused(error.into());
                return;
            }
        };
        let user = loaded.state.as_user().filter(|user| user.is_active());
        let held = |role: &Role| user.is_some_and(|user| user.roles.contains(role));
        known.is_admin = known.principal.roles.contains(&Role::Admin) && held(&Role::Admin);
        let Some(key) = key else { return };
        known.principal.roles.retain(|role| held(role));
        match known.principal.roles.is_empty() {
            true => *self = Caller::Refused(invalid_key()),
            false => callers.api_keys.note_use(key),
        }
    }

    /// Without an entry by the gateway, the caller is anonymous.
    pub fn of(extensions: &Extensions) -> &Caller {
        extensions.get().unwrap_or(&Caller::Anonymous)
    }

    /// The caller's id, if it is known.
    pub fn user_id(&self) -> Option<UserId> {
        match self {
            Caller::Known(known) => Some(known.principal.user_id),
            Caller::Anonymous | Caller::Refused(_) => None,
        }
    }

    pub fn known(&self) -> ApiResult<&Known> {
        match self {
            Caller::Known(known) => Ok(known),
            Caller::Refused(problem) => Err(problem.clone()),
            // RFC 6750: without a token the challenge names no error.
            Caller::Anonymous => {
                let detail = "Sign in, and send the access token as Authorization: Bearer.";
                Err(Problem::unauthorized("unauthenticated", detail, "Bearer"))
            }
        }
    }

    pub fn api_key_id(&self) -> Option<Uuid> {
        match self {
            Caller::Known(known) => known.api_key_id(),
            Caller::Anonymous | Caller::Refused(_) => None,
        }
    }

    /// Accepts a person who signed in, but not a machine that acts for them.
    pub fn in_person(&self) -> ApiResult<&Known> {
        let known = self.known()?;
        match known.api_key_id() {
            None => Ok(known),
            Some(_) => {
                let detail = "An API key may not do this; sign in to do it in person.";
                Err(Problem::forbidden(detail))
            }
        }
    }

    pub fn admin(&self) -> ApiResult<&Known> {
        let known = self.known()?;
        match known.is_admin {
            true => Ok(known),
            false => Err(Problem::forbidden("This is for administrators.")),
        }
    }
}

async fn identify(callers: &Callers, headers: &HeaderMap) -> ApiResult<Option<Principal>> {
    let mut values = headers.get_all(header::AUTHORIZATION).iter();
    let value = match (values.next(), values.next()) {
        (None, _) => return Ok(None),
        (Some(value), None) => value,
        (Some(_), Some(_)) => return Err(invalid()),
    };
    let (scheme, token) = value
        .to_str()
        .ok()
        .and_then(|text| text.split_once(' '))
        .ok_or_else(invalid)?;
    if !scheme.eq_ignore_ascii_case("bearer") {
        return Err(invalid());
    }
    let (principal, refused) = match token.trim() {
        key if key.starts_with(api_key::PREFIX) => {
            let checked = callers.api_keys.check(key).await;
            let proven = checked?;
            (proven.ok_or_else(invalid_key)?, invalid_key())
        }
        token => {
            let checked = callers.token_keys.check(token).map_err(|error| {
                debug!(%error, "a token was refused");
                invalid()
            });
            (checked?, invalid())
        }
    };
    let stands = callers.revocations.stands(&principal).await;
    if !stands? || callers.erasures.contains(principal.user_id) {
        return Err(refused);
    }
    Ok(Some(principal))
}

fn invalid() -> Problem {
    let detail = "The access token is invalid or has expired; sign in again or refresh it.";
    Problem::unauthorized("invalid-token", detail, "Bearer error=\"invalid_token\"")
}

fn invalid_key() -> Problem {
    let detail = "The API key is unknown, has expired or was revoked.";
    Problem::unauthorized("invalid-token", detail, "Bearer error=\"invalid_token\"")
}
