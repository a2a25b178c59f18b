//! The security events of the person's account.

use daybook_identity::security;
use futures::{Stream, stream};

use super::{ExportError, Source};
use crate::security_event::SecurityEventRecord;

const CHUNK: i64 = 1_000;

/// Every security event that concerns the person, the oldest first.
pub(super) fn of_person(
    source: Source,
) -> impl Stream<Item = Result<Vec<SecurityEventRecord>, ExportError>> + Send {
    stream::try_unfold((source, 0), |(source, after): (Source, i64)| async move {
        let events = security::of_user(&source.accounts.parts.pool, source.id, after, CHUNK).await;
        let events = events.map_err(ExportError::Security)?;
        let Some(last) = events.last().map(|event| event.id) else {
            return Ok(None);
        };
        let told = events.into_iter().map(SecurityEventRecord::for_the_person);
        Ok(Some((told.collect(), (source, last))))
    })
}
