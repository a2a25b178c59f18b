use std::io::Write;

use crate::failure::Failure;

/// Prints the document that `/api/v1/openapi.json` serves, for generators of clients.
pub(crate) fn run() -> Result<(), Failure> {
    let document = daybook_api::openapi()
        .to_pretty_json()
        .map_err(|source| Failure::Unusable {
            what: "the OpenAPI document",
            source: source.into(),
        })?;
    writeln!(std::io::stdout().lock(), "{document}").map_err(|source| Failure::Process {
        what: "write to its output",
        source,
    })
}
