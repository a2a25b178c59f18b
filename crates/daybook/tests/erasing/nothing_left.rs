//! A person who did everything that one can do is erased: then nothing of them is left in any copy of the data.

use std::fs;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use reqwest::{Client, Method, RequestBuilder, StatusCode};
use serde_json::{Value, json};
use sqlx::{PgPool, query_scalar};
use tempfile::TempDir;
use tokio::process::Command;
use tokio::time::{sleep, timeout};

use crate::dump::{dump, found};
use crate::process::place::{ADMIN, Place};
use crate::process::{Server, folder, run};

const EMAIL: &str = "zoe.quixmark@example.com";
const PASSWORD: &str = "quixmark opens sesame";
const CUSTOMER: &str = "quixmark-4711";
/// Everything that identifies the person. Names are in capitals, because nothing else here is.
const MARKERS: [&str; 9] = [
    EMAIL,
    PASSWORD,
    CUSTOMER,
    "ZOEMARK",
    "QUIXMARKSON",
    "QUIXMARKDAUGHTER",
    "QUIXMARK LANE",
    "QUIXMARKVILLE",
    "quixmark-laptop",
];
/// Markers that occur in plain text before the erasure.
const IN_PLAIN: [&str; 4] = [EMAIL, "ZOEMARK", "QUIXMARKDAUGHTER", "quixmark-laptop"];

/// Starts the server with its log in a file.
async fn serve(place: &Place<'_>, log: &Path) -> Server {
    let inner = place.daybook(&["serve"]);
    let inner = inner.as_std();
    let mut command = Command::new("sh");
    command
        .args(["-c", "exec \"$@\" 2>> \"$LOG\"", "sh"])
        .arg(inner.get_program())
        .args(inner.get_args())
        .env("LOG", log)
        .stdin(Stdio::null())
        .kill_on_drop(true);
    for (name, value) in inner.get_envs() {
        match value {
            Some(value) => command.env(name, value),
            None => command.env_remove(name),
        };
    }
    command.env("DAYBOOK_LOG", "debug");
    Server::start_command(&mut command).await
}

struct Visit<'a> {
    server: &'a Server,
    token: Option<String>,
}

impl Visit<'_> {
    fn request(&self, method: Method, path: &str) -> RequestBuilder {
        let request = Client::new().request(method, self.server.url_of(path));
        match &self.token {
            Some(token) => request.bearer_auth(token),
            None => request,
        }
    }

    async fn send(&self, method: Method, path: &str, body: &Value) -> Value {
        self.server
            .ask(self.request(method, path).json(body))
            .await
            .0
    }
}

async fn count(pool: &PgPool, rows: &str) -> i64 {
    query_scalar(&format!("select count(*) from {rows}"))
        .fetch_one(pool)
        .await
        .unwrap()
}

async fn do_everything(server: &Server, admin: &Visit<'_>) -> String {
    let stranger = Visit {
        server,
        token: None,
    };
    let account = json!({"email": EMAIL, "password": PASSWORD, "firstName": "ZOEMARK",
                         "lastName": "QUIXMARKSON"});
    let register = || {
        let request = stranger.request(Method::POST, "/users/register");
        server.ask(request.header("idempotency-key", "register").json(&account))
    };
    let (user, _) = register().await;
    assert_eq!(register().await.0, user, "answered again from the record");
    let id = user["id"].as_str().unwrap().to_owned();
    // A rule refuses this command, and the refusal is recorded.
    let taken = stranger
        .request(Method::POST, "/users/register")
        .header("idempotency-key", "again")
        .json(
            &json!({"email": EMAIL.to_uppercase(), "password": PASSWORD, "firstName": "ZOEMARK",
                      "lastName": "QUIXMARKSON"}),
        );
    assert_eq!(taken.send().await.unwrap().status(), StatusCode::CONFLICT);

    let zoe = Visit {
        server,
        token: Some(server.sign_in(EMAIL, PASSWORD).await),
    };
    let product = json!({"name": "Teapot", "price": 5, "stock": 9});
    let product = admin.send(Method::POST, "/products", &product).await;
    let order = json!({"items": [{"productId": product["id"], "quantity": 1}],
        "shippingAddress": {"name": "ZOEMARK QUIXMARKSON", "line1": "7 QUIXMARK LANE", "city": "QUIXMARKVILLE",
                            "postalCode": "1", "country": "GB"}});
    let place = || {
        let request = zoe.request(Method::POST, "/orders");
        server.ask(request.header("idempotency-key", "order").json(&order))
    };
    let (placed, _) = place().await;
    assert_eq!(place().await.0, placed);
    zoe.send(Method::POST, "/orders", &order).await;
    let cancel = format!("/orders/{}/cancel", placed["id"].as_str().unwrap());
    zoe.send(Method::POST, &cancel, &json!({})).await;
    let renamed = json!({"lastName": "QUIXMARKDAUGHTER"});
    zoe.send(Method::PUT, &format!("/users/{id}"), &renamed)
        .await;
    let visit = json!([{"eventId": uuid::Uuid::now_v7(), "timestamp": chrono::Utc::now(), "sessionId": "s-1",
        "userId": id, "eventType": "page_view", "eventData": {"device": "quixmark-laptop"}}]);
    zoe.send(Method::POST, "/analytics/events", &visit).await;
    id
}

