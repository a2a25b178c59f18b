//! The context of a command's request: where it came from, and its idempotency key.

use axum::extract::{FromRef, FromRequest, FromRequestParts, MatchedPath, Request};
use axum::http::HeaderMap;
use axum::http::request::Parts;
use chrono::{DateTime, Utc};
use daybook_commands::{Context, IdempotencyKey};
use daybook_log::{Actor, Means, Metadata};
use serde::de::DeserializeOwned;
use uuid::Uuid;

use super::json::{BodyLimits, Json};
use crate::auth::Caller;
use crate::gateway::RequestId;
use crate::problem::{ApiResult, Problem};

const KEY_HEADER: &str = "idempotency-key";
pub(crate) const MAX_KEY_LENGTH: usize = 255;

/// The context of a request for a command.
pub(crate) struct CommandRequest {
    pub request_id: String,
    /// The request's path, without its query.
    pub path: String,
    correlation_id: Uuid,
    trace_parent: Option<String>,
    /// The API key that authenticated the request.
    api_key_id: Option<Uuid>,
    keyed: Option<Keyed>,
}

struct Keyed {
    key: String,
    route: String,
    request: Vec<u8>,
}

impl CommandRequest {
    pub(crate) fn context(self, actor: Actor, now: DateTime<Utc>) -> Context {
        let principal = match &actor {
            Actor::Anonymous => None,
            Actor::User(_) | Actor::System(_) => Some(actor.to_string()),
        };
        // For an anonymous actor the API key is ignored, even if one was sent.
        let api_key_id = self.api_key_id.filter(|_| principal.is_some());
        let key = self.keyed.map(|keyed| keyed.of(principal));
        let metadata = Metadata {
            actor,
            correlation_id: self.correlation_id,
            causation_id: None,
            request_id: Some(self.request_id),
            trace_parent: self.trace_parent,
            means: api_key_id.map(|_| Means::ApiKey),
            api_key_id,
        };
        Context { metadata, now, key }
    }
}

impl Keyed {
    fn of(self, principal: Option<String>) -> IdempotencyKey {
        let Keyed {
            key,
            route,
            request,
        } = self;
        IdempotencyKey {
            principal,
            route,
            key,
            request,
        }
    }
}

impl<S: Send + Sync> FromRequestParts<S> for CommandRequest {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        let request_id = parts
            .extensions
            .get::<RequestId>()
            .map_or_else(String::new, RequestId::to_string);
        Ok(CommandRequest {
            correlation_id: Uuid::parse_str(&request_id).unwrap_or_else(|_| Uuid::now_v7()),
            request_id,
            path: parts.uri.path().to_owned(),
            trace_parent: trace_parent(&parts.headers),
            api_key_id: Caller::of(&parts.extensions).api_key_id(),
            keyed: None,
        })
    }
}

/// W3C Trace Context's `traceparent`, if it is well-formed.
fn trace_parent(headers: &HeaderMap) -> Option<String> {
    let value = headers.get("traceparent")?.to_str().ok()?;
    let hexadecimal =
        |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte) || byte == b'-';
    (value.len() == 55 && value.bytes().all(hexadecimal)).then(|| value.to_owned())
}

/// A command's body together with its context, `Idempotency-Key` included.
pub(crate) struct Submission<T> {
    pub body: T,
    pub request: CommandRequest,
}

impl<S, T> FromRequest<S> for Submission<T>
where
    S: Send + Sync,
    T: DeserializeOwned,
    BodyLimits: FromRef<S>,
{
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Self, Problem> {
        let key = idempotency_key(request.headers())?;
        let (mut parts, body) = request.into_parts();
        let mut command = CommandRequest::from_request_parts(&mut parts, state).await?;
        let matched = parts
            .extensions
            .get::<MatchedPath>()
            .map_or(&*command.path, MatchedPath::as_str);
        let route = format!("{} {matched}", parts.method);
        let named = format!("{} {}\n", parts.method, command.path);
        let json = Json::<T>::from_request(Request::from_parts(parts, body), state).await?;
        if let Some(key) = key {
            command.keyed = Some(Keyed {
                key,
                route,
                request: canonical(named, &json.bytes)?,
            });
        }
        Ok(Submission {
            body: json.value,
            request: command,
        })
    }
}

/// 1 to 255 printable ASCII characters.
fn idempotency_key(headers: &HeaderMap) -> ApiResult<Option<String>> {
    let mut values = headers.get_all(KEY_HEADER).iter();
    let Some(value) = values.next() else {
        return Ok(None);
    };
    let bytes = value.as_bytes();
    let printable = |byte: &u8| (b' '..=b'~').contains(byte);
    let sound = (1..=MAX_KEY_LENGTH).contains(&bytes.len()) && bytes.iter().all(printable);
    match value.to_str() {
        Ok(key) if sound && values.next().is_none() => Ok(Some(key.to_owned())),
        _ => Err(Problem::bad_request(
            "invalid-idempotency-key",
            "Idempotency-Key is given once and has 1 to 255 printable ASCII characters.",
        )),
    }
}

/// The request in a form that spaces and the order of fields do not change: serde_json sorts an object's keys.
fn canonical(named: String, body: &[u8]) -> ApiResult<Vec<u8>> {
    let mut request = named.into_bytes();
    let value: serde_json::Value = serde_json::from_slice(body).map_err(|_| Problem::internal())?;
    serde_json::to_writer(&mut request, &value).map_err(|_| Problem::internal())?;
    Ok(request)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_is_the_same_however_its_body_is_laid_out() {
        let request = |body: &str| canonical("POST /orders\n".into(), body.as_bytes()).unwrap();
        assert_eq!(
            request(r#"{"b": 1, "a": [12.50, {"d": 1, "c": 2}]}"#),
            request(r#"{"a":[12.5,{"c":2,"d":1}],"b":1}"#)
        );
        assert_ne!(request(r#"{"a": 12.50}"#), request(r#"{"a": 12.51}"#));
        assert_ne!(
            canonical("POST /a\n".into(), b"{}").unwrap(),
            canonical("POST /b\n".into(), b"{}").unwrap()
        );
    }

    #[test]
    fn keys_are_printable_ascii_of_bounded_length() {
        let read = |key: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(KEY_HEADER, key.parse().unwrap());
            idempotency_key(&headers)
        };
        for good in ["abc-123", "order 7 of 9"] {
            assert_eq!(read(good).unwrap().as_deref(), Some(good));
        }
        assert!(read(&"k".repeat(255)).is_ok());
        for bad in [&"k".repeat(256), "", "a\tb", "clé"] {
            assert_eq!(
                read(bad).unwrap_err().code(),
                "invalid-idempotency-key",
                "{bad}"
            );
        }
        assert_eq!(idempotency_key(&HeaderMap::new()).unwrap(), None);
    }
}
