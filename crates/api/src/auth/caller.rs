//! Callers as handlers take them.

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::http::{StatusCode, header};
use daybook_domain::user::Role;
use daybook_domain::{StreamId, UserId};
use daybook_log::Actor;
use tracing::debug;

use super::token::Identity;
use crate::app::App;
use crate::problem::{ApiResult, Problem};

/// Anyone who is signed in.
#[derive(Clone, Copy, Debug)]
pub struct Customer {
    pub id: UserId,
    pub is_admin: bool,
}

/// Someone who runs the shop.
#[derive(Clone, Copy, Debug)]
pub struct Admin {
    pub id: UserId,
}

impl Customer {
    pub fn actor(self) -> Actor {
        Actor::User(self.id)
    }

    /// What is someone else's is not there.
    pub fn may_see(self, owner: UserId) -> ApiResult<()> {
        if self.is_admin || self.id == owner {
            Ok(())
        } else {
            Err(Problem::nothing_here())
        }
    }

    /// Oneself, or for administrators anyone but oneself.
    pub fn may_erase(self, id: UserId) -> ApiResult<()> {
        self.may_see(id)?;
        match self.is_admin {
            true => Admin { id: self.id }.may_dismiss(id),
            false => Ok(()),
        }
    }
}

impl Admin {
    pub fn actor(self) -> Actor {
        Actor::User(self.id)
    }

    /// Whoever takes the role from somebody keeps it, so that a shop is never without.
    pub fn may_dismiss(self, id: UserId) -> ApiResult<()> {
        if self.id != id {
            return Ok(());
        }
        let detail = "An administrator cannot give up the role; have another one take it from you.";
        Err(Problem::new(StatusCode::CONFLICT, "own-admin-role", detail))
    }
}

impl FromRequestParts<App> for Customer {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Problem> {
        let Identity { user_id, roles } = identity(parts, app)?;
        Ok(Customer {
            id: user_id,
            is_admin: roles.contains(&Role::Admin) && is_admin_still(app, user_id).await?,
        })
    }
}

impl FromRequestParts<App> for Admin {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Problem> {
        let caller = Customer::from_request_parts(parts, app).await?;
        if caller.is_admin {
            Ok(Admin { id: caller.id })
        } else {
            Err(Problem::forbidden("This is for administrators."))
        }
    }
}

/// A token is good for minutes, and who was an admin when it was made may no longer be one: they must
/// not use what is left of it to make themselves one again. So the log has the last word.
async fn is_admin_still(app: &App, id: UserId) -> ApiResult<bool> {
    let user = app.commands.load(StreamId::user(id)).await?;
    Ok(user
        .state
        .as_user()
        .is_some_and(|user| user.roles.contains(&Role::Admin)))
}

/// RFC 6750: without a token the challenge names no error.
fn identity(parts: &Parts, app: &App) -> ApiResult<Identity> {
    let mut values = parts.headers.get_all(header::AUTHORIZATION).iter();
    let (Some(value), None) = (values.next(), values.next()) else {
        let detail = "Sign in, and send the access token as Authorization: Bearer.";
        return Err(Problem::unauthorized("unauthenticated", detail, "Bearer"));
    };
    let invalid = || {
        let detail = "The access token is invalid or has expired; sign in again or refresh it.";
        Problem::unauthorized("invalid-token", detail, "Bearer error=\"invalid_token\"")
    };
    let (scheme, token) = value
        .to_str()
        .ok()
        .and_then(|text| text.split_once(' '))
        .ok_or_else(invalid)?;
    if !scheme.eq_ignore_ascii_case("bearer") {
        return Err(invalid());
    }
    let identity = app.token_keys.check(token.trim()).map_err(|error| {
        debug!(%error, "a token was refused");
        invalid()
    })?;
    match app.erasures.contains(identity.user_id) {
        true => Err(invalid()),
        false => Ok(identity),
    }
}
