//! Moving a log: `export` and `import-log`.

use std::process::Stdio;

use aws_lc_rs::digest::{SHA256, digest};
use reqwest::Client;
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};

use crate::process::place::{ADMIN, Place};
use crate::process::{Server, failure, folder, run};

#[tokio::test]
async fn a_copy_is_the_same_and_goes_on() {
    let folder = folder();
    let original = Place::new(folder.path()).await;
    original.seeded().await;
    let server = Server::start_command(&mut original.daybook(&["serve"])).await;
    let (client, token) = (Client::new(), server.sign_in(ADMIN.0, ADMIN.1).await);
    let order = |server: &Server| {
        let product = json!({"name": "Bought once", "price": 1, "stock": 3});
        client
            .post(server.url_of("/products"))
            .bearer_auth(&token)
            .header("idempotency-key", "only once")
            .json(&product)
    };
    let (product, position) = server.ask(order(&server)).await;
    let read_models = original.read_models().await;
    assert!(server.stop().await.success());

    let (file, told) = original.export("log.ndjson").await;
    let copy = Place::new(folder.path()).await;
    let imported = run(&mut copy.daybook(&["import-log", file.to_str().unwrap()])).await;
    assert!(imported.status.success(), "{imported:?}");
    assert_eq!(copy.log().await, original.log().await);
    let said = String::from_utf8(imported.stderr).unwrap();
    assert_eq!(said.replace("Imported", "Exported"), told);
    let (again, _) = copy.export("again.ndjson").await;
    assert_eq!(std::fs::read(again).unwrap(), std::fs::read(&file).unwrap());

    let server = Server::start_command(&mut copy.daybook(&["serve"])).await;
    assert_eq!(copy.read_models().await, read_models);
    assert!(
        read_models["users.users"]
            .iter()
            .any(|row| row.contains(ADMIN.0)),
        "personal data opens"
    );
    let repeated = server.ask(order(&server)).await;
    assert_eq!(repeated, (product, position), "the answer is remembered");
    let head = copy.head().await;
    assert_eq!(head, original.head().await);

    let token = server.sign_in(ADMIN.0, ADMIN.1).await;
    let category = |name: &str| {
        client
            .post(server.url_of("/categories"))
            .bearer_auth(&token)
            .json(&json!({"name": name}))
    };
    let (made, position) = server.ask(category("Only in the copy")).await;
    assert_eq!(
        (made["name"].as_str(), position),
        (Some("Only in the copy"), Some((head + 1).to_string()))
    );
    let taken = client.post(server.url_of("/users/register")).json(
        &json!({"email": ADMIN.0, "password": "long enough", "firstName": "A", "lastName": "B"}),
    );
    assert_eq!(taken.send().await.unwrap().status(), 409, "claims hold");
    assert!(server.stop().await.success());
}

#[tokio::test]
async fn a_log_goes_through_pipes_while_others_append() {
    let folder = folder();
    let original = Place::new(folder.path()).await;
    original.seeded().await;
    let server = Server::start_command(&mut original.daybook(&["serve"])).await;
    let mut export = original.daybook(&["export", "-"]);
    let export = export.stdout(Stdio::piped()).spawn().unwrap();
    let exported = export.wait_with_output().await.unwrap();
    assert!(exported.status.success());
    let token = server.sign_in(ADMIN.0, ADMIN.1).await;
    let category = Client::new()
        .post(server.url_of("/categories"))
        .bearer_auth(token)
        .json(&json!({"name": "Later"}));
    server.ask(category).await;
    assert!(server.stop().await.success());

    let copy = Place::new(folder.path()).await;
    let mut import = copy.daybook(&["import-log", "-"]);
    let mut import = import.stdin(Stdio::piped()).spawn().unwrap();
    let mut stdin = import.stdin.take().unwrap();
    stdin.write_all(&exported.stdout).await.unwrap();
    drop(stdin);
    assert!(import.wait().await.unwrap().success());
    assert_eq!(copy.head().await + 1, original.head().await);
    assert!(!folder.path().join("-.partial").exists());
}

#[tokio::test]
async fn an_export_ends_quietly_when_nobody_reads_on() {
    let folder = folder();
    let place = Place::new(folder.path()).await;
    place.seeded().await;
    let mut command = place.daybook(&["export", "-"]);
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut export = command.spawn().unwrap();
    let mut out = BufReader::with_capacity(64, export.stdout.take().unwrap());
    let mut first = String::new();
    out.read_line(&mut first).await.unwrap();
    assert!(first.starts_with('{'), "{first}");
    drop(out);
    let ended = export.wait_with_output().await.unwrap();
    assert!(ended.status.success(), "{ended:?}");
    assert_eq!(String::from_utf8(ended.stderr).unwrap(), "");
}

/// The lines of an export, with a valid end line.
fn sealed(lines: &[String]) -> String {
    let text: String = lines.iter().map(|line| format!("{line}\n")).collect();
    let sha256: String = digest(&SHA256, text.as_bytes())
        .as_ref()
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    let end = json!({"end": {"lines": lines.len(), "sha256": sha256}});
    format!("{text}{end}\n")
}

fn changed(line: &str, change: impl Fn(&mut Value)) -> String {
    let mut value: Value = serde_json::from_str(line).unwrap();
    change(&mut value);
    value.to_string()
}

