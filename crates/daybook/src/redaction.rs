//! Tests that no type with a secret shows it when it is printed with `{:?}`, in a log or by a panic.

use std::fmt::Debug;
use std::path::Path;

use aws_lc_rs::digest::{SHA256, digest};
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use clap::Parser;
use daybook_commands::IdempotencyKey;
use daybook_identity::session::Session;
use daybook_keys::{MasterKey, checkpoint_signers};
use daybook_log::Secrets;
use secrecy::ExposeSecret;

use crate::config::ServerConfig;

#[derive(Debug, Parser)]
struct Probe {
    #[command(flatten)]
    config: ServerConfig,
}

#[track_caller]
fn hides(secret: &str, holder: &dyn Debug) {
    for printed in [format!("{holder:?}"), format!("{holder:#?}")] {
        assert!(!printed.contains(secret), "{printed}");
        let bytes = format!("{:?}", secret.as_bytes());
        assert!(
            !printed.contains(bytes.trim_matches(['[', ']'])),
            "{printed}"
        );
    }
}

#[test]
fn a_configuration_prints_no_secret() {
    let secrets = [
        ("--database-url", "postgres://shop:hush-one@db/shop"),
        ("--migration-url", "postgres://shop:hush-two@db/shop"),
        ("--master-key", "hush-three"),
        ("--checkpoint-key", "hush-four"),
        ("--admin-password", "hush-five"),
    ];
    let arguments = secrets.iter().flat_map(|(flag, value)| [*flag, *value]);
    let probe = Probe::try_parse_from(["daybook"].into_iter().chain(arguments)).unwrap();
    hides("hush", &probe);
    assert_eq!(probe.config.data.master_key(), Some("hush-three"));
}

#[test]
fn a_key_prints_nothing_of_itself() {
    let data = tempfile::tempdir().unwrap();
    let bytes: [u8; 32] = digest(&SHA256, b"drawn").as_ref().try_into().unwrap();
    let given = BASE64_STANDARD.encode(bytes);
    let master_key = MasterKey::obtain(Path::new("/nowhere"), Some(&given)).unwrap();
    let shown = format!("{bytes:?}");
    for printed in [
        format!("{master_key:?}"),
        format!("{:?}", Secrets::from_master_key(&bytes)),
    ] {
        assert!(
            !printed.contains(shown.trim_matches(['[', ']'])),
            "{printed}"
        );
        assert!(!printed.contains(&given), "{printed}");
    }
    for signer in checkpoint_signers(data.path(), None).unwrap() {
        let text = signer.to_text().unwrap();
        hides(text.expose_secret().trim(), &signer);
    }
}

#[test]
fn what_a_request_brings_prints_no_secret() {
    let session = Session {
        user_id: uuid::Uuid::nil().into(),
        id: uuid::Uuid::nil(),
        generation: 0,
        refresh_token: "hush-token".to_owned(),
    };
    hides("hush-token", &session);
    let key = IdempotencyKey {
        principal: None,
        route: "POST /users/register".to_owned(),
        key: "k".to_owned(),
        request: b"{\"password\": \"hush-body\"}".to_vec(),
    };
    hides("hush-body", &key);
}
