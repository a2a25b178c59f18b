use std::time::{Duration, Instant};

use ct_merkle::mem_backed_tree::MemoryBackedTree;
use daybook_audit::{ConsistencyProof, InclusionProof, SEALED_CHANNEL, SealerConfig, SealerState};
use daybook_log::leaf::Leaf;
use sha2::Sha256;
use sqlx::postgres::PgListener;
use tlog_tiles::{check_record, check_tree, record_hash};

use crate::log::{Log, config};

fn their_tree(leaves: &[Leaf]) -> MemoryBackedTree<Sha256, Vec<u8>> {
    let mut tree = MemoryBackedTree::new();
    leaves.iter().for_each(|leaf| tree.push(leaf.data()));
    tree
}

#[tokio::test]
async fn nothing_is_sealed_of_an_empty_log() {
    let mut log = Log::new().await;
    let mut sealer = log.sealer();
    sealer
        .waits_until(|sealed| sealed.state == SealerState::Sealing)
        .await;
    assert!(sealer.sealed().checkpoint.is_none());
    log.append(1).await;
    sealer.reaches(1).await;
    sealer.stop().await;
    assert_eq!(log.checkpoints().await.len(), 1);
}

#[tokio::test]
async fn each_checkpoint_has_the_root_that_another_implementation_finds() {
    let mut log = Log::new().await;
    let mut sealer = log.sealer();
    for count in [1, 1, 5, 248, 1, 1, 255, 700, 3] {
        log.append(count).await;
        sealer.reaches(log.head).await;
    }
    sealer.stop().await;
    let leaves = log.leaves().await;
    let trusted = log.trusted();
    let checkpoints = log.checkpoints().await;
    assert_eq!(checkpoints.last().unwrap().size, 1_215);
    for stored in checkpoints {
        let signed = stored.open(&trusted).unwrap();
        assert_eq!(signed.size(), stored.size);
        let tree = their_tree(&leaves[..stored.size as usize]);
        assert_eq!(signed.root().as_slice(), tree.root().as_bytes().as_slice());
    }
}

#[tokio::test]
async fn a_log_that_is_there_already_is_sealed_in_batches() {
    let mut log = Log::new().await;
    log.append(3_000).await;
    let batches = SealerConfig {
        batch_size: 700,
        ..config()
    };
    let mut sealer = log.sealer_with(vec![log.key()], log.trusted(), batches);
    sealer.reaches(3_000).await;
    sealer.stop().await;
    let sizes: Vec<u64> = log.checkpoints().await.iter().map(|c| c.size).collect();
    assert_eq!(sizes, [700, 1_400, 2_100, 2_800, 3_000]);
    let tree = their_tree(&log.leaves().await);
    let root = log.latest().await.root();
    assert_eq!(root.as_slice(), tree.root().as_bytes().as_slice());
}

#[tokio::test]
async fn a_restart_goes_on_where_the_last_one_stopped() {
    let mut log = Log::new().await;
    for count in [1, 254, 1, 1, 256, 1_000] {
        log.append(count).await;
        log.seal().await;
        let tree = their_tree(&log.leaves().await);
        let root = log.latest().await.root();
        assert_eq!(root.as_slice(), tree.root().as_bytes().as_slice());
    }
    let sizes: Vec<u64> = log.checkpoints().await.iter().map(|c| c.size).collect();
    assert_eq!(sizes, [1, 255, 256, 257, 513, 1_513]);
}

#[tokio::test]
async fn proofs_made_from_the_tiles_hold_for_another_implementation() {
    let mut log = Log::new().await;
    log.append(700).await;
    log.seal().await;
    let older = log.latest().await;
    log.append(300).await;
    log.seal().await;
    let newest = log.latest().await;
    let trusted = log.trusted();
    for checkpoint in [&older, &newest] {
        let root = tlog_tiles::Hash(checkpoint.root());
        for position in [1, 2, 255, 256, 257, 512, 513, 699, 700, 701, 1_000, 1_001] {
            let size = checkpoint.size();
            let proof = InclusionProof::make(&mut log.superuser, position, checkpoint)
                .await
                .unwrap();
            assert_eq!(proof.is_some(), position as u64 <= size, "{position}");
            let Some(proof) = proof else { continue };
            assert_eq!(proof.verify(&trusted).unwrap(), *checkpoint);
            // From the document alone, as an outsider would.
            let read: InclusionProof =
                serde_json::from_str(&serde_json::to_string(&proof).unwrap()).unwrap();
            assert_eq!(read, proof);
            let hashes = read.hashes.into_iter().map(tlog_tiles::Hash).collect();
            let leaf = record_hash(&read.event.data());
            check_record(&hashes, size, root, position as u64 - 1, leaf).unwrap();
        }
    }

    let proof = ConsistencyProof::make(&mut log.superuser, 700, 1_000)
        .await
        .unwrap();
    assert_eq!(
        proof.verify(&trusted).unwrap(),
        (older.clone(), newest.clone())
    );
    let (old, new) = (older.root(), newest.root());
    let hashes = proof.hashes.iter().copied().map(tlog_tiles::Hash).collect();
    check_tree(
        &hashes,
        1_000,
        tlog_tiles::Hash(new),
        700,
        tlog_tiles::Hash(old),
    )
    .unwrap();

    // A size for which nobody has signed a checkpoint.
    let proof = ConsistencyProof::make(&mut log.superuser, 123, 1_000)
        .await
        .unwrap();
    proof.verify_hashes().unwrap();
    assert!(proof.verify(&trusted).is_err());
}

