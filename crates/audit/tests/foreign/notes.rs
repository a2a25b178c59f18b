//! Keys, signed notes and checkpoints.

use daybook_audit::tree::leaf_hash;
use daybook_audit::{
    Checkpoint, CheckpointError, Note, NoteError, SignedCheckpoint, SigningKey, VerifierKey,
};
use secrecy::{ExposeSecret, SecretString};
use signed_note::{Signer, StandardSigner, StandardVerifier, Verifier, VerifierList};

/// From the documentation of Go's golang.org/x/mod/sumdb/note.
const GO_SIGNER: &str =
    "PRIVATE+KEY+PeterNeumann+c74f20a3+AYEKFALVFGyNhPJEMzD1QIDr+Y7hfZx09iUvxdXHKDFz";
const GO_VERIFIER: &str = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW";
const GO_NOTE: &str = "If you think cryptography is the answer to your problem,\n\
    then you don't know what your problem is.\n\
    \n\
    — PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n";

fn key() -> SigningKey {
    SigningKey::generate("daybook/test").unwrap()
}

fn checkpoint() -> Checkpoint {
    Checkpoint {
        origin: "daybook/test".to_owned(),
        size: 4_711,
        root: leaf_hash(b"any"),
    }
}

fn public(key: &SigningKey) -> Vec<VerifierKey> {
    vec![key.verifier().clone()]
}

fn their_verifier(key: &SigningKey) -> VerifierList {
    let verifier = StandardVerifier::new(&key.verifier().to_string()).unwrap();
    VerifierList::new(vec![Box::new(verifier)])
}

#[test]
fn keys_and_notes_that_go_made_are_understood() {
    let signer = SigningKey::from_text(&SecretString::from(GO_SIGNER)).unwrap();
    assert_eq!(signer.verifier().to_string(), GO_VERIFIER);
    assert_eq!(signer.to_text().unwrap().expose_secret(), GO_SIGNER);

    let verifier: VerifierKey = GO_VERIFIER.parse().unwrap();
    let note = Note::parse(GO_NOTE).unwrap();
    assert_eq!(
        note.verify(std::slice::from_ref(&verifier)).unwrap(),
        [&verifier]
    );
    assert_eq!(note.to_string(), GO_NOTE);
    // Ed25519 signatures are deterministic.
    assert_eq!(
        Note::sign(note.text().to_owned(), [&signer]).to_string(),
        GO_NOTE
    );
}

#[test]
fn another_implementation_reads_our_keys() {
    let key = key();
    let theirs = StandardVerifier::new(&key.verifier().to_string()).unwrap();
    assert_eq!(theirs.name(), "daybook/test");
    assert_eq!(theirs.key_id().to_be_bytes(), key.verifier().id());
    let signer = StandardSigner::new(key.to_text().unwrap().expose_secret()).unwrap();
    assert_eq!(signer.key_id().to_be_bytes(), key.verifier().id());
}

#[test]
fn another_implementation_verifies_our_checkpoints() {
    let key = key();
    let signed = checkpoint().sign([&key]).to_string();

    let note = signed_note::Note::from_bytes(signed.as_bytes()).unwrap();
    let (verified, unverified) = note.verify(&their_verifier(&key)).unwrap();
    assert_eq!((verified.len(), unverified.len()), (1, 0));

    let theirs = tlog_tiles::Checkpoint::from_bytes(note.text()).unwrap();
    assert_eq!(theirs.origin(), "daybook/test");
    assert_eq!(theirs.size(), 4_711);
    assert_eq!(theirs.hash().0, leaf_hash(b"any"));
}

#[test]
fn we_verify_checkpoints_that_another_implementation_signed() {
    let key = key();
    let signer = StandardSigner::new(key.to_text().unwrap().expose_secret()).unwrap();
    let hash = tlog_tiles::Hash(leaf_hash(b"any"));
    // With an extension, which we do not know and ignore.
    let theirs = tlog_tiles::Checkpoint::new("daybook/test", 4_711, hash, "more\n").unwrap();
    let mut note = signed_note::Note::new(&theirs.to_bytes(), &[]).unwrap();
    note.add_sigs(&[&signer]).unwrap();

    let text = String::from_utf8(note.to_bytes()).unwrap();
    let opened = SignedCheckpoint::open(&text, &public(&key)).unwrap();
    assert_eq!(opened.checkpoint(), &checkpoint());
    assert_eq!(opened.to_string(), text);
}

#[test]
fn a_note_of_two_keys_is_trusted_by_whoever_trusts_one() {
    let (old, new, stranger) = (key(), key(), key());
    let signed = checkpoint().sign([&new, &old]).to_string();
    for trusted in [public(&old), public(&new)] {
        let opened = SignedCheckpoint::open(&signed, &trusted).unwrap();
        assert_eq!(opened.signers(&trusted).unwrap(), [&trusted[0]]);
    }
    let both = [public(&old), public(&new)].concat();
    let opened = SignedCheckpoint::open(&signed, &both).unwrap();
    assert_eq!(opened.signers(&both).unwrap().len(), 2);
    assert!(matches!(
        SignedCheckpoint::open(&signed, &public(&stranger)),
        Err(CheckpointError::Note(NoteError::Untrusted))
    ));
}

