//! Reports: rows as JSON or, if `Accept` asks for it, as CSV with the same columns.

use std::str::FromStr;

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse, Response};
use csv::{Terminator, WriterBuilder};
use headers_accept::Accept;
use mediatype::names::{APPLICATION, CSV, JSON, Q, TEXT};
use mediatype::{MediaType, ReadParams, WriteParams};
use serde::Serialize;
use tracing::error;

use crate::answer::json;
use crate::problem::{ApiResult, Problem};

/// The format of a report. A client that accepts neither gets JSON, as everywhere.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Format {
    Json,
    Csv,
}

/// A row of a report: an object with plain values.
pub(crate) trait Row: Serialize {
    /// The names of its fields in their order, as in JSON.
    const COLUMNS: &'static [&'static str];
}

impl Format {
    /// Answers with all rows.
    pub(crate) fn answer<R: Row>(self, rows: &[R]) -> ApiResult {
        match self {
            Format::Json => json(&rows).map(varying),
            Format::Csv => self.csv(rows),
        }
    }

    /// Answers with JSON that is not a list of rows.
    pub(crate) fn answer_with<R: Row>(
        self,
        body: &impl Serialize,
        rows: impl FnOnce() -> Vec<R>,
    ) -> ApiResult {
        match self {
            Format::Json => json(body).map(varying),
            Format::Csv => self.csv(&rows()),
        }
    }

    fn csv<R: Row>(self, rows: &[R]) -> ApiResult {
        let bytes = to_csv(rows).map_err(|error| {
            error!(%error, "a report could not be written as CSV");
            Problem::internal()
        })?;
        let content_type = HeaderValue::from_static("text/csv; charset=utf-8; header=present");
        Ok(varying(
            ([(header::CONTENT_TYPE, content_type)], bytes).into_response(),
        ))
    }
}

/// Caches must distinguish JSON from CSV by the `Accept` header.
fn varying(mut response: Response) -> Response {
    let headers = response.headers_mut();
    headers.append(header::VARY, HeaderValue::from_static("accept"));
    response
}

/// RFC 4180, with a header even if there are no rows.
fn to_csv<R: Row>(rows: &[R]) -> Result<Vec<u8>, csv::Error> {
    let mut writer = WriterBuilder::new()
        .has_headers(false)
        .terminator(Terminator::CRLF)
        .from_writer(Vec::new());
    writer.write_record(R::COLUMNS)?;
    for row in rows {
        writer.serialize(row)?;
    }
    writer
        .into_inner()
        .map_err(|error| error.into_error().into())
}

impl<S: Send + Sync> FromRequestParts<S> for Format {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        let values: Vec<&str> = parts
            .headers
            .get_all(header::ACCEPT)
            .iter()
            .filter_map(|value| value.to_str().ok())
            .collect();
        Ok(asked_for(&values.join(",")))
    }
}

/// JSON unless CSV is preferred. A header that cannot be read counts as missing.
fn asked_for(accept: &str) -> Format {
    const AVAILABLE: [MediaType; 2] =
        [MediaType::new(APPLICATION, JSON), MediaType::new(TEXT, CSV)];
    let Ok(accept) = Accept::from_str(accept) else {
        return Format::Json;
    };
    // Without parameters such as a charset, because they would have to match ours exactly.
    let ranges = accept.media_types().map(|range| {
        let mut plain = range.essence();
        if let Some(quality) = range.get_param(Q) {
            plain.set_param(Q, quality);
        }
        plain
    });
    let best = Accept::from_iter(ranges).negotiate(&AVAILABLE).cloned();
    if best.is_some_and(|best| best.subty == CSV) {
        Format::Csv
    } else {
        Format::Json
    }
}

#[cfg(test)]
mod tests {
    use daybook_domain::Money;

    use super::*;
    use daybook_contract::Amount;

    #[test]
    fn csv_is_answered_where_it_is_preferred() {
        for (accept, format) in [
            ("", Format::Json),
            ("*/*", Format::Json),
            ("application/json", Format::Json),
            ("text/csv", Format::Csv),
            ("Text/CSV", Format::Csv),
            ("text/csv; charset=utf-8", Format::Csv),
            (
                "text/csv; header=present; q=0.5, application/json;q=0.4",
                Format::Csv,
            ),
            (
                "text/csv; charset=utf-8; q=0.5, application/json",
                Format::Json,
            ),
            ("text/*", Format::Csv),
            ("text/csv, */*;q=0.1", Format::Csv),
            ("text/csv;q=0.5, application/json", Format::Json),
            ("text/csv, application/json;q=0.9", Format::Csv),
            ("application/json, text/csv", Format::Json),
            ("text/csv;q=0, */*", Format::Json),
            ("image/png", Format::Json),
            (";;;", Format::Json),
        ] {
            assert_eq!(asked_for(accept), format, "{accept}");
        }
    }

    #[derive(Serialize)]
    #[serde(rename_all = "camelCase")]
    struct Sold {
        product_name: Option<&'static str>,
        amount: Amount,
    }

    impl Row for Sold {
        const COLUMNS: &'static [&'static str] = &["productName", "amount"];
    }

    #[test]
    fn csv_has_a_header_and_exact_amounts() {
        let sold = |product_name, minor| Sold {
            product_name,
            amount: Amount(Money::new(minor, "EUR".parse().unwrap())),
        };
        let rows = [sold(Some("Pot, \"old\""), 1250), sold(None, -5)];
        let text = String::from_utf8(to_csv(&rows).unwrap()).unwrap();
        assert_eq!(
            text,
            "productName,amount\r\n\"Pot, \"\"old\"\"\",12.50\r\n,-0.05\r\n"
        );
        assert_eq!(to_csv::<Sold>(&[]).unwrap(), b"productName,amount\r\n");
    }
}
