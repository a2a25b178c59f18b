//! The store of checkpoints, in a folder.

use std::fs;
use std::path::Path;
use std::time::{Duration, SystemTime};

use chrono::{DateTime, NaiveDate, Utc};
use daybook_audit::store::{
    Acceptance, CheckpointStore, Erasure, Exported, ExportedNote, StoreError,
};
use daybook_audit::{Checkpoint, SignedCheckpoint, SigningKey};
use tempfile::TempDir;
use uuid::Uuid;

fn signed(key: &SigningKey, size: u64, root: u8) -> SignedCheckpoint {
    let checkpoint = Checkpoint {
        origin: key.name().to_owned(),
        size,
        root: [root; 32],
    };
    checkpoint.sign([key])
}

fn key() -> SigningKey {
    SigningKey::generate("shop").unwrap()
}

fn store(folder: &TempDir) -> CheckpointStore {
    CheckpointStore::open(folder.path().join("checkpoints").to_str().unwrap()).unwrap()
}

fn day() -> NaiveDate {
    NaiveDate::from_ymd_opt(2026, 11, 23).unwrap()
}

fn acceptance(agreed_size: u64) -> Acceptance {
    Acceptance {
        accepted_at: DateTime::<Utc>::from_timestamp_millis(1_795_395_600_123).unwrap(),
        accepted_by: "cli:ops".to_owned(),
        reason: "the disk was lost".to_owned(),
        agreed_size,
        abandoned_size: Some(30),
    }
}

/// Every file below a folder, by its path from there.
fn files(folder: &Path) -> Vec<String> {
    let mut found = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(next) = folders.pop() {
        for entry in fs::read_dir(next).unwrap() {
            let path = entry.unwrap().path();
            match path.is_dir() {
                true => folders.push(path),
                false => found.push(path.strip_prefix(folder).unwrap().display().to_string()),
            }
        }
    }
    found.sort();
    found
}

#[tokio::test]
async fn nothing_is_there_before_something_was_exported_and_looking_makes_nothing() {
    let folder = TempDir::new().unwrap();
    let store = store(&folder);
    assert_eq!(store.latest().await.unwrap(), None);
    assert!(store.exported().await.unwrap().is_empty());
    assert!(store.erasures().await.unwrap().is_empty());
    assert!(store.kept().await.unwrap().is_empty());
    assert!(files(folder.path()).is_empty());
}

#[tokio::test]
async fn the_newest_checkpoint_never_goes_back_and_is_replaced_by_one_that_contains_it() {
    let folder = TempDir::new().unwrap();
    let (store, key) = (store(&folder), key());
    let (ten, twenty) = (signed(&key, 10, 1), signed(&key, 20, 2));
    assert_eq!(
        store.export(&twenty, None).await.unwrap(),
        Exported::Written
    );
    assert_eq!(
        store.export(&twenty, None).await.unwrap(),
        Exported::NotNewer
    );
    let unproven = Exported::Unproven(twenty.checkpoint().clone());
    let shown = Some(twenty.checkpoint());
    assert_eq!(store.export(&ten, None).await.unwrap(), unproven);
    assert_eq!(store.export(&ten, shown).await.unwrap(), Exported::NotNewer);
    assert_eq!(store.latest().await.unwrap(), Some(twenty.to_string()));
    let thirty = signed(&key, 30, 3);
    for other in [None, Some(ten.checkpoint())] {
        assert_eq!(store.export(&thirty, other).await.unwrap(), unproven);
    }
    assert_eq!(store.latest().await.unwrap(), Some(twenty.to_string()));
    assert_eq!(
        store.export(&thirty, shown).await.unwrap(),
        Exported::Written
    );
    assert_eq!(store.latest().await.unwrap(), Some(thirty.to_string()));
    assert_eq!(
        files(folder.path()),
        ["checkpoints/latest"],
        "a draft was left"
    );
}

