//! An event is kept once for each id, as it came, or its whole batch is not.

use chrono::Duration;
use daybook_usage::UsageEvent;
use futures::future::join_all;
use sqlx::{Connection, Executor, query_as, query_scalar};
use uuid::Uuid;

use crate::site::{Site, counts, event, fresh, noon, until_waiting};

#[tokio::test]
async fn an_event_is_kept_as_it_came() {
    let site = Site::open().await;
    let (id, user) = (Uuid::now_v7(), Uuid::now_v7());
    let json = r#"{ "b":1.0e2,  "a" : 12345678901234567890123,"b":"\u00e4\/" } "#;
    let told = UsageEvent {
        id,
        at: noon(),
        session_id: "a session",
        user_id: Some(user),
        event_type: "zoom",
        json,
    };
    assert_eq!(site.record(&[told]).await, (1, 0));
    let kept: (Uuid, String, Option<Uuid>, String, String) =
        query_as("select event_id, session_id, user_id, event_type, event::text from usage.events")
            .fetch_one(&site.pool)
            .await
            .unwrap();
    assert_eq!(
        kept,
        (
            id,
            "a session".into(),
            Some(user),
            "zoom".into(),
            json.into()
        )
    );
}

#[tokio::test]
async fn of_events_with_one_id_the_first_that_came_is_kept_whatever_their_day() {
    let site = Site::open().await;
    let id = Uuid::now_v7();
    let at = |days, json| UsageEvent {
        json,
        ..event(id, noon() + Duration::days(days))
    };
    let batch = [at(0, "1"), at(1, "2"), fresh(), at(0, "3")];
    assert_eq!(site.record(&batch).await, (2, 2));
    assert_eq!(site.record(&[at(0, "4"), at(2, "5")]).await, (0, 2));
    assert_eq!(site.record(&[]).await, (0, 0));
    let kept: Vec<String> =
        query_scalar("select event::text from usage.events where event_id = $1")
            .bind(id)
            .fetch_all(&site.pool)
            .await
            .unwrap();
    assert_eq!(kept, ["1"]);
    assert_eq!(site.count("usage.events").await, 2);
    assert_eq!(site.count("usage.event_ids").await, 2);
}

#[tokio::test]
async fn a_batch_is_kept_whole_or_not_at_all() {
    let site = Site::open().await;
    let sound = fresh();
    let broken = UsageEvent {
        json: "{",
        ..fresh()
    };
    let id = sound.id;
    let refused = site.store.record(&[sound, broken]).await;
    assert!(refused.is_err(), "{refused:?}");
    assert_eq!(site.count("usage.events").await, 0);
    // So that it can be sent again.
    assert_eq!(site.record(&[event(id, noon())]).await, (1, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn batches_that_share_events_and_come_at_once_keep_each_once_and_never_wait_in_a_circle() {
    let site = Site::open().await;
    let ids: Vec<Uuid> = (0..200).map(|_| Uuid::now_v7()).collect();
    let stores = [site.store.clone(), site.another_store()];
    let sending = (0..8).map(|n: usize| {
        let (store, mut ids) = (stores[n % 2].clone(), ids.clone());
        // Each in an order of its own.
        ids.rotate_left(n * 25);
        if n.is_multiple_of(3) {
            ids.reverse();
        }
        tokio::spawn(async move {
            let batch: Vec<_> = ids.into_iter().map(|id| event(id, noon())).collect();
            counts(store.record(&batch).await.unwrap())
        })
    });
    let answers = join_all(sending).await.into_iter().map(Result::unwrap);
    let (accepted, duplicates) = answers.fold((0, 0), |sum, (accepted, duplicates)| {
        (sum.0 + accepted, sum.1 + duplicates)
    });
    assert_eq!((accepted, duplicates), (200, 7 * 200));
    assert_eq!(site.count("usage.events").await, 200);
}

/// Of two batches one waits at the first id that they share, whatever order their events came in, and holds nothing
/// that the other waits for.
#[tokio::test]
async fn the_ids_of_a_batch_are_taken_in_their_order() {
    let site = Site::open().await;
    let mut ids = [(); 3].map(|()| Uuid::now_v7());
    ids.sort();
    let (mut superuser, mut other) = (site.superuser().await, site.superuser().await);
    let mut held = other.begin().await.unwrap();
    let take = format!("insert into usage.event_ids values ('{}', now())", ids[0]);
    held.execute(&*take).await.unwrap();
    let store = site.store.clone();
    let sending = tokio::spawn(async move {
        let batch = [2, 1, 0].map(|n: usize| event(ids[n], noon()));
        counts(store.record(&batch).await.unwrap())
    });
    until_waiting(&mut superuser, 1).await;
    // What comes after the first is free.
    for id in &ids[1..] {
        let take = format!("insert into usage.event_ids values ('{id}', now())");
        held.execute(&*take).await.unwrap();
    }
    held.rollback().await.unwrap();
    assert_eq!(sending.await.unwrap(), (3, 0));
}
