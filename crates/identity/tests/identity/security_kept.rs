//! How long what happened to accounts is kept, and how it stays.

use chrono::{TimeDelta, Utc};
use daybook_identity::security::{KEPT_FOR, Kind, SecurityEvent};
use sqlx::query;
use uuid::Uuid;

use crate::security_log::{Written, all, event};
use crate::site::{Site, somebody};

#[tokio::test]
async fn events_can_be_added_and_not_changed_and_go_when_their_time_is_over() {
    let site = Site::open().await;
    let server = Written::start(&site);
    let kept_for = TimeDelta::from_std(KEPT_FOR).unwrap();
    let of_age = |age| SecurityEvent::new(Kind::SignedIn, Utc::now() - age);
    server.log.record(of_age(kept_for + TimeDelta::minutes(1)));
    server.log.record(of_age(kept_for - TimeDelta::minutes(1)));
    server.log.flushed().await;
    for forbidden in [
        "update auth.security_events set kind = 'logged-out'",
        "delete from auth.security_events",
        "truncate auth.security_events",
        "insert into auth.security_events (at, kind, outcome) values (now(), 'signed-in', 'success')",
    ] {
        let refused = query(forbidden).execute(&site.pool).await.unwrap_err();
        let code = refused.as_database_error().unwrap().code().unwrap();
        assert_eq!(code, "42501", "{forbidden}");
    }
    assert_eq!(server.log.expire().await.unwrap(), 1);
    assert_eq!(server.log.expire().await.unwrap(), 0);
    assert_eq!(all(&site).await.len(), 1);
}

#[tokio::test]
async fn of_a_person_who_is_erased_it_stays_what_happened_and_when() {
    let mut site = Site::open().await;
    let server = Written::start(&site);
    let (ann, bob) = (somebody(), somebody());
    for user in [ann, bob] {
        let mut signed_in = event(Kind::SignedIn).about(user).of_session(Uuid::now_v7());
        signed_in.address = Some([192, 0, 2, 1].into());
        signed_in.request_id = Some("r-1".to_owned());
        server.log.record(signed_in);
    }
    server.log.flushed().await;
    let before = all(&site).await;
    site.change(&format!("select auth.forget(array['{ann}'::uuid])"))
        .await;
    let after = all(&site).await;
    let (bobs, anns) = (&after[0], &after[1]);
    assert_eq!((anns.at, &*anns.kind), (before[1].at, "signed-in"));
    assert_eq!(anns.user_id, Some(ann.as_uuid()));
    assert_eq!(
        (&anns.address, &anns.request_id, anns.session_id),
        (&None, &None, None)
    );
    assert!(bobs.address.is_some() && bobs.request_id.is_some() && bobs.session_id.is_some());
}
