//! Reading the log for its leaves: faster than events can be decoded, and without trusting it.

use std::ops::RangeInclusive;

use bytes::Bytes;
use futures::TryStreamExt;
use futures::stream::BoxStream;
use sqlx::{PgConnection, query_scalar};

use super::copy::{self, LeafChunk, Next};
use crate::{LogError, Position};

/// A chunk is returned once it has this many bytes: enough to be worth handing to another thread.
const CHUNK_BYTES: usize = 512 * 1024;

/// In the order of the encoding. The bytes that are sent depend on no setting but the text encoding.
const COLUMNS: &str = "e.position, e.aggregate_type, e.aggregate_id, e.sequence, e.event_type, e.event_version, \
     e.payload, e.metadata, e.event_id, e.occurred_at, e.recorded_at";

/// The same for a session in another encoding than UTF-8. Slower by a fifth.
const CONVERTED_COLUMNS: &str = "e.position, convert_to(e.aggregate_type, 'UTF8'), convert_to(e.aggregate_id, 'UTF8'), \
     e.sequence, convert_to(e.event_type, 'UTF8'), convert_to(e.event_version, 'UTF8'), \
     convert_to(e.payload::text, 'UTF8'), convert_to(e.metadata::text, 'UTF8'), e.event_id, e.occurred_at, e.recorded_at";

/// Rows of the log, in the order of their positions, in chunks.
///
/// A connection whose reader is dropped before the end is still busy sending: close it.
pub struct LeafReader<'c> {
    copy: BoxStream<'c, Result<Bytes, sqlx::Error>>,
    /// Received bytes that were not returned yet.
    buffer: Vec<u8>,
    begun: bool,
    ended: bool,
}

impl<'c> LeafReader<'c> {
    /// All rows at these positions, though the log promises exactly one for each. Rows with the same
    /// position come in any order.
    pub async fn open(
        connection: &'c mut PgConnection,
        positions: RangeInclusive<Position>,
    ) -> Result<LeafReader<'c>, LogError> {
        let (from, to) = positions.into_inner();
        // In quotes: the digits of the least number without its sign are too large for a literal.
        let which = format!("e.position >= '{from}' and e.position <= '{to}' order by e.position");
        LeafReader::begin(connection, &which).await
    }

    /// The rows without a position. The table as the migrations made it can hold none.
    pub async fn open_unplaced(
        connection: &'c mut PgConnection,
    ) -> Result<LeafReader<'c>, LogError> {
        LeafReader::begin(connection, "e.position is null").await
    }

    async fn begin(
        connection: &'c mut PgConnection,
        which: &str,
    ) -> Result<LeafReader<'c>, LogError> {
        let encoding: String = query_scalar("select current_setting('client_encoding')")
            .fetch_one(&mut *connection)
            .await?;
        let columns = match encoding.as_str() {
            "UTF8" => COLUMNS,
            _ => CONVERTED_COLUMNS,
        };
        let statement = format!(
            "copy (select {columns} from log.events e where {which}) to stdout (format binary)"
        );
        Ok(LeafReader {
            copy: connection.copy_out_raw(&statement).await?,
            buffer: Vec::with_capacity(CHUNK_BYTES),
            begun: false,
            ended: false,
        })
    }

    /// The next rows, at least one; `None` at the end.
    pub async fn next(&mut self) -> Result<Option<LeafChunk>, LogError> {
        let (mut whole, mut count) = (0, 0);
        while !self.ended && whole < CHUNK_BYTES {
            match self.scan(whole)? {
                Next::Row { length } => {
                    whole += length;
                    count += 1;
                }
                Next::End => self.ended = true,
                Next::Incomplete => self.receive().await?,
                Next::Malformed => return Err(malformed("a row")),
            }
        }
        if count == 0 {
            return self.finish().await;
        }
        let rest = self.buffer.split_off(whole);
        let rows = std::mem::replace(&mut self.buffer, rest);
        self.buffer.reserve(CHUNK_BYTES);
        Ok(Some(LeafChunk::new(rows, count)))
    }

    fn scan(&mut self, whole: usize) -> Result<Next, LogError> {
        if !self.begun {
            match copy::header_length(&self.buffer) {
                None => return Ok(Next::Incomplete),
                Some(Err(())) => return Err(malformed("the header")),
                Some(Ok(length)) => drop(self.buffer.drain(..length)),
            }
            self.begun = true;
        }
        Ok(copy::next(&self.buffer[whole..]))
    }

    async fn receive(&mut self) -> Result<(), LogError> {
        match self.copy.try_next().await? {
            Some(bytes) => self.buffer.extend_from_slice(&bytes),
            None => return Err(malformed("the end")),
        }
        Ok(())
    }

    /// Reads to the end, so that the connection is ready for something else.
    async fn finish(&mut self) -> Result<Option<LeafChunk>, LogError> {
        while self.copy.try_next().await?.is_some() {}
        Ok(None)
    }
}

fn malformed(what: &str) -> LogError {
    LogError::Database(sqlx::Error::Protocol(format!(
        "{what} of a binary COPY is not as documented"
    )))
}
