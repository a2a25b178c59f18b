use std::path::PathBuf;

use chrono::{DateTime, Utc};
use chrono_tz::Tz;
use daybook_domain::Currency;

use super::columns::NamedColumn;
use super::numbers::DecimalMark;

/// What the user says about a file; the rest is found out.
#[derive(Clone, Debug)]
pub struct Options {
    /// `None` for stdin.
    pub input: Option<PathBuf>,
    pub columns: Vec<NamedColumn>,
    pub has_header: bool,
    pub separator: Option<u8>,
    pub encoding: Option<&'static encoding_rs::Encoding>,
    pub decimal_mark: Option<DecimalMark>,
    pub date_format: Option<String>,
    /// The time zone of times without an offset.
    pub zone: Tz,
    pub currency: Currency,
    /// The name of the other shop; its order numbers, SKUs and customers are identified within it.
    pub source: String,
    pub rejects: Option<PathBuf>,
    pub now: DateTime<Utc>,
}