#[tokio::test]
async fn another_tree_of_the_same_size_is_told_and_left_as_it_is() {
    let folder = TempDir::new().unwrap();
    let (store, key) = (store(&folder), key());
    let first = signed(&key, 10, 1);
    store.export(&first, None).await.unwrap();
    let forked = store.export(&signed(&key, 10, 2), None).await;
    assert!(
        matches!(forked, Err(StoreError::Forked { size: 10, .. })),
        "{forked:?}"
    );
    assert_eq!(store.latest().await.unwrap(), Some(first.to_string()));
    // As a rotation of the key makes it.
    let second = SigningKey::generate("shop").unwrap();
    let both = first.checkpoint().clone().sign([&second, &key]);
    assert_eq!(store.export(&both, None).await.unwrap(), Exported::Written);
    assert_eq!(store.latest().await.unwrap(), Some(both.to_string()));
}

#[tokio::test]
async fn what_is_no_checkpoint_is_not_written_over() {
    let folder = TempDir::new().unwrap();
    let (store, key) = (store(&folder), key());
    store.export(&signed(&key, 10, 1), None).await.unwrap();
    let latest = folder.path().join("checkpoints/latest");
    fs::write(&latest, "something else\n").unwrap();
    let refused = store.export(&signed(&key, 20, 2), None).await;
    assert!(
        matches!(refused, Err(StoreError::Malformed { .. })),
        "{refused:?}"
    );
    assert_eq!(fs::read_to_string(latest).unwrap(), "something else\n");
}

#[tokio::test]
async fn checkpoints_that_stay_are_found_by_size_and_not_written_over() {
    let folder = TempDir::new().unwrap();
    let (store, key) = (store(&folder), key());
    for size in [1_000, 20, 3] {
        store.keep(&signed(&key, size, 1), day()).await.unwrap();
    }
    store.keep(&signed(&key, 20, 1), day()).await.unwrap();
    let other = store.keep(&signed(&key, 20, 2), day()).await;
    assert!(
        matches!(other, Err(StoreError::Forked { size: 20, .. })),
        "{other:?}"
    );
    let kept = store.kept().await.unwrap();
    let sizes: Vec<u64> = kept.iter().map(|kept| kept.size).collect();
    assert_eq!(sizes, [3, 20, 1_000]);
    let note = store.read_kept(&kept[1]).await.unwrap();
    assert_eq!(note, Some(signed(&key, 20, 1).to_string()));
    assert!(
        files(folder.path())
            .contains(&"checkpoints/checkpoints/2026-11-23/000000000020".to_owned())
    );
}

fn notes(exported: Vec<ExportedNote>) -> Vec<(String, String)> {
    exported
        .into_iter()
        .map(|note| (note.path, note.text))
        .collect()
}

#[tokio::test]
async fn a_note_that_stays_counts_where_latest_is_gone_or_was_put_back() {
    let folder = TempDir::new().unwrap();
    let (store, key) = (store(&folder), key());
    let named = |path: &str, size| (path.to_owned(), signed(&key, size, 1).to_string());
    for (size, on) in [(10, day()), (1_000, day()), (20, day().pred_opt().unwrap())] {
        store.keep(&signed(&key, size, 1), on).await.unwrap();
    }
    store.export(&signed(&key, 1_000, 1), None).await.unwrap();
    // Left by a process that was killed while it wrote them, or put there by others.
    let kept = folder.path().join("checkpoints/checkpoints");
    fs::write(kept.join("2026-11-23/000000002000#1"), "").unwrap();
    fs::write(kept.join("2026-11-23/readme.txt"), "").unwrap();
    let latest = named("latest", 1_000);
    assert_eq!(notes(store.exported().await.unwrap()), [latest]);

    let path = folder.path().join("checkpoints/latest");
    fs::write(&path, signed(&key, 12, 1).to_string()).unwrap();
    let greatest = named("checkpoints/2026-11-23/000000001000", 1_000);
    let both = [named("latest", 12), greatest.clone()];
    assert_eq!(notes(store.exported().await.unwrap()), both);
    fs::remove_file(&path).unwrap();
    assert_eq!(notes(store.exported().await.unwrap()), [greatest]);

    fs::create_dir(kept.join("9999-12-31")).unwrap();
    fs::copy(
        kept.join("2026-11-23/000000000010"),
        kept.join("9999-12-31/000000003000"),
    )
    .unwrap();
    let refused = store.exported().await;
    assert!(
        matches!(&refused, Err(StoreError::Malformed { path, .. }) if path.ends_with("/000000003000")),
        "{refused:?}"
    );
}

