//! What happened to accounts, as it is written down.

use std::net::IpAddr;

use chrono::{DateTime, TimeDelta, Utc};
use daybook_domain::UserId;
use daybook_domain::user::Role;
use daybook_identity::security::{
    Criteria, KeptEvent, Kind, PageStart, SecurityEvent, SecurityLog, search,
};
use sqlx::query_scalar;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::site::{Site, somebody, until};

/// One server's log, which is being written.
pub(crate) struct Written {
    pub(crate) log: SecurityLog,
    stop: CancellationToken,
    task: JoinHandle<()>,
}

impl Written {
    pub(crate) fn start(site: &Site) -> Written {
        Written::from(SecurityLog::new(site.another_pool()))
    }

    fn from(log: SecurityLog) -> Written {
        let stop = CancellationToken::new();
        let (writing, stopped) = (log.clone(), stop.clone());
        let task = tokio::spawn(async move { writing.run(stopped).await });
        Written { log, stop, task }
    }

    /// Ends in order, as a server does.
    pub(crate) async fn stop(self) {
        self.stop.cancel();
        self.task.await.unwrap();
    }
}

pub(crate) fn event(kind: Kind) -> SecurityEvent {
    SecurityEvent::new(kind, Utc::now())
}

pub(crate) async fn all(site: &Site) -> Vec<KeptEvent> {
    let page = search(&site.pool, &Criteria::default(), PageStart::First, 10_000).await;
    page.unwrap().events
}

#[tokio::test]
async fn an_event_is_kept_with_all_that_it_tells() {
    let site = Site::open().await;
    let server = Written::start(&site);
    let (ann, admin) = (somebody(), somebody());
    let [session, key] = [(); 2].map(|()| Uuid::now_v7());
    let at = DateTime::from_timestamp_micros(1_795_395_600_123_456).unwrap();
    let mut told = SecurityEvent::new(Kind::RoleChanged, at)
        .about(ann)
        .by(admin)
        .of_session(session)
        .of_api_key(key)
        .with_roles([Role::Admin].into())
        .failed();
    told.address = Some("2001:db8::1".parse().unwrap());
    told.route = Some("PUT /users/{id}/roles".to_owned());
    told.request_id = Some("r-1".to_owned());
    server.log.record(told);
    server.log.flushed().await;
    let kept = all(&site).await;
    let [kept] = &kept[..] else {
        panic!("{kept:?}");
    };
    assert_eq!(kept.at, at);
    assert_eq!((&*kept.kind, &*kept.outcome), ("role-changed", "failure"));
    assert_eq!(kept.user_id, Some(ann.as_uuid()));
    assert_eq!(kept.actor_id, Some(admin.as_uuid()));
    assert_eq!(
        (kept.session_id, kept.api_key_id),
        (Some(session), Some(key))
    );
    assert_eq!(kept.address.as_deref(), Some("2001:db8::1"));
    assert_eq!(kept.route.as_deref(), Some("PUT /users/{id}/roles"));
    assert_eq!(kept.request_id.as_deref(), Some("r-1"));
    assert_eq!(kept.detail.0, serde_json::json!({"roles": ["admin"]}));
    assert_eq!(kept.times, 1);
}

#[tokio::test]
async fn who_did_it_to_themselves_is_told_once() {
    let site = Site::open().await;
    let server = Written::start(&site);
    let ann = somebody();
    server.log.record(event(Kind::LoggedOut).about(ann).by(ann));
    server.log.flushed().await;
    let kept = all(&site).await;
    assert_eq!(kept[0].user_id, Some(ann.as_uuid()));
    assert_eq!(kept[0].actor_id, None);
}

fn denied(at: DateTime<Utc>, user: Option<UserId>, address: IpAddr) -> SecurityEvent {
    let mut event = SecurityEvent::new(Kind::AccessDenied, at).about(user);
    event.address = Some(address);
    event.route = Some("GET /orders".to_owned());
    event
}

