//! Too many requests at once, over real connections, to handlers that wait until the test lets them continue.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::State;
use axum::middleware::from_fn_with_state;
use axum::routing::get;
use daybook_api::gateway::{ByClass, Capacity, Classes, Gateway, GatewaySettings, gateway};
use futures::StreamExt;
use futures::stream::FuturesUnordered;
use reqwest::{Client, Method};
use tokio::net::TcpListener;
use tokio::sync::Semaphore;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::task::JoinSet;

use crate::recorder::recorder;

/// Longer than any test takes.
const FOREVER: Duration = Duration::from_secs(600);

struct Site {
    address: SocketAddr,
    /// How many more requests may be answered.
    gate: Arc<Semaphore>,
    /// A message for each request that has reached its handler.
    entered: UnboundedReceiver<()>,
    client: Client,
    _serving: JoinSet<()>,
}

type Gate = (Arc<Semaphore>, UnboundedSender<()>);

async fn pass(State((gate, entered)): State<Gate>) -> &'static str {
    entered.send(()).unwrap();
    gate.acquire().await.unwrap().forget();
    "{}"
}

impl Site {
    async fn open(capacity: Capacity) -> Site {
        recorder();
        let config = GatewaySettings {
            capacity: ByClass::all(capacity),
            request_timeout: FOREVER,
            limits: None,
            ..GatewaySettings::default()
        };
        let gate = Arc::new(Semaphore::new(0));
        let (entering, entered) = unbounded_channel();
        let front = Gateway::new(&config, None).before(Classes::default());
        let router = Router::new()
            .route("/api/v1/slow", get(pass).post(pass))
            .route("/healthz", get(|| async { "{}" }))
            .layer(from_fn_with_state(front, gateway))
            .with_state((gate.clone(), entering));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let mut serving = JoinSet::new();
        serving.spawn(async move { axum::serve(listener, router).await.unwrap() });
        Site {
            address,
            gate,
            entered,
            client: Client::new(),
            _serving: serving,
        }
    }

    /// The status and `Retry-After`.
    async fn send(&self, method: Method, path: &str) -> (u16, Option<String>) {
        let url = format!("http://{}{path}", self.address);
        let answer = self.client.request(method, url).send().await.unwrap();
        let retry_after = answer.headers().get("retry-after");
        let retry_after = retry_after.map(|value| value.to_str().unwrap().to_owned());
        let status = answer.status().as_u16();
        if status == 503 {
            assert!(answer.text().await.unwrap().contains("\"overloaded\""));
        }
        (status, retry_after)
    }

    async fn slow(&self, method: &Method) -> (u16, Option<String>) {
        self.send(method.clone(), "/api/v1/slow").await
    }
}

fn turned_away() -> (u16, Option<String>) {
    (503, Some("1".to_owned()))
}

#[tokio::test]
async fn a_flood_of_one_class_leaves_the_others_room_and_what_is_taken_in_is_answered() {
    let site = Site::open(Capacity {
        running: 2,
        waiting: 1,
        patience: FOREVER,
    })
    .await;
    let flood = |method| {
        (0..5)
            .map(|_| site.slow(method))
            .collect::<FuturesUnordered<_>>()
    };
    let (mut commands, mut queries) = (flood(&Method::POST), flood(&Method::GET));
    // None of the accepted requests has been answered yet, so these are the excess ones.
    for _ in 0..2 {
        let (status, retry_after) = commands.next().await.unwrap();
        assert_eq!((status, retry_after), (503, Some("600".to_owned())));
        assert_eq!(queries.next().await.unwrap().0, 503);
        assert_eq!(site.send(Method::GET, "/healthz").await.0, 200);
    }
    let measured = recorder().render();
    for class in ["commands", "queries"] {
        let refused = format!("daybook_gateway_refused_total{{class=\"{class}\"}}");
        assert!(measured.contains(&refused), "{measured}");
    }
    site.gate.add_permits(6);
    let answers = commands.chain(queries).collect::<Vec<_>>().await;
    assert_eq!(
        answers,
        [
            (200, None),
            (200, None),
            (200, None),
            (200, None),
            (200, None),
            (200, None)
        ]
    );
}

#[tokio::test]
async fn whoever_waits_longer_than_a_moment_is_told_when_to_come_back() {
    let site = Site::open(Capacity {
        running: 1,
        waiting: 10,
        patience: Duration::from_millis(20),
    })
    .await;
    let mut sent = (0..5)
        .map(|_| site.slow(&Method::POST))
        .collect::<FuturesUnordered<_>>();
    for _ in 0..4 {
        assert_eq!(sent.next().await.unwrap(), turned_away());
    }
    site.gate.add_permits(1);
    assert_eq!(sent.next().await.unwrap().0, 200, "it was being worked on");
    site.gate.add_permits(1);
    assert_eq!(site.slow(&Method::POST).await.0, 200, "there is room again");
}

#[tokio::test]
async fn whoever_goes_away_leaves_their_room_to_others() {
    let mut site = Site::open(Capacity {
        running: 1,
        waiting: 0,
        patience: Duration::ZERO,
    })
    .await;
    let url = format!("http://{}/api/v1/slow", site.address);
    let first = tokio::spawn(site.client.get(&url).send());
    site.entered.recv().await.unwrap();
    assert_eq!(site.slow(&Method::GET).await.0, 503);
    first.abort();
    // Its connection is closed, which the server notices after a while; no handler is released.
    loop {
        tokio::select! {
            _ = site.entered.recv() => return,
            answer = site.client.get(&url).send() => assert_eq!(answer.unwrap().status(), 503),
        }
    }
}
