//! JSON bodies: strict about their shape, exact about what is wrong with them.

use std::borrow::Cow;
use std::fmt;
use std::marker::PhantomData;
use std::time::Duration;

use axum::body::Bytes;
use axum::extract::rejection::{BytesRejection, FailedToBufferBody};
use axum::extract::{DefaultBodyLimit, FromRef, FromRequest, Request};
use axum::http::{HeaderMap, StatusCode, header};
use daybook_contract::pointer_token;
use serde::Deserialize;
use serde::de::value::MapAccessDeserializer;
use serde::de::{DeserializeOwned, Deserializer, IgnoredAny, MapAccess, Visitor};
use serde_path_to_error::{Path, Segment};
use tokio::time::timeout;

use crate::problem::{FieldError, Problem};

/// A JSON body as a `T`, with the bytes that it was read from.
pub(crate) struct Json<T> {
    pub value: T,
    pub bytes: Bytes,
}

/// How large a body may be, and how long it may take to arrive.
#[derive(Clone, Copy, Debug)]
pub(crate) struct BodyLimits {
    pub(crate) bytes: usize,
    pub(crate) timeout: Duration,
}

impl<S, T> FromRequest<S> for Json<T>
where
    S: Send + Sync,
    T: DeserializeOwned,
    BodyLimits: FromRef<S>,
{
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Self, Problem> {
        let bytes = receive(request, BodyLimits::from_ref(state)).await?;
        let value = read(&bytes)?;
        Ok(Json { value, bytes })
    }
}

/// The bytes of a JSON body within these limits.
pub(super) async fn receive(mut request: Request, limits: BodyLimits) -> Result<Bytes, Problem> {
    require_json(request.headers())?;
    // Refused at once, before the client sends bytes that nobody will read.
    if declared_length(request.headers()) > limits.bytes {
        return Err(too_large());
    }
    DefaultBodyLimit::max(limits.bytes).apply(&mut request);
    match timeout(limits.timeout, Bytes::from_request(request, &())).await {
        Ok(received) => received.map_err(unreadable),
        Err(_) => Err(slow()),
    }
}

/// Unlike a request that takes too long, this one has changed nothing.
fn slow() -> Problem {
    let detail = "The body did not arrive in time; nothing was done. Send it again.";
    Problem::new(StatusCode::REQUEST_TIMEOUT, "slow-body", detail)
}

fn require_json(headers: &HeaderMap) -> Result<(), Problem> {
    let given = headers
        .get(header::CONTENT_TYPE)
        .and_then(|value| value.to_str().ok())
        .unwrap_or_default();
    let essence = given
        .split(';')
        .next()
        .unwrap_or_default()
        .trim()
        .to_ascii_lowercase();
    if essence == "application/json"
        || (essence.starts_with("application/") && essence.ends_with("+json"))
    {
        return Ok(());
    }
    let detail = "Send JSON with the header Content-Type: application/json.";
    Err(Problem::new(
        StatusCode::UNSUPPORTED_MEDIA_TYPE,
        "unsupported-media-type",
        detail,
    ))
}

fn declared_length(headers: &HeaderMap) -> usize {
    let length = headers.get(header::CONTENT_LENGTH);
    length
        .and_then(|value| value.to_str().ok()?.parse().ok())
        .unwrap_or_default()
}

fn too_large() -> Problem {
    let detail = "The body is larger than this server takes.";
    Problem::new(StatusCode::PAYLOAD_TOO_LARGE, "body-too-large", detail)
}

fn unreadable(rejection: BytesRejection) -> Problem {
    match rejection {
        BytesRejection::FailedToBufferBody(FailedToBufferBody::LengthLimitError(_)) => too_large(),
        _ => Problem::bad_request("unreadable-body", "The body ended before it was complete."),
    }
}

/// Reads one JSON object: 400 if it is not JSON, 422 if it is not a `T`.
pub(super) fn read<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Problem> {
    let text = std::str::from_utf8(bytes).map_err(|_| malformed("The body is not UTF-8."))?;
    // Checks the whole text first: whether it is JSON must not depend on the order in which fields are read.
    serde_json::from_str::<IgnoredAny>(text).map_err(|error| malformed(error.to_string()))?;
    let mut deserializer = serde_json::Deserializer::from_str(text);
    let Object(value) = serde_path_to_error::deserialize(&mut deserializer).map_err(|error| {
        let message = error.inner().to_string();
        match error.inner().classify() {
            serde_json::error::Category::Data => misfit(error.path(), &message),
            _ => malformed(message),
        }
    })?;
    refuse_nul(text)?;
    Ok(value)
}

