//! What only checkpoints that are kept outside the database can prove.

use daybook_audit::verify::Kind::{Forged, RolledBack, Tree, Truncated};
use daybook_audit::verify::{External, VerifyError};
use daybook_audit::{CheckpointStore, SigningKey, checkpoints_after};

use crate::site::{LOG, Site, place};

/// Everything as it was when 500 events were sealed.
const SET_BACK: &str = "delete from log.events where position > 500;
    delete from audit.checkpoints where size > 500;
    delete from audit.tiles where level = 0 and index > 1;
    delete from audit.tiles where level = 1 and index > 0;
    update audit.tiles set hashes = substr(hashes, 1, 244 * 32) where level = 0 and index = 1;
    update audit.tiles set hashes = substr(hashes, 1, 32) where level = 1";

async fn found(site: &Site, external: &[External]) -> Vec<(daybook_audit::verify::Kind, i64, i64)> {
    site.verify(external)
        .await
        .findings
        .iter()
        .map(place)
        .collect()
}

#[tokio::test]
async fn an_old_state_of_the_whole_database_is_found_out_by_a_newer_checkpoint() {
    let site = Site::sealed(1_000).await;
    let newest = site.newest().await;
    site.harm(SET_BACK).await;
    assert_eq!(found(&site, &[]).await, [], "nothing in the database tells");
    assert_eq!(
        found(&site, std::slice::from_ref(&newest)).await,
        [(RolledBack, 501, 1_000)]
    );
    // It continues as if nothing had happened.
    site.harm("select 1").await;
    site.append(20).await;
    site.seal(100).await;
    assert_eq!(found(&site, &[newest]).await, [(RolledBack, 521, 1_000)]);
}

#[tokio::test]
async fn a_log_that_was_set_back_and_went_on_is_found_out() {
    let site = Site::new().await;
    site.append(400).await;
    site.seal(400).await;
    let old = site.newest().await;
    site.append(600).await;
    site.seal(100).await;
    let newest = site.newest().await;
    site.harm(SET_BACK).await;
    // Other events than those before.
    site.append(700).await;
    site.harm("update log.events set event_version = '2' where position > 500")
        .await;
    let kept = [newest, old];
    assert_eq!(found(&site, &kept).await, [(RolledBack, 401, 1_000)]);
    site.seal(100).await;
    assert_eq!(found(&site, &[]).await, []);
    assert_eq!(found(&site, &kept).await, [(RolledBack, 401, 1_000)]);
    assert_eq!(found(&site, &kept[..1]).await, [(RolledBack, 1, 1_000)]);
    assert_eq!(found(&site, &kept[1..]).await, []);
}

/// The permanent notes in the store narrow down since when.
#[tokio::test]
async fn since_when_a_log_was_set_back_is_told_by_what_was_exported() {
    let mut site = Site::sealed(1_000).await;
    let folder = tempfile::tempdir().unwrap();
    let store = CheckpointStore::open(folder.path().to_str().unwrap()).unwrap();
    let mut connection = site.owner.acquire().await.unwrap();
    for stored in checkpoints_after(&mut connection, 0, 100).await.unwrap() {
        let signed = stored.parse().unwrap();
        store
            .keep(&signed, stored.sealed_at.date_naive())
            .await
            .unwrap();
    }
    site.store = Some(store);
    let newest = site.newest().await;
    site.harm(SET_BACK).await;
    site.append(700).await;
    site.harm("update log.events set event_version = '2' where position > 500")
        .await;
    site.seal(100).await;
    assert_eq!(found(&site, &[newest]).await, [(RolledBack, 501, 1_000)]);
}

#[tokio::test]
async fn a_tail_that_was_cut_with_its_tiles_is_found_out_by_the_checkpoints() {
    let site = Site::sealed(1_000).await;
    site.harm(
        "delete from log.events where position > 900;
         delete from audit.tiles where level = 0 and index = 3;
         update audit.tiles set hashes = substr(hashes, 1, 3 * 32) where level = 1",
    )
    .await;
    assert_eq!(found(&site, &[]).await, [(Truncated, 901, 1_000)]);
}

#[tokio::test]
async fn a_tail_that_was_cut_with_all_that_tells_of_it_is_found_out_by_a_kept_checkpoint() {
    let site = Site::sealed(1_000).await;
    let newest = site.newest().await;
    site.harm("delete from log.events where position > 500; delete from audit.tiles; delete from audit.checkpoints")
        .await;
    assert_eq!(
        found(&site, std::slice::from_ref(&newest)).await,
        [(RolledBack, 501, 1_000)]
    );
    site.harm("delete from log.events").await;
    assert_eq!(found(&site, &[newest]).await, [(RolledBack, 1, 1_000)]);
}

#[tokio::test]
async fn a_tree_that_is_gone_is_told_from_events_that_are() {
    let site = Site::sealed(1_000).await;
    let newest = site.newest().await;
    site.harm("delete from audit.tiles; delete from audit.checkpoints")
        .await;
    assert_eq!(found(&site, &[newest]).await, [(Tree, 1, 1_000)]);
}

#[tokio::test]
async fn a_checkpoint_that_nobody_trusted_has_signed_is_no_witness() {
    let site = Site::sealed(300).await;
    let External { note, .. } = site.newest().await;
    let signed = daybook_audit::SignedCheckpoint::parse(&note).unwrap();
    let forger = SigningKey::generate(LOG).unwrap();
    let forged = External {
        source: "kept elsewhere".to_owned(),
        note: signed.checkpoint().clone().sign([&forger]).to_string(),
    };
    let report = site.verify(&[forged]).await;
    assert_eq!(
        report.findings.iter().map(place).collect::<Vec<_>>(),
        [(Forged, 300, 300)]
    );
    let told = report.findings[0].checkpoint.as_deref().unwrap();
    assert!(told.starts_with("kept elsewhere"), "{told}");
    assert_eq!(report.checkpoints.len(), 1);
}

/// Even the true key, in the wrong hands, does not undo what was signed before and kept.
#[tokio::test]
async fn a_stolen_key_does_not_help_against_a_checkpoint_that_was_kept() {
    let site = Site::sealed(300).await;
    let kept = site.newest().await;
    site.harm("update log.events set event_version = '9' where position = 250")
        .await;
    site.recompute_tiles(8).await;
    let mut connection = site.owner.acquire().await.unwrap();
    let root = daybook_audit::tiles::root_at(&mut connection, 300)
        .await
        .unwrap();
    let forged = daybook_audit::Checkpoint {
        origin: LOG.to_owned(),
        size: 300,
        root,
    };
    sqlx::query("update audit.checkpoints set note = $1 where size = 300")
        .bind(forged.sign([&site.key()]).to_string())
        .execute(&site.owner)
        .await
        .unwrap();
    assert_eq!(found(&site, &[kept]).await, [(RolledBack, 1, 300)]);
}

#[tokio::test]
async fn a_checkpoint_of_another_log_says_nothing_of_this_one() {
    let mut site = Site::sealed(30).await;
    let other = SigningKey::generate("another.example/log").unwrap();
    site.trusted.push(other.verifier().clone());
    let note = daybook_audit::Checkpoint {
        origin: "another.example/log".to_owned(),
        size: 20,
        root: [0; 32],
    }
    .sign([&other])
    .to_string();
    let external = External {
        source: "kept elsewhere".to_owned(),
        note,
    };
    let verified = site.try_verify(&[external]).await;
    assert!(
        matches!(verified, Err(VerifyError::OtherLog { .. })),
        "{verified:?}"
    );
}