/// Imports a customer of another shop; returns their id here.
async fn import(place: &Place<'_>, folder: &TempDir) -> String {
    let file = folder.path().join("sales.csv");
    let lines = format!(
        "Invoice No,Item Code,Text,Qty,Invoice Date,Unit Price,Customer ID,Country\n\
         1,A-1,TEAPOT,1,2019-01-25 15:20:59,2.50,{CUSTOMER},Denmark\n"
    );
    fs::write(&file, lines).unwrap();
    let imported = run(place
        .daybook(&["import", "orders", "--currency", "EUR"])
        .arg(&file))
    .await;
    assert!(imported.status.success(), "{imported:?}");
    fs::remove_file(&file).unwrap();
    query_scalar(
        "select aggregate_id from log.events where event_type = 'user.imported' order by position",
    )
    .fetch_one(&place.pool())
    .await
    .unwrap()
}

async fn copy_read_models(place: &Place<'_>) {
    place.read_models().await;
    let head = place.head().await.to_string();
    for arguments in [
        vec!["rebuild", "users"],
        vec!["rollback", "users"],
        vec!["rebuild", "users", "--as-of", &head, "--into", "users_then"],
    ] {
        let done = run(place.daybook(&["projections"]).args(arguments)).await;
        assert!(done.status.success(), "{done:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_somebody_erased_nothing_is_left_in_the_dump_or_in_the_servers_log() {
    let folder = folder();
    let place = Place::new(folder.path()).await;
    let log = folder.path().join("serve.log");
    let server = serve(&place, &log).await;
    let admin = Visit {
        server: &server,
        token: Some(server.sign_in(ADMIN.0, ADMIN.1).await),
    };
    let zoe = do_everything(&server, &admin).await;
    let imported = import(&place, &folder).await;
    copy_read_models(&place).await;
    let pool = place.pool();
    let waiting = waiting_for(&place, &zoe).await;
    let [message] = &waiting[..] else {
        panic!("a new account is written to once: {waiting:?}");
    };
    let shown = run(place.daybook(&["outbox", "show"]).arg(message)).await;
    let shown = String::from_utf8(shown.stdout).unwrap();
    assert_eq!(found(&[EMAIL, "ZOEMARK"], &shown), [EMAIL, "ZOEMARK"]);
    for schema in ["users", "users_previous", "users_then"] {
        let known = format!("{schema}.users where email = '{EMAIL}'");
        assert_eq!(count(&pool, &known).await, 1, "{schema} holds no copy");
    }
    sqlx::query("analyze").execute(&pool).await.unwrap();
    assert!(!found(&MARKERS, &statistics(&pool).await).is_empty());
    let before = dump(&place.database).await;
    assert_eq!(found(&IN_PLAIN, &before), IN_PLAIN);
    assert_eq!(found(&[CUSTOMER], &before), [CUSTOMER]);
    assert!(count(&pool, &of_the_network(&zoe)).await > 0);
    let events = place.rows("log.events").await;

    for id in [&zoe, &imported] {
        let erase = admin.request(Method::DELETE, &format!("/users/{id}"));
        let erased = erase.send().await.unwrap();
        assert_eq!(erased.status(), StatusCode::NO_CONTENT, "{erased:?}");
    }
    let left = "users.users where email is null and first_name is null and external_id is null and roles = '{}'";
    let gone = async {
        while !found(&MARKERS, &dump(&place.database).await).is_empty()
            || !found(&MARKERS, &statistics(&pool).await).is_empty()
            || count(&pool, left).await < 2
            || exported(&folder).len() < 2
            || count(&pool, &of_the_network(&zoe)).await > 0
            || count(
                &pool,
                &format!("auth.known_networks where user_id = '{zoe}'"),
            )
            .await
                > 0
        {
            sleep(Duration::from_millis(50)).await;
        }
    };
    if timeout(Duration::from_secs(60), gone).await.is_err() {
        let dump = dump(&place.database).await;
        panic!(
            "left: {:?}, {:?}",
            found(&MARKERS, &dump),
            exported(&folder)
        );
    }
    let after = place.rows("log.events").await;
    let untouched = |event: &&String| after.contains(event);
    assert_eq!(events.iter().filter(untouched).count(), events.len());
    assert_eq!(after.len(), events.len() + 2);
    let happened = format!("auth.security_events where user_id = '{zoe}' and kind = 'signed-in'");
    assert!(count(&pool, &happened).await > 0, "what happened stays");

    assert_eq!(waiting_for(&place, &zoe).await, [""; 0]);
    let shown = run(place.daybook(&["outbox", "show"]).arg(message)).await;
    assert_eq!(shown.status.code(), Some(1), "{shown:?}");
    let trail = run(&mut place.daybook(&["audit", "trail", "user", &zoe])).await;
    let told = String::from_utf8(trail.stdout).unwrap();
    assert!(told.contains("erased"), "{told}");
    assert_eq!(found(&MARKERS, &told), [""; 0]);
    let same = run(&mut place.daybook(&["projections", "verify", "--all"])).await;
    assert!(same.status.success(), "{same:?}");
    assert!(server.stop().await.success());
    let verified = run(&mut place.daybook(&["audit", "verify"])).await;
    assert_eq!(verified.status.code(), Some(0), "{verified:?}");

    let logged = fs::read_to_string(&log).unwrap();
    assert!(logged.contains("serving"), "nothing was logged");
    assert_eq!(found(&MARKERS, &logged), [""; 0]);
}

/// The messages that wait to be sent to a person.
async fn waiting_for(place: &Place<'_>, person: &str) -> Vec<String> {
    let listed = run(&mut place.daybook(&["outbox", "list", "--json"])).await;
    let listed: Value = serde_json::from_slice(&listed.stdout).unwrap();
    let messages = listed.as_array().unwrap().iter();
    messages
        .filter(|message| message["person"] == person)
        .map(|message| message["id"].as_str().unwrap().to_owned())
        .collect()
}

/// Security events that contain more than what happened to somebody and when.
fn of_the_network(id: &str) -> String {
    format!(
        "auth.security_events where user_id = '{id}'
         and (address is not null or request_id is not null or session_id is not null)"
    )
}

/// The column values that PostgreSQL stores for planning queries.
async fn statistics(pool: &PgPool) -> String {
    query_scalar(
        "select coalesce(string_agg(concat(s.most_common_vals, s.histogram_bounds), ' '), '') from pg_stats s",
    )
    .fetch_one(pool)
    .await
    .unwrap()
}

/// The erasures in the store of checkpoints.
fn exported(folder: &TempDir) -> Vec<String> {
    let Ok(entries) = fs::read_dir(folder.path().join("data/checkpoints/erasures")) else {
        return Vec::new();
    };
    let names = entries.map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned());
    names.filter(|name| name.ends_with(".json")).collect()
}
