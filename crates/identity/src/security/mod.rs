//! Security events: what happened to accounts, for the people who watch over them.
//!
//! They are stored outside the event log, since they are kept only for a limited time ([`KEPT_FOR`]) and hold network
//! addresses. The server's role cannot change them. After a person is erased, their events keep only what happened,
//! when, and the person's id.
//!
//! Events are written in batches, without the answers that they are about waiting for them ([`SecurityLog`]): if a
//! server dies, the events of a fraction of a second are lost. Events that somebody can cause as often as they like
//! have one row for each minute, with a count.

mod log;
mod search;

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::time::Duration;

use chrono::{DateTime, Utc};
use daybook_domain::UserId;
use daybook_domain::user::Role;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

pub use self::log::SecurityLog;
pub use self::search::{Criteria, KeptEvent, Page, PageStart, count, of_user, search};

/// How long events are kept.
pub const KEPT_FOR: Duration = Duration::from_secs(400 * 24 * 60 * 60);

/// What happened. The names never change, like those of the log's events.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    SignedIn,
    SignInFailed,
    /// A sign-in whose password was not checked, since too many before it failed.
    SignInDelayed,
    /// A refresh token came back after its use, so its session was ended.
    RefreshReused,
    LoggedOut,
    LoggedOutEverywhere,
    PasswordChanged,
    PasswordResetRequested,
    PasswordReset,
    EmailVerification,
    RoleChanged,
    /// By an administrator; the event has the new roles.
    AccountCreated,
    Deactivated,
    Reactivated,
    /// All data about a person was read at once.
    Exported,
    ApiKeyCreated,
    ApiKeyRevoked,
    /// Somebody tried something that they may not do, or came with a token that is not valid.
    AccessDenied,
    RateLimited,
}

impl Kind {
    pub const ALL: [Kind; 19] = [
        Kind::SignedIn,
        Kind::SignInFailed,
        Kind::SignInDelayed,
        Kind::RefreshReused,
        Kind::LoggedOut,
        Kind::LoggedOutEverywhere,
        Kind::PasswordChanged,
        Kind::PasswordResetRequested,
        Kind::PasswordReset,
        Kind::EmailVerification,
        Kind::RoleChanged,
        Kind::AccountCreated,
        Kind::Deactivated,
        Kind::Reactivated,
        Kind::Exported,
        Kind::ApiKeyCreated,
        Kind::ApiKeyRevoked,
        Kind::AccessDenied,
        Kind::RateLimited,
    ];

    pub const fn as_str(self) -> &'static str {
        match self {
            Kind::SignedIn => "signed-in",
            Kind::SignInFailed => "sign-in-failed",
            Kind::SignInDelayed => "sign-in-delayed",
            Kind::RefreshReused => "refresh-reused",
            Kind::LoggedOut => "logged-out",
            Kind::LoggedOutEverywhere => "logged-out-everywhere",
            Kind::PasswordChanged => "password-changed",
            Kind::PasswordResetRequested => "password-reset-requested",
            Kind::PasswordReset => "password-reset",
            Kind::EmailVerification => "email-verification",
            Kind::RoleChanged => "role-changed",
            Kind::AccountCreated => "account-created",
            Kind::Deactivated => "deactivated",
            Kind::Reactivated => "reactivated",
            Kind::Exported => "exported",
            Kind::ApiKeyCreated => "api-key-created",
            Kind::ApiKeyRevoked => "api-key-revoked",
            Kind::AccessDenied => "access-denied",
            Kind::RateLimited => "rate-limited",
        }
    }

    pub fn parse(text: &str) -> Option<Kind> {
        Kind::ALL.into_iter().find(|kind| kind.as_str() == text)
    }

    /// The usual outcome.
    const fn outcome(self) -> Outcome {
        match self {
            Kind::SignInFailed | Kind::RefreshReused => Outcome::Failure,
            Kind::SignInDelayed | Kind::AccessDenied | Kind::RateLimited => Outcome::Denied,
            _ => Outcome::Success,
        }
    }

    /// Whether somebody can cause it as often as they like, so that it is counted.
    const fn is_counted(self) -> bool {
        matches!(
            self,
            Kind::SignInDelayed | Kind::AccessDenied | Kind::RateLimited
        )
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    Success,
    Failure,
    Denied,
}

/// An event that is about to be written. Holds neither secrets nor anything that a user has typed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct SecurityEvent {
    pub at: DateTime<Utc>,
    pub kind: Kind,
    pub outcome: Outcome,
    /// The user whom it concerns, if known.
    pub user_id: Option<UserId>,
    /// The user who caused it, if that is somebody else.
    pub actor_id: Option<UserId>,
    pub session_id: Option<Uuid>,
    pub api_key_id: Option<Uuid>,
    pub address: Option<IpAddr>,
    /// Method and path, with the names of its parameters.
    pub route: Option<String>,
    pub request_id: Option<String>,
    pub detail: Detail,
    counted: bool,
}

/// The request in which something happened, as its events tell it.
#[derive(Clone, Debug, Default)]
pub struct RequestContext {
    /// `None` where requests do not come over connections.
    pub address: Option<IpAddr>,
    /// The network of the address, which counts as one client.
    pub network: Option<IpAddr>,
    /// Method and path, with the names of its parameters.
    pub route: Option<String>,
    pub request_id: Option<String>,
}

impl RequestContext {
    /// What happened in this request, now.
    pub fn event(&self, kind: Kind) -> SecurityEvent {
        let mut event = SecurityEvent::new(kind, Utc::now());
        event.address = self.address;
        event.route.clone_from(&self.route);
        event.request_id.clone_from(&self.request_id);
        event
    }
}

/// Further details of some events.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Detail {
    /// The roles that the user has from now on.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub roles: Option<BTreeSet<Role>>,
}

impl SecurityEvent {
    pub fn new(kind: Kind, at: DateTime<Utc>) -> SecurityEvent {
        SecurityEvent {
            at,
            kind,
            outcome: kind.outcome(),
            user_id: None,
            actor_id: None,
            session_id: None,
            api_key_id: None,
            address: None,
            route: None,
            request_id: None,
            detail: Detail::default(),
            counted: kind.is_counted(),
        }
    }

    #[must_use]
    pub fn about(mut self, user_id: impl Into<Option<UserId>>) -> SecurityEvent {
        self.user_id = user_id.into();
        self
    }

    /// Leaves the actor out if it is the user whom the event concerns.
    #[must_use]
    pub fn by(mut self, actor_id: UserId) -> SecurityEvent {
        self.actor_id = Some(actor_id).filter(|actor| Some(*actor) != self.user_id);
        self
    }

    #[must_use]
    pub fn of_session(mut self, session_id: Uuid) -> SecurityEvent {
        self.session_id = Some(session_id);
        self
    }

    #[must_use]
    pub fn of_api_key(mut self, api_key_id: Uuid) -> SecurityEvent {
        self.api_key_id = Some(api_key_id);
        self
    }

    #[must_use]
    pub fn with_roles(mut self, roles: BTreeSet<Role>) -> SecurityEvent {
        self.detail.roles = Some(roles);
        self
    }

    #[must_use]
    pub fn failed(mut self) -> SecurityEvent {
        self.outcome = Outcome::Failure;
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds_are_written_as_they_are_read() {
        for kind in Kind::ALL {
            assert_eq!(Kind::parse(kind.as_str()), Some(kind));
            assert_eq!(
                serde_json::to_value(kind).unwrap(),
                serde_json::json!(kind.as_str())
            );
        }
        assert_eq!(Kind::parse("signed-on"), None);
    }
}
