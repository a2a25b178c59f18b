//! `daybook projections …` beside a running server.

#![allow(clippy::unwrap_used, clippy::expect_used)]

mod process;

use std::process::Stdio;
use std::time::Duration;

use process::place::{ADMIN, Place};
use process::{Server, failure, folder, run};
use reqwest::{Client, Response};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::time::timeout;

const LONG: Duration = Duration::from_secs(60);

/// A shop with something in it, and a server that keeps it up.
struct Site<'a> {
    place: Place<'a>,
    server: Server,
    token: String,
}

impl Site<'_> {
    async fn open(folder: &std::path::Path) -> Site<'_> {
        let place = Place::new(folder).await;
        let server = Server::start_command(&mut place.daybook(&["serve"])).await;
        let token = server.sign_in(ADMIN.0, ADMIN.1).await;
        let site = Site {
            place,
            server,
            token,
        };
        for name in ["Tea", "Coffee"] {
            site.create("/categories", json!({ "name": name })).await;
        }
        site
    }

    /// The position after it, which the catalog has reached.
    async fn create(&self, path: &str, body: Value) -> i64 {
        let client = Client::new();
        let post = client.post(self.server.url_of(path)).bearer_auth(&self.token);
        let (_, position) = self.server.ask(post.json(&body)).await;
        let position = position.unwrap();
        let get = client.get(self.server.url_of("/categories"));
        self.server.ask(get.header("daybook-min-position", &position)).await;
        position.parse().unwrap()
    }

    /// Status, what was printed, and what was told beside it.
    async fn projections(&self, arguments: &[&str]) -> (Option<i32>, String, String) {
        let arguments = [&["projections"], arguments].concat();
        let output = run(&mut self.place.daybook(&arguments)).await;
        let text = |bytes| String::from_utf8(bytes).unwrap();
        (output.status.code(), text(output.stdout), text(output.stderr))
    }

    async fn json(&self, arguments: &[&str]) -> Value {
        let arguments = [arguments, &["--json"]].concat();
        let (status, printed, told) = self.projections(&arguments).await;
        assert_eq!(status, Some(0), "{arguments:?} {told}");
        serde_json::from_str(&printed).unwrap()
    }

    async fn refused(&self, arguments: &[&str]) -> String {
        failure(&mut self.place.daybook(&[&["projections"], arguments].concat())).await
    }

    async fn watch(&self, name: &str) -> Response {
        let path = format!("/projections/{name}/progress");
        let get = Client::new().get(self.server.url_of(&path));
        get.bearer_auth(&self.token).send().await.unwrap()
    }
}

/// Reads a stream of events up to one that contains `text`.
async fn until(response: &mut Response, text: &str) -> String {
    let mut read = String::new();
    let reading = async {
        while !read.contains(text) {
            let chunk = response.chunk().await.unwrap().expect("the stream goes on");
            read.push_str(std::str::from_utf8(&chunk).unwrap());
        }
    };
    timeout(LONG, reading).await.expect("it is told");
    read
}

#[tokio::test]
async fn projectors_are_held_let_go_and_made_to_begin_anew() {
    let folder = folder();
    let site = Site::open(folder.path()).await;
    let (status, printed, told) = site.projections(&["pause", "catalog", "--reason", "a walk"]).await;
    assert_eq!((status, &*told), (Some(0), ""));
    assert!(printed.starts_with("catalog is paused, at position "), "{printed}");
    let (_, table, _) = site.projections(&["status"]).await;
    assert!(table.contains("paused"), "{table}");
    let line = site.refused(&["pause", "catalog"]).await;
    assert!(line.contains("catalog is paused, not live: see `daybook projections status`"), "{line}");
    assert_eq!(site.json(&["resume", "catalog"]).await["state"], "live");

    let line = site.refused(&["reset", "catalog"]).await;
    assert!(line.contains("--yes") && line.contains("rebuild"), "{line}");
    let reset = site.json(&["reset", "catalog", "--yes"]).await;
    assert_eq!(reset["name"], "catalog");
    let made = site.create("/categories", json!({ "name": "Cocoa" })).await;
    let status = site.json(&["status"]).await;
    assert_eq!((&status[0]["position"], &status[0]["lagEvents"]), (&json!(made), &json!(0)));

    let actions = site.json(&["actions", "catalog"]).await;
    let done: Vec<_> = actions.as_array().unwrap().iter().map(|one| &one["action"]).collect();
    assert_eq!(done, ["reset", "resume", "pause"]);
    assert_eq!(actions[2]["detail"]["reason"], "a walk");
    assert!(actions[2]["actor"].as_str().unwrap().starts_with("cli:"), "{actions}");
    let (_, table, _) = site.projections(&["actions", "--limit", "1"]).await;
    assert!(table.ends_with("1 of 3; see --page and --limit.\n"), "{table}");
    assert!(site.server.stop().await.success());
}

