//! A person's actions, in whichever stream.

use daybook_contract::Timestamp;
use daybook_history::trail::TrailError;
use daybook_log::{Actor, Means, Position, RecordedEvent};
use daybook_projections::trail::{TrailFilter, TrailOrder};
use futures::{Stream, stream};
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use super::{ExportError, Source};

const CHUNK: i64 = 1_000;

/// An event that the person caused. What it says is left out, since it may be of somebody else; of their own account
/// and orders it is told there.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Action {
    position: Position,
    at: Timestamp,
    recorded_at: Timestamp,
    r#type: &'static str,
    /// Type and id of what it happened to.
    stream: String,
    #[schema(value_type = String)]
    means: Means,
    correlation_id: Uuid,
    request_id: Option<String>,
}

/// Everything that the person did, the oldest first.
pub(super) fn of_person(
    source: Source,
) -> impl Stream<Item = Result<Vec<Action>, ExportError>> + Send {
    let all = TrailFilter {
        actor: Some(Actor::User(source.id)),
        types: None,
        correlation_id: None,
        from: 1,
        through: source.position,
    };
    stream::try_unfold((source, all), |(source, rest)| async move {
        let trail = source.accounts.parts.read_models.trail();
        let positions = trail.find(&rest, TrailOrder::OldestFirst, CHUNK).await;
        let positions = positions.map_err(TrailError::from)?;
        let Some(last) = positions.last() else {
            return Ok(None);
        };
        let events = source.accounts.parts.feed.read_at(&positions).await?;
        let actions = events.into_iter().map(Action::from).collect();
        let from = last + 1;
        Ok(Some((actions, (source, TrailFilter { from, ..rest }))))
    })
}

impl From<RecordedEvent> for Action {
    fn from(recorded: RecordedEvent) -> Action {
        let means = recorded.metadata.means();
        Action {
            position: recorded.position,
            at: recorded.occurred_at.into(),
            recorded_at: recorded.recorded_at.into(),
            r#type: recorded.event.event_type(),
            stream: recorded.stream.to_string(),
            means,
            correlation_id: recorded.metadata.correlation_id,
            request_id: recorded.metadata.request_id,
        }
    }
}
