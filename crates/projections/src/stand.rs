//! Which rows a read model has, so that it can be told of kept rows whether they are out of date.

use daybook_log::Position;
use sqlx::PgConnection;

/// Means the same in every process.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Stand {
    /// Counts how often the rows were exchanged for others: reset, rebuilt, rolled back.
    pub generation: i64,
    /// Every event up to here is in the rows; later ones may be.
    pub position: Position,
}

impl Stand {
    /// Whether rows that stand here hold what those at `other` do.
    pub fn covers(self, other: Stand) -> bool {
        self.generation == other.generation && self.position >= other.position
    }

    /// What is read over the same connection after this is there or later: the checkpoint moves with the rows,
    /// and a server that lost its last commits has lost the connection with them.
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

/// Rows and where they were read.
#[derive(Clone, Debug)]
pub struct At<T> {
    pub stand: Stand,
    pub rows: T,
}

impl<T> At<T> {
    /// What can be made of the rows, still where they were read.
    pub fn try_map<U, E>(self, make: impl FnOnce(T) -> Result<U, E>) -> Result<At<U>, E> {
        let stand = self.stand;
        make(self.rows).map(|rows| At { stand, rows })
    }
}
