//! How far visitors get.

use chrono::Duration;
use daybook_usage::{Sessions, UsageEvent};
use uuid::Uuid;

use crate::site::{Site, event, noon};

const VIEW: &str = "page_view";
const CLICK: &str = "product_click";
const ADD: &str = "add_to_cart";
const ORDER: &str = "order_placed";

/// One session, by the minutes after noon at which its steps were taken.
async fn visit(site: &Site, session_id: &str, steps: &[(&'static str, i64)]) {
    let batch: Vec<UsageEvent> = steps
        .iter()
        .map(|(event_type, minute)| UsageEvent {
            session_id,
            event_type,
            ..event(Uuid::now_v7(), noon() + Duration::minutes(*minute))
        })
        .collect();
    assert_eq!(site.record(&batch).await, (steps.len(), 0));
}

/// Of the minutes after noon from the first up to the second.
async fn funnel(site: &Site, from: Option<i64>, to: Option<i64>) -> [i64; 4] {
    let at = |minute: i64| noon() + Duration::minutes(minute);
    let sessions = site.store.sessions(from.map(at), to.map(at)).await.unwrap();
    let Sessions {
        viewed,
        clicked,
        added_to_cart,
        ordered,
    } = sessions;
    [viewed, clicked, added_to_cart, ordered]
}

#[tokio::test]
async fn each_step_counts_after_those_before_it_or_at_one_instant_with_them() {
    let site = Site::open().await;
    for (session, steps, reached) in [
        (
            "all the way",
            &[(VIEW, 0), (CLICK, 1), (ADD, 2), (ORDER, 3)][..],
            4,
        ),
        ("at once", &[(ORDER, 5), (ADD, 5), (CLICK, 5), (VIEW, 5)], 4),
        (
            "there and back",
            &[(VIEW, 0), (ADD, 1), (CLICK, 2), (ADD, 3), (ORDER, 1)],
            3,
        ),
        (
            "viewed often",
            &[(VIEW, 0), (VIEW, 9), (CLICK, 1), (CLICK, 2)],
            2,
        ),
        (
            "backwards",
            &[(ORDER, 0), (ADD, 1), (CLICK, 2), (VIEW, 3)],
            1,
        ),
        ("left one out", &[(VIEW, 0), (ADD, 1), (ORDER, 2)], 1),
        ("never viewed", &[(CLICK, 0), (ADD, 1), (ORDER, 2)], 0),
        ("something else", &[("scrolled", 0)], 0),
    ] {
        let before = funnel(&site, None, None).await;
        visit(&site, session, steps).await;
        let after = funnel(&site, None, None).await;
        let counted = (0..4).map(|step| after[step] - before[step]);
        let expected = (0..4).map(|step| i64::from(step < reached));
        assert!(counted.eq(expected), "{session}: {before:?} {after:?}");
    }
}

#[tokio::test]
async fn only_what_happened_in_the_window_counts_its_end_not_included() {
    let site = Site::open().await;
    assert_eq!(funnel(&site, None, None).await, [0; 4]);
    visit(
        &site,
        "s",
        &[(VIEW, 0), (CLICK, 10), (ADD, 20), (ORDER, 24 * 60)],
    )
    .await;
    for (from, to, counted) in [
        (None, None, [1, 1, 1, 1]),
        (Some(0), Some(24 * 60), [1, 1, 1, 0]),
        (Some(0), Some(24 * 60 + 1), [1, 1, 1, 1]),
        (Some(0), Some(20), [1, 1, 0, 0]),
        (None, Some(10), [1, 0, 0, 0]),
        (Some(1), None, [0; 4]),
        (Some(-10), Some(0), [0; 4]),
    ] {
        assert_eq!(funnel(&site, from, to).await, counted, "{from:?} {to:?}");
    }
}
