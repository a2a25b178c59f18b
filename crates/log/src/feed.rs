//! Reading the log: by position, or one stream.

use daybook_domain::StreamId;
use sqlx::{PgExecutor, PgPool, query_as, query_scalar};

use crate::event::{EVENT_COLUMNS, EventRow};
use crate::{Codec, LogError, Poison, Position, RecordedEvent};

#[derive(Clone)]
pub struct Feed {
    pub(crate) pool: PgPool,
    pub(crate) codec: Codec,
}

/// Events in the order of their positions, up to the first that cannot be decoded.
pub struct FeedBatch {
    pub events: Vec<RecordedEvent>,
    pub poison: Option<Poison>,
}

/// Events as they were fetched, in the order of their positions.
pub struct Undecoded(Vec<EventRow>);

impl Undecoded {
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The position of the last event.
    pub fn last(&self) -> Option<Position> {
        self.0.last().map(|row| row.position)
    }
}

/// The log's last position, 0 when it is empty.
pub async fn head(executor: impl PgExecutor<'_>) -> Result<Position, sqlx::Error> {
    query_scalar("select coalesce(max(e.position), 0) from log.events e")
        .fetch_one(executor)
        .await
}

impl Feed {
    pub fn new(pool: PgPool, codec: Codec) -> Feed {
        Feed { pool, codec }
    }

    /// The codec that opens personal data for this feed.
    pub fn codec(&self) -> &Codec {
        &self.codec
    }

    /// The last position, 0 when the log is empty.
    pub async fn head(&self) -> Result<Position, LogError> {
        Ok(head(&self.pool).await?)
    }

    pub async fn read_after(&self, position: Position, limit: i64) -> Result<FeedBatch, LogError> {
        let statement = format!(
            "select {EVENT_COLUMNS} from log.events e where e.position > $1 order by e.position limit $2"
        );
        let rows: Vec<EventRow> = query_as(&statement)
            .bind(position)
            .bind(limit)
            .fetch_all(&self.pool)
            .await?;
        self.codec.decode(rows).await
    }

    /// The rows of up to `limit` events after one position and up to another, to be decoded separately
    /// from reading them.
    pub async fn fetch_between(
        &self,
        after: Position,
        to: Position,
        limit: i64,
    ) -> Result<Undecoded, LogError> {
        let statement = format!(
            "select {EVENT_COLUMNS} from log.events e
             where e.position > $1 and e.position <= $2 order by e.position limit $3"
        );
        let rows = query_as(&statement)
            .bind(after)
            .bind(to)
            .bind(limit)
            .fetch_all(&self.pool)
            .await?;
        Ok(Undecoded(rows))
    }

    /// Decodes what was fetched, up to the first event that cannot be decoded.
    pub async fn decode(&self, fetched: Undecoded) -> Result<FeedBatch, LogError> {
        self.codec.decode(fetched.0).await
    }

    /// A stream's events after the sequence given, oldest first. An undecodable one is an error.
    pub async fn read_stream(
        &self,
        stream: StreamId,
        after_sequence: i64,
        limit: i64,
    ) -> Result<Vec<RecordedEvent>, LogError> {
        self.read_stream_to(stream, after_sequence, Position::MAX, limit)
            .await
    }
}

impl FeedBatch {
    /// The events, if all could be decoded.
    pub(crate) fn whole(self) -> Result<Vec<RecordedEvent>, LogError> {
        match self.poison {
            None => Ok(self.events),
            Some(Poison {
                position,
                event_type,
                error,
                ..
            }) => Err(LogError::Undecodable {
                position,
                event_type,
                reason: error,
            }),
        }
    }
}
