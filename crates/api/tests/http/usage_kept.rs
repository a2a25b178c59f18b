use chrono::{DateTime, Duration, SubsecRound, Utc};
use daybook_usage::{Sessions, UsageStore};
use futures::future::join_all;
use serde_json::{Value, json};
use sqlx::{query_as, query_scalar};
use uuid::Uuid;

use crate::shop::Shop;
use crate::usage::{counts, event, fresh, kept, send};

#[tokio::test]
async fn an_event_is_kept_once_within_a_batch_across_batches_and_across_days() {
    let shop = Shop::open().await;
    let (id, now) = (Uuid::now_v7(), Utc::now());
    let twice = send(&shop, &[event(id, now), event(id, now), fresh()]).await;
    assert_eq!(counts(&twice), (2, 1, 0));
    let again = send(&shop, &[fresh(), event(id, now)]).await;
    assert_eq!(counts(&again), (1, 1, 0));
    let another_day = send(&shop, &[event(id, now - Duration::days(3))]).await;
    assert_eq!(counts(&another_day), (0, 1, 0));
    let spread = Uuid::now_v7();
    let at_once = send(
        &shop,
        &[event(spread, now - Duration::days(5)), event(spread, now)],
    )
    .await;
    assert_eq!(counts(&at_once), (1, 1, 0));
    let at: DateTime<Utc> = query_scalar("select at from usage.events where event_id = $1")
        .bind(spread)
        .fetch_one(&shop.pool)
        .await
        .unwrap();
    assert_eq!(
        at,
        (now - Duration::days(5)).trunc_subsecs(6),
        "the first that came is kept"
    );
    assert_eq!(kept(&shop).await, 4);
}

#[tokio::test(flavor = "multi_thread")]
async fn of_batches_with_the_same_events_at_once_one_brings_each() {
    let shop = Shop::open().await;
    let now = Utc::now();
    let mut events: Vec<Value> = (0..300).map(|_| event(Uuid::new_v4(), now)).collect();
    let mut batches = Vec::new();
    for _ in 0..12 {
        // A different order each time, which would deadlock batches that lock rows in the order of arrival.
        events.rotate_left(97);
        events.swap(0, 150);
        batches.push(events.clone());
    }
    let replies = join_all(batches.iter().map(|batch| send(&shop, batch))).await;
    let accepted: u64 = replies.iter().map(|reply| counts(reply).0).sum();
    let duplicates: u64 = replies.iter().map(|reply| counts(reply).1).sum();
    assert_eq!((accepted, duplicates), (300, 11 * 300));
    assert_eq!(kept(&shop).await, 300);
}

#[tokio::test(flavor = "multi_thread")]
async fn partitions_are_made_as_days_come_up_also_at_once() {
    let shop = Shop::open().await;
    let now = Utc::now();
    let year: Vec<Value> = (0..366)
        .map(|day| event(Uuid::now_v7(), now - Duration::days(day)))
        .collect();
    let replies = join_all(
        year.chunks(31)
            .chain(year.chunks(40))
            .map(|batch| send(&shop, batch)),
    )
    .await;
    let accepted: u64 = replies.iter().map(|reply| counts(reply).0).sum();
    assert_eq!(accepted, 366);
    let days: Vec<(String, i64)> = query_as(
        "select tableoid::regclass::text, count(*) from usage.events group by 1 order by 1",
    )
    .fetch_all(&shop.pool)
    .await
    .unwrap();
    assert_eq!(days.len(), 366, "a partition for each day");
    let name = format!("usage.events_{}", now.format("%Y%m%d"));
    assert_eq!(days.last().unwrap(), &(name, 1));
    let misplaced: i64 = query_scalar(
        "select count(*) from usage.events e join usage.event_ids using (event_id)
         where day <> (at at time zone 'UTC')::date or e.tableoid::regclass::text <> 'usage.events_' || to_char(day, 'YYYYMMDD')",
    )
    .fetch_one(&shop.pool)
    .await
    .unwrap();
    assert_eq!(misplaced, 0);
}

/// Whatever the session's time zone, a day is one in UTC.
#[tokio::test]
async fn an_event_goes_to_its_day_in_utc() {
    let shop = Shop::open().await;
    let midnight = (Utc::now() - Duration::days(2))
        .date_naive()
        .and_hms_opt(0, 0, 0)
        .unwrap()
        .and_utc();
    let just_before = event(Uuid::now_v7(), midnight - Duration::microseconds(1));
    let mut elsewhere = event(Uuid::now_v7(), midnight);
    elsewhere["timestamp"] = json!(format!(
        "{}-05:00",
        (midnight - Duration::hours(5)).format("%Y-%m-%dT%H:%M:%S")
    ));
    assert_eq!(
        counts(&send(&shop, &[just_before, elsewhere]).await),
        (2, 0, 0)
    );
    let days: Vec<i64> = query_scalar("select count(*) from usage.events group by tableoid")
        .fetch_all(&shop.pool)
        .await
        .unwrap();
    assert_eq!(days, [1, 1]);
}