#[tokio::test]
async fn a_broken_file_is_refused_before_anything_is_taken_in() {
    let folder = folder();
    let original = Place::new(folder.path()).await;
    original.seeded().await;
    let (file, _) = original.export("log.ndjson").await;
    let text = std::fs::read_to_string(file).unwrap();
    let lines: Vec<String> = text.lines().map(str::to_owned).collect();
    let (end, body) = lines.split_last().unwrap();
    let events = body
        .iter()
        .filter(|line| line.starts_with("{\"event\":"))
        .count();
    let first = body
        .iter()
        .position(|line| line.starts_with("{\"event\":"))
        .unwrap();
    assert_eq!(sealed(body), text, "the end is what this test makes it");
    let with = |change: &dyn Fn(&mut Vec<String>)| {
        let mut lines = body.to_vec();
        change(&mut lines);
        lines
    };
    let unsealed = |lines: Vec<String>| format!("{}\n{end}\n", lines.join("\n"));
    let cut_in_a_line = text[..text.len() / 2].to_owned();
    let later = first + 100;
    let broken = [
        ("empty", String::new(), "cut off"),
        (
            "no log",
            "{\"some\": \"json\"}\n".to_owned(),
            "broken at line 1",
        ),
        (
            "newer",
            unsealed(with(&|lines| {
                lines[0] = lines[0].replace("\"version\":1", "\"version\":2")
            })),
            "newer",
        ),
        (
            "without its end",
            format!("{}\n", body.join("\n")),
            "cut off",
        ),
        ("cut off in a line", cut_in_a_line, "cut off"),
        (
            "without its last events",
            sealed(&body[..first + events / 2]),
            "the log goes up to",
        ),
        (
            "a gap",
            sealed(&with(&|lines| drop(lines.remove(later)))),
            "position 102 follows 100",
        ),
        (
            "out of order",
            sealed(&with(&|lines| lines.swap(later, later + 1))),
            "position 102 follows 100",
        ),
        (
            "one event twice",
            sealed(&with(&|lines| lines.insert(later, lines[later].clone()))),
            "position 101 follows 101",
        ),
        (
            "no JSON",
            unsealed(with(&|lines| {
                lines[later] = lines[later].replacen("{", "[", 1)
            })),
            &format!("broken at line {}", later + 1),
        ),
        (
            "one letter changed",
            unsealed(with(&|lines| {
                lines[later] = lines[later].replacen("occurredAt\":\"2", "occurredAt\":\"1", 1)
            })),
            "not those that were written",
        ),
        (
            "one line more",
            unsealed(with(&|lines| lines.push(lines.last().unwrap().clone()))),
            "were to come before the end",
        ),
        (
            "something after the end",
            format!("{text}{{}}\n"),
            "after the end",
        ),
        (
            "a payload that is no JSON",
            sealed(&with(&|lines| {
                lines[later] = changed(&lines[later], |line| line["event"]["payload"] = json!("{"))
            })),
            "no JSON within",
        ),
        (
            "a stream with a gap",
            sealed(&with(&|lines| {
                lines[later] = changed(&lines[later], |line| line["event"]["sequence"] = json!(77))
            })),
            "broken at line",
        ),
        (
            "a claim twice",
            sealed(&with(&|lines| {
                let claim = lines
                    .iter()
                    .position(|line| line.starts_with("{\"claim\":"))
                    .unwrap();
                lines.insert(claim, lines[claim].clone());
            })),
            "claims_pkey",
        ),
        (
            "an unknown field",
            sealed(&with(&|lines| {
                lines[later] = changed(&lines[later], |line| line["event"]["more"] = json!(1))
            })),
            "unknown field",
        ),
    ];
    let copy = Place::new(folder.path()).await;
    for (what, text, told) in broken {
        let file = folder.path().join("broken.ndjson");
        std::fs::write(&file, text).unwrap();
        let line = failure(&mut copy.daybook(&["import-log", file.to_str().unwrap()])).await;
        assert!(line.contains(told), "{what}: {line}");
        for (table, rows) in copy.log().await {
            assert!(rows.is_empty(), "{what} left rows in {table}");
        }
    }
    let whole = folder.path().join("log.ndjson");
    assert!(
        run(&mut copy.daybook(&["import-log", whole.to_str().unwrap()]))
            .await
            .status
            .success()
    );
}

#[tokio::test]
async fn a_log_is_only_taken_in_where_it_has_a_place() {
    let (folder, elsewhere) = (folder(), self::folder());
    let original = Place::new(folder.path()).await;
    original.seeded().await;
    let (file, _) = original.export("log.ndjson").await;
    let import = ["import-log", file.to_str().unwrap()];

    let line = failure(&mut original.daybook(&import)).await;
    assert!(line.contains("has a log already"), "{line}");

    let used = Place::new(elsewhere.path()).await;
    let server = Server::start_command(
        used.daybook(&["serve"])
            .env_remove("DAYBOOK_ADMIN_EMAIL")
            .env_remove("DAYBOOK_ADMIN_PASSWORD"),
    )
    .await;
    assert!(server.stop().await.success());
    let line = failure(&mut used.daybook(&import)).await;
    assert!(line.contains("another master key"), "{line}");

    let copy = Place::new(folder.path()).await;
    for arguments in [&import[..], &["export", "-"]] {
        let line = failure(copy.daybook(arguments).env_remove("DATABASE_MIGRATION_URL")).await;
        assert!(
            line.contains("the role daybook may not move a log"),
            "{line}"
        );
        assert!(line.contains("set DATABASE_MIGRATION_URL"), "{line}");
    }
    let missing = ["import-log", "/nowhere/log.ndjson"];
    let line = failure(&mut copy.daybook(&missing)).await;
    assert!(line.contains("No such file"), "{line}");
    assert_eq!(copy.head().await, 0);
}
