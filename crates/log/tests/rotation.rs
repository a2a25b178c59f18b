//! Changing the master key: everything sealed before can be opened after, and only with the new key.

use std::sync::Arc;

use chrono::Utc;
use daybook_database::MIGRATOR;
use daybook_domain::user::{Role, UserEvent};
use daybook_domain::{Event, StreamId, UserId};
use daybook_log::append::{Append, NewEvent, append_batch};
use daybook_log::rotation::{Rotated, RotationError, rotate};
use daybook_log::{Actor, Codec, Feed, Metadata, Secrets};
use daybook_private_postgres::testing::TestDatabase;
use sqlx::{Connection, PgConnection, PgPool, query, query_scalar};
use uuid::Uuid;

const OLD: [u8; 32] = [1; 32];
const NEW: [u8; 32] = [2; 32];
const NEWEST: [u8; 32] = [3; 32];

struct Site {
    database: TestDatabase,
    pool: PgPool,
}

impl Site {
    async fn open() -> Site {
        let database = TestDatabase::create(&MIGRATOR).await.unwrap();
        let pool = database.server_pool().unwrap();
        Site { database, pool }
    }

    async fn owner(&self) -> PgConnection {
        PgConnection::connect(&self.database.migration_url())
            .await
            .unwrap()
    }

    async fn secrets(&self, key: &[u8; 32]) -> Option<Secrets> {
        Secrets::open(&self.pool, key).await.unwrap().ok()
    }

    async fn register(&self, secrets: &Arc<Secrets>, person: UserId) {
        let codec = Codec::new(self.pool.clone(), Arc::clone(secrets));
        let (key, wrapped) = codec.create_key(person).unwrap();
        let (stream, event_id) = (StreamId::user(person), Uuid::now_v7());
        let event = Event::from(UserEvent::Registered {
            email: "ann@example.com"
                .parse::<daybook_domain::Email>()
                .unwrap()
                .into(),
            first_name: "Ann".to_owned().into(),
            last_name: "Lee".to_owned().into(),
            roles: [Role::User].into(),
        });
        let metadata = Metadata::of(Actor::Anonymous, Uuid::now_v7());
        let registration = Append {
            id: Uuid::now_v7(),
            events: vec![NewEvent {
                stream,
                sequence: 1,
                event_id,
                event_type: event.event_type(),
                event_version: event.event_version(),
                payload: codec.encode(&event, stream, event_id, Some(&key)).unwrap(),
                metadata: serde_json::to_string(&metadata).unwrap().into(),
                occurred_at: Utc::now(),
            }],
            person_keys: vec![(person.as_uuid(), wrapped)],
            ..Append::default()
        };
        let mut connection = self.pool.acquire().await.unwrap();
        append_batch(&mut connection, &[&registration])
            .await
            .unwrap();
    }

    /// The first names that can be read with these secrets, by position.
    async fn names(&self, secrets: Secrets) -> Vec<Option<String>> {
        let codec = Codec::new(self.pool.clone(), Arc::new(secrets));
        let batch = Feed::new(self.pool.clone(), codec)
            .read_after(0, 100)
            .await
            .unwrap();
        assert!(batch.poison.is_none());
        let names = batch.events.into_iter().map(|event| match event.event {
            Event::User(UserEvent::Registered { first_name, .. }) => first_name.known().cloned(),
            _ => None,
        });
        names.collect()
    }

    async fn events_digest(&self) -> String {
        query_scalar("select coalesce(md5(string_agg(e::text, ',' order by e.position)), '') from log.events e")
            .fetch_one(&self.pool)
            .await
            .unwrap()
    }
}

#[tokio::test]
async fn what_was_sealed_and_claimed_before_is_opened_and_found_after() {
    let site = Site::open().await;
    let old = Arc::new(site.secrets(&OLD).await.unwrap());
    site.register(&old, Uuid::now_v7().into()).await;
    site.register(&old, Uuid::now_v7().into()).await;
    let (claim, tag) = (
        old.claim_value("email", "ann@example.com"),
        old.idempotency_tag(&[b"key"]),
    );
    let events = site.events_digest().await;

    let mut owner = site.owner().await;
    assert_eq!(
        rotate(&mut owner, &OLD, &NEW).await.unwrap(),
        Rotated::Now { persons: 2 }
    );
    assert!(
        site.secrets(&OLD).await.is_none(),
        "the old key is still accepted"
    );
    let new = Arc::new(site.secrets(&NEW).await.unwrap());
    assert_eq!(new.claim_value("email", "ann@example.com"), claim);
    assert_eq!(new.idempotency_tag(&[b"key"]), tag);
    assert_eq!(site.events_digest().await, events, "an event was touched");
    site.register(&new, Uuid::now_v7().into()).await;

    // A second time, from keys that are no longer derived from the master key.
    assert_eq!(
        rotate(&mut owner, &NEW, &NEWEST).await.unwrap(),
        Rotated::Now { persons: 3 }
    );
    let newest = site.secrets(&NEWEST).await.unwrap();
    assert_eq!(newest.claim_value("email", "ann@example.com"), claim);
    assert_eq!(newest.idempotency_tag(&[b"key"]), tag);
    assert_eq!(site.names(newest).await, vec![Some("Ann".to_owned()); 3]);
}

#[tokio::test]
async fn a_rotation_that_was_done_is_not_done_again() {
    let site = Site::open().await;
    let old = Arc::new(site.secrets(&OLD).await.unwrap());
    site.register(&old, Uuid::now_v7().into()).await;
    let mut owner = site.owner().await;
    rotate(&mut owner, &OLD, &NEW).await.unwrap();
    assert_eq!(
        rotate(&mut owner, &OLD, &NEW).await.unwrap(),
        Rotated::Before
    );
    assert!(matches!(
        rotate(&mut owner, &OLD, &NEWEST).await,
        Err(RotationError::NeitherKey)
    ));
    assert_eq!(
        site.names(site.secrets(&NEW).await.unwrap()).await,
        [Some("Ann".to_owned())]
    );
}

#[tokio::test]
async fn a_rotation_that_fails_midway_changes_nothing() {
    let site = Site::open().await;
    let old = Arc::new(site.secrets(&OLD).await.unwrap());
    site.register(&old, Uuid::now_v7().into()).await;
    let mut owner = site.owner().await;
    // A key that no master key here has wrapped; it comes last.
    query("insert into log.person_keys (person_id, wrapped_key) values ($1, $2)")
        .bind(Uuid::max())
        .bind([0_u8; 60].as_slice())
        .execute(&mut owner)
        .await
        .unwrap();
    assert!(matches!(
        rotate(&mut owner, &OLD, &NEW).await,
        Err(RotationError::Seal(_))
    ));
    assert!(site.secrets(&NEW).await.is_none());
    assert_eq!(
        site.names(site.secrets(&OLD).await.unwrap()).await,
        [Some("Ann".to_owned())]
    );
}

#[tokio::test]
async fn nobody_rotates_beside_others_or_without_the_right_to() {
    let site = Site::open().await;
    site.secrets(&OLD).await.unwrap();
    let mut owner = site.owner().await;
    let mut beside = site.owner().await;
    query("set application_name = 'daybook'")
        .execute(&mut beside)
        .await
        .unwrap();
    assert!(matches!(
        rotate(&mut owner, &OLD, &NEW).await,
        Err(RotationError::InUse { sessions: 1 })
    ));
    let mut server = site.pool.acquire().await.unwrap();
    assert!(matches!(
        rotate(&mut server, &OLD, &NEW).await,
        Err(RotationError::NotPermitted { .. })
    ));
    assert!(site.secrets(&OLD).await.is_some());
}
