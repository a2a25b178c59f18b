//! What must never be signed: harm is done between two runs, and the sealer stops until it is started
//! again.

use daybook_audit::{SealerState, SigningKey};

use crate::log::{Log, config};

/// A log of 1,000 events, sealed up to 600, which somebody then changes.
async fn refused_after(statements: &str) -> String {
    let mut log = Log::new().await;
    log.append(600).await;
    log.seal().await;
    log.append(400).await;
    log.harm(statements).await;
    let before = log.sealed_digest().await;
    let mut sealer = log.sealer();
    let reason = sealer.refuses().await;
    log.announce().await;
    assert_eq!(log.sealed_digest().await, before, "something was sealed");
    sealer.stop().await;
    assert_eq!(log.sealed_digest().await, before, "something was sealed");
    reason
}

#[tokio::test]
async fn a_log_that_is_shorter_than_what_was_sealed() {
    let reason = refused_after("delete from log.events where position > 599").await;
    assert!(reason.starts_with("the log ends at position 599, though it was sealed up to 600"));
}

#[tokio::test]
async fn a_log_whose_tail_was_cut_and_grew_again() {
    let reason = refused_after(
        "delete from log.events where position between 590 and 600;
         update log.events set position = position - 11 where position > 600",
    )
    .await;
    assert_eq!(
        reason,
        "the event at position 600 is not the one that was sealed"
    );
}

#[tokio::test]
async fn a_last_event_that_was_changed() {
    let reason = refused_after("update log.events set payload = '{}' where position = 600").await;
    assert_eq!(
        reason,
        "the event at position 600 is not the one that was sealed"
    );
}

#[tokio::test]
async fn a_gap_in_what_is_to_be_sealed() {
    let reason = refused_after("delete from log.events where position = 800").await;
    assert_eq!(reason, "position 801 follows where 800 should");
    let reason = refused_after("delete from log.events where position = 600").await;
    assert_eq!(reason, "position 601 follows where 600 should");
}

#[tokio::test]
async fn two_events_at_one_position() {
    let reason = refused_after(
        "alter table log.events drop constraint events_position_key;
         update log.events set position = 800 where position = 801",
    )
    .await;
    assert_eq!(reason, "position 800 follows where 801 should");
}

#[tokio::test]
async fn a_tile_that_was_changed_or_removed() {
    for statements in [
        "update audit.tiles set hashes = set_byte(hashes, 5, get_byte(hashes, 5) # 1) where level = 0 and index = 2",
        "update audit.tiles set hashes = set_byte(hashes, 5, get_byte(hashes, 5) # 1) where level = 1",
        "update audit.tiles set hashes = substring(hashes from 1 for 32) where level = 1",
        "delete from audit.tiles where level = 1",
    ] {
        let reason = refused_after(statements).await;
        assert_eq!(
            reason,
            "the tiles in the database do not lead to the root that was signed at size 600"
        );
    }
}

#[tokio::test]
async fn a_checkpoint_that_was_changed() {
    for statements in [
        "update audit.checkpoints set note = replace(note, '600', '601')",
        "update audit.checkpoints set note = 'nothing'",
        "update audit.checkpoints set note = split_part(note, E'\\n\\n', 1)",
    ] {
        let reason = refused_after(statements).await;
        assert!(
            reason.contains("of size 600, is not to be trusted"),
            "{reason}"
        );
    }
    let reason = refused_after("update audit.checkpoints set size = 601").await;
    assert!(reason.starts_with("the tiles in the database do not lead to the root"));
}

#[tokio::test]
async fn another_logs_key() {
    let mut log = Log::new().await;
    log.append(10).await;
    log.seal().await;
    let other = SigningKey::generate("daybook/other").unwrap();
    let mut sealer = log.sealer_with(vec![other], log.trusted(), config());
    let reason = sealer.refuses().await;
    sealer.stop().await;
    assert!(reason.contains("is of the log daybook/test"), "{reason}");
}

#[tokio::test]
async fn a_log_that_is_cut_while_it_is_sealed() {
    let mut log = Log::new().await;
    log.append(600).await;
    let mut sealer = log.sealer();
    sealer.reaches(600).await;
    log.harm("delete from log.events where position > 550")
        .await;
    log.announce().await;
    let reason = sealer.refuses().await;
    assert!(
        reason.starts_with("the log ends at position 550"),
        "{reason}"
    );
    // Another process would refuse in the same way, and need not be kept waiting.
    let mut other = log.sealer();
    other.refuses().await;
    assert!(matches!(sealer.sealed().state, SealerState::Refused { .. }));
    sealer.stop().await;
    other.stop().await;
    assert_eq!(log.checkpoints().await.pop().unwrap().size, 600);
}
