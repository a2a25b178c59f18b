//! Schemathesis checks the OpenAPI document against the running server: no 5xx, and no answer that the document does
//! not describe.
#![allow(clippy::unwrap_used, clippy::expect_used, unreachable_pub)]

mod process;

use std::fs;
use std::time::Duration;

use daybook_database::MIGRATOR;
use daybook_private_postgres::testing::TestDatabase;
use process::Server;
use tokio::process::Command;
use tokio::time::timeout;

/// Schemathesis also pauses read models; an export, which must be complete, then answers 503.
const SETTINGS: &str = r#"
[[operations]]
include-operation-id = "exportUser"
checks.not_a_server_error.expected-statuses = ["2xx", "3xx", "4xx", "503"]
"#;

const PATIENCE: Duration = Duration::from_secs(300);

#[tokio::test]
async fn every_answer_is_one_that_the_document_describes() {
    let schemathesis = std::env::var("DAYBOOK_SCHEMATHESIS")
        .expect("DAYBOOK_SCHEMATHESIS names the program; `make test` installs it and sets it");
    let (database, folder) = (
        TestDatabase::create(&MIGRATOR).await.unwrap(),
        process::folder(),
    );
    let (email, password) = ("admin@example.com", "correct horse battery");
    let settings = [
        ("DATABASE_URL", database.server_url()),
        ("DATABASE_MIGRATION_URL", database.migration_url()),
        ("DAYBOOK_ADMIN_EMAIL", email.to_owned()),
        ("DAYBOOK_ADMIN_PASSWORD", password.to_owned()),
        ("DAYBOOK_RATE_LIMITS", "off".to_owned()),
        ("DAYBOOK_LOG", "off".to_owned()),
    ];
    let seeded = process::run(
        process::daybook(folder.path())
            .arg("seed")
            .envs(settings.clone()),
    )
    .await;
    assert!(
        seeded.status.success(),
        "{}",
        String::from_utf8_lossy(&seeded.stderr)
    );
    let server =
        Server::start_command(process::daybook(folder.path()).arg("serve").envs(settings)).await;
    let token = server.sign_in(email, password).await;

    fs::write(folder.path().join("schemathesis.toml"), SETTINGS).unwrap();
    let run = Command::new(schemathesis)
        .current_dir(folder.path())
        .args(["run", &server.url_of("/openapi.json"), "--no-color"])
        .args(["--header", &format!("Authorization: Bearer {token}")])
        .args(["--generation-deterministic", "--max-examples", "20"])
        .args(["--phases", "examples,coverage,fuzzing,stateful"])
        .args(["--checks", "all"])
        // No schema can tell whether a category exists or a transition is allowed.
        .args(["--exclude-checks", "positive_data_acceptance"])
        // After this operation every further request would be unauthenticated.
        .args(["--exclude-operation-id", "logoutEverywhere"])
        .output();
    let output = timeout(PATIENCE, run)
        .await
        .expect("Schemathesis ends")
        .unwrap();
    let told = String::from_utf8_lossy(&output.stdout);
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{told}\n{errors}");
    println!(
        "{}",
        told.lines()
            .rev()
            .take(12)
            .collect::<Vec<_>>()
            .into_iter()
            .rev()
            .collect::<Vec<_>>()
            .join("\n")
    );
    // The admin can still sign in. Their roles may have been granted again, which ends their earlier sessions.
    let token = server.sign_in(email, password).await;
    let request = reqwest::Client::new()
        .get(server.url_of("/projections"))
        .bearer_auth(&token);
    assert_eq!(server.ask(request).await.0[0]["name"], "catalog");
    assert!(server.stop().await.success());
}
