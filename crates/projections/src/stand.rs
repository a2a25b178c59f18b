//! The state of a read model's rows, so that cached rows can be recognised as out of date.

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
        let statement = format!("{STANDS} where name = $1");
        let found: Option<Found> = sqlx::query_as(&statement)
            .bind(name)
            .fetch_optional(conn)
            .await?;
        Ok(found.map(named).unwrap_or_default().1)
    }

    /// The stands of all read models, by name.
    pub(crate) async fn read_all(pool: &PgPool) -> Result<Vec<(String, Stand)>, sqlx::Error> {
        let found: Vec<Found> = sqlx::query_as(STANDS).fetch_all(pool).await?;
        Ok(found.into_iter().map(named).collect())
    }
}

/// The columns of [`Found`].
const STANDS: &str = "
    select name, (extract(epoch from pg_postmaster_start_time()) * 1000000)::bigint, generation, position
    from projections.checkpoints";

/// A read model's name, and its stand.
type Found = (String, i64, i64, Position);

fn named((name, instance, generation, position): Found) -> (String, Stand) {
    let stand = Stand {
        instance,
        generation,
        position,
    };
    (name, stand)
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