#[tokio::test]
async fn what_a_killed_process_left_of_latest_is_cleared_away() {
    let folder = TempDir::new().unwrap();
    let (store, key) = (store(&folder), key());
    store.export(&signed(&key, 10, 1), None).await.unwrap();
    let (old, new) = (
        folder.path().join("checkpoints/latest#1"),
        folder.path().join("checkpoints/latest#2"),
    );
    fs::write(&new, "half").unwrap();
    let left = fs::File::create(&old).unwrap();
    left.set_modified(SystemTime::now() - Duration::from_secs(3_600))
        .unwrap();
    store.keep(&signed(&key, 10, 1), day()).await.unwrap();
    assert!(!old.exists());
    assert!(new.exists(), "somebody may be at work on it");
}

#[tokio::test]
async fn erasures_are_written_down_once_for_each_person() {
    let folder = TempDir::new().unwrap();
    let store = store(&folder);
    let erasure = |position| Erasure {
        user_id: Uuid::from_u128(7),
        position,
        erased_at: acceptance(0).accepted_at,
    };
    store.put_erasure(&erasure(4)).await.unwrap();
    store.put_erasure(&erasure(4)).await.unwrap();
    assert_eq!(store.erasures().await.unwrap(), [erasure(4)]);
    let other = Erasure {
        user_id: Uuid::from_u128(8),
        ..erasure(9)
    };
    store.put_erasure(&other).await.unwrap();
    let mut both = store.erasures().await.unwrap();
    both.sort_by_key(|erasure| erasure.position);
    assert_eq!(both, [erasure(4), other]);
}

#[tokio::test]
async fn what_a_backup_lacks_is_put_aside_and_not_lost() {
    let folder = TempDir::new().unwrap();
    let (store, key) = (store(&folder), key());
    let mut before = None;
    for size in [10, 20, 30] {
        let checkpoint = signed(&key, size, 1);
        store.keep(&checkpoint, day()).await.unwrap();
        let exported = store.export(&checkpoint, before.as_ref()).await;
        assert_eq!(exported.unwrap(), Exported::Written);
        before = Some(checkpoint.checkpoint().clone());
    }
    let restored = signed(&key, 12, 1);
    let abandoned = store
        .abandon(&acceptance(10), Some(&restored))
        .await
        .unwrap();
    assert_eq!(abandoned.notes, 2);
    assert_eq!(store.latest().await.unwrap(), Some(restored.to_string()));
    let aside = "checkpoints/abandoned/2026-11-23T01-00-00.123Z";
    assert_eq!(
        files(folder.path()),
        [
            format!("{aside}/acceptance.json"),
            format!("{aside}/checkpoints/2026-11-23/000000000020"),
            format!("{aside}/checkpoints/2026-11-23/000000000030"),
            format!("{aside}/latest"),
            "checkpoints/checkpoints/2026-11-23/000000000010".to_owned(),
            "checkpoints/latest".to_owned(),
        ]
    );
    let latest = fs::read_to_string(folder.path().join(aside).join("latest")).unwrap();
    assert_eq!(latest, signed(&key, 30, 1).to_string());
    let record = fs::read(folder.path().join(aside).join("acceptance.json")).unwrap();
    let record: Acceptance = serde_json::from_slice(&record).unwrap();
    assert_eq!(record, acceptance(10));
}

#[test]
fn a_place_of_another_kind_is_refused() {
    for location in ["http://example.com/bucket", "gs://bucket/prefix", "s3:///"] {
        let opened = CheckpointStore::open(location);
        assert!(
            matches!(opened, Err(StoreError::Location { .. })),
            "{location}: {opened:?}"
        );
    }
}