pub(super) fn malformed(detail: impl Into<Cow<'static, str>>) -> Problem {
    Problem::bad_request("malformed-json", detail)
}

/// PostgreSQL cannot store a NUL in text, and nobody types one.
fn refuse_nul(text: &str) -> Result<(), Problem> {
    if !text.contains("\\u0000") {
        return Ok(());
    }
    let value: serde_json::Value =
        serde_json::from_str(text).map_err(|error| malformed(error.to_string()))?;
    match pointer_to_nul(&value) {
        Some(pointer) => Err(Problem::invalid_field(
            pointer,
            "control-character",
            "Leave out NUL characters.",
        )),
        None => Ok(()),
    }
}

fn pointer_to_nul(value: &serde_json::Value) -> Option<String> {
    use serde_json::Value;
    match value {
        Value::String(text) => text.contains('\0').then(String::new),
        Value::Array(items) => items
            .iter()
            .enumerate()
            .find_map(|(index, item)| Some(format!("/{index}{}", pointer_to_nul(item)?))),
        Value::Object(fields) => fields.iter().find_map(|(name, field)| {
            Some(format!(
                "/{}{}",
                pointer_token(name),
                pointer_to_nul(field)?
            ))
        }),
        Value::Null | Value::Bool(_) | Value::Number(_) => None,
    }
}

/// The body is well-formed, but does not fit the endpoint. serde distinguishes the kinds of errors only by their texts;
/// a test covers each of them.
fn misfit(path: &Path, message: &str) -> Problem {
    let message = message
        .rsplit_once(" at line ")
        .map_or(message, |(message, _)| message);
    let mut pointer = pointer(path);
    let named = message.split('`').nth(1).unwrap_or_default();
    let code = misfit_code(message);
    if matches!(code, "required" | "unknown-field" | "duplicate-field") {
        let last = format!("/{}", pointer_token(named));
        if code == "required" || !pointer.ends_with(&last) {
            pointer.push_str(&last);
        }
    }
    let error = FieldError {
        pointer,
        code: code.into(),
        detail: message.to_owned().into(),
    };
    let problem_code = if code == "unknown-field" {
        code
    } else {
        "invalid-field"
    };
    Problem::unprocessable(problem_code, format!("The body does not fit: {message}."))
        .with_error(error)
}

pub(crate) fn misfit_code(message: &str) -> &'static str {
    const CODES: [(&str, &str); 5] = [
        ("missing field", "required"),
        ("unknown field", "unknown-field"),
        ("duplicate field", "duplicate-field"),
        ("invalid type", "invalid-type"),
        ("unknown variant", "unknown-value"),
    ];
    CODES
        .iter()
        .find(|(start, _)| message.starts_with(start))
        .map_or("invalid-value", |(_, code)| code)
}

pub(super) fn pointer(path: &Path) -> String {
    let mut pointer = String::new();
    for segment in path {
        match segment {
            Segment::Seq { index } => pointer.push_str(&format!("/{index}")),
            Segment::Map { key } => pointer.push_str(&format!("/{}", pointer_token(key))),
            Segment::Enum { variant } => pointer.push_str(&format!("/{}", pointer_token(variant))),
            Segment::Unknown => {}
        }
    }
    pointer
}

