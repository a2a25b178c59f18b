//! Erasing a person in the append that records it, and what the database does not let anybody do about
//! it.

use std::sync::Arc;
use std::time::Duration;

use chrono::Utc;
use daybook_database::MIGRATOR;
use daybook_domain::user::{Role, UserEvent};
use daybook_domain::{Event, StreamId, UserId};
use daybook_log::append::{Append, Claim, NewEvent, append_batch};
use daybook_log::idempotency::Record;
use daybook_log::{Actor, Codec, Feed, Metadata, Secrets, erasure, idempotency};
use daybook_private_postgres::testing::TestDatabase;
use sqlx::{PgPool, query, query_scalar};
use uuid::Uuid;

struct Log {
    _database: TestDatabase,
    pool: PgPool,
    codec: Codec,
}

async fn log() -> Log {
    let database = TestDatabase::create(&MIGRATOR).await.unwrap();
    let pool = database.server_pool().unwrap();
    let codec = Codec::new(pool.clone(), Arc::new(Secrets::from_master_key(&[1; 32])));
    Log {
        _database: database,
        pool,
        codec,
    }
}

impl Log {
    fn event(
        &self,
        person: UserId,
        sequence: i64,
        event: UserEvent,
        key: Option<&daybook_log::PersonKey>,
    ) -> NewEvent {
        let (stream, event_id) = (StreamId::user(person), Uuid::now_v7());
        let event = Event::from(event);
        let metadata = Metadata::of(Actor::Anonymous, Uuid::now_v7());
        NewEvent {
            stream,
            sequence,
            event_id,
            event_type: event.event_type(),
            event_version: event.event_version(),
            payload: self.codec.encode(&event, stream, event_id, key).unwrap(),
            metadata: serde_json::to_string(&metadata).unwrap().into(),
            occurred_at: Utc::now(),
        }
    }

    /// A person who registers, takes an address and is answered under an idempotency key.
    fn registration(&self, person: UserId) -> Append {
        let (key, wrapped) = self.codec.create_key(person).unwrap();
        let registered = UserEvent::Registered {
            email: "ann@example.com"
                .parse::<daybook_domain::Email>()
                .unwrap()
                .into(),
            first_name: "Ann".to_owned().into(),
            last_name: "Lee".to_owned().into(),
            roles: [Role::User].into(),
        };
        let record = Record {
            key_hash: person.as_uuid().as_bytes().to_vec(),
            fingerprint: b"request".to_vec(),
            status: 201,
            headers: "[]".to_owned(),
            body: b"Ann Lee".to_vec(),
            person: None,
        };
        Append {
            id: Uuid::now_v7(),
            events: vec![self.event(person, 1, registered, Some(&key))],
            taken: vec![Claim {
                kind: "email",
                value: person.as_uuid().as_bytes().to_vec(),
                owner: person.to_string(),
            }],
            record: Some(record.sealed(person, &key).unwrap()),
            person_keys: vec![(person.as_uuid(), wrapped)],
            ..Append::default()
        }
    }

    fn erasure(&self, person: UserId) -> Append {
        Append {
            id: Uuid::now_v7(),
            events: vec![self.event(person, 2, UserEvent::Erased {}, None)],
            erased: Some(person.as_uuid()),
            ..Append::default()
        }
    }

    async fn append(&self, batch: &[&Append]) -> Result<i64, sqlx::Error> {
        let mut connection = self.pool.acquire().await.unwrap();
        append_batch(&mut connection, batch).await
    }

    async fn count(&self, of: &str, person: UserId) -> i64 {
        query_scalar(&format!("select count(*) from {of} = $1::text"))
            .bind(person.to_string())
            .fetch_one(&self.pool)
            .await
            .unwrap()
    }
}

fn person() -> UserId {
    Uuid::now_v7().into()
}

#[tokio::test]
async fn the_append_that_erases_a_person_takes_their_key_and_what_they_sign_in_with() {
    let log = log().await;
    let (ann, ben) = (person(), person());
    log.append(&[&log.registration(ann), &log.registration(ben)])
        .await
        .unwrap();
    for who in [ann, ben] {
        query("insert into auth.credentials (user_id, password_hash) values ($1, 'hash')")
            .bind(who.as_uuid())
            .execute(&log.pool)
            .await
            .unwrap();
    }
    let feed = Feed::new(log.pool.clone(), log.codec.clone());
    let registered = |position: i64| {
        let feed = feed.clone();
        async move {
            feed.read_after(position - 1, 1)
                .await
                .unwrap()
                .events
                .remove(0)
                .event
        }
    };
    assert!(format!("{:?}", registered(1).await).contains("Known"));

    // The second event of its batch: the erasure is noted at that position, not the batch's.
    let cy = person();
    let head = log
        .append(&[&log.registration(cy), &log.erasure(ann)])
        .await
        .unwrap();
    assert_eq!(head, 2);
    log.codec.forget(ann);

    let noted = erasure::recent(&log.pool, Duration::from_secs(60))
        .await
        .unwrap();
    assert_eq!(noted.len(), 1);
    assert_eq!((noted[0].person, noted[0].position), (ann, 4));
    let Event::User(UserEvent::Registered {
        email, first_name, ..
    }) = registered(1).await
    else {
        panic!("the first event is another");
    };
    assert_eq!((email.known(), first_name.known()), (None, None));
    for (what, of_ann, of_others) in [
        ("log.person_keys where person_id::text", 0, 1),
        ("log.claims where owner", 0, 1),
        ("auth.credentials where user_id::text", 0, 1),
    ] {
        assert_eq!(log.count(what, ann).await, of_ann, "{what}");
        assert_eq!(log.count(what, ben).await, of_others, "{what}");
    }
    let answer = idempotency::find(&log.pool, &log.codec, ann.as_uuid().as_bytes())
        .await
        .unwrap()
        .expect("the key is not free for another effect");
    assert_eq!(answer.body, None, "the answer can still be opened");
}

