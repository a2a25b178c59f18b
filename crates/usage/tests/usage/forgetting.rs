//! Whose events are forgotten.

use daybook_usage::UsageEvent;
use sqlx::query_scalar;
use uuid::Uuid;

use crate::site::{Site, fresh};

fn of(user_id: Option<Uuid>, session_id: &'static str) -> UsageEvent<'static> {
    UsageEvent {
        user_id,
        session_id,
        ..fresh()
    }
}

async fn sessions(site: &Site) -> Vec<String> {
    query_scalar("select session_id from usage.events order by 1")
        .fetch_all(&site.pool)
        .await
        .unwrap()
}

#[tokio::test]
async fn a_persons_events_go_with_those_of_their_sessions_that_name_nobody() {
    let site = Site::open().await;
    let (ann, bob) = (Some(Uuid::now_v7()), Some(Uuid::now_v7()));
    let batch = [
        of(ann, "ann's"),
        of(None, "ann's"),
        of(ann, "shared"),
        of(None, "shared"),
        of(bob, "shared"),
        of(bob, "bob's"),
        of(None, "bob's"),
        of(None, "nobody's"),
    ];
    assert_eq!(site.record(&batch).await, (8, 0));
    for _ in 0..2 {
        site.store.forget(ann.unwrap()).await.unwrap();
        let left = ["bob's", "bob's", "nobody's", "shared"];
        assert_eq!(sessions(&site).await, left);
    }
}

#[tokio::test]
async fn what_comes_late_of_a_person_who_was_forgotten_is_accepted_and_not_kept() {
    let site = Site::open().await;
    let (ann, bob) = (Uuid::now_v7(), Uuid::now_v7());
    site.store.forget(ann).await.unwrap();
    let late = of(Some(ann), "ann's");
    let again = UsageEvent {
        id: late.id,
        ..fresh()
    };
    let batch = [late, of(Some(bob), "bob's"), of(None, "nobody's")];
    // Nobody is to send it again.
    assert_eq!(site.record(&batch).await, (3, 0));
    assert_eq!(sessions(&site).await, ["bob's", "nobody's"]);
    assert_eq!(site.record(&[again]).await, (0, 1));
    assert!(site.store.of_user(ann, None, 10).await.unwrap().is_empty());
}