#[tokio::test]
async fn what_can_be_done_as_often_as_one_likes_is_counted_by_the_minute() {
    let site = Site::open().await;
    let servers = [Written::start(&site), Written::start(&site)];
    let minute = DateTime::from_timestamp(1_795_395_600, 0).unwrap();
    let (here, there) = ([192, 0, 2, 1].into(), [192, 0, 2, 2].into());
    let ann = Some(somebody());
    for second in [0, 30, 59] {
        let at = minute + TimeDelta::seconds(second);
        for server in &servers {
            server.log.record(denied(at, ann, here));
            // So that not all are of one batch.
            server.log.flushed().await;
        }
    }
    let log = &servers[0].log;
    log.record(denied(minute + TimeDelta::seconds(60), ann, here));
    log.record(denied(minute, None, here));
    log.record(denied(minute, ann, there));
    let mut elsewhere = denied(minute, ann, here);
    elsewhere.route = Some("GET /users".to_owned());
    log.record(elsewhere);
    // What nobody can do at will is told one by one.
    for _ in 0..3 {
        let signed_in = SecurityEvent::new(Kind::SignedIn, minute).about(ann);
        log.record(signed_in);
    }
    log.flushed().await;
    let mut times: Vec<(String, i32)> = all(&site)
        .await
        .into_iter()
        .map(|event| (event.kind, event.times))
        .collect();
    times.sort();
    let (denied, signed_in) = times.split_at(5);
    let counts: Vec<i32> = denied.iter().map(|(_, times)| *times).collect();
    assert_eq!(counts, [1, 1, 1, 1, 6]);
    assert!(signed_in.len() == 3 && signed_in.iter().all(|(_, times)| *times == 1));
}

#[tokio::test]
async fn recording_never_waits_and_what_the_queue_does_not_hold_is_dropped() {
    let site = Site::open().await;
    let log = SecurityLog::new(site.another_pool());
    // Nobody writes, and this thread never lets go: what waited would wait for ever.
    for _ in 0..5_000 {
        log.record(event(Kind::SignedIn));
    }
    let server = Written::from(log);
    until("what was queued is written", async || {
        site.count("auth.security_events").await >= 4_096
    })
    .await;
    // And from then on what is recorded.
    server.log.record(event(Kind::LoggedOut));
    server.log.flushed().await;
    assert_eq!(site.count("auth.security_events").await, 4_097);
}

#[tokio::test]
async fn a_server_that_ends_writes_what_is_queued() {
    let site = Site::open().await;
    let log = SecurityLog::new(site.another_pool());
    for _ in 0..1_500 {
        log.record(event(Kind::SignedIn));
    }
    let server = Written::from(log);
    // Before it has begun.
    server.stop().await;
    assert_eq!(site.count("auth.security_events").await, 1_500);
}

/// From now on events of the route `refused` are answered with an error of this code, and it is counted how often.
async fn refuse(site: &mut Site, code: &str) {
    let function = format!(
        "create function auth.refuse() returns trigger language plpgsql security definer as
         $$ begin
             if new.route = 'refused' then
                 perform nextval('auth.refused');
                 raise exception using errcode = '{code}';
             end if;
             return new;
         end $$"
    );
    for statement in [
        "create sequence auth.refused",
        &function,
        "create trigger refuse before insert on auth.security_events
         for each row execute function auth.refuse()",
    ] {
        site.change(statement).await;
    }
}

fn refused() -> SecurityEvent {
    let mut event = event(Kind::SignedIn);
    event.route = Some("refused".to_owned());
    event
}

async fn kinds(site: &Site) -> Vec<String> {
    let events = all(site).await.into_iter();
    events.map(|event| event.kind).collect()
}

#[tokio::test]
async fn events_wait_for_a_database_that_has_no_room_for_them() {
    let mut site = Site::open().await;
    refuse(&mut site, "53100").await;
    let server = Written::start(&site);
    server.log.record(refused());
    until("it was tried", async || {
        let tried = query_scalar("select is_called from auth.refused");
        tried.fetch_one(&mut site.superuser).await.unwrap()
    })
    .await;
    site.change("drop trigger refuse on auth.security_events")
        .await;
    server.log.record(event(Kind::LoggedOut));
    until("all is written", async || {
        kinds(&site).await == ["logged-out", "signed-in"]
    })
    .await;
}

#[tokio::test]
async fn an_event_that_is_refused_for_what_it_is_holds_nobody_up() {
    let mut site = Site::open().await;
    refuse(&mut site, "22023").await;
    let server = Written::start(&site);
    server.log.record(refused());
    server.log.flushed().await;
    server.log.record(event(Kind::LoggedOut));
    server.log.flushed().await;
    assert_eq!(kinds(&site).await, ["logged-out"]);
}