/// A `T` that must be written as a JSON object. A derived `Deserialize` would also accept `["a", 1]` for a struct.
#[derive(Clone, Debug)]
pub(crate) struct Object<T>(pub T);

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Object<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct OfMap<T>(PhantomData<T>);

        impl<'de, T: Deserialize<'de>> Visitor<'de> for OfMap<T> {
            type Value = T;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<T, A::Error> {
                T::deserialize(MapAccessDeserializer::new(map))
            }
        }

        deserializer.deserialize_map(OfMap(PhantomData)).map(Object)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use daybook_contract::DecimalNumber;

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields, rename_all = "camelCase")]
    #[allow(dead_code)]
    struct Order {
        items: Vec<Object<Item>>,
        note: Option<String>,
    }

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields, rename_all = "camelCase")]
    #[allow(dead_code)]
    struct Item {
        quantity: u32,
        unit_price: Option<DecimalNumber>,
    }

    fn refusal(body: &str) -> (u16, String, String, String) {
        let problem = read::<Order>(body.as_bytes()).unwrap_err();
        let rendered: serde_json::Value = serde_json::from_slice(&problem.render("", "")).unwrap();
        let text = |value: &serde_json::Value| value.as_str().unwrap_or_default().to_owned();
        let error = &rendered["errors"][0];
        (
            problem.status().as_u16(),
            problem.code().to_owned(),
            text(&error["pointer"]),
            text(&error["code"]),
        )
    }

    fn misfit_at(body: &str) -> (String, String, String) {
        let (status, code, pointer, field_code) = refusal(body);
        assert_eq!(status, 422, "{body}");
        (code, pointer, field_code)
    }

    #[test]
    fn what_is_no_json_is_malformed() {
        let deep = "[".repeat(100_000);
        for body in [
            "",
            "{",
            "{]",
            "nonsense",
            "{\"items\": [],}",
            "{\"items\": 5, \"a\"",
            "{} {}",
            &deep,
        ] {
            assert_eq!(refusal(body).0, 400, "{body:.20}");
        }
        assert_eq!(
            read::<Order>(b"{\"note\": \"\xff\"}").unwrap_err().code(),
            "malformed-json"
        );
    }

    #[test]
    fn what_does_not_fit_is_pointed_at() {
        let expect = |body: &str, code: &str, pointer: &str, field_code: &str| {
            assert_eq!(
                misfit_at(body),
                (code.into(), pointer.into(), field_code.into()),
                "{body}"
            );
        };
        expect(r#"{}"#, "invalid-field", "/items", "required");
        expect(r#"{"items": 5}"#, "invalid-field", "/items", "invalid-type");
        expect(
            r#"{"items": [], "extra": 1}"#,
            "unknown-field",
            "/extra",
            "unknown-field",
        );
        expect(
            r#"{"items": [{"quantity": 1, "a/b": 2}]}"#,
            "unknown-field",
            "/items/0/a~1b",
            "unknown-field",
        );
        expect(
            r#"{"items": [{"quantity": 1}, {}]}"#,
            "invalid-field",
            "/items/1/quantity",
            "required",
        );
        expect(
            r#"{"items": [{"quantity": "1"}]}"#,
            "invalid-field",
            "/items/0/quantity",
            "invalid-type",
        );
        expect(
            r#"{"items": [{"quantity": -1}]}"#,
            "invalid-field",
            "/items/0/quantity",
            "invalid-value",
        );
        expect(
            r#"{"items": [{"quantity": 1.5}]}"#,
            "invalid-field",
            "/items/0/quantity",
            "invalid-type",
        );
        expect(
            r#"{"items": [], "items": []}"#,
            "invalid-field",
            "/items",
            "duplicate-field",
        );
        expect(
            r#"{"items": [{"quantity": 1, "unitPrice": "5"}]}"#,
            "invalid-field",
            "/items/0/unitPrice",
            "invalid-type",
        );
        expect(
            r#"{"items": [], "note": "a\u0000b"}"#,
            "invalid-field",
            "/note",
            "control-character",
        );
    }

    #[test]
    fn an_array_is_no_object() {
        assert_eq!(misfit_at("[[], null]").1, "");
        assert_eq!(misfit_at(r#"{"items": [[1, null]]}"#).1, "/items/0");
        assert_eq!(misfit_at("null").1, "");
    }

    #[test]
    fn what_fits_is_read_exactly() {
        let order: Order =
            read(br#" {"items": [{"quantity": 2, "unitPrice": 12.50}], "note": "\\u0000"} "#)
                .unwrap();
        let price = order.items[0].0.unit_price.as_ref().unwrap();
        assert_eq!(price.to_money("EUR".parse().unwrap()).unwrap().minor, 1250);
        assert_eq!(order.note.as_deref(), Some("\\u0000"));
    }
}
