use std::io::Write;

use crate::failure::Failure;

/// Prints the document that `/api/v1/openapi.json` serves, for generators of clients.
pub(crate) fn run() -> Result<(), Failure> {
    let document = daybook_api::openapi()
        .to_pretty_json()
        .map_err(Failure::json)?;
    writeln!(std::io::stdout().lock(), "{document}").map_err(|source| Failure::Write {
        what: "write to its output",
        source,
    })
}
