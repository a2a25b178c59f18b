//! Whatever is killed at whatever moment, the tree in the database is that of its newest checkpoint.

use daybook_audit::SealerState;
use sqlx::{Connection, Executor, query, query_scalar};

use crate::log::{Log, until};

const WAITS_TO_SEAL: &str = "select exists (select from pg_stat_activity
    where datname = current_database() and query like '%audit.seal(%' and query not like '%pg_stat_activity%'
        and wait_event_type = 'Lock')";

#[tokio::test]
async fn a_sealer_killed_in_the_middle_of_a_batch_has_sealed_nothing_of_it() {
    let mut log = Log::new().await;
    log.append(300).await;
    log.seal().await;
    let before = log.sealed_digest().await;

    // Tiles are written, the checkpoint is not: the sealer waits there, and is killed.
    let mut obstacle = log.another_session().await;
    let mut held = obstacle.begin().await.unwrap();
    held.execute("lock table audit.checkpoints in share row exclusive mode")
        .await
        .unwrap();
    let sealer = log.sealer();
    log.append(300).await;
    until(&mut log.superuser, WAITS_TO_SEAL).await;
    query(
        "select pg_terminate_backend(pid) from pg_stat_activity
         where datname = current_database() and usename = 'daybook'",
    )
    .execute(&mut log.superuser)
    .await
    .unwrap();
    sealer.kill().await;
    held.rollback().await.unwrap();
    assert_eq!(log.sealed_digest().await, before);

    log.seal().await;
    let sizes: Vec<u64> = log.checkpoints().await.iter().map(|c| c.size).collect();
    assert_eq!(sizes, [300, 600]);
}

#[tokio::test]
async fn a_sealer_whose_sessions_are_ended_starts_over_by_itself() {
    let mut log = Log::new().await;
    let mut sealer = log.sealer();
    for _ in 0..3 {
        log.append(100).await;
        sealer.reaches(log.head).await;
        query(
            "select pg_terminate_backend(pid) from pg_stat_activity
             where datname = current_database() and usename = 'daybook'",
        )
        .execute(&mut log.superuser)
        .await
        .unwrap();
    }
    log.append(100).await;
    sealer.reaches(400).await;
    sealer.stop().await;
}

#[tokio::test]
async fn of_two_sealers_one_seals_and_the_other_takes_over_when_it_ends() {
    let mut log = Log::new().await;
    let mut first = log.sealer();
    log.append(10).await;
    first.reaches(10).await;
    let mut second = log.sealer();
    for _ in 0..20 {
        log.append(10).await;
        first.reaches(log.head).await;
    }
    assert_eq!(second.sealed().state, SealerState::Waiting);
    first.kill().await;
    log.append(10).await;
    second.reaches(log.head).await;
    second.stop().await;
    let fencing: i64 = query_scalar("select fencing from audit.sealer")
        .fetch_one(&mut log.superuser)
        .await
        .unwrap();
    assert_eq!(fencing, 2);
}

#[tokio::test]
async fn a_sealer_that_was_replaced_while_it_stalled_writes_nothing() {
    let mut log = Log::new().await;
    log.append(10).await;
    let mut sealer = log.sealer();
    sealer.reaches(10).await;
    let before = log.sealed_digest().await;

    // It has read and signed, and is about to ask whether it still holds the lease.
    let mut thief = log.another_session().await;
    let mut theft = thief.begin().await.unwrap();
    theft
        .execute("update audit.sealer set fencing = fencing + 1, holder = 'thief', session_pid = pg_backend_pid(),
             session_started = (select backend_start from pg_stat_activity where pid = pg_backend_pid()),
             expires_at = clock_timestamp() + interval '1 hour'")
        .await
        .unwrap();
    log.append(10).await;
    until(&mut log.superuser, WAITS_TO_SEAL).await;
    theft.commit().await.unwrap();
    sealer
        .waits_until(|sealed| sealed.state == SealerState::Waiting)
        .await;
    assert_eq!(log.sealed_digest().await, before);

    // The process that took the lease is gone, and its lease with it.
    thief.close().await.unwrap();
    sealer.reaches(20).await;
    sealer.stop().await;
}

/// This also holds for a process that never noticed: the fencing number alone keeps it out.
#[tokio::test]
async fn the_database_refuses_an_old_fencing_number_and_a_checkpoint_that_does_not_follow() {
    let mut log = Log::new().await;
    log.append(10).await;
    log.seal().await;
    let before = log.sealed_digest().await;
    for (fencing, follows, size, constraint) in [
        (0, 10, 11, "sealer_lease_held"),
        (2, 10, 11, "sealer_lease_held"),
        (1, 9, 11, "checkpoints_follow"),
        (1, 11, 12, "checkpoints_follow"),
        (1, 10, 10, "checkpoints_follow"),
        (1, 10, 9, "checkpoints_follow"),
    ] {
        let refused = query(
            "select audit.seal($1, $2, $3, 'note', '{0}', '{0}', array[repeat('0', 32)::bytea], '{0}', '{none}')",
        )
        .bind::<i64>(fencing)
        .bind::<i64>(follows)
        .bind::<i64>(size)
        .execute(&log.pool)
        .await
        .unwrap_err();
        let error = refused.as_database_error().unwrap();
        assert_eq!(error.constraint(), Some(constraint));
    }
    assert_eq!(log.sealed_digest().await, before);
}