#[tokio::test]
async fn read_models_are_verified_rebuilt_and_rolled_back() {
    let folder = folder();
    let site = Site::open(folder.path()).await;
    let (status, printed, told) = site.projections(&["verify", "--all"]).await;
    assert_eq!((status, printed.lines().count()), (Some(0), 4), "{printed}{told}");
    assert!(printed.starts_with("catalog: identical, 2 rows, sha256 "), "{printed}");
    assert!(told.contains("catalog: position "), "plain lines: {told}");
    assert!(!told.contains('\u{1b}'), "no bars: {told}");
    let built = site.json(&["rebuild", "catalog", "users"]).await;
    assert_eq!((&built[0]["name"], &built[1]["name"]), (&json!("catalog"), &json!("users")));
    assert_eq!(built[0]["switched"], true);

    // Somebody meddles with the rows.
    let meddle = "update catalog.categories set description = 'pirated' where name = 'Tea'";
    sqlx::query(meddle).execute(&site.place.pool()).await.unwrap();
    let (status, printed, told) = site.projections(&["verify", "catalog"]).await;
    assert_eq!(status, Some(1), "{printed}");
    assert!(printed.contains("1 of 2 rows differ"), "{printed}");
    assert!(printed.contains("categories {\"id\":"), "{printed}");
    assert!(printed.contains("pirated"), "{printed}");
    let last = told.lines().last().unwrap();
    assert!(last.starts_with("daybook: the rows of catalog are not what their events make: "), "{told}");
    let (status, ..) = site.projections(&["rebuild", "catalog", "--dry-run", "--json"]).await;
    assert_eq!(status, Some(1));
    let (status, printed, _) = site.projections(&["rebuild", "catalog"]).await;
    assert_eq!(status, Some(0), "the log is right");
    assert!(printed.contains("1 of 2 rows differ") && printed.contains("switched in at position"), "{printed}");
    assert_eq!(site.projections(&["verify", "catalog"]).await.0, Some(0));

    let (status, printed, _) = site.projections(&["rollback", "catalog"]).await;
    assert_eq!((status, printed.starts_with("catalog: switched back")), (Some(0), true));
    assert!(site.place.rows("catalog.categories").await.concat().contains("pirated"));
    let line = site.projections(&["rollback", "orders"]).await.2;
    assert!(line.contains("there is no version to go back to"), "{line}");
    assert!(site.server.stop().await.success());
}

#[tokio::test]
async fn a_read_model_as_it_was_lies_beside_todays() {
    let folder = folder();
    let site = Site::open(folder.path()).await;
    let before = site.place.head().await;
    site.create("/categories", json!({ "name": "Cocoa" })).await;
    let (of_then, as_of) = (format!("{before}"), ["rebuild", "catalog", "--as-of"]);
    let then = |into: &'static str| [&as_of[..], &[&*of_then, "--into", into]].concat();
    let (status, printed, told) = site.projections(&then("catalog_then")).await;
    assert_eq!(status, Some(0), "{told}");
    assert!(printed.contains("select * from catalog_then.categories;"), "{printed}");
    let rows = site.place.rows("catalog_then.categories").await;
    assert_eq!((rows.len(), site.place.rows("catalog.categories").await.len()), (2, 3));
    let told = site.projections(&then("catalog_then")).await.2;
    assert!(told.contains("exists already: choose another with --into"), "{told}");

    let long_ago = [&as_of[..], &["2020-01-01", "--into", "catalog_before"]].concat();
    assert_eq!(site.json(&long_ago).await["built"]["position"], 0);
    assert!(site.place.rows("catalog_before.categories").await.is_empty());
    for (value, into, told) in [
        ("2099-01-01T00:00:00Z", "later", "is yet to come"),
        ("99999", "later", "the log ends at position"),
        ("yesterday", "later", "expected a position, a date"),
        ("-1", "later", "a position is 0 or more"),
        ("1", "catalog", "is where catalog is built"),
        ("1", "log", "cannot be the schema of a read model"),
        ("1", "Later!", "cannot be the schema of a read model"),
    ] {
        let value = format!("--as-of={value}");
        let line = site.projections(&["rebuild", "catalog", &value, "--into", into]).await.2;
        assert!(line.contains(told), "{value} {into}: {line}");
    }
    assert!(site.server.stop().await.success());
}

#[tokio::test]
async fn mistakes_are_told_with_what_would_be_right() {
    let folder = folder();
    let place = Place::new(folder.path()).await;
    for (arguments, told) in [
        (&["rebuild"][..], "<NAME|--all>"),
        (&["rebuild", "catalog", "--all"], "--all"),
        (&["rebuild", "catalog", "orders", "--as-of", "1", "--into", "x"], "one projection at a time"),
        (&["rebuild", "catalog", "--as-of", "1"], "--into"),
        (&["verify", "books"], "there is no projection \"books\", but catalog, orders, users, analytics"),
        (&["skip", "catalog", "--position", "1"], "--reason"),
        (&["skip", "catalog", "--position", "1", "--reason", ""], "one line of 1 to 500 characters"),
        (&["skip", "catalog", "--position", "1", "--reason", "x"], "catalog is live, not halted"),
        (&["status", "--watch=0"], "0.1 to 3600"),
        (&["dead-letters"], "<NAME>"),
    ] {
        let line = failure(&mut place.daybook(&[&["projections"], arguments].concat())).await;
        assert!(line.contains(told), "{arguments:?}: {line}");
    }
}