#[tokio::test]
async fn a_document_that_was_changed_proves_nothing() {
    let mut log = Log::new().await;
    log.append(300).await;
    log.seal().await;
    let (trusted, checkpoint) = (log.trusted(), log.latest().await);
    let proof = InclusionProof::make(&mut log.superuser, 5, &checkpoint)
        .await
        .unwrap()
        .unwrap();
    let changes: [fn(&mut InclusionProof); 8] = [
        |proof| proof.event.payload.push(' '),
        |proof| proof.event.sequence += 1,
        |proof| proof.event.recorded_at_us += 1,
        |proof| proof.position += 1,
        |proof| proof.position = -proof.position,
        |proof| proof.tree_size += 1,
        |proof| proof.hashes[0][0] ^= 1,
        |proof| proof.format.push('1'),
    ];
    for (number, change) in changes.iter().enumerate() {
        let mut changed = proof.clone();
        change(&mut changed);
        assert!(changed.verify(&trusted).is_err(), "change {number}");
        // Giving the changed event its own hash is not enough either.
        changed.leaf_hash = changed.event.hash();
        assert!(changed.verify(&trusted).is_err(), "change {number}");
    }

    // The event was changed in the database: the proof is for the one that was sealed.
    log.harm("update log.events set payload = '{\"quantity\": 1000}' where position = 5")
        .await;
    let proof = InclusionProof::make(&mut log.superuser, 5, &checkpoint)
        .await
        .unwrap()
        .unwrap();
    assert_eq!(
        proof.verify(&trusted).unwrap_err().to_string(),
        "the event was changed: its hash is not the one in the proof"
    );
}

#[tokio::test]
async fn a_checkpoint_is_announced() {
    let mut log = Log::new().await;
    let mut listener = PgListener::connect_with(&log.pool).await.unwrap();
    listener.listen(SEALED_CHANNEL).await.unwrap();
    log.append(3).await;
    log.seal().await;
    assert_eq!(listener.recv().await.unwrap().payload(), "3");
}

#[tokio::test]
async fn events_that_keep_coming_are_sealed_together() {
    let mut log = Log::new().await;
    let interval = Duration::from_millis(250);
    let paced = SealerConfig {
        interval,
        ..config()
    };
    let mut sealer = log.sealer_with(vec![log.key()], log.trusted(), paced);
    let begun = Instant::now();
    for _ in 0..100 {
        log.append(1).await;
    }
    sealer.reaches(100).await;
    let most = begun.elapsed().as_millis() / interval.as_millis() + 2;
    sealer.stop().await;
    let made = log.checkpoints().await.len() as u128;
    assert!(made <= most, "{made} checkpoints, {most} at most");
}

/// The server's role can seal, and can do nothing else to the tree.
#[tokio::test]
async fn the_servers_role_cannot_write_but_through_the_function() {
    let mut log = Log::new().await;
    log.append(3).await;
    log.seal().await;
    for statement in [
        "update audit.tiles set hashes = hashes",
        "delete from audit.tiles",
        "insert into audit.tiles (level, index, hashes) values (1, 9, repeat('0', 32)::bytea)",
        "delete from audit.contents",
        "update audit.checkpoints set note = ''",
        "delete from audit.checkpoints",
        "insert into audit.checkpoints (size, note) values (9, '')",
        "delete from audit.sealer",
        "truncate audit.checkpoints",
    ] {
        let refused = sqlx::query(statement).execute(&log.pool).await.unwrap_err();
        let code = refused.as_database_error().unwrap().code().unwrap();
        assert_eq!(code, "42501", "{statement}: insufficient_privilege");
    }
}
