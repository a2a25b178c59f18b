//! tlog_tiles reads our tiles and authenticates each against the root that was signed.

use std::collections::HashMap;

use daybook_audit::tiles::{TileId, leaf_hashes, root_at, streams_of_tile};
use daybook_audit::tree::root_of;
use daybook_audit::{AuditError, Hash};
use sqlx::query_as;
use tlog_tiles::{
    Error, HashReader, Tile, TileHashReader, TileReader, check_record, prove_record, record_hash,
    stored_hash_index, tree_hash,
};

use crate::log::Log;

struct Stored(HashMap<(u8, u64), Vec<u8>>);

impl TileReader for Stored {
    fn height(&self) -> u8 {
        8
    }

    fn read_tiles(&self, tiles: &[Tile]) -> Result<Vec<Vec<u8>>, Error> {
        let bytes = tiles.iter().map(|tile| {
            let stored = self.0.get(&(tile.level(), tile.level_index()));
            let bytes = stored.and_then(|bytes| bytes.get(..tile.width() as usize * 32));
            bytes.map(<[u8]>::to_vec).ok_or(Error::InvalidTile)
        });
        bytes.collect()
    }

    fn save_tiles(&self, _: &[Tile], _: &[Vec<u8>]) {}
}

async fn stored(log: &mut Log) -> Stored {
    let rows: Vec<(i16, i64, Vec<u8>)> = query_as("select level, index, hashes from audit.tiles")
        .fetch_all(&mut log.superuser)
        .await
        .unwrap();
    let tiles = rows.into_iter().map(|(level, index, hashes)| {
        let place = (u8::try_from(level).unwrap(), u64::try_from(index).unwrap());
        (place, hashes)
    });
    Stored(tiles.collect())
}

#[tokio::test]
async fn another_implementation_reads_and_proves_from_our_tiles() {
    let mut log = Log::new().await;
    for count in [3, 253, 65_300, 1_500] {
        log.append(count).await;
        log.seal().await;
    }
    let leaves = log.leaves().await;
    let tiles = stored(&mut log).await;
    assert!(tiles.0.contains_key(&(2, 0)), "three levels of tiles");
    // Also the smaller trees, from the tiles of the largest.
    let (trusted, checkpoints) = (log.trusted(), log.checkpoints().await);
    assert_eq!(checkpoints.len(), 4);
    for checkpoint in checkpoints {
        let signed = checkpoint.open(&trusted).unwrap();
        let (size, root) = (signed.size(), tlog_tiles::Hash(signed.root()));
        let reader = TileHashReader::new(size, root, &tiles);
        assert_eq!(tree_hash(size, &reader).unwrap().0, root.0);
        for index in [0, size / 3, size - 1] {
            let leaf = record_hash(&leaves[index as usize].data());
            let read = reader.read_hashes(&[stored_hash_index(0, index)]);
            assert_eq!(read.unwrap()[0].0, leaf.0);
            let proof = prove_record(size, index, &reader).unwrap();
            check_record(&proof, size, root, index, leaf).unwrap();
        }
    }
}

#[tokio::test]
async fn any_smaller_tree_can_be_read_from_the_tiles() {
    let mut log = Log::new().await;
    log.append(1_100).await;
    log.seal().await;
    let hashes: Vec<Hash> = log.leaves().await.iter().map(|leaf| leaf.hash()).collect();
    let superuser = &mut log.superuser;
    for size in [
        0, 1, 2, 255, 256, 257, 511, 512, 513, 1_023, 1_024, 1_099, 1_100,
    ] {
        let root = root_at(superuser, size).await.unwrap();
        assert_eq!(root, root_of(&hashes[..size as usize]), "of {size}");
    }
    for range in [0..0, 0..1, 5..9, 250..260, 256..512, 0..1_100, 1_099..1_100] {
        let read = leaf_hashes(superuser, range.clone()).await.unwrap();
        assert_eq!(read, hashes[range.start as usize..range.end as usize]);
    }
    let beyond = root_at(superuser, 1_101).await;
    assert!(matches!(beyond, Err(AuditError::Tile { .. })));
    let beyond = leaf_hashes(superuser, 1_000..1_101).await;
    assert!(matches!(beyond, Err(AuditError::Tile { id }) if id == TileId { level: 0, index: 4 }));
}

#[tokio::test]
async fn a_missing_tile_is_an_error_and_names_the_tile() {
    let mut log = Log::new().await;
    log.append(1_100).await;
    log.seal().await;
    log.harm("delete from audit.tiles where level = 0 and index = 2")
        .await;
    let read = leaf_hashes(&mut log.superuser, 0..1_100).await;
    assert!(matches!(read, Err(AuditError::Tile { id }) if id == TileId { level: 0, index: 2 }));
    log.harm("update audit.tiles set hashes = substring(hashes from 1 for 64) where level = 1")
        .await;
    let read = root_at(&mut log.superuser, 1_100).await;
    assert!(matches!(read, Err(AuditError::Tile { id }) if id == TileId { level: 1, index: 0 }));
}

#[tokio::test]
async fn the_streams_of_sealed_events_are_kept() {
    let mut log = Log::new().await;
    for count in [100, 200, 300, 1] {
        log.append(count).await;
        log.seal().await;
    }
    let streams: Vec<String> = log
        .leaves()
        .await
        .iter()
        .map(|leaf| format!("{}/{}", leaf.aggregate_type, leaf.aggregate_id))
        .collect();
    for (index, expected) in (0..).zip(streams.chunks(256)) {
        let kept = streams_of_tile(&mut log.superuser, index).await.unwrap();
        assert_eq!(kept, expected, "of tile {index}");
    }
    assert!(
        streams_of_tile(&mut log.superuser, 3)
            .await
            .unwrap()
            .is_empty()
    );
}