#[tokio::test]
async fn an_event_that_nobody_can_decode_is_skipped() {
    let folder = folder();
    let site = Site::open(folder.path()).await;
    let poison: i64 = sqlx::query_scalar(
        "insert into log.events (aggregate_type, aggregate_id, sequence, event_type, event_version, payload,
             metadata, position, event_id, occurred_at, recorded_at)
         select 'category', gen_random_uuid()::text, 1, 'category.teleported', '1', '{}', e.metadata,
             e.position + 1, gen_random_uuid(), now(), now()
         from log.events e order by e.position desc limit 1
         returning position",
    )
    .fetch_one(&site.place.pool())
    .await
    .unwrap();
    let halting = async {
        while site.json(&["status"]).await[0]["state"] != "halted" {}
    };
    timeout(LONG, halting).await.expect("the catalog halts");
    let (_, shown, _) = site.projections(&["status"]).await;
    assert!(shown.contains("catalog cannot get past an event: "), "{shown}");
    let line = site.refused(&["skip", "catalog", "--position", "1", "--reason", "x"]).await;
    assert!(line.contains(&format!("catalog is halted at position {poison}, not at 1")), "{line}");
    let position = poison.to_string();
    let skip = ["skip", "catalog", "--position", &position, "--reason", "nobody teleports"];
    assert_eq!(site.json(&skip).await["deadLetters"], 1);
    site.create("/categories", json!({ "name": "Cocoa" })).await;
    let letters = site.json(&["dead-letters", "catalog"]).await;
    assert_eq!((&letters[0]["position"], &letters[0]["reason"]), (&json!(poison), &json!("nobody teleports")));
    let (_, table, _) = site.projections(&["dead-letters", "catalog"]).await;
    assert!(table.contains("category.teleported"), "{table}");
    assert_eq!(site.projections(&["verify", "catalog"]).await.0, Some(0));
    assert!(site.server.stop().await.success());
}

#[tokio::test]
async fn the_status_is_watched_until_ctrl_c() {
    let folder = folder();
    let site = Site::open(folder.path()).await;
    let mut command = site.place.daybook(&["projections", "status", "--watch=0.1", "--json"]);
    let mut watching = command.stdout(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(watching.stdout.take().unwrap()).lines();
    for _ in 0..3 {
        let line = timeout(LONG, lines.next_line()).await.unwrap().unwrap().unwrap();
        let status: Value = serde_json::from_str(&line).unwrap();
        assert_eq!(status[0]["name"], "catalog");
    }
    let pid = Pid::from_raw(i32::try_from(watching.id().unwrap()).unwrap()).unwrap();
    kill_process(pid, Signal::INT).unwrap();
    assert!(watching.wait().await.unwrap().success());
    assert!(site.server.stop().await.success());
}

#[tokio::test]
async fn progress_is_streamed_until_it_is_done_or_the_server_stops() {
    let folder = folder();
    let mut site = Site::open(folder.path()).await;
    // Another process is building, as far as anybody can see.
    let pool = site.place.pool();
    let mut builder = pool.acquire().await.unwrap();
    let build = |name: &str| {
        format!(
            "insert into projections.builds
             select '{name}_build', '{name}', 'rebuild', 1, 5, 10, 'building', 100, 'elsewhere', now(), now(),
                 pid, backend_start
             from pg_stat_activity where pid = pg_backend_pid()"
        )
    };
    for name in ["catalog", "orders"] {
        sqlx::query(&build(name)).execute(&mut *builder).await.unwrap();
    }
    let mut watched = site.watch("catalog").await;
    assert_eq!(watched.headers()["content-type"], "text/event-stream");
    let first = until(&mut watched, "\n\n").await;
    assert!(first.starts_with("event: status\ndata: {\"name\":\"catalog\""), "{first}");
    assert!(first.contains("\"state\":\"rebuilding\"") && first.contains("\"progress\":0.5"), "{first}");
    let further = "update projections.builds set position = 8";
    sqlx::query(further).execute(&mut *builder).await.unwrap();
    until(&mut watched, "\"progress\":0.8").await;
    let end = "delete from projections.builds where name = 'catalog'";
    sqlx::query(end).execute(&mut *builder).await.unwrap();
    let last = until(&mut watched, "event: done").await;
    assert!(last.contains("\"build\":null"), "{last}");
    let rest = async { while watched.chunk().await.unwrap().is_some() {} };
    timeout(LONG, rest).await.expect("the stream ends");

    let mut watched = site.watch("orders").await;
    until(&mut watched, "rebuilding").await;
    site.server.signal(Signal::TERM);
    site.server.logs("answered every accepted request").await;
    assert!(site.server.ended().await.success());
    drop(builder);
}
