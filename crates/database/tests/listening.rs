//! Whoever listens hears what is announced, or learns that the connection broke.

use std::process::Command;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use daybook_database::{Backoff, Heard, Listening, Touch};
use daybook_private_postgres::testing::TestDatabase;
use sqlx::{PgPool, query, query_scalar};
use tokio::sync::mpsc::{self, Receiver, Sender};
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

/// Longer than anything here may take.
const NEVER: Duration = Duration::from_secs(60);

async fn announce(pool: &PgPool, channel: &str, text: &str) {
    query("select pg_notify($1, $2)")
        .bind(channel)
        .bind(text)
        .execute(pool)
        .await
        .unwrap();
}

/// Ends the sessions that listen.
async fn end_listeners(database: &TestDatabase) {
    let ended = query(
        "select pg_terminate_backend(pid) from pg_stat_activity
         where datname = current_database() and query ilike 'listen%'",
    )
    .execute(&database.superuser_pool().unwrap())
    .await
    .unwrap();
    assert_eq!(ended.rows_affected(), 1);
}

fn text(heard: Heard) -> Option<(String, String)> {
    match heard {
        Heard::Notification(it) => Some((it.channel().to_owned(), it.payload().to_owned())),
        Heard::Silence => None,
    }
}

#[tokio::test]
async fn every_channel_is_heard_and_silence_ends_with_the_poll_interval() {
    let database = TestDatabase::empty().await.unwrap();
    let pool = database.migration_pool().unwrap();
    let mut listening = Listening::subscribe(&pool, &["one", "Other"])
        .await
        .unwrap();
    let silence = listening.next(Duration::from_millis(1)).await.unwrap();
    assert!(matches!(silence, Heard::Silence));
    announce(&pool, "one", "first").await;
    announce(&pool, "another", "unheard").await;
    announce(&pool, "Other", "second").await;
    for told in [("one", "first"), ("Other", "second")] {
        let heard = text(listening.next(NEVER).await.unwrap()).unwrap();
        assert_eq!((heard.0.as_str(), heard.1.as_str()), told);
    }
}

/// Fails with a listener that makes its connection anew by itself.
#[tokio::test]
async fn a_connection_that_breaks_is_an_error() {
    let database = TestDatabase::empty().await.unwrap();
    let pool = database.migration_pool().unwrap();
    let mut listening = Listening::subscribe(&pool, &["one"]).await.unwrap();
    end_listeners(&database).await;
    let heard = timeout(NEVER, listening.next(2 * NEVER)).await.unwrap();
    assert!(heard.is_err());
}

/// Says that it has looked, and then what it hears.
async fn tell(mut listening: Listening, said: Sender<String>) -> Result<(), sqlx::Error> {
    said.send("looked".to_owned()).await.unwrap();
    loop {
        if let Some((_, text)) = text(listening.next(NEVER).await?) {
            said.send(text).await.unwrap();
        }
    }
}

async fn next(said: &mut Receiver<String>) -> String {
    timeout(NEVER, said.recv()).await.unwrap().unwrap()
}

#[tokio::test]
async fn touch_is_taken_up_anew_and_whoever_lost_it_is_told() {
    let database = TestDatabase::empty().await.unwrap();
    let pool = database.migration_pool().unwrap();
    let stop = CancellationToken::new();
    let (sender, mut said) = mpsc::channel(16);
    let lost = AtomicUsize::new(0);
    let touch = Touch {
        pool: &pool,
        channels: &["one"],
        with: "the test",
        backoff: Backoff::new(Duration::from_millis(1), Duration::from_millis(1)),
    };
    let keeping = touch.keep(
        &stop,
        |listening| tell(listening, sender.clone()),
        || {
            lost.fetch_add(1, Ordering::SeqCst);
        },
    );
    let shaking = async {
        for round in 0..3 {
            assert_eq!(next(&mut said).await, "looked");
            assert_eq!(lost.load(Ordering::SeqCst), round);
            announce(&pool, "one", "told").await;
            assert_eq!(next(&mut said).await, "told");
            end_listeners(&database).await;
        }
        assert_eq!(next(&mut said).await, "looked");
        stop.cancel();
    };
    tokio::join!(keeping, shaking);
    assert_eq!(lost.load(Ordering::SeqCst), 4);
}

#[tokio::test]
async fn a_connection_that_falls_silent_without_breaking_is_found_out() {
    let database = TestDatabase::empty().await.unwrap();
    let pool = database.migration_pool().unwrap();
    let mut listening = Listening::subscribe(&pool, &["one"]).await.unwrap();
    let silence = listening.next(Duration::from_millis(1)).await.unwrap();
    assert!(matches!(silence, Heard::Silence));
    // A process that is stopped answers nothing and closes nothing, like a host that is gone.
    let pid: i32 = query_scalar(
        "select pid from pg_stat_activity where datname = current_database() and query ilike 'listen%'",
    )
    .fetch_one(&database.superuser_pool().unwrap())
    .await
    .unwrap();
    signal("STOP", pid);
    let found = timeout(NEVER, listening.next(Duration::from_millis(1))).await;
    signal("CONT", pid);
    assert!(found.expect("it is found out").is_err());
}

fn signal(name: &str, pid: i32) {
    let sent = Command::new("kill")
        .args(["-s", name, &pid.to_string()])
        .status();
    assert!(sent.unwrap().success());
}
