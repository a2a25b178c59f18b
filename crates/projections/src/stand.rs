//! The state of a read model's rows, so that cached rows can be recognised as out of date.

use daybook_database::from_row;
use daybook_log::Position;
use sqlx::{PgConnection, PgPool};

/// A read model's generation and position at one instance of the database. It means the same in every process.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Stand {
    /// When PostgreSQL was started, in microseconds: a database that was set back reaches the same positions again,
    /// with other rows.
    pub instance: i64,
    /// Counts how often the rows were exchanged for others: reset, rebuilt, rolled back.
    pub generation: i64,
    /// Every event up to here is in the rows; later ones may be.
    pub position: Position,
}

impl Stand {
    /// Whether rows at this stand hold everything that those at `other` do.
    pub fn covers(self, other: Stand) -> bool {
        (self.instance, self.generation) == (other.instance, other.generation)
            && self.position >= other.position
    }

    /// Reads the current stand. Whatever is read over the same connection afterwards is from this stand or a later one:
    /// the checkpoint moves with the rows, and if a server loses its last commits, the connection is lost as well.
    pub(crate) async fn read(conn: &mut PgConnection, name: &str) -> Result<Stand, sqlx::Error> {
        let found: Option<Stand> = sqlx::query_as(
            "select (extract(epoch from pg_postmaster_start_time()) * 1000000)::bigint as instance,
                 generation, position
             from projections.checkpoints where name = $1",
        )
        .bind(name)
        .fetch_optional(conn)
        .await?;
        Ok(found.unwrap_or_default())
    }

    /// The stands of all read models, by name.
    pub(crate) async fn read_all(pool: &PgPool) -> Result<Vec<(String, Stand)>, sqlx::Error> {
        let found: Vec<Named> = sqlx::query_as(
            "select name, (extract(epoch from pg_postmaster_start_time()) * 1000000)::bigint as instance,
                 generation, position
             from projections.checkpoints",
        )
        .fetch_all(pool)
        .await?;
        let named = |found: Named| {
            let stand = Stand {
                instance: found.instance,
                generation: found.generation,
                position: found.position,
            };
            (found.name, stand)
        };
        Ok(found.into_iter().map(named).collect())
    }
}

from_row!(Stand {
    instance,
    generation,
    position
});

struct Named {
    name: String,
    instance: i64,
    generation: i64,
    position: Position,
}

from_row!(Named {
    name,
    instance,
    generation,
    position
});

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
