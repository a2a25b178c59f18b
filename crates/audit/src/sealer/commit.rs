//! Writing a batch: one statement, which is its own transaction.

use daybook_database::LeaseError;
use sqlx::{PgConnection, query};

use super::SealError;
use super::growth::Changes;
use crate::checkpoint::SignedCheckpoint;
use crate::tiles::Tile;

/// Violations of these constraints mean that another process has sealed meanwhile.
const OVERTAKEN: [&str; 2] = ["sealer_lease_held", "checkpoints_follow"];

pub(super) async fn write(
    connection: &mut PgConnection,
    fencing: i64,
    follows: u64,
    checkpoint: &SignedCheckpoint,
    changes: Changes,
) -> Result<(), SealError> {
    let Changes { tiles, contents } = changes;
    let (content_tiles, content_streams): (Vec<i64>, Vec<String>) = contents
        .into_iter()
        .map(|(tile, streams)| (tile as i64, streams))
        .unzip();
    query("select audit.seal($1, $2, $3, $4, $5, $6, $7, $8, $9)")
        .bind(fencing)
        .bind(follows as i64)
        .bind(checkpoint.size() as i64)
        .bind(checkpoint.to_string())
        .bind(column(&tiles, |tile| i16::from(tile.id.level)))
        .bind(column(&tiles, |tile| tile.id.index as i64))
        .bind(column(&tiles, Tile::to_bytes))
        .bind(content_tiles)
        .bind(content_streams)
        .execute(connection)
        .await
        .map_err(overtaken)?;
    Ok(())
}

fn column<C>(tiles: &[Tile], of: impl Fn(&Tile) -> C) -> Vec<C> {
    tiles.iter().map(of).collect()
}

fn overtaken(error: sqlx::Error) -> SealError {
    let constraint = error
        .as_database_error()
        .and_then(|error| error.constraint());
    match constraint {
        Some(name) if OVERTAKEN.contains(&name) => LeaseError::Lost.into(),
        _ => SealError::Database(error),
    }
}