#[test]
fn a_changed_checkpoint_is_refused_whatever_was_changed() {
    let (key, other) = (key(), key());
    let signed = checkpoint().sign([&key]).to_string();
    let open = |note: &str| SignedCheckpoint::open(note, &public(&key));
    assert!(open(&signed).is_ok());
    assert!(matches!(
        open(&signed.replace("4711", "4712")),
        Err(CheckpointError::Note(NoteError::WrongSignature { .. }))
    ));
    // Signed by an untrusted key that has the name of a trusted one.
    let forged = checkpoint().sign([&other]).to_string();
    assert!(matches!(
        open(&forged),
        Err(CheckpointError::Note(NoteError::Untrusted))
    ));
    // A good signature does not make up for a bad one.
    let changed = signed.replace("4711", "4712");
    let (_, bad_signature) = changed.split_once("\n\n").unwrap();
    let both = format!("{signed}{bad_signature}");
    assert!(open(&both).is_ok(), "the same signature twice");
    for at in 0..signed.len() {
        let mut bytes = signed.clone().into_bytes();
        bytes[at] ^= 1;
        let spoilt = String::from_utf8_lossy(&bytes).into_owned();
        assert!(open(&spoilt).is_err(), "with byte {at} changed");
    }
}

#[test]
fn a_checkpoint_of_another_log_is_refused() {
    let key = key();
    let foreign = Checkpoint {
        origin: "daybook/other".to_owned(),
        ..checkpoint()
    };
    let signed = foreign.sign([&key]).to_string();
    assert!(matches!(
        SignedCheckpoint::open(&signed, &public(&key)),
        Err(CheckpointError::OtherLog { found, .. }) if found == "daybook/other"
    ));
}

#[test]
fn what_is_no_checkpoint_is_refused_by_both() {
    let key = key();
    let root = "0".repeat(43) + "=";
    let texts = [
        format!("daybook/test\n4711\n{root}"),
        format!("daybook/test\n04711\n{root}\n"),
        format!("daybook/test\n+4711\n{root}\n"),
        format!("daybook/test\n-1\n{root}\n"),
        format!("daybook/test\n18446744073709551616\n{root}\n"),
        format!("daybook/test\n4711 \n{root}\n"),
        format!("\n4711\n{root}\n"),
        format!("daybook/test\n4711\n{}\n", "0".repeat(43)),
        format!("daybook/test\n4711\n{}\n", "0".repeat(44)),
        format!("daybook/test\n4711\n{root}\n\nmore\n"),
        "daybook/test\n4711\n".to_owned(),
        String::new(),
    ];
    for text in texts {
        assert!(
            tlog_tiles::Checkpoint::from_bytes(text.as_bytes()).is_err(),
            "{text:?}"
        );
        let note = Note::sign(text.clone(), [&key]).to_string();
        assert!(
            SignedCheckpoint::open(&note, &public(&key)).is_err(),
            "{text:?}"
        );
    }
}

#[test]
fn what_is_no_note_is_refused_by_both() {
    let signed = checkpoint().sign([&key()]).to_string();
    let notes = [
        signed.trim_end().to_owned(),
        signed.replace("\n\n", "\n"),
        signed.replace("— ", "- "),
        signed.replace("— daybook/test ", "— daybook+test "),
        signed.replace("— daybook/test ", "— daybook/test  "),
        signed.replace("daybook/test\n", "daybook\u{1}\n"),
        format!("{signed}\n"),
        String::new(),
    ];
    for note in notes {
        assert!(Note::parse(&note).is_err(), "{note:?}");
        assert!(
            signed_note::Note::from_bytes(note.as_bytes()).is_err(),
            "{note:?}"
        );
    }
}

#[test]
fn what_is_no_key_is_refused() {
    let key = key();
    let verifier = key.verifier().to_string();
    let id = key.verifier().id_text();
    for text in [
        "".to_owned(),
        verifier.replace(&id, "00000000"),
        verifier.replace("daybook/test", "daybook/other"),
        verifier.replace("daybook/test", ""),
        verifier.replace("daybook/test", "day book"),
        verifier[..verifier.len() - 4].to_owned(),
        verifier.replace("+A", "+B"),
        GO_SIGNER.to_owned(),
    ] {
        assert!(text.parse::<VerifierKey>().is_err(), "{text}");
        assert!(StandardVerifier::new(&text).is_err(), "{text}");
    }
    assert!(SigningKey::generate("a+b").is_err());
    let signer = SecretString::from(GO_SIGNER.replace("c74f20a3", "c74f20a4"));
    assert!(SigningKey::from_text(&signer).is_err());
}

#[test]
fn a_secret_key_is_not_shown() {
    let key = key();
    let secret = key.to_text().unwrap();
    // Base64, which may have plus signs of its own.
    let seed = secret.expose_secret().splitn(5, '+').last().unwrap();
    assert_eq!(seed.len(), 44);
    assert!(!format!("{key:?}").contains(seed));
}
