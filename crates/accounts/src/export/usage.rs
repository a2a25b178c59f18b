//! The events that a person's browsers and apps sent.

use daybook_contract::Timestamp;
use daybook_usage::{KeptEvent, Mark};
use futures::{Stream, stream};
use serde::Serialize;
use serde_json::value::RawValue;
use utoipa::ToSchema;

use super::{ExportError, Source};

const CHUNK: i64 = 1_000;

/// A usage event that names the person.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct VisitorEvent {
    received_at: Timestamp,
    /// As it came.
    #[schema(value_type = Object)]
    event: Box<RawValue>,
}

/// Every usage event, in the order in which they happened.
pub(super) fn of_person(
    source: Source,
) -> impl Stream<Item = Result<Vec<VisitorEvent>, ExportError>> + Send {
    stream::try_unfold(
        (source, None),
        |(source, mark): (Source, Option<Mark>)| async move {
            let person = source.id.as_uuid();
            let events = source
                .accounts
                .parts
                .usage
                .of_user(person, mark, CHUNK)
                .await;
            let events = events.map_err(ExportError::Usage)?;
            let Some(mark) = events.last().map(KeptEvent::mark) else {
                return Ok(None);
            };
            let exported: Result<Vec<_>, serde_json::Error> =
                events.into_iter().map(VisitorEvent::of).collect();
            Ok(Some((exported?, (source, Some(mark)))))
        },
    )
}

impl VisitorEvent {
    fn of(kept: KeptEvent) -> Result<VisitorEvent, serde_json::Error> {
        Ok(VisitorEvent {
            received_at: kept.received_at.into(),
            event: RawValue::from_string(kept.json)?,
        })
    }
}