#[tokio::test]
async fn json_is_kept_to_the_byte() {
    let shop = Shop::open().await;
    let id = Uuid::now_v7();
    let at = Utc::now().to_rfc3339();
    let text = format!(
        r#"{{ "eventData" : {{"b":1.0e2,  "a" : 12345678901234567890123,"b":"\u00e4\/"}} ,"sessionId":"s","eventType":"zoom",
           "timestamp":"{at}", "userId" : null, "eventId":"{id}"}}"#
    );
    let reply = shop
        .post("analytics/events")
        .raw(format!("[ {text} ]"))
        .await;
    assert_eq!(counts(&reply), (1, 0, 0), "{reply:?}");
    let stored: String = query_scalar("select event::text from usage.events")
        .fetch_one(&shop.pool)
        .await
        .unwrap();
    assert_eq!(stored, text);
}

#[tokio::test]
async fn the_server_may_add_and_read_and_nothing_else() {
    let shop = Shop::open().await;
    assert_eq!(counts(&send(&shop, &[fresh()]).await), (1, 0, 0));
    let partition = format!("usage.events_{}", Utc::now().format("%Y%m%d"));
    for forbidden in [
        "delete from usage.events".to_owned(),
        "update usage.events set session_id = 'x'".to_owned(),
        "truncate usage.event_ids".to_owned(),
        format!("drop table {partition}"),
        format!("select * from {partition}"),
    ] {
        let error = sqlx::query(&forbidden)
            .execute(&shop.pool)
            .await
            .unwrap_err();
        assert_eq!(
            error.as_database_error().unwrap().code().unwrap(),
            "42501",
            "{forbidden}"
        );
    }
}

#[tokio::test]
async fn sessions_are_counted_by_how_far_they_got() {
    let shop = Shop::open().await;
    let noon = Utc::now() - Duration::days(10);
    let steps = |session: &str, steps: &[(&str, i64)]| -> Vec<Value> {
        let one = |(step, minute): &(&str, i64)| {
            json!({"eventId": Uuid::now_v7(), "timestamp": noon + Duration::minutes(*minute), "sessionId": session,
                   "eventType": step, "eventData": {}})
        };
        steps.iter().map(one).collect()
    };
    let (view, click, add, order) = ("page_view", "product_click", "add_to_cart", "order_placed");
    let batch = [
        steps(
            "all the way",
            &[(view, 0), (click, 1), (add, 2), (order, 3)],
        ),
        steps(
            "all at one instant",
            &[(order, 5), (add, 5), (click, 5), (view, 5)],
        ),
        steps(
            "there and back",
            &[(view, 0), (add, 1), (click, 2), (add, 3), (order, 1)],
        ),
        steps("backwards", &[(order, 0), (add, 1), (click, 2), (view, 3)]),
        steps("viewed often", &[(view, 0), (view, 9), (click, 1)]),
        steps("bought without a look", &[(click, 0), (add, 1), (order, 2)]),
        steps("something else", &[("scrolled", 0)]),
        steps(
            "over the edge",
            &[(view, -1), (click, 0), (view, 58), (click, 59), (add, 60)],
        ),
        steps("a day later", &[(view, 24 * 60), (click, 24 * 60 + 1)]),
    ];
    let events = batch.concat();
    assert_eq!(counts(&send(&shop, &events).await).0, events.len() as u64);
    let store = UsageStore::new(shop.pool.clone());
    let window = store
        .sessions(Some(noon), Some(noon + Duration::minutes(60)))
        .await
        .unwrap();
    assert_eq!(
        window,
        Sessions {
            viewed: 6,
            clicked: 5,
            added_to_cart: 3,
            ordered: 2
        }
    );
    let (from, to) = (noon, noon + Duration::minutes(60));
    let path = format!(
        "analytics/funnel?from={}&to={}",
        from.format("%Y-%m-%dT%H:%M:%S%.6fZ"),
        to.format("%Y-%m-%dT%H:%M:%S%.6fZ")
    );
    let report = shop.get(&path).token(&shop.admin()).await.json();
    let steps = report["sessions"].as_array().unwrap().iter();
    let counts: Vec<i64> = steps.map(|step| step["count"].as_i64().unwrap()).collect();
    assert_eq!(counts, [6, 5, 3, 2], "{report}");
    let ever = store.sessions(None, None).await.unwrap();
    assert_eq!(
        ever,
        Sessions {
            viewed: 7,
            clicked: 6,
            added_to_cart: 4,
            ordered: 2
        }
    );
    let never = store
        .sessions(
            Some(noon - Duration::days(2)),
            Some(noon - Duration::days(1)),
        )
        .await
        .unwrap();
    assert_eq!(never, Sessions::default());
}
