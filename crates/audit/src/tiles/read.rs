//! Reading tiles: one query for all that are requested, however large the log is.

use std::collections::{BTreeSet, HashMap};
use std::ops::Range;

use sqlx::{PgConnection, query_as, query_scalar};

use super::layout::{Tile, TileId, WIDTH, range_hash};
use crate::checkpoint::Checkpoint;
use crate::error::AuditError;
use crate::tree::{Hash, Node, consistency_ranges, empty_root, inclusion_ranges, root_of};

/// Tiles that were read.
#[derive(Clone, Debug, Default)]
pub struct Tiles(HashMap<TileId, Tile>);

impl Tiles {
    /// Reads these tiles. Tiles that are missing or malformed are left out.
    pub async fn load(
        connection: &mut PgConnection,
        ids: impl IntoIterator<Item = TileId>,
    ) -> Result<Tiles, AuditError> {
        let ids: BTreeSet<TileId> = ids.into_iter().collect();
        let (levels, indexes): (Vec<i16>, Vec<i64>) = ids
            .into_iter()
            .map(|id| (i16::from(id.level), id.index as i64))
            .unzip();
        let rows: Vec<(i16, i64, Vec<u8>)> = query_as(
            "select t.level, t.index, t.hashes
             from unnest($1::smallint[], $2::bigint[]) as n (level, index)
             join audit.tiles t on t.level = n.level and t.index = n.index",
        )
        .bind(levels)
        .bind(indexes)
        .fetch_all(connection)
        .await?;
        let tiles = rows.into_iter().filter_map(|(level, index, bytes)| {
            let id = TileId {
                level: level as u8,
                index: index as u64,
            };
            Some((id, Tile::from_bytes(id, &bytes)?))
        });
        Ok(Tiles(tiles.collect()))
    }

    pub fn get(&self, id: TileId) -> Option<&Tile> {
        self.0.get(&id)
    }

    /// The hash of a complete subtree.
    pub fn node(&self, node: Node) -> Result<Hash, AuditError> {
        let (id, hashes) = TileId::of_node(node);
        let hashes = self.get(id).and_then(|tile| tile.hashes.get(hashes));
        hashes.map(root_of).ok_or(AuditError::Tile { id })
    }

    /// The hash of a range of leaves; for an empty range that of a tree without leaves.
    pub fn range(&self, range: Range<u64>) -> Result<Hash, AuditError> {
        let hash = range_hash(range, |node| self.node(node))?;
        Ok(hash.unwrap_or_else(empty_root))
    }
}

/// The root of the tree over the first `size` events, from the highest tiles that contain it.
pub async fn root_at(connection: &mut PgConnection, size: u64) -> Result<Hash, AuditError> {
    let tiles = Tiles::load(connection, TileId::for_ranges([&(0..size)])).await?;
    tiles.range(0..size)
}

/// Whether both checkpoints are of the tree in the database, so that the greater one's begins with the other's.
pub async fn holds_both(
    connection: &mut PgConnection,
    one: &Checkpoint,
    other: &Checkpoint,
) -> Result<bool, AuditError> {
    let ranges = [one, other].map(|checkpoint| 0..checkpoint.size);
    let tiles = Tiles::load(connection, TileId::for_ranges(&ranges)).await?;
    let is_here = |checkpoint: &Checkpoint| {
        let root = tiles.range(0..checkpoint.size);
        root.is_ok_and(|root| root == checkpoint.root)
    };
    Ok(is_here(one) && is_here(other))
}

/// The leaf hashes of a range of indexes (the positions minus 1).
pub async fn leaf_hashes(
    connection: &mut PgConnection,
    leaves: Range<u64>,
) -> Result<Vec<Hash>, AuditError> {
    if leaves.is_empty() {
        return Ok(Vec::new());
    }
    let (first, last) = (leaves.start / WIDTH, (leaves.end - 1) / WIDTH);
    let rows: Vec<(i64, Vec<u8>)> = query_as(
        "select t.index, t.hashes from audit.tiles t
         where t.level = 0 and t.index between $1 and $2 order by t.index",
    )
    .bind(first as i64)
    .bind(last as i64)
    .fetch_all(connection)
    .await?;
    let mut rows = rows.into_iter();
    let mut hashes = Vec::with_capacity((leaves.end - leaves.start) as usize);
    for index in first..=last {
        let id = TileId { level: 0, index };
        let begin = index * WIDTH;
        let within = leaves.start.max(begin) - begin..leaves.end.min(begin + WIDTH) - begin;
        let wanted = rows
            .next()
            .filter(|(found, _)| *found == index as i64)
            .and_then(|(_, bytes)| Tile::from_bytes(id, &bytes))
            .and_then(|tile| {
                let within = within.start as usize..within.end as usize;
                Some(tile.hashes.get(within)?.to_vec())
            });
        hashes.extend(wanted.ok_or(AuditError::Tile { id })?);
    }
    Ok(hashes)
}

/// The hashes that prove that the leaf is in the tree of that size; none if it is not.
pub async fn inclusion_hashes(
    connection: &mut PgConnection,
    index: u64,
    size: u64,
) -> Result<Vec<Hash>, AuditError> {
    hashes_of(connection, inclusion_ranges(index, size)).await
}

/// The hashes that prove that the newer tree is a continuation of the older one.
pub async fn consistency_hashes(
    connection: &mut PgConnection,
    old: u64,
    new: u64,
) -> Result<Vec<Hash>, AuditError> {
    hashes_of(connection, consistency_ranges(old, new)).await
}

async fn hashes_of(
    connection: &mut PgConnection,
    ranges: Vec<Range<u64>>,
) -> Result<Vec<Hash>, AuditError> {
    let tiles = Tiles::load(connection, TileId::for_ranges(&ranges)).await?;
    ranges.into_iter().map(|range| tiles.range(range)).collect()
}

/// The streams of the events in a tile of level 0 (`order/0190d5a0-…`), in their order; none if the tile is missing.
pub async fn streams_of_tile(
    connection: &mut PgConnection,
    index: u64,
) -> Result<Vec<String>, AuditError> {
    let streams: Option<String> =
        query_scalar("select c.streams from audit.contents c where c.tile = $1")
            .bind(index as i64)
            .fetch_optional(connection)
            .await?;
    let lines = streams.as_deref().unwrap_or_default().lines();
    Ok(lines.map(str::to_owned).collect())
}
