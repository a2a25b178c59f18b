//! What happened to accounts, as it is found again.

use std::net::IpAddr;

use chrono::{DateTime, TimeDelta, Utc};
use daybook_domain::UserId;
use daybook_identity::security::{
    Criteria, KeptEvent, Kind, PageStart, SecurityEvent, count, of_user, search,
};

use crate::security_log::Written;
use crate::site::{Site, somebody};

/// Some of what happened, a second apart.
struct Past {
    site: Site,
    ann: UserId,
    admin: UserId,
    begun: DateTime<Utc>,
}

const HOME: [u8; 4] = [192, 0, 2, 1];

impl Past {
    async fn write() -> Past {
        let site = Site::open().await;
        let (ann, admin) = (somebody(), somebody());
        let begun = DateTime::from_timestamp(1_795_395_600, 0).unwrap();
        let server = Written::start(&site);
        let happened = [
            (Kind::SignInFailed, None, None),
            (Kind::SignedIn, Some(ann), None),
            (Kind::SignedIn, Some(admin), None),
            (Kind::RoleChanged, Some(ann), Some(admin)),
            (Kind::LoggedOut, Some(ann), None),
        ];
        for ((kind, about, by), second) in happened.into_iter().zip(0..) {
            let mut event = SecurityEvent::new(kind, begun + TimeDelta::seconds(second));
            event.user_id = about;
            event.actor_id = by;
            event.address = (second < 2).then_some(IpAddr::from(HOME));
            server.log.record(event);
            server.log.flushed().await;
        }
        Past {
            site,
            ann,
            admin,
            begun,
        }
    }

    async fn fitting(&self, criteria: &Criteria) -> Vec<i64> {
        let page = search(&self.site.pool, criteria, PageStart::First, 100).await;
        let found = self.seconds(&page.unwrap().events);
        let counted = count(&self.site.pool, criteria).await.unwrap();
        assert_eq!(counted, Some(found.len() as i64));
        found
    }

    fn seconds(&self, events: &[KeptEvent]) -> Vec<i64> {
        let seconds = |event: &KeptEvent| (event.at - self.begun).num_seconds();
        events.iter().map(seconds).collect()
    }
}

#[tokio::test]
async fn events_are_found_by_what_they_fit_the_newest_first() {
    let past = Past::write().await;
    let any = Criteria::default();
    assert_eq!(past.fitting(&any).await, [4, 3, 2, 1, 0]);
    let signed_in = Criteria {
        kind: Some(Kind::SignedIn),
        ..any.clone()
    };
    assert_eq!(past.fitting(&signed_in).await, [2, 1]);
    let of_the_admin = Criteria {
        user_id: Some(past.admin),
        ..any.clone()
    };
    assert_eq!(past.fitting(&of_the_admin).await, [3, 2], "and by them");
    let from_home = Criteria {
        address: Some(HOME.into()),
        ..any.clone()
    };
    assert_eq!(past.fitting(&from_home).await, [1, 0]);
    let between = Criteria {
        from: Some(past.begun + TimeDelta::seconds(1)),
        to: Some(past.begun + TimeDelta::seconds(3)),
        ..any
    };
    assert_eq!(past.fitting(&between).await, [2, 1]);
    let all_of_it = Criteria {
        kind: Some(Kind::SignedIn),
        user_id: Some(past.ann),
        address: Some(HOME.into()),
        ..between
    };
    assert_eq!(past.fitting(&all_of_it).await, [1]);
}

#[tokio::test]
async fn pages_follow_each_other_to_both_sides() {
    let past = Past::write().await;
    let page = async |place| {
        let page = search(&past.site.pool, &Criteria::default(), place, 2).await;
        let page = page.unwrap();
        let ids: Vec<i64> = page.events.iter().map(|event| event.id).collect();
        let shown = past.seconds(&page.events);
        (shown, (page.has_prev, page.has_next), ids)
    };
    let (shown, more, ids) = page(PageStart::First).await;
    assert_eq!((&shown[..], more), (&[4, 3][..], (false, true)));
    let (shown, more, ids) = page(PageStart::After(ids[1])).await;
    assert_eq!((&shown[..], more), (&[2, 1][..], (true, true)));
    let (shown, more, ids) = page(PageStart::After(ids[1])).await;
    assert_eq!((&shown[..], more), (&[0][..], (true, false)));
    let (shown, more, ids) = page(PageStart::Before(ids[0])).await;
    assert_eq!((&shown[..], more), (&[2, 1][..], (true, true)));
    let (shown, more, _) = page(PageStart::Before(ids[0])).await;
    assert_eq!((&shown[..], more), (&[4, 3][..], (false, true)));
}

#[tokio::test]
async fn what_concerns_a_person_is_read_on_the_oldest_first() {
    let past = Past::write().await;
    let pool = &past.site.pool;
    let first = of_user(pool, past.ann, 0, 2).await.unwrap();
    assert_eq!(past.seconds(&first), [1, 3]);
    let rest = of_user(pool, past.ann, first[1].id, 2).await.unwrap();
    assert_eq!(past.seconds(&rest), [4]);
    let admins = of_user(pool, past.admin, 0, 9).await.unwrap();
    assert_eq!(past.seconds(&admins), [2], "not what they did to others");
}

#[tokio::test]
async fn nobody_counts_above_ten_thousand() {
    let mut site = Site::open().await;
    let add = |times: i32| {
        format!(
            "insert into auth.security_events (at, kind, outcome)
             select now(), 'signed-in', 'success' from generate_series(1, {times})"
        )
    };
    site.change(&add(10_000)).await;
    let counted = count(&site.pool, &Criteria::default()).await.unwrap();
    assert_eq!(counted, Some(10_000));
    site.change(&add(1)).await;
    let counted = count(&site.pool, &Criteria::default()).await.unwrap();
    assert_eq!(counted, None);
}
