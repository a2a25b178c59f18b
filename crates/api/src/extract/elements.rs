//! JSON bodies whose parts are checked one by one: an array whose elements stay as they came.

use axum::extract::{FromRef, FromRequest, Request};
use serde::de::IgnoredAny;
use serde_json::error::Category;
use serde_json::value::RawValue;

use super::json::{BodyLimits, malformed, receive};
use crate::problem::Problem;

/// From one to `MOST` elements in at most `BYTES` bytes. They are well-formed JSON; nothing else has been checked.
pub(crate) struct Elements<const MOST: usize, const BYTES: usize>(pub Vec<Box<RawValue>>);

impl<S, const MOST: usize, const BYTES: usize> FromRequest<S> for Elements<MOST, BYTES>
where
    S: Send + Sync,
    BodyLimits: FromRef<S>,
{
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Self, Problem> {
        let limits = BodyLimits {
            bytes: BYTES,
            ..BodyLimits::from_ref(state)
        };
        let bytes = receive(request, limits).await?;
        let elements = read(&bytes)?;
        match elements.len() {
            0 => Err(misfit("required", "Send at least one.".to_owned())),
            count if count > MOST => {
                Err(misfit("too-many", format!("Send at most {MOST} at once.")))
            }
            _ => Ok(Elements(elements)),
        }
    }
}

fn read(bytes: &[u8]) -> Result<Vec<Box<RawValue>>, Problem> {
    let text = std::str::from_utf8(bytes).map_err(|_| malformed("The body is not UTF-8."))?;
    serde_json::from_str(text).map_err(|error| {
        // If it is not an array, the rest of it may not be JSON either.
        match serde_json::from_str::<IgnoredAny>(text) {
            Ok(_) if error.classify() == Category::Data => {
                misfit("invalid-type", "The body is an array.".to_owned())
            }
            Ok(_) => malformed(error.to_string()),
            Err(error) => malformed(error.to_string()),
        }
    })
}

fn misfit(code: &'static str, detail: String) -> Problem {
    Problem::invalid_field("", code, detail)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn elements_stay_as_they_came() {
        let elements = read(br#" [ {"a" : 1.0e2}, null,"\u00e4" ] "#).unwrap();
        let texts: Vec<&str> = elements.iter().map(|element| element.get()).collect();
        assert_eq!(texts, [r#"{"a" : 1.0e2}"#, "null", r#""\u00e4""#]);
    }

    #[test]
    fn what_is_no_array_is_told_from_what_is_no_json() {
        for (body, status) in [
            ("{}", 422),
            ("7", 422),
            ("[1, 2", 400),
            ("{]", 400),
            ("", 400),
            ("[] x", 400),
        ] {
            assert_eq!(
                read(body.as_bytes()).unwrap_err().status(),
                status,
                "{body}"
            );
        }
    }
}
