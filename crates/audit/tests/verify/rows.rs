//! Rows that were changed, removed, inserted or moved, with the tree left as it was.

use daybook_audit::verify::Kind::{Changed, Inserted, Removed, Reordered, Truncated};
use daybook_audit::verify::{MOST_FINDINGS, VerifyError};

use crate::site::{Site, place, stream_at};

/// Renumbers every row, in the order in which the rows are.
const RENUMBER: &str = "alter table log.events drop constraint if exists events_position_key;
    update log.events e set position = n.new from (
        select aggregate_type, aggregate_id, sequence, row_number() over (order by position, event_version) as new
        from log.events) as n
    where (e.aggregate_type, e.aggregate_id, e.sequence) = (n.aggregate_type, n.aggregate_id, n.sequence)";

#[tokio::test]
async fn a_change_of_any_column_is_found() {
    for change in [
        "aggregate_type = 'user'",
        "aggregate_id = 'another'",
        "sequence = 17",
        "event_type = 'order.cancelled'",
        "event_version = '1.1'",
        "payload = '{\"n\": 400 }'",
        "metadata = '{ }'",
        "event_id = md5('another')::uuid",
        "occurred_at = occurred_at + interval '1 microsecond'",
        "recorded_at = recorded_at - interval '1 microsecond'",
    ] {
        let site = Site::sealed(600).await;
        site.harm(&format!(
            "update log.events set {change} where position = 400"
        ))
        .await;
        let findings = site.findings().await;
        assert_eq!(
            findings.iter().map(place).collect::<Vec<_>>(),
            [(Changed, 400, 400)],
            "{change}"
        );
        assert_eq!(
            findings[0].stream,
            Some(stream_at(&site, 400).await),
            "{change}"
        );
        assert_ne!(findings[0].expected, findings[0].found);
    }
}

#[tokio::test]
async fn a_change_of_the_first_and_the_last_event_is_found() {
    let site = Site::sealed(257).await;
    site.harm("update log.events set event_version = '9' where position in (1, 256, 257)")
        .await;
    assert_eq!(
        site.found().await,
        [(Changed, 1, 1), (Changed, 256, 256), (Changed, 257, 257)]
    );
}

#[tokio::test]
async fn a_removed_event_is_named() {
    for renumber in ["", RENUMBER] {
        for position in [1, 300, 599] {
            let site = Site::sealed(600).await;
            site.harm(&format!(
                "delete from log.events where position = {position}; {renumber}"
            ))
            .await;
            let findings = site.findings().await;
            let places: Vec<_> = findings.iter().map(place).collect();
            assert_eq!(places, [(Removed, position, position)], "{renumber}");
            assert_eq!(findings[0].stream, Some(stream_at(&site, position).await));
        }
    }
}

#[tokio::test]
async fn a_dropped_stream_is_named_event_by_event() {
    for renumber in ["", RENUMBER] {
        let site = Site::sealed(600).await;
        let stream = stream_at(&site, 402).await;
        let id = stream.strip_prefix("order/").unwrap();
        site.harm(&format!(
            "delete from log.events where aggregate_id = '{id}'; {renumber}"
        ))
        .await;
        let findings = site.findings().await;
        let places: Vec<_> = findings.iter().map(place).collect();
        assert_eq!(places, [401, 402, 403, 404].map(|at| (Removed, at, at)));
        assert!(
            findings
                .iter()
                .all(|finding| finding.stream.as_ref() == Some(&stream))
        );
    }
}

#[tokio::test]
async fn a_cut_tail_is_told_from_a_hole() {
    let site = Site::sealed(600).await;
    site.harm("delete from log.events where position > 590")
        .await;
    assert_eq!(site.found().await, [(Truncated, 591, 600)]);
    let site = Site::sealed(600).await;
    site.append(3).await;
    site.harm("delete from log.events where position between 598 and 600")
        .await;
    assert_eq!(
        site.found().await,
        [598, 599, 600].map(|at| (Removed, at, at))
    );
    let site = Site::sealed(600).await;
    site.harm("delete from log.events").await;
    assert_eq!(site.found().await, [(Truncated, 1, 600)]);
}

