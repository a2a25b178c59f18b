//! Harm in which hashes were changed, too.

use daybook_audit::verify::Kind::{Changed, Forged, Rewritten, Tree};
use daybook_audit::{Checkpoint, SigningKey, latest_checkpoint};
use sqlx::query;

use crate::site::{LOG, Site};

const CHANGE: &str = "update log.events set event_version = '9' where position = 450";

#[tokio::test]
async fn recomputed_tiles_do_not_lead_to_what_was_signed() {
    let site = Site::sealed(1_000).await;
    site.harm(CHANGE).await;
    site.recompute_tiles(8).await;
    // Between the last checkpoint that holds and the first that does not.
    assert_eq!(site.found().await, [(Rewritten, 401, 500)]);
}

#[tokio::test]
async fn tiles_recomputed_in_part_name_the_place_more_closely() {
    let site = Site::sealed(1_000).await;
    site.harm("delete from audit.checkpoints where size < 1000")
        .await;
    site.harm(CHANGE).await;
    site.recompute_tiles(1).await;
    assert_eq!(site.found().await, [(Rewritten, 257, 512)]);
}

#[tokio::test]
async fn recomputed_tiles_do_not_hide_behind_checkpoints_that_are_gone() {
    let site = Site::sealed(1_000).await;
    let kept = site.newest().await;
    site.harm(CHANGE).await;
    site.recompute_tiles(8).await;
    site.harm("delete from audit.checkpoints where size >= 450")
        .await;
    let report = site.verify(std::slice::from_ref(&kept)).await;
    let found: Vec<_> = report.findings.iter().map(crate::site::place).collect();
    assert_eq!(found, [(Rewritten, 401, 1_000), (Forged, 401, 1_000)]);
    site.harm("delete from audit.checkpoints").await;
    let report = site.verify(&[kept]).await;
    let found: Vec<_> = report.findings.iter().map(crate::site::place).collect();
    assert_eq!(found, [(Rewritten, 1, 1_000), (Forged, 1, 1_000)]);
    // Even without a checkpoint that was kept elsewhere it shows that one is missing.
    assert_eq!(site.found().await, [(Forged, 1, 1_000)]);
}

#[tokio::test]
async fn a_checkpoint_signed_with_another_key_is_forged() {
    let site = Site::sealed(300).await;
    site.harm(CHANGE).await;
    site.harm("update log.events set event_version = '9' where position = 250")
        .await;
    site.recompute_tiles(8).await;
    let mut connection = site.owner.acquire().await.unwrap();
    let newest = latest_checkpoint(&mut connection).await.unwrap().unwrap();
    let forger = SigningKey::generate(LOG).unwrap();
    let forged = Checkpoint {
        root: daybook_audit::tiles::root_at(&mut connection, 300)
            .await
            .unwrap(),
        ..newest.parse().unwrap().checkpoint().clone()
    };
    query("update audit.checkpoints set note = $1 where size = 300")
        .bind(forged.sign([&forger]).to_string())
        .execute(&site.owner)
        .await
        .unwrap();
    // The one before it, of 200 events, says nothing about the event that was changed.
    assert_eq!(site.found().await, [(Forged, 300, 300)]);
}

#[tokio::test]
async fn a_checkpoint_under_another_size_is_forged() {
    let site = Site::sealed(300).await;
    site.harm("delete from log.events where position > 200; delete from audit.tiles where level > 0;
               update audit.tiles set hashes = substr(hashes, 1, 200 * 32) where level = 0 and index = 0;
               delete from audit.tiles where index > 0;
               update audit.checkpoints set size = 199 where size = 100").await;
    site.harm("delete from audit.checkpoints where size in (200, 300)")
        .await;
    let found = site.found().await;
    assert!(found.contains(&(Forged, 199, 199)), "{found:?}");
}

#[tokio::test]
async fn a_damaged_tile_is_told_from_a_damaged_log() {
    let site = Site::sealed(1_000).await;
    site.harm("update audit.tiles set hashes = overlay(hashes placing '\\x00' from 33) where level = 0 and index = 1")
        .await;
    assert_eq!(site.found().await, [(Tree, 257, 512)]);
    let site = Site::sealed(1_000).await;
    site.harm("update audit.tiles set hashes = overlay(hashes placing '\\x00' from 33) where level = 0 and index = 3")
        .await;
    assert_eq!(site.found().await, [(Tree, 770, 770)]);
    let site = Site::sealed(1_000).await;
    site.harm("delete from audit.tiles where level = 0 and index in (1, 3)")
        .await;
    assert_eq!(site.found().await, [(Tree, 257, 512), (Tree, 769, 1_000)]);
    let site = Site::sealed(1_000).await;
    site.harm(
        "update audit.tiles set hashes = overlay(hashes placing '\\x00' from 33) where level = 1",
    )
    .await;
    assert_eq!(site.found().await, [(Tree, 257, 512)]);
    let site = Site::sealed(1_000).await;
    site.harm("delete from audit.tiles").await;
    assert_eq!(site.found().await, [(Tree, 1, 1_000)]);
}

#[tokio::test]
async fn a_damaged_tile_of_a_high_level_is_found() {
    let site = Site::new().await;
    site.append(66_000).await;
    site.seal(66_000).await;
    site.harm(
        "update audit.tiles set hashes = overlay(hashes placing '\\x00' from 1) where level = 2",
    )
    .await;
    assert_eq!(site.found().await, [(Tree, 1, 65_536)]);
}

#[tokio::test]
async fn a_changed_event_is_named_though_a_tile_elsewhere_is_gone() {
    let site = Site::sealed(1_000).await;
    site.harm(CHANGE).await;
    site.harm("delete from audit.tiles where level = 0 and index = 3")
        .await;
    assert_eq!(
        site.found().await,
        [(Changed, 450, 450), (Tree, 769, 1_000)]
    );
}

#[tokio::test]
async fn where_row_and_tile_are_both_gone_the_tile_is_named_and_the_rest_as_ever() {
    let site = Site::sealed(1_000).await;
    site.harm("delete from log.events where position = 300; delete from audit.tiles where level = 0 and index = 1")
        .await;
    site.harm("update log.events set event_version = '9' where position = 700")
        .await;
    assert_eq!(
        site.found().await,
        [(Rewritten, 257, 512), (Changed, 700, 700)]
    );
}

/// Nobody can tell a key rotation of which they were not informed from a forgery.
#[tokio::test]
async fn checkpoints_by_a_key_that_is_not_trusted_are_one_finding() {
    let mut site = Site::sealed(300).await;
    site.trusted = vec![SigningKey::generate(LOG).unwrap().verifier().clone()];
    assert_eq!(site.found().await, [(Forged, 100, 300)]);
}

#[tokio::test]
async fn a_checkpoint_of_more_events_than_there_can_be_is_forged() {
    let site = Site::sealed(300).await;
    site.harm("insert into audit.checkpoints (size, note) values (9223372036854775807, 'x')")
        .await;
    let findings = site.findings().await;
    assert!(
        findings.iter().any(|finding| finding.kind == Forged),
        "{findings:?}"
    );
}

#[tokio::test]
async fn a_crowd_of_forged_checkpoints_does_not_hide_the_one_that_was_signed() {
    let site = Site::sealed(300).await;
    site.harm(
        "insert into audit.checkpoints (size, note) select 1000 + n, 'x' from generate_series(1, 200) as n;
         update log.events set event_version = '9' where position = 1",
    )
    .await;
    let findings = site.findings().await;
    assert!(
        findings
            .iter()
            .any(|finding| finding.kind == Changed && finding.position == 1),
        "{findings:?}"
    );
}
