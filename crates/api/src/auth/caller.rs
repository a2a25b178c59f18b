//! Callers as handlers take them.

use axum::extract::FromRequestParts;
use axum::http::StatusCode;
use axum::http::request::Parts;
use daybook_commands::ByAdmin;
use daybook_domain::UserId;
use daybook_log::Actor;

use super::identify::Caller;
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

    /// Oneself, whatever else one may do: what only the owner of an account can prove or ask for.
    pub fn must_be(self, id: UserId) -> ApiResult<()> {
        match self.id == id {
            true => Ok(()),
            false => Err(Problem::nothing_here()),
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

    /// A command that counts only if they are an administrator still when it is written.
    pub fn gives<C>(self, command: C) -> ByAdmin<C> {
        ByAdmin {
            admin: self.id,
            command,
        }
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
