//! Who and what caused an event.

use std::fmt;
use std::str::FromStr;

use daybook_domain::UserId;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// Recorded beside every event, as a flat JSON object of strings (which is what postgres-es reads).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Metadata {
    pub actor: Actor,
    /// Shared by everything that one request caused.
    pub correlation_id: Uuid,
    /// The event or request that caused this one, if it was not the request itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub causation_id: Option<Uuid>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request_id: Option<String>,
    /// W3C Trace Context.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trace_parent: Option<String>,
    /// Only if it differs from how such an actor usually acts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub means: Option<Means>,
    /// The id of the API key, if the actor used one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub api_key_id: Option<Uuid>,
}

impl Metadata {
    /// Metadata of a request by `actor` that nothing else caused.
    pub fn of(actor: Actor, correlation_id: Uuid) -> Metadata {
        Metadata {
            actor,
            correlation_id,
            causation_id: None,
            request_id: None,
            trace_parent: None,
            means: None,
            api_key_id: None,
        }
    }

    /// How the actor proved who they are.
    pub fn means(&self) -> Means {
        self.means.unwrap_or_else(|| self.actor.usual_means())
    }
}

/// How an actor proved who they are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Means {
    /// Signed in, with an access token.
    Session,
    ApiKey,
    /// A part of Daybook acting by itself.
    Process,
    Import,
    /// Without saying who.
    Anonymous,
}

/// Who acted: `anonymous`, `user:<uuid>` or `system:<part>`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub enum Actor {
    Anonymous,
    User(UserId),
    /// A part of Daybook acting by itself, such as `seed`.
    System(String),
}

impl Actor {
    fn usual_means(&self) -> Means {
        match self {
            Actor::Anonymous => Means::Anonymous,
            Actor::User(_) => Means::Session,
            Actor::System(part) if part == "import" => Means::Import,
            Actor::System(_) => Means::Process,
        }
    }
}

impl Means {
    pub const fn as_str(self) -> &'static str {
        match self {
            Means::Session => "session",
            Means::ApiKey => "api-key",
            Means::Process => "process",
            Means::Import => "import",
            Means::Anonymous => "anonymous",
        }
    }
}

#[derive(Debug, thiserror::Error)]
#[error("\"{0}\" is not an actor: expected anonymous, user:<uuid> or system:<part>")]
pub struct UnknownActor(String);

impl fmt::Display for Actor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Actor::Anonymous => f.write_str("anonymous"),
            Actor::User(id) => write!(f, "user:{id}"),
            Actor::System(part) => write!(f, "system:{part}"),
        }
    }
}

impl FromStr for Actor {
    type Err = UnknownActor;

    fn from_str(text: &str) -> Result<Actor, UnknownActor> {
        let unknown = || UnknownActor(text.to_owned());
        match text.split_once(':') {
            None if text == "anonymous" => Ok(Actor::Anonymous),
            Some(("user", id)) => Uuid::parse_str(id)
                .map(|id| Actor::User(id.into()))
                .map_err(|_| unknown()),
            Some(("system", part)) if !part.is_empty() => Ok(Actor::System(part.to_owned())),
            _ => Err(unknown()),
        }
    }
}

impl From<Actor> for String {
    fn from(actor: Actor) -> String {
        actor.to_string()
    }
}

impl TryFrom<String> for Actor {
    type Error = UnknownActor;

    fn try_from(text: String) -> Result<Actor, UnknownActor> {
        text.parse()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn actors_survive_the_trip_through_text() {
        let user = Actor::User(Uuid::from_u128(7).into());
        for actor in [Actor::Anonymous, user, Actor::System("seed".into())] {
            assert_eq!(actor.to_string().parse::<Actor>().unwrap(), actor);
        }
        for bad in ["", "user:", "user:x", "system:", "root"] {
            assert!(bad.parse::<Actor>().is_err(), "{bad}");
        }
    }

    #[test]
    fn the_actor_tells_the_means_unless_they_are_recorded() {
        let means = |actor: &str, recorded: &str| {
            let id = Uuid::from_u128(1);
            let json = format!(r#"{{"actor": "{actor}", "correlationId": "{id}"{recorded}}}"#);
            serde_json::from_str::<Metadata>(&json).unwrap().means()
        };
        let user = "user:00000000-0000-0000-0000-000000000007";
        for (actor, expected) in [
            (user, Means::Session),
            ("anonymous", Means::Anonymous),
            ("system:import", Means::Import),
            ("system:seed", Means::Process),
        ] {
            assert_eq!(means(actor, ""), expected, "{actor}");
        }
        let key = r#", "means": "api-key", "apiKeyId": "00000000-0000-0000-0000-000000000009""#;
        assert_eq!(means(user, key), Means::ApiKey);
    }
}