#[tokio::test]
async fn two_that_changed_places_are_both_named() {
    for (one, other) in [(10, 500), (300, 301), (1, 600), (256, 257)] {
        let site = Site::sealed(600).await;
        site.harm(&format!(
            "alter table log.events drop constraint events_position_key;
             update log.events set position = {one} + {other} - position where position in ({one}, {other})"
        ))
        .await;
        let findings = site.findings().await;
        let places: Vec<_> = findings.iter().map(place).collect();
        assert_eq!(places, [(Reordered, one, one), (Reordered, other, other)]);
        assert_eq!(findings[0].found_at, Some(other));
        assert_eq!(findings[1].found_at, Some(one));
        assert_eq!(findings[0].stream, Some(stream_at(&site, one).await));
    }
}

#[tokio::test]
async fn an_event_that_was_moved_is_named_and_not_those_that_made_room() {
    let site = Site::sealed(600).await;
    site.harm(
        "alter table log.events drop constraint events_position_key;
         update log.events set position = case position when 20 then 500 else position - 1 end
         where position between 20 and 500",
    )
    .await;
    let findings = site.findings().await;
    assert_eq!(
        findings.iter().map(place).collect::<Vec<_>>(),
        [(Reordered, 20, 20)]
    );
    assert_eq!(findings[0].found_at, Some(500));
}

#[tokio::test]
async fn an_event_that_was_moved_behind_the_sealed_ones_is_named() {
    let site = Site::sealed(600).await;
    site.append(5).await;
    site.harm("update log.events set position = 606 where position = 30")
        .await;
    let report = site.verify(&[]).await;
    let places: Vec<_> = report.findings.iter().map(place).collect();
    assert_eq!(places, [(Reordered, 30, 30)]);
    assert_eq!(
        (report.findings[0].found_at, report.unsealed),
        (Some(606), 5)
    );
}

fn insert(position: &str, version: &str) -> String {
    format!(
        "alter table log.events drop constraint events_position_key, alter position drop not null;
         insert into log.events (aggregate_type, aggregate_id, sequence, event_type, event_version, payload,
             metadata, position, event_id, occurred_at, recorded_at)
         values ('order', 'forged', 1, 'order.placed', '{version}', '{{}}', '{{}}', {position},
             md5('forged')::uuid, now(), now());"
    )
}

#[tokio::test]
async fn an_inserted_row_is_named_wherever_it_stands() {
    for (position, at) in [
        ("1", 1),
        ("300", 300),
        ("600", 600),
        ("0", 0),
        ("-7", -7),
        ("null", 0),
        ("-9223372036854775808", i64::MIN),
    ] {
        let site = Site::sealed(600).await;
        site.harm(&insert(position, "1.0")).await;
        let findings = site.findings().await;
        assert_eq!(
            findings.iter().map(place).collect::<Vec<_>>(),
            [(Inserted, at, at)]
        );
        assert_eq!(findings[0].stream.as_deref(), Some("order/forged"));
    }
}

#[tokio::test]
async fn an_inserted_row_is_named_also_where_the_others_made_room() {
    for (position, at) in [("1", 1), ("300", 300), ("600", 600)] {
        let site = Site::sealed(600).await;
        site.append(9).await;
        // Sorts before the row whose position it takes.
        site.harm(&format!("{} {RENUMBER}", insert(position, "0.9")))
            .await;
        let report = site.verify(&[]).await;
        let places: Vec<_> = report.findings.iter().map(place).collect();
        assert_eq!((places, report.unsealed), (vec![(Inserted, at, at)], 9));
    }
}

#[tokio::test]
async fn a_copy_of_an_event_is_an_inserted_row() {
    for position in ["50", "300", "601"] {
        let site = Site::sealed(600).await;
        site.append(1).await;
        site.harm(&format!(
            "alter table log.events drop constraint events_position_key, drop constraint events_gapless,
                 drop constraint events_pkey;
             insert into log.events (aggregate_type, aggregate_id, sequence, event_type, event_version,
                 payload, metadata, position, event_id, occurred_at, recorded_at)
             select aggregate_type, aggregate_id, sequence, event_type, event_version,
                 payload, metadata, {position}, event_id, occurred_at, recorded_at
             from log.events where position = 300"
        ))
        .await;
        let at = position.parse().unwrap();
        assert_eq!(site.found().await, [(Inserted, at, at)]);
    }
}

