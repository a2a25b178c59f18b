//! How far the log and its tree reach.

use daybook_log::Position;
use sqlx::{PgConnection, query_as, query_scalar};

use super::VerifyError;

#[derive(Clone, Copy, Debug)]
pub(super) struct Extent {
    /// The greatest position; 0 in an empty log.
    pub(super) head: Position,
    /// How many leaves the lowest tiles have.
    pub(super) tiles: u64,
    /// The size of the newest checkpoint in the database, whoever signed it.
    pub(super) checkpoint: u64,
    /// Whether there are rows without a position, or with one below 1.
    pub(super) has_misplaced: bool,
}

impl Extent {
    pub(super) async fn of(connection: &mut PgConnection) -> Result<Extent, VerifyError> {
        let (head, has_misplaced): (Position, bool) = query_as(
            "select coalesce(max(e.position), 0),
                 exists (select from log.events m where m.position < 1)
                 or exists (select from log.events m where m.position is null)
             from log.events e",
        )
        .fetch_one(&mut *connection)
        .await?;
        let tiles: Option<i64> = query_scalar(
            // An index larger than any log must not make this fail.
            "select least(t.index, 1::bigint << 48) * 256 + octet_length(t.hashes) / 32
             from audit.tiles t where t.level = 0 order by t.index desc limit 1",
        )
        .fetch_optional(&mut *connection)
        .await?;
        let checkpoint: Option<i64> = query_scalar("select max(c.size) from audit.checkpoints c")
            .fetch_one(&mut *connection)
            .await?;
        Ok(Extent {
            head,
            tiles: tiles.map_or(0, i64::unsigned_abs),
            checkpoint: checkpoint.map_or(0, i64::unsigned_abs),
            has_misplaced,
        })
    }

    /// For how many events a tree can be made.
    pub(super) fn reach(&self) -> u64 {
        self.tiles.max(self.events())
    }

    /// Whether there are events but no part of a tree.
    pub(super) fn has_only_rows(&self) -> bool {
        self.head != 0 && self.tiles == 0 && self.checkpoint == 0
    }

    pub(super) fn events(&self) -> u64 {
        u64::try_from(self.head).unwrap_or_default()
    }
}

/// How many events come after the sealed ones; `None` if there is not exactly one for each position.
pub(super) async fn unsealed(
    connection: &mut PgConnection,
    size: u64,
) -> Result<Option<u64>, VerifyError> {
    let size = Position::try_from(size).unwrap_or(Position::MAX);
    let (rows, positions, first, last): (i64, i64, Option<Position>, Option<Position>) = query_as(
        "select count(*), count(distinct e.position), min(e.position), max(e.position)
         from log.events e where e.position > $1",
    )
    .bind(size)
    .fetch_one(connection)
    .await?;
    let (Some(first), Some(last)) = (first, last) else {
        return Ok(Some(0));
    };
    let is_dense = rows == positions && first == size + 1 && last.checked_sub(size) == Some(rows);
    Ok(is_dense.then_some(rows.unsigned_abs()))
}