#[tokio::test]
async fn an_erasure_that_is_refused_erases_nobody() {
    let log = log().await;
    let ann = person();
    log.append(&[&log.registration(ann)]).await.unwrap();
    let mut rival = log.erasure(ann);
    rival.events[0].sequence = 3;
    log.append(&[&rival]).await.unwrap_err();
    assert_eq!(
        log.count("log.person_keys where person_id::text", ann)
            .await,
        1
    );
    assert!(
        erasure::recent(&log.pool, Duration::from_secs(60))
            .await
            .unwrap()
            .is_empty()
    );
}

#[tokio::test]
async fn what_is_left_beside_the_log_is_swept_as_often_as_it_takes() {
    let log = log().await;
    let (ann, ben) = (person(), person());
    log.append(&[&log.registration(ann), &log.registration(ben)])
        .await
        .unwrap();
    log.append(&[&log.erasure(ann)]).await.unwrap();
    // A late write by a process that had not heard of the erasure.
    query("insert into auth.credentials (user_id, password_hash) values ($1, 'hash')")
        .bind(ann.as_uuid())
        .execute(&log.pool)
        .await
        .unwrap();
    query(
        "insert into commands.snapshots (aggregate_type, aggregate_id, version, format, created_at, updated_at, state)
         values ('order', 'o', 1, '1', now(), now(), $1)",
    )
    .bind(format!("{{\"userId\":\"{ann}\"}}"))
    .execute(&log.pool)
    .await
    .unwrap();

    let unswept = erasure::unswept(&log.pool, Duration::ZERO).await.unwrap();
    assert_eq!((unswept.len(), unswept[0].1), (1, true));
    let later = erasure::unswept(&log.pool, Duration::from_secs(60))
        .await
        .unwrap();
    assert!(!later[0].1, "what was on its way may still come");
    for _ in 0..2 {
        erasure::sweep(&log.pool, ann).await.unwrap();
    }
    assert_eq!(
        log.count("auth.credentials where user_id::text", ann).await,
        0
    );
    assert_eq!(log.count("commands.snapshots where 'o'", ann).await, 0);
    let bodies = "log.idempotency_records where body <> '' and person_id::text";
    assert_eq!(log.count(bodies, ann).await, 0);
    assert_eq!(log.count(bodies, ben).await, 1);

    erasure::settle(&log.pool, ann).await.unwrap();
    assert!(
        erasure::unswept(&log.pool, Duration::ZERO)
            .await
            .unwrap()
            .is_empty()
    );
}

#[tokio::test]
async fn a_server_erases_nobody_but_by_an_append() {
    let log = log().await;
    let ann = person();
    log.append(&[&log.registration(ann)]).await.unwrap();
    for statement in [
        "select log.erase_persons(array[$1::uuid], array[1::bigint])",
        "select log.sweep_person($1)",
        "delete from log.person_keys where person_id = $1",
        "insert into log.erasures (person_id, position, erased_at) values ($1, 1, now())",
        "update log.erasures set position = 1 where person_id = $1",
        "insert into usage.forgotten (user_id) values ($1)",
        "delete from usage.events where user_id = $1",
    ] {
        query(statement)
            .bind(ann.as_uuid())
            .execute(&log.pool)
            .await
            .expect_err(statement);
    }
    assert_eq!(
        log.count("log.person_keys where person_id::text", ann)
            .await,
        1
    );
}

#[tokio::test]
async fn a_server_of_before_can_still_append() {
    let log = log().await;
    let parameters: Vec<String> = query_scalar(
        "select pg_get_function_identity_arguments(p.oid) from pg_proc p
         where p.proname = 'append_batch' and p.pronamespace = 'log'::regnamespace
             and has_function_privilege(p.oid, 'execute')",
    )
    .fetch_all(&log.pool)
    .await
    .unwrap();
    assert_eq!(parameters.len(), 2, "{parameters:?}");
}
