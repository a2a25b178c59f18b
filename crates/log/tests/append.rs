//! What the database itself ensures: density, order, gaplessness, uniqueness, rights.

use std::sync::Arc;

use chrono::Utc;
use cqrs_es::EventStore;
use cqrs_es::persist::{PersistedEventRepository, PersistedEventStore};
use daybook_database::MIGRATOR;
use daybook_domain::stock::{Stock, StockEvent};
use daybook_domain::{Event, StreamId};
use daybook_log::append::{Append, Claim, NewEvent, Vacancy, append_batch};
use daybook_log::idempotency::Record;
use daybook_log::{Actor, Codec, Feed, Metadata, Position, Secrets, conflict, idempotency};
use daybook_private_postgres::testing::TestDatabase;
use sqlx::{Connection as _, Executor as _, PgConnection, PgPool, query, query_as, query_scalar};
use uuid::Uuid;

struct Log {
    database: TestDatabase,
    pool: PgPool,
    codec: Codec,
}

async fn log() -> Log {
    let database = TestDatabase::create(&MIGRATOR).await.unwrap();
    let pool = database.server_pool().unwrap();
    let codec = Codec::new(pool.clone(), Arc::new(Secrets::from_master_key(&[1; 32])));
    Log {
        database,
        pool,
        codec,
    }
}

impl Log {
    /// An append of `count` events on top of a stream's `version`.
    fn grow(&self, stream: StreamId, version: i64, count: i64) -> Append {
        let metadata = Metadata::of(Actor::Anonymous, Uuid::now_v7());
        let metadata: Arc<str> = serde_json::to_string(&metadata).unwrap().into();
        let event = Event::from(StockEvent::Received {
            quantity: 1,
            reason: None,
        });
        let events = (1..=count).map(|n| {
            let event_id = Uuid::now_v7();
            NewEvent {
                stream,
                sequence: version + n,
                event_id,
                event_type: event.event_type(),
                event_version: event.event_version(),
                payload: self.codec.encode(&event, stream, event_id, None).unwrap(),
                metadata: Arc::clone(&metadata),
                occurred_at: Utc::now(),
            }
        });
        Append {
            id: Uuid::now_v7(),
            events: events.collect(),
            ..Append::default()
        }
    }

    async fn append(&self, batch: &[&Append]) -> Result<Position, sqlx::Error> {
        let mut connection = self.pool.acquire().await.unwrap();
        append_batch(&mut connection, batch).await
    }
}

fn stream() -> StreamId {
    StreamId::stock(Uuid::now_v7().into())
}

fn constraint(error: sqlx::Error) -> String {
    error
        .as_database_error()
        .and_then(|error| error.constraint())
        .unwrap_or_default()
        .to_owned()
}

fn claim(value: &str, owner: &str) -> Claim {
    Claim {
        kind: "sku",
        value: value.as_bytes().to_vec(),
        owner: owner.to_owned(),
    }
}

