//! Extractors for the caller of a request.

use axum::extract::FromRequestParts;
use axum::http::StatusCode;
use axum::http::request::Parts;
use daybook_commands::ByAdmin;
use daybook_domain::UserId;
use daybook_log::Actor;

use super::identify::Caller;
use crate::problem::{ApiResult, Problem};

/// A caller who is signed in.
#[derive(Clone, Copy, Debug)]
pub struct Customer {
    pub id: UserId,
    pub is_admin: bool,
}

/// A caller who is an administrator.
#[derive(Clone, Copy, Debug)]
pub struct Admin {
    pub id: UserId,
}

impl Customer {
    pub fn actor(self) -> Actor {
        Actor::User(self.id)
    }

    /// Somebody else's resource is answered as if it did not exist.
    pub fn may_see(self, owner: UserId) -> ApiResult<()> {
        if self.is_admin || self.id == owner {
            Ok(())
        } else {
            Err(Problem::nothing_here())
        }
    }

    /// Accepts only the user themself, not even administrators: for what only the owner of an account can prove or ask
    /// for.
    pub fn must_be(self, id: UserId) -> ApiResult<()> {
        match self.id == id {
            true => Ok(()),
            false => Err(Problem::nothing_here()),
        }
    }

    /// Accepts the user themself, or an administrator if it is somebody else's account.
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

    /// Makes a command that only succeeds if the caller is still an administrator when it is written.
    pub fn gives<C>(self, command: C) -> ByAdmin<C> {
        ByAdmin {
            admin: self.id,
            command,
        }
    }

    /// An administrator cannot take the role from themself, so that a shop always has one.
    pub fn may_dismiss(self, id: UserId) -> ApiResult<()> {
        if self.id != id {
            return Ok(());
        }
        let detail = "An administrator cannot give up the role; have another one take it from you.";
        Err(Problem::new(StatusCode::CONFLICT, "own-admin-role", detail))
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Customer {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        let known = Caller::of(&parts.extensions).known()?;
        Ok(Customer {
            id: known.principal.user_id,
            is_admin: known.is_admin,
        })
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Admin {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        let known = Caller::of(&parts.extensions).admin()?;
        Ok(Admin {
            id: known.principal.user_id,
        })
    }
}
