//! Each day in UTC is a partition, made when its first event comes.

use chrono::{Duration, NaiveDate, Utc};
use daybook_usage::Times;
use futures::future::join_all;
use sqlx::query_as;
use tokio::time::timeout;
use uuid::Uuid;

use crate::site::{Site, event, fresh, noon};

#[tokio::test]
async fn an_event_goes_to_its_day_in_utc_to_the_microsecond() {
    let site = Site::open().await;
    let midnight = noon() - Duration::hours(12);
    let before = midnight - Duration::microseconds(1);
    let batch = [before, midnight, noon()].map(|at| event(Uuid::now_v7(), at));
    assert_eq!(site.record(&batch).await, (3, 0));
    let partitions: Vec<(String, i64)> = query_as(
        "select tableoid::regclass::text, count(*) from usage.events group by 1 order by 1",
    )
    .fetch_all(&site.pool)
    .await
    .unwrap();
    let expected = [("usage.events_20261126", 1), ("usage.events_20261127", 2)];
    assert_eq!(partitions, expected.map(|(name, n)| (name.to_owned(), n)));
    let days: Vec<(NaiveDate, i64)> =
        query_as("select day, count(*) from usage.event_ids group by 1 order by 1")
            .fetch_all(&site.pool)
            .await
            .unwrap();
    assert_eq!(days.iter().map(|(_, n)| *n).collect::<Vec<_>>(), [1, 2]);
    assert_eq!(days[1].0, noon().date_naive());
}

#[tokio::test(flavor = "multi_thread")]
async fn days_that_come_up_at_two_servers_at_once_are_made_once() {
    let site = Site::open().await;
    let stores = [site.store.clone(), site.another_store()];
    let sending = (0..6).map(|n: usize| {
        let store = stores[n % 2].clone();
        tokio::spawn(async move {
            let days = (0..20).map(|day| noon() + Duration::days(day));
            let batch: Vec<_> = days.map(|at| event(Uuid::now_v7(), at)).collect();
            store.record(&batch).await.unwrap().accepted
        })
    });
    let accepted = join_all(sending).await.into_iter().map(Result::unwrap);
    assert_eq!(accepted.sum::<usize>(), 120);
    let days = "(select from usage.events group by tableoid having count(*) = 6) as days";
    assert_eq!(site.count(days).await, 20);
}

#[tokio::test]
async fn a_day_that_is_made_while_a_report_is_read_waits_for_nobody() {
    let site = Site::open().await;
    site.record(&[fresh()]).await;
    let mut reader = site.pool.acquire().await.unwrap();
    let mut report = sqlx::Connection::begin(&mut *reader).await.unwrap();
    let seen: (i64,) = query_as("select count(*) from usage.events")
        .fetch_one(&mut *report)
        .await
        .unwrap();
    assert_eq!(seen, (1,));
    // It would wait for the report's end, which comes after.
    let next_day = event(Uuid::now_v7(), noon() + Duration::days(1));
    let next_day = [next_day];
    let recorded = timeout(std::time::Duration::from_secs(30), site.record(&next_day)).await;
    assert_eq!(recorded, Ok((1, 0)));
    report.rollback().await.unwrap();
}

#[test]
fn an_event_bears_an_instant_of_the_last_year_or_the_next_hour() {
    let now = Utc::now();
    let times = Times::around(now);
    let tick = Duration::nanoseconds(1);
    for (offset, may_be_borne) in [
        (Duration::zero(), true),
        (Duration::hours(1), true),
        (Duration::hours(1) + tick, false),
        (-Duration::days(366), true),
        (-Duration::days(366) - tick, false),
    ] {
        assert_eq!(times.contain(now + offset), may_be_borne, "{offset}");
    }
}
