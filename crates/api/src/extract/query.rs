//! Query strings: every parameter must be known, and may occur once.

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use serde::de::DeserializeOwned;

use super::json::{misfit_code, pointer};
use crate::problem::{FieldError, Problem};

pub(crate) struct Query<T>(pub T);

impl<S: Send + Sync, T: DeserializeOwned> FromRequestParts<S> for Query<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        read(parts.uri.query().unwrap_or_default()).map(Query)
    }
}

pub(super) fn read<T: DeserializeOwned>(query: &str) -> Result<T, Problem> {
    let pairs = form_urlencoded::parse(query.as_bytes());
    if let Some((name, _)) = pairs
        .clone()
        .find(|(name, value)| name.contains('\0') || value.contains('\0'))
    {
        let name = name.replace('\0', "");
        return Err(invalid(
            format!("/{name}"),
            "control-character",
            "Leave out NUL characters.",
        ));
    }
    let deserializer = serde_urlencoded::Deserializer::new(pairs);
    serde_path_to_error::deserialize(deserializer).map_err(|error| {
        let message = error.inner().to_string();
        let mut code = misfit_code(&message);
        let mut pointer = pointer(error.path());
        if matches!(code, "required" | "unknown-field" | "duplicate-field") {
            pointer = format!("/{}", message.split('`').nth(1).unwrap_or_default());
        }
        code = if code == "unknown-field" {
            "unknown-parameter"
        } else {
            code
        };
        invalid(pointer, code, message)
    })
}

/// A query parameter whose value is not valid.
pub(crate) fn invalid(
    pointer: impl Into<String>,
    code: &'static str,
    detail: impl Into<std::borrow::Cow<'static, str>>,
) -> Problem {
    let error = FieldError {
        pointer: pointer.into(),
        code: code.into(),
        detail: detail.into(),
    };
    let problem_code = if code == "unknown-parameter" {
        code
    } else {
        "invalid-parameter"
    };
    Problem::unprocessable(problem_code, error.detail.clone()).with_error(error)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, PartialEq, serde::Deserialize)]
    #[serde(deny_unknown_fields, rename_all = "camelCase")]
    struct Filter {
        q: Option<String>,
        in_stock: Option<bool>,
        limit: Option<u32>,
    }

    fn refusal(query: &str) -> (String, String, String) {
        let problem = read::<Filter>(query).unwrap_err();
        assert_eq!(problem.status(), 422, "{query}");
        let rendered: serde_json::Value = serde_json::from_slice(&problem.render("", "")).unwrap();
        let error = &rendered["errors"][0];
        (
            problem.code().to_owned(),
            error["pointer"].as_str().unwrap().to_owned(),
            error["code"].as_str().unwrap().to_owned(),
        )
    }

    #[test]
    fn parameters_are_read() {
        let filter: Filter = read("q=a%20b+c&inStock=true").unwrap();
        assert_eq!(
            filter,
            Filter {
                q: Some("a b c".into()),
                in_stock: Some(true),
                limit: None
            }
        );
    }

    #[test]
    fn bad_parameters_are_pointed_at() {
        let expect = |query: &str, code: &str, pointer: &str, field_code: &str| {
            assert_eq!(
                refusal(query),
                (code.into(), pointer.into(), field_code.into()),
                "{query}"
            );
        };
        expect("limit=x", "invalid-parameter", "/limit", "invalid-value");
        expect("limit=-1", "invalid-parameter", "/limit", "invalid-value");
        expect(
            "inStock=1",
            "invalid-parameter",
            "/inStock",
            "invalid-value",
        );
        expect(
            "sorted=name",
            "unknown-parameter",
            "/sorted",
            "unknown-parameter",
        );
        expect(
            "limit=1&limit=2",
            "invalid-parameter",
            "/limit",
            "duplicate-field",
        );
        expect("q=%00", "invalid-parameter", "/q", "control-character");
    }
}
