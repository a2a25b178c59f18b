//! The events of one of a person's streams.

use daybook_domain::StreamId;
use daybook_history::trail::Entry;
use futures::{Stream, stream};

use super::{ExportError, Source};

/// The events of the account up to `version`, the oldest first.
pub(super) fn of_account(
    source: Source,
    version: i64,
) -> impl Stream<Item = Result<Vec<Entry>, ExportError>> + Send {
    let account = StreamId::user(source.id);
    let walk = source.accounts.trail().walk_stream(account, version);
    stream::try_unfold(walk, |mut walk| async move {
        let entries = walk.next().await?;
        Ok(entries.map(|entries| (entries, walk)))
    })
}
