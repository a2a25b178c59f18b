//! Commands that do their work and end.

use serde_json::Value;

use crate::process::{daybook, failure, folder, run};

#[tokio::test]
async fn openapi_prints_the_document() {
    let folder = folder();
    let output = run(daybook(folder.path()).arg("openapi")).await;
    assert!(output.status.success());
    let document: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert!(document["openapi"].as_str().unwrap().starts_with("3.1"));
    assert!(document["paths"]["/api/v1/orders"]["post"].is_object());
    assert!(
        !folder.path().join("data").exists(),
        "printing makes nothing"
    );
}

#[tokio::test]
async fn help_names_every_command_and_variable() {
    let folder = folder();
    let output = run(daybook(folder.path()).arg("--help")).await;
    assert!(output.status.success());
    let help = String::from_utf8(output.stdout).unwrap();
    for word in [
        "serve",
        "migrate",
        "seed",
        "import",
        "projections",
        "replay",
        "export",
        "import-log",
        "bench",
        "openapi",
        "Examples:",
        "DATABASE_URL",
        "DATABASE_MIGRATION_URL",
        "DAYBOOK_ACCESS_TOKEN_MINUTES",
        "DAYBOOK_ADMIN_EMAIL",
        "DAYBOOK_ADMIN_PASSWORD",
        "DAYBOOK_CURRENCY",
        "DAYBOOK_DATA",
        "DAYBOOK_DB_CONNECTIONS",
        "DAYBOOK_DEMO",
        "DAYBOOK_LISTEN",
        "DAYBOOK_LOG",
        "DAYBOOK_LOG_FORMAT",
        "DAYBOOK_MASTER_KEY",
        "DAYBOOK_RATE_LIMITS",
        "DAYBOOK_ROLE",
        "DAYBOOK_TRUSTED_PROXIES",
        "REDIS_URL",
    ] {
        assert!(help.contains(word), "--help does not mention {word}");
    }
}

#[tokio::test]
async fn mistakes_are_told_in_one_line() {
    let folder = folder();
    for (arguments, told) in [
        (&["serve", "--listen", "nowhere"][..], "--listen"),
        (&["serve", "--role", "emperor"], "--role"),
        (
            &["serve", "--trusted-proxies", "everybody"],
            "--trusted-proxies",
        ),
        (&["serve", "--redis-url", "http://cache"], "REDIS_URL"),
        (
            &["serve", "--oidc-client-id", "shop"],
            "DAYBOOK_OIDC_ISSUER",
        ),
        (
            &["serve", "--oidc-issuer", "https://id.example"],
            "DAYBOOK_OIDC_CLIENT_ID",
        ),
        (&["serve", "--currency", "XXX"], "--currency"),
        (
            &["serve", "--admin-email", "owner@shop.example"],
            "DAYBOOK_ADMIN_PASSWORD",
        ),
        (&["serve", "--log", "daybook=shout"], "DAYBOOK_LOG"),
        (&["serve", "--master-key", "c2hvcnQ="], "DAYBOOK_MASTER_KEY"),
        (
            &[
                "serve",
                "--master-key",
                "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=",
            ],
            "openssl rand",
        ),
        (&["bench", "append", "--clients", "0"], "--clients"),
        (
            &["bench", "http", "--url", "https://shop.example"],
            "http://host:port",
        ),
        (&["fly"], "fly"),
        (&[], "no command"),
    ] {
        let line = failure(daybook(folder.path()).args(arguments)).await;
        assert!(line.contains(told), "{arguments:?}: {line}");
    }
}

#[tokio::test]
async fn an_admin_that_cannot_be_made_is_told() {
    let folder = folder();
    for (email, password, told) in [
        ("nobody", "long enough", "e-mail"),
        ("owner@shop.example", "short", "8 characters"),
        ("owner@shop.example", "Password123", "guessed first"),
    ] {
        let line = failure(
            daybook(folder.path())
                .args(["serve", "--demo", "off"])
                .env("DAYBOOK_ADMIN_EMAIL", email)
                .env("DAYBOOK_ADMIN_PASSWORD", password),
        )
        .await;
        assert!(line.contains(told), "{line}");
        assert!(!line.contains(password), "{line}");
    }
}

#[tokio::test]
async fn projections_are_listed_without_a_database() {
    let folder = folder();
    let output = run(daybook(folder.path()).args(["projections", "list", "--json"])).await;
    let list: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(list[0]["name"], "catalog");
    assert!(!folder.path().join("data").exists());
}

#[tokio::test]
async fn bench_append_measures_and_leaves_nothing_behind() {
    let folder = folder();
    let bench = |more: &'static [&'static str]| {
        let mut command = daybook(folder.path());
        command
            .args([
                "bench",
                "append",
                "--clients",
                "8",
                "--seconds",
                "1",
                "--json",
            ])
            .args(more);
        command
    };
    let output = run(&mut bench(&["--keyed"])).await;
    assert!(output.status.success(), "{output:?}");
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(report["keyed"], true);
    assert_eq!(report["newStreams"]["clients"], 8);
    assert!(
        report["newStreams"]["perSecond"].as_f64().unwrap() > 0.0,
        "{report}"
    );
    let output = run(&mut bench(&["--hot"])).await;
    assert!(output.status.success(), "{output:?}");
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert!(report["oneToMany"].as_f64().unwrap() > 0.0, "{report}");
    assert!(!folder.path().join("data/bench").exists());
}

#[tokio::test]
async fn bench_http_measures_reading_and_ordering() {
    let folder = folder();
    let arguments = [
        "bench",
        "http",
        "--clients",
        "4",
        "--seconds",
        "1",
        "--json",
    ];
    let output = run(daybook(folder.path()).args(arguments)).await;
    assert!(output.status.success(), "{output:?}");
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert!(report["productToBare"].as_f64().unwrap() > 0.0, "{report}");
    for figure in ["bare", "product", "orderPeak", "orderAtHalfPeak"] {
        let figure = &report[figure];
        assert!(figure["completed"].as_u64().unwrap() > 0, "{report}");
        assert!(
            figure["p50Ms"].as_f64().unwrap() <= figure["p99Ms"].as_f64().unwrap(),
            "{report}"
        );
    }
}

#[tokio::test]
async fn a_machine_without_postgresql_is_told_what_to_install() {
    let folder = folder();
    let empty = folder.path().join("no-programs");
    std::fs::create_dir(&empty).unwrap();
    let mut command = daybook(folder.path());
    let told = failure(command.arg("serve").env("DAYBOOK_PG_BINDIR", empty)).await;
    assert!(
        told.starts_with("daybook: found no PostgreSQL server"),
        "{told}"
    );
    assert!(
        told.contains(": install one (apt-get install postgresql), or set DATABASE_URL"),
        "{told}"
    );
}