#[tokio::test]
async fn harms_of_several_kinds_are_told_apart() {
    let site = Site::sealed(600).await;
    site.harm(&insert("450", "0.9")).await;
    site.harm(
        "delete from log.events where position in (20, 21);
         update log.events set event_version = '9' where position = 333;
         update log.events set position = 700 - position where position in (100, 600);
         delete from log.events where position in (598, 599)",
    )
    .await;
    assert_eq!(
        site.found().await,
        [
            (Removed, 20, 20),
            (Removed, 21, 21),
            (Reordered, 100, 100),
            (Changed, 333, 333),
            (Inserted, 450, 450),
            (Removed, 598, 598),
            (Removed, 599, 599),
            (Reordered, 600, 600),
        ]
    );
}

#[tokio::test]
async fn a_gap_or_a_double_among_events_that_are_not_sealed_is_found() {
    let site = Site::sealed(300).await;
    site.append(20).await;
    site.harm("delete from log.events where position in (310, 311)")
        .await;
    assert_eq!(site.found().await, [(Removed, 310, 311)]);
    site.harm(&insert("315", "1.0")).await;
    let kinds: Vec<_> = site.found().await;
    assert_eq!(kinds, [(Removed, 310, 311), (Inserted, 315, 315)]);
}

/// Harm in several chunks, and rows that are renumbered across their borders.
#[tokio::test]
async fn harms_are_found_again_across_chunks() {
    let site = Site::new().await;
    site.append(140_000).await;
    site.seal(140_000).await;
    site.harm(
        "alter table log.events drop constraint events_position_key;
         update log.events set position = 140000 + 7 - position where position in (7, 140000);
         delete from log.events where position = 3;
         update log.events set position = position - 1 where position > 3",
    )
    .await;
    assert_eq!(
        site.found().await,
        [
            (Removed, 3, 3),
            (Reordered, 7, 7),
            (Reordered, 140_000, 140_000)
        ]
    );
}

#[tokio::test]
async fn functions_that_whoever_owns_the_database_put_in_the_way_are_not_called() {
    let site = Site::sealed(300).await;
    site.append(5).await;
    site.harm(&format!(
        "create schema other;
         create aggregate other.max(bigint) (sfunc = int8smaller, stype = bigint);
         grant usage on schema other to public;
         alter role daybook in database {} set search_path = other, pg_catalog;
         delete from log.events where position between 299 and 300",
        site.database.name()
    ))
    .await;
    assert_eq!(
        site.found().await,
        [(Removed, 299, 299), (Removed, 300, 300)]
    );
}

#[tokio::test]
async fn rows_that_are_kept_from_sight_are_not_taken_for_gone_or_whole() {
    let site = Site::sealed(300).await;
    site.harm(
        "create policy hiding on log.events using (position <= 300);
         alter table log.events enable row level security",
    )
    .await;
    assert!(matches!(
        site.try_verify(&[]).await,
        Err(VerifyError::Log(_) | VerifyError::Database(_))
    ));
}

#[tokio::test]
async fn more_findings_than_anybody_reads_are_counted() {
    let site = Site::sealed(3_000).await;
    site.harm("update log.events set event_version = '9' where position > 500")
        .await;
    let report = site.verify(&[]).await;
    assert_eq!((report.findings.len(), report.more), (MOST_FINDINGS, 1_500));
    assert_eq!(report.findings[0].position, 501);
}

#[tokio::test]
async fn rows_that_keep_their_order_but_not_their_positions_are_found() {
    let shifts = [
        "position = position + 1000",
        "position = 504 where position = 502",
        "position = 0 where position = 1",
        "position = position - 101 where position <= 10",
        "position = 2 * position",
        "position = position + 7 where position >= 400",
    ];
    for shift in shifts {
        let site = Site::sealed(502).await;
        site.harm(&format!(
            "alter table log.events drop constraint events_position_key; update log.events set {shift}"
        ))
        .await;
        let findings = site.findings().await;
        assert!(
            findings.iter().any(|finding| finding.kind == Reordered),
            "{shift}: {findings:?}"
        );
    }
}

#[tokio::test]
async fn a_view_in_the_place_of_the_log_is_not_believed() {
    let site = Site::sealed(20).await;
    site.harm(
        "alter table log.events rename to kept;
         create view log.events as select * from log.kept",
    )
    .await;
    let verified = site.try_verify(&[]).await;
    assert!(
        matches!(verified, Err(VerifyError::NoTable { .. })),
        "{verified:?}"
    );
}
