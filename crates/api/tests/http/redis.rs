use std::time::Duration;

use daybook_api::redis::{Away, Redis, client};
use redis::aio::MultiplexedConnection;
use redis::{RedisResult, cmd};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::redis_server::RedisServer;

/// More time than it takes on any machine.
const PATIENCE: Duration = Duration::from_secs(30);

/// An open connection to `server`, which stays until the tasks are dropped.
pub(crate) async fn connected(server: &RedisServer, shop: &[u8]) -> (Redis, JoinSet<()>) {
    let redis = Redis::with_patience(client(&server.url()).unwrap(), shop, PATIENCE);
    let mut tasks = JoinSet::new();
    tasks.spawn(redis.clone().run(CancellationToken::new()));
    redis.up().await;
    (redis, tasks)
}

async fn count(mut open: MultiplexedConnection, key: String) -> RedisResult<u32> {
    cmd("INCR").arg(key).query_async(&mut open).await
}

#[tokio::test]
async fn redis_may_go_and_come_back() {
    let mut server = RedisServer::start();
    let (redis, _tasks) = connected(&server, b"a shop").await;
    let key = redis.key("test", b"a name");
    let ask = || redis.ask(|open| count(open, key.clone()));
    assert_eq!((ask().await, ask().await), (Ok(1), Ok(2)));
    server.kill();
    assert_eq!(ask().await, Err(Away));
    assert!(!redis.is_up(), "it is not asked again");
    server.restart();
    redis.up().await;
    assert_eq!(ask().await, Ok(1));
}

#[tokio::test]
async fn whoever_asks_before_it_is_there_goes_on_without() {
    let redis = Redis::new(client("redis://127.0.0.1:1/").unwrap(), b"a shop");
    let mut tasks = JoinSet::new();
    tasks.spawn(redis.clone().run(CancellationToken::new()));
    assert_eq!(redis.ask(|open| count(open, "k".into())).await, Err(Away));
}

#[tokio::test]
async fn one_that_does_not_answer_in_time_is_away() {
    let server = RedisServer::start();
    let redis = Redis::new(client(&server.url()).unwrap(), b"a shop");
    let mut tasks = JoinSet::new();
    tasks.spawn(redis.clone().run(CancellationToken::new()));
    redis.up().await;
    let waiting = redis.ask(|mut open| async move {
        let mut pop = cmd("BLPOP");
        pop.arg("nothing ever comes").arg(0);
        pop.query_async::<()>(&mut open).await
    });
    assert_eq!(waiting.await, Err(Away));
    assert!(!redis.is_up());
}

#[tokio::test]
async fn shops_that_share_it_do_not_meet_and_names_are_not_shown() {
    let open = |shop: &[u8]| Redis::new(client("redis://127.0.0.1:1/").unwrap(), shop);
    let (one, other) = (open(b"one shop"), open(b"another"));
    let key = one.key("rate", b"192.0.2.1");
    assert_eq!(key, open(b"one shop").key("rate", b"192.0.2.1"));
    assert_ne!(key, one.key("rate", b"192.0.2.2"));
    assert_ne!(key, other.key("rate", b"192.0.2.1"));
    assert!(
        key.starts_with("daybook:{") && !key.contains("192"),
        "{key}"
    );
}
