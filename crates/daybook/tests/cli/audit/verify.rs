//! `audit verify` and `audit verify-proof`: what they say, and their exit status.

use std::fs;
use std::path::Path;
use std::process::Output;

use daybook_audit::{InclusionProof, SignedCheckpoint, SigningKey, latest_checkpoint};
use serde_json::{Value, json};
use sqlx::Executor;

use crate::process::place::Place;
use crate::process::{Server, daybook, folder, run};

/// A shop whose log a server has sealed before it ended.
async fn sealed(folder: &Path) -> Place<'_> {
    let place = Place::new(folder).await;
    place.seeded().await;
    let server = Server::start_command(&mut place.daybook(&["serve"])).await;
    assert!(server.stop().await.success());
    place
}

async fn newest(place: &Place<'_>) -> SignedCheckpoint {
    let mut connection = place.pool().acquire().await.unwrap();
    let newest = latest_checkpoint(&mut connection).await.unwrap();
    newest.unwrap().parse().unwrap()
}

fn json_of(output: &Output) -> Value {
    serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("{output:?}"))
}

fn told(output: &Output) -> (Option<i32>, String) {
    let stderr = String::from_utf8(output.stderr.clone()).unwrap();
    (output.status.code(), stderr)
}

#[tokio::test]
async fn a_whole_log_is_told_from_one_that_was_tampered_with() {
    let folder = folder();
    let place = sealed(folder.path()).await;
    let head = place.head().await;
    let verify = || place.daybook(&["audit", "verify"]);
    let output = run(&mut verify()).await;
    let words = String::from_utf8(output.stdout.clone()).unwrap();
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    assert!(
        words.starts_with(&format!("whole: all {head} events")),
        "{words}"
    );
    assert!(words.contains("exported to"), "{words}");

    let output = run(verify().arg("--json")).await;
    let report = json_of(&output);
    assert_eq!(output.status.code(), Some(0));
    assert_eq!(
        (&report["whole"], &report["sealed"], &report["findings"]),
        (&json!(true), &json!(head), &json!([]))
    );

    let stream: String = sqlx::query_scalar(
        "update log.events set payload = '{}' where position = 10 returning aggregate_type || '/' || aggregate_id",
    )
    .fetch_one(&place.pool())
    .await
    .unwrap();
    let output = run(&mut verify()).await;
    let words = String::from_utf8(output.stdout.clone()).unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(words.starts_with("tampered"), "{words}");
    assert!(
        words.contains(&format!("position 10, {stream}: is not what was sealed")),
        "{words}"
    );
    let (_, line) = told(&output);
    assert!(
        line.starts_with("daybook: the log was tampered with"),
        "{line}"
    );

    let output = run(verify().arg("--json")).await;
    assert_eq!(output.status.code(), Some(1));
    let report = json_of(&output);
    let finding = &report["findings"][0];
    assert_eq!(report["whole"], false);
    assert_eq!(
        (&finding["kind"], &finding["position"], &finding["stream"]),
        (&json!("changed"), &json!(10), &json!(stream))
    );
}

#[tokio::test]
async fn a_log_that_was_set_back_is_found_out_by_what_was_exported_or_kept() {
    let folder = folder();
    let place = sealed(folder.path()).await;
    let head = place.head().await;
    let kept = folder.path().join("kept.txt");
    fs::write(&kept, newest(&place).await.to_string()).unwrap();
    let set_back = "delete from log.events where position > 100; delete from audit.tiles;
         delete from audit.checkpoints; delete from audit.contents";
    let mut connection = place.pool().acquire().await.unwrap();
    connection
        .execute("set session_replication_role = replica")
        .await
        .unwrap();
    connection.execute(set_back).await.unwrap();
    for arguments in [vec![], vec!["--checkpoint", kept.to_str().unwrap()]] {
        let output = run(place
            .daybook(&["audit", "verify", "--json"])
            .args(arguments))
        .await;
        let report = json_of(&output);
        let finding = &report["findings"][0];
        assert_eq!(output.status.code(), Some(1));
        assert_eq!(
            (&finding["kind"], &finding["position"], &finding["through"]),
            (&json!("rolled-back"), &json!(101), &json!(head))
        );
    }
}

