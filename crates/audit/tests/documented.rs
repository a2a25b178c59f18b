//! The example in `docs/proofs.md` is correct, and its steps have the results that it shows.

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use daybook_audit::{InclusionProof, VerifierKey};
use tempfile::TempDir;

const PAGE: &str = include_str!("../../../docs/proofs.md");

/// The blocks of a language, in their order.
fn blocks(language: &str) -> Vec<&'static str> {
    let fence = format!("```{language}\n");
    let after = PAGE.split(fence.as_str()).skip(1);
    after
        .map(|text| text.split("```").next().unwrap())
        .collect()
}

fn key() -> &'static str {
    let text = blocks("text");
    text.last().unwrap().trim()
}

fn run(folder: &Path, program: &str, arguments: &[&str]) -> Output {
    let mut command = Command::new(program);
    command.args(arguments).current_dir(folder);
    command
        .output()
        .unwrap_or_else(|error| panic!("{program} does not run: {error}"))
}

#[test]
fn the_documented_proof_holds() {
    let proof: InclusionProof = serde_json::from_str(blocks("json")[0]).unwrap();
    let key: VerifierKey = key().parse().unwrap();
    let checkpoint = proof.verify(&[key]).unwrap();
    // The note that is shown separately is the same, except for its length.
    for line in checkpoint.to_string().lines().take(3) {
        assert!(blocks("text")[0].contains(line), "{line}");
    }
}

#[test]
fn the_documented_steps_check_it_and_find_what_was_changed() {
    let folder = TempDir::new().unwrap();
    let (proof, script) = (blocks("json")[0], blocks("bash")[0]);
    assert!(script.contains(&format!("key='{}'", key())));
    fs::write(folder.path().join("proof.json"), proof).unwrap();
    let program = ["-c", blocks("python")[0], "proof.json"];
    let told = run(folder.path(), "python3", &program);
    assert!(told.status.success(), "{told:?}");
    let told = run(folder.path(), "bash", &["-ec", script]);
    let words = String::from_utf8_lossy(&told.stdout);
    assert!(
        words.contains("Signature Verified Successfully"),
        "{told:?}"
    );

    let note = folder.path().join("checkpoint");
    let forged = fs::read_to_string(&note)
        .unwrap()
        .replacen("\n4\n", "\n5\n", 1);
    fs::write(&note, forged).unwrap();
    let told = run(folder.path(), "bash", &["-ec", script]);
    assert!(!told.status.success(), "{told:?}");
    for (what, by) in [
        ("Teapots", "Kettles"),
        ("\"position\": 2", "\"position\": 3"),
    ] {
        assert!(proof.contains(what));
        fs::write(
            folder.path().join("proof.json"),
            proof.replacen(what, by, 1),
        )
        .unwrap();
        let told = run(folder.path(), "python3", &program);
        assert!(!told.status.success(), "{what}: {told:?}");
    }
}
