//! The state of a read model's rows, so that cached rows can be recognised as out of date.

use daybook_log::Position;
use sqlx::PgConnection;

/// A read model's generation and position. It means the same in every process.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Stand {
    /// Counts how often the rows were exchanged for others: reset, rebuilt, rolled back.
    pub generation: i64,
    /// Every event up to here is in the rows; later ones may be.
    pub position: Position,
}

impl Stand {
    /// Whether rows at this stand hold everything that those at `other` do.
    pub fn covers(self, other: Stand) -> bool {
        self.generation == other.generation && self.position >= other.position
    }

    /// Reads the current stand. Whatever is read over the same connection afterwards is from this stand or a later one:
    /// the checkpoint moves with the rows, and if a server loses its last commits, the connection is lost as well.
    pub(crate) async fn read(conn: &mut PgConnection, name: &str) -> Result<Stand, sqlx::Error> {
        let found: Option<(i64, Position)> = sqlx::query_as(
            "select generation, position from projections.checkpoints where name = $1",
        )
        .bind(name)
        .fetch_optional(conn)
        .await?;
        Ok(
            found.map_or_else(Stand::default, |(generation, position)| Stand {
                generation,
                position,
            }),
        )
    }
}

/// Rows and the stand at which they were read.
#[derive(Clone, Debug)]
pub struct At<T> {
    pub stand: Stand,
    pub rows: T,
}

impl<T> At<T> {
    /// Converts the rows and keeps the stand at which they were read.
    pub fn try_map<U, E>(self, make: impl FnOnce(T) -> Result<U, E>) -> Result<At<U>, E> {
        let stand = self.stand;
        make(self.rows).map(|rows| At { stand, rows })
    }
}