#[tokio::test]
async fn a_place_without_any_checkpoint_is_told_of() {
    let folder = folder();
    let place = sealed(folder.path()).await;
    let nowhere = folder.path().join("nowhere");
    let nowhere = nowhere.to_str().unwrap();
    let verify = || place.daybook(&["audit", "verify", "--checkpoint-store", nowhere]);
    let output = run(&mut verify()).await;
    let words = String::from_utf8(output.stdout.clone()).unwrap();
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    let told =
        format!("no checkpoint from outside the database to compare with: {nowhere} has none\n");
    assert!(words.contains(&told), "{words}");
    assert_eq!(json_of(&run(verify().arg("--json")).await)["outside"], 0);
    let usual = run(&mut place.daybook(&["audit", "verify", "--json"])).await;
    assert_eq!(json_of(&usual)["outside"], 1);
}

#[tokio::test]
async fn what_could_not_be_found_out_is_neither_whole_nor_tampered() {
    let folder = folder();
    let place = sealed(folder.path()).await;
    let elsewhere = self::folder();
    let without_key = elsewhere.path().to_str().unwrap();
    for (arguments, reason) in [
        (
            vec!["--data", without_key],
            "there is no public key to trust",
        ),
        (vec!["--pubkey", "nonsense"], "nonsense: No such file"),
        (vec!["--pubkey", "non+sense+"], "the public key"),
        (vec!["--checkpoint", "/nowhere"], "the checkpoint"),
        (vec!["--chekpoint", "x"], "unexpected argument"),
        (vec!["--jobs", "0"], "expected a whole number from 1"),
        (
            vec!["--database-url", "postgres://nobody@127.0.0.1:1/none"],
            "cannot be reached",
        ),
    ] {
        let output = run(place.daybook(&["audit", "verify"]).args(arguments)).await;
        let (status, line) = told(&output);
        assert_eq!(status, Some(2), "{line}");
        assert!(line.contains(reason), "{line}");
    }
}

#[tokio::test]
async fn a_proof_is_checked_without_a_database() {
    let folder = folder();
    let place = sealed(folder.path()).await;
    let mut connection = place.pool().acquire().await.unwrap();
    let checkpoint = newest(&place).await;
    let proof = InclusionProof::make(&mut connection, 42, &checkpoint)
        .await
        .unwrap()
        .unwrap();
    let file = folder.path().join("proof.json");
    let keys = folder.path().join("data/keys/checkpoint.pub");
    let elsewhere = self::folder();
    let check = async |proof: &Value| {
        fs::write(&file, proof.to_string()).unwrap();
        let mut command = daybook(elsewhere.path());
        command.args(["audit", "verify-proof", file.to_str().unwrap()]);
        command.args(["--pubkey", keys.to_str().unwrap()]);
        run(&mut command).await
    };
    let mut document = serde_json::to_value(&proof).unwrap();
    let output = check(&document).await;
    let words = String::from_utf8(output.stdout.clone()).unwrap();
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    assert!(words.contains("position 42"), "{words}");

    document["event"]["payload"] = json!("{}");
    let (status, line) = told(&check(&document).await);
    assert_eq!(status, Some(1), "{line}");
    assert!(line.contains("the event was changed"), "{line}");

    // Signed since a rotation, and by another log's key.
    let newer = SigningKey::generate(checkpoint.origin()).unwrap();
    let other = SigningKey::generate(&SigningKey::new_log_name()).unwrap();
    let wanted = format!(
        "signed by a key that you do not trust (yet): {}+",
        checkpoint.origin()
    );
    for (key, expected, reason) in [
        (&newer, Some(2), &*wanted),
        (&other, Some(1), "the proof does not hold"),
    ] {
        let mut document = serde_json::to_value(&proof).unwrap();
        let signed = checkpoint.checkpoint().clone().sign([key]);
        document["checkpoint"] = json!(signed.to_string());
        let (status, line) = told(&check(&document).await);
        assert_eq!(status, expected, "{line}");
        assert!(line.contains(reason), "{line}");
    }

    let (status, line) = told(&check(&json!({ "format": "another/1" })).await);
    assert_eq!(status, Some(2), "{line}");
    let (status, line) = told(&check(&json!("no proof")).await);
    assert_eq!(status, Some(2), "{line}");
    assert!(
        !elsewhere.path().join("data").exists(),
        "looking made a data folder"
    );
}
