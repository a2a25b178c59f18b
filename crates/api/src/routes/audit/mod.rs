//! The audit trail: who changed what, when, on whose behalf and why.
//!
//! What is shown comes from the log itself; the read model `trail` only tells where it is. What a caller may read is
//! decided in one place, [`entitled`].

mod correlations;
pub(super) mod cursor;
mod diff;
pub(crate) mod entitled;
mod events;
mod failure;
mod ndjson;
mod proof_answers;
mod proofs;
mod stream;
mod streams;

use crate::app::App;
use crate::auth::Routes;

pub(super) fn router() -> Routes<App> {
    Routes::new()
        .merge(streams::router())
        .merge(proofs::router())
        .merge(events::router())
        .merge(correlations::router())
        .merge(diff::router())
}