fn record(key: &str) -> Record {
    Record {
        key_hash: key.as_bytes().to_vec(),
        fingerprint: b"request".to_vec(),
        status: 201,
        headers: "[]".to_owned(),
        body: b"{}".to_vec(),
        person: None,
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn positions_are_dense_and_become_visible_in_order() {
    let log = Arc::new(log().await);
    let writers: Vec<_> = (0..8)
        .map(|n| {
            let log = Arc::clone(&log);
            tokio::spawn(async move {
                for size in 0..40 {
                    log.append(&[&log.grow(stream(), 0, 1 + (n + size) % 5)])
                        .await
                        .unwrap();
                }
            })
        })
        .collect();
    // A reader that only ever asks for what comes next must not miss anything.
    let feed = Feed::new(log.pool.clone(), log.codec.clone());
    let mut last = 0;
    loop {
        let done = writers.iter().all(|writer| writer.is_finished());
        let batch = feed.read_after(last, 1000).await.unwrap();
        for event in &batch.events {
            assert_eq!(event.position, last + 1, "a position was skipped");
            last = event.position;
        }
        if done && batch.events.is_empty() {
            break;
        }
    }
    for writer in writers {
        writer.await.unwrap();
    }
    assert_eq!(last, 8 * 8 * (1 + 2 + 3 + 4 + 5));
    assert_eq!(feed.head().await.unwrap(), last);
}

#[tokio::test]
async fn of_many_writers_with_one_expected_version_exactly_one_wins() {
    let log = log().await;
    let stream = stream();
    log.append(&[&log.grow(stream, 0, 1)]).await.unwrap();
    let rivals: Vec<Append> = (0..16).map(|_| log.grow(stream, 1, 1)).collect();
    let attempts = rivals
        .iter()
        .map(|rival| async { log.append(&[rival]).await });
    let (won, lost): (Vec<_>, Vec<_>) = futures::future::join_all(attempts)
        .await
        .into_iter()
        .partition(Result::is_ok);
    assert_eq!(won.len(), 1);
    for error in lost {
        assert_eq!(constraint(error.unwrap_err()), "events_pkey");
    }
}

#[tokio::test]
async fn a_stream_cannot_have_a_gap() {
    let log = log().await;
    let error = log.append(&[&log.grow(stream(), 1, 1)]).await.unwrap_err();
    assert_eq!(constraint(error), "events_gapless");
}

#[tokio::test]
async fn a_batch_is_all_or_nothing_and_its_conflicts_are_named() {
    let log = log().await;
    let (grown, other) = (stream(), stream());
    log.append(&[&log.grow(grown, 0, 2)]).await.unwrap();
    let taken = Append {
        taken: vec![claim("A-1", "someone")],
        record: Some(record("k")),
        ..log.grow(stream(), 0, 1)
    };
    log.append(&[&taken]).await.unwrap();

    let good = log.grow(other, 0, 1);
    let on_grown = log.grow(grown, 1, 1);
    let reads_grown = Append {
        reads: vec![(grown, 1)],
        ..log.grow(stream(), 0, 1)
    };
    let wants_taken = Append {
        taken: vec![claim("A-1", "me")],
        ..log.grow(stream(), 0, 1)
    };
    let same_key = Append {
        record: Some(record("k")),
        ..log.grow(stream(), 0, 1)
    };
    let wants_vacant = Append {
        vacant: vec![Vacancy {
            kind: "sku",
            owner: "someone".to_owned(),
        }],
        ..log.grow(stream(), 0, 1)
    };
    let batch = [
        &good,
        &on_grown,
        &reads_grown,
        &wants_taken,
        &same_key,
        &wants_vacant,
    ];
    log.append(&batch).await.unwrap_err();
    let mut connection = log.pool.acquire().await.unwrap();
    let conflicts = conflict::find(&mut connection, &batch).await.unwrap();
    assert_eq!(Vec::from_iter(conflicts.claims.into_keys()), [3]);
    assert_eq!(Vec::from_iter(conflicts.keys), [4]);
    assert_eq!(Vec::from_iter(conflicts.vacancies.into_keys()), [5]);
    assert!(!conflicts.already_written);
    // Streams are checked once no claim and no key conflicts any more.
    log.append(&batch[..3]).await.unwrap_err();
    let conflicts = conflict::find(&mut connection, &batch[..3]).await.unwrap();
    assert_eq!(Vec::from_iter(conflicts.streams), [grown]);
    assert_eq!(
        Feed::new(log.pool.clone(), log.codec.clone())
            .head()
            .await
            .unwrap(),
        3,
        "nothing was written"
    );
    for alone in [&reads_grown, &wants_vacant] {
        log.append(&[alone]).await.unwrap_err();
    }
    log.append(&[&good]).await.unwrap();
}

#[tokio::test]
async fn a_batch_sent_twice_is_recognised_as_its_own() {
    let log = log().await;
    let stream = stream();
    let first = log.grow(stream, 0, 1);
    let reads_then_grows = Append {
        reads: vec![(stream, 1)],
        record: Some(record("k")),
        ..Append::default()
    };
    let reads_then_grows = Append {
        id: Uuid::now_v7(),
        ..reads_then_grows
    };
    let second = log.grow(stream, 1, 2);
    let batch = [&first, &reads_then_grows, &second];
    assert_eq!(log.append(&batch).await.unwrap(), 0);
    log.append(&batch).await.unwrap_err();
    let mut connection = log.pool.acquire().await.unwrap();
    assert!(
        conflict::find(&mut connection, &batch)
            .await
            .unwrap()
            .already_written
    );
    assert_eq!(
        conflict::positions(&mut connection, &batch).await.unwrap(),
        [1, 1, 3]
    );

    let stranger = log.grow(stream, 0, 1);
    log.append(&[&stranger]).await.unwrap_err();
    assert!(
        !conflict::find(&mut connection, &[&stranger])
            .await
            .unwrap()
            .already_written
    );
}

#[tokio::test]
async fn an_append_releases_before_it_takes() {
    let log = log().await;
    let take = Append {
        taken: vec![claim("A-1", "me")],
        ..log.grow(stream(), 0, 1)
    };
    log.append(&[&take]).await.unwrap();
    let again = Append {
        released: vec![claim("A-1", "me")],
        taken: vec![claim("A-1", "me")],
        ..log.grow(stream(), 0, 1)
    };
    log.append(&[&again]).await.unwrap();
    let not_ours = Append {
        released: vec![claim("A-1", "you")],
        taken: vec![claim("A-1", "you")],
        ..log.grow(stream(), 0, 1)
    };
    assert_eq!(
        constraint(log.append(&[&not_ours]).await.unwrap_err()),
        "claims_pkey"
    );
}

#[tokio::test]
async fn a_record_names_the_position_of_its_append() {
    let log = log().await;
    let first = log.grow(stream(), 0, 3);
    let second = Append {
        record: Some(record("k")),
        ..log.grow(stream(), 0, 2)
    };
    let third = log.grow(stream(), 0, 4);
    log.append(&[&first, &second, &third]).await.unwrap();
    let found = idempotency::find(&log.pool, &log.codec, b"k")
        .await
        .unwrap()
        .unwrap();
    assert_eq!(
        (found.position, found.body.as_deref()),
        (5, Some(b"{}".as_slice()))
    );
}

#[tokio::test]
async fn the_servers_role_may_read_and_append_and_nothing_else() {
    let log = log().await;
    log.append(&[&log.grow(stream(), 0, 1)]).await.unwrap();
    for statement in [
        "update log.events set payload = '{}'",
        "delete from log.events",
        "truncate log.events cascade",
        "insert into log.claims (kind, value, owner) values ('sku', 'x', 'y')",
        "delete from log.claims",
        "update log.idempotency_records set body = ''",
        "delete from log.person_keys",
        "update log.settings set value = ''",
        "alter table log.events disable trigger all",
        "drop table log.events",
        "create table log.mine (n integer)",
        "create or replace function log.append_batch() returns bigint language sql as 'select 1'",
        "set role daybook_log",
    ] {
        let error = query(statement)
            .execute(&log.pool)
            .await
            .expect_err(statement);
        let code = error
            .as_database_error()
            .and_then(|error| error.code().map(|code| code.into_owned()));
        assert_eq!(code.as_deref(), Some("42501"), "{statement}: {error}");
    }
    let owner: Vec<(String, bool)> = query_as(
        "select r.rolname::text, r.rolcanlogin from pg_class c join pg_roles r on r.oid = c.relowner
         where c.oid = 'log.events'::regclass",
    )
    .fetch_all(&log.pool)
    .await
    .unwrap();
    assert_eq!(owner, [("daybook_log".to_owned(), false)]);
}

#[tokio::test]
async fn postgres_es_reads_our_streams() {
    let log = log().await;
    let stream = stream();
    log.append(&[&log.grow(stream, 0, 3)]).await.unwrap();
    let repository = postgres_es::PostgresEventRepository::new(log.pool.clone())
        .with_tables("log.events", "log.snapshots");
    let events = repository
        .get_events::<Stock>(&stream.id.to_string())
        .await
        .unwrap();
    assert_eq!(
        events
            .iter()
            .map(|event| event.sequence)
            .collect::<Vec<_>>(),
        [1, 2, 3]
    );
    let store = PersistedEventStore::<_, Stock>::new_event_store(repository);
    let loaded = store.load_aggregate(&stream.id.to_string()).await.unwrap();
    assert_eq!(loaded.aggregate.available(), 3);
}

#[tokio::test]
async fn old_answers_are_forgotten_and_young_ones_kept() {
    let log = log().await;
    for key in ["old", "young"] {
        log.append(&[&Append {
            id: Uuid::now_v7(),
            record: Some(record(key)),
            ..Append::default()
        }])
        .await
        .unwrap();
    }
    let mut owner: PgConnection = sqlx::Connection::connect(&log.database.superuser_url())
        .await
        .unwrap();
    query("update log.idempotency_records set recorded_at = now() - interval '3 days' where key_hash = 'old'")
        .execute(&mut owner)
        .await
        .unwrap();
    assert_eq!(idempotency::forget(&log.pool).await.unwrap(), 1);
    assert!(
        idempotency::find(&log.pool, &log.codec, b"old")
            .await
            .unwrap()
            .is_none()
    );
    assert!(
        idempotency::find(&log.pool, &log.codec, b"young")
            .await
            .unwrap()
            .is_some()
    );
}

#[tokio::test]
async fn another_master_key_is_refused() {
    let log = log().await;
    assert!(Secrets::open(&log.pool, &[1; 32]).await.unwrap().is_ok());
    assert!(Secrets::open(&log.pool, &[1; 32]).await.unwrap().is_ok());
    assert!(Secrets::open(&log.pool, &[2; 32]).await.unwrap().is_err());
}

#[tokio::test]
async fn an_append_is_durable_whatever_its_session_says() {
    let log = log().await;
    let mut connection = log.pool.acquire().await.unwrap();
    for (set, committed) in [("off", "on"), ("local", "local"), ("on", "on")] {
        let statement = format!("set synchronous_commit = {set}");
        connection.execute(statement.as_str()).await.unwrap();
        let mut transaction = connection.begin().await.unwrap();
        append_batch(&mut transaction, &[&log.grow(stream(), 0, 1)])
            .await
            .unwrap();
        let at_commit: String = query_scalar("show synchronous_commit")
            .fetch_one(&mut *transaction)
            .await
            .unwrap();
        transaction.commit().await.unwrap();
        assert_eq!(at_commit, committed);
        let afterwards: String = query_scalar("show synchronous_commit")
            .fetch_one(&mut *connection)
            .await
            .unwrap();
        assert_eq!(afterwards, set, "other statements are as they were");
    }
}
