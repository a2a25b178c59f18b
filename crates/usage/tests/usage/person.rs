//! What is kept of one person, as it is read.

use chrono::{Duration, Utc};
use daybook_usage::UsageEvent;
use uuid::Uuid;

use crate::site::{Site, event, noon};

#[tokio::test]
async fn a_persons_events_are_read_on_in_the_order_in_which_they_happened() {
    let site = Site::open().await;
    let (ann, bob) = (Uuid::now_v7(), Uuid::now_v7());
    let of = |user_id, minute, json| UsageEvent {
        user_id: Some(user_id),
        json,
        ..event(Uuid::now_v7(), noon() + Duration::minutes(minute))
    };
    // Some at one instant, some of another day.
    let batch = [
        of(ann, 24 * 60, "\"last\""),
        of(ann, 5, "5"),
        of(bob, 5, "\"bob's\""),
        of(ann, 5, "5"),
        of(ann, 5, "5"),
        of(ann, 0, "\"first\""),
    ];
    let begun = Utc::now();
    site.record(&batch).await;
    let whole = site.store.of_user(ann, None, 10).await.unwrap();
    let told: Vec<&str> = whole.iter().map(|event| &*event.json).collect();
    assert_eq!(told, ["\"first\"", "5", "5", "5", "\"last\""]);
    assert_eq!(whole[0].at, noon());
    let received = |at| at > begun - Duration::minutes(1) && at < Utc::now() + Duration::minutes(1);
    assert!(whole.iter().all(|event| received(event.received_at)));

    let ids: Vec<Uuid> = whole.iter().map(|event| event.event_id).collect();
    let (mut read, mut mark) = (Vec::new(), None);
    loop {
        let page = site.store.of_user(ann, mark, 2).await.unwrap();
        let Some(last) = page.last() else {
            break;
        };
        assert!(page.len() <= 2);
        mark = Some(last.mark());
        read.extend(page.iter().map(|event| event.event_id));
    }
    assert_eq!(read, ids, "none twice, none left out");
}
