//! Accounts in answers.

use std::collections::BTreeSet;

use daybook_contract::{RoleName, Timestamp};
use daybook_domain::user::{Role, User};
use daybook_domain::{Personal, UserId, Versioned};
use daybook_projections::users;
use serde::Serialize;
use utoipa::ToSchema;

use crate::answer::Representation;
use crate::etag::ETag;

#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = User)]
pub(super) struct UserAnswer {
    #[schema(value_type = Uuid)]
    id: UserId,
    /// Null once the person has been erased, as are the names; null too of a customer who was imported.
    email: Option<String>,
    first_name: Option<String>,
    last_name: Option<String>,
    #[schema(value_type = Vec<RoleName>)]
    roles: BTreeSet<Role>,
    /// What an imported customer is called in the system that they come from.
    #[serde(skip_serializing_if = "Option::is_none")]
    external_id: Option<String>,
    /// Whether somebody has shown that they read what is sent to the e-mail address.
    email_verified: bool,
    created_at: Timestamp,
    updated_at: Timestamp,
    /// Since when nobody can sign in or order with the account; left out while they can.
    #[serde(skip_serializing_if = "Option::is_none")]
    deactivated_at: Option<Timestamp>,
    /// When the person was erased: who they were is forgotten, and nobody can sign in or order as them.
    #[serde(skip_serializing_if = "Option::is_none")]
    erased_at: Option<Timestamp>,
}

pub(super) fn represent(id: UserId, user: &Versioned<User>) -> Representation {
    Representation::of(&UserAnswer::of(id, user))
        .tagged(ETag::of(user.version))
        .about(id)
}

impl UserAnswer {
    pub(super) fn of(id: UserId, user: &Versioned<User>) -> UserAnswer {
        let known = |text: Option<&String>| text.cloned();
        UserAnswer {
            id,
            email: user
                .state
                .email
                .known()
                .map(|email| email.as_str().to_owned()),
            first_name: known(user.state.first_name.known()),
            last_name: known(user.state.last_name.known()),
            roles: user.state.roles.clone(),
            external_id: known(user.state.external_id.as_ref().and_then(Personal::known)),
            email_verified: user.state.email_verified,
            created_at: user.created_at.into(),
            updated_at: user.updated_at.into(),
            // Nothing else happens to an account that is deactivated.
            deactivated_at: user.state.deactivated.then(|| user.updated_at.into()),
            erased_at: user.state.erased.then(|| user.updated_at.into()),
        }
    }
}

impl From<users::User> for UserAnswer {
    fn from(user: users::User) -> UserAnswer {
        UserAnswer {
            erased_at: user.erased_at().map(Into::into),
            id: user.id,
            email: user.email,
            first_name: user.first_name,
            last_name: user.last_name,
            roles: user.roles,
            external_id: user.external_id,
            email_verified: user.email_verified,
            deactivated_at: user.deactivated_at.map(Into::into),
            created_at: user.created_at.into(),
            updated_at: user.updated_at.into(),
        }
    }
}
