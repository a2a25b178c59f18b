//! What a provider might be made to say, and what is not taken for a proof.

use aws_lc_rs::digest::{SHA512, digest};
use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use daybook_identity::access_token::Key;
use daybook_identity::oidc::OidcError;
use jsonwebtoken::{Algorithm, EncodingKey, encode};
use serde_json::{Value, json};

use crate::oidc_provider::{Going, Idp, SECRET};
use crate::site::Site;

/// Whether the provider is believed when it says so.
async fn is_believed(idp: &Idp, site: &Site, says: impl FnOnce(&Going) -> String) -> bool {
    let going = idp.begin(site).await;
    idp.gives(&says(&going));
    match idp.finish(site, &going).await {
        Ok(subject) => {
            assert_eq!(subject.subject, "grace");
            true
        }
        Err(OidcError::NotProven(_)) => false,
        Err(other) => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn an_id_token_is_for_this_attempt_this_client_and_now() {
    let site = Site::open().await;
    let idp = Idp::start().await;
    let earlier = idp.begin(&site).await;
    assert!(is_believed(&idp, &site, |going| idp.signed(&idp.claims(going))).await);
    for (claim, value) in [
        ("nonce", json!(earlier.nonce)),
        ("nonce", Value::Null),
        ("aud", json!("another client")),
        ("aud", json!(["another client"])),
        ("iss", json!("https://id.example.com")),
        ("iss", json!(format!("{}/", idp.issuer))),
        ("exp", json!(1_000_000_000)),
    ] {
        let lie = |going: &Going| {
            let mut claims = idp.claims(going);
            claims[claim] = value.clone();
            idp.signed(&claims)
        };
        assert!(!is_believed(&idp, &site, lie).await, "{claim} {value}");
    }
}

#[tokio::test]
async fn an_id_token_is_signed_with_a_key_that_only_the_provider_has() {
    let site = Site::open().await;
    let idp = Idp::start().await;
    let other = Key::generate().unwrap();
    let signed_by_another = |going: &Going| idp.signed_by(&other, &idp.claims(going));
    assert!(!is_believed(&idp, &site, signed_by_another).await);
    let with_our_secret = |going: &Going| {
        let secret = EncodingKey::from_secret(SECRET.as_bytes());
        encode(&idp.header(Algorithm::HS256), &idp.claims(going), &secret).unwrap()
    };
    assert!(!is_believed(&idp, &site, with_our_secret).await);
    let unsigned = |going: &Going| {
        let part = |value: Value| BASE64_URL_SAFE_NO_PAD.encode(value.to_string());
        format!(
            "{}.{}.",
            part(json!({"alg": "none"})),
            part(idp.claims(going))
        )
    };
    assert!(!is_believed(&idp, &site, unsigned).await);
}

#[tokio::test]
async fn keys_that_a_provider_has_changed_meanwhile_are_asked_for() {
    let site = Site::open().await;
    let idp = Idp::start().await;
    let sound = |going: &Going| idp.signed(&idp.claims(going));
    for _ in 0..2 {
        assert!(is_believed(&idp, &site, sound).await);
    }
    assert_eq!(idp.heard("/keys").len(), 1, "they are known");
    let old = idp.begin(&site).await;
    let signed_before = idp.signed(&idp.claims(&old));
    idp.changes_its_key();
    assert!(is_believed(&idp, &site, sound).await);
    assert_eq!(idp.heard("/keys").len(), 2);
    idp.gives(&signed_before);
    let refused = idp.finish(&site, &old).await;
    assert!(
        matches!(refused, Err(OidcError::NotProven(_))),
        "{refused:?}"
    );
}

#[tokio::test]
async fn the_access_token_is_the_one_that_the_id_token_came_with() {
    let site = Site::open().await;
    let idp = Idp::start().await;
    for (token, is_own) in [("a token", true), ("another token", false)] {
        let hash = digest(&SHA512, token.as_bytes());
        let bound = |going: &Going| {
            let mut claims = idp.claims(going);
            claims["at_hash"] = json!(BASE64_URL_SAFE_NO_PAD.encode(&hash.as_ref()[..32]));
            idp.signed(&claims)
        };
        assert_eq!(is_believed(&idp, &site, bound).await, is_own, "{token}");
    }
}

#[tokio::test]
async fn an_answer_without_an_id_token_proves_nothing() {
    let site = Site::open().await;
    let idp = Idp::start().await;
    let going = idp.begin(&site).await;
    let tokens = json!({"access_token": "a token", "token_type": "Bearer"});
    idp.answers("/token", &tokens);
    let refused = idp.finish(&site, &going).await;
    assert!(
        matches!(refused, Err(OidcError::NotProven(_))),
        "{refused:?}"
    );
}

#[tokio::test]
async fn an_address_counts_where_the_provider_has_verified_it() {
    let site = Site::open().await;
    let idp = Idp::start().await;
    let verified = json!({"sub": "grace", "email": "told@example.com", "email_verified": true});
    let unverified = json!({"sub": "grace", "email": "told@example.com", "email_verified": false});
    let nothing = json!({"sub": "grace"});
    for (claimed, told, email) in [
        (json!(true), &nothing, Some("grace@example.com")),
        (json!(false), &nothing, None),
        (Value::Null, &nothing, None),
        (json!(false), &verified, Some("told@example.com")),
        (json!(false), &unverified, None),
    ] {
        let going = idp.begin(&site).await;
        let mut claims = idp.claims(&going);
        claims["email_verified"] = claimed;
        idp.confirms(&claims);
        idp.answers("/userinfo", told);
        let subject = idp.finish(&site, &going).await.unwrap();
        assert_eq!(subject.email.as_deref(), email, "{claims} {told}");
    }
}

#[tokio::test]
async fn what_is_told_about_somebody_else_is_refused() {
    let site = Site::open().await;
    let idp = Idp::start().await;
    let going = idp.begin(&site).await;
    let mut claims = idp.claims(&going);
    claims["email_verified"] = json!(false);
    idp.confirms(&claims);
    let others = json!({"sub": "mallory", "email": "admin@example.com", "email_verified": true});
    idp.answers("/userinfo", &others);
    let refused = idp.finish(&site, &going).await;
    assert!(
        matches!(refused, Err(OidcError::Unavailable(_))),
        "{refused:?}"
    );
}

#[tokio::test]
async fn a_provider_is_not_followed_elsewhere_nor_listened_to_for_ever() {
    let site = Site::open().await;
    let idp = Idp::start().await;
    let tokens = |going: &Going| {
        let id_token = idp.signed(&idp.claims(going));
        json!({"access_token": "a token", "token_type": "Bearer", "id_token": id_token})
    };
    let elsewhere = format!("307 Temporary Redirect\r\nlocation: {}/moved", idp.issuer);
    let going = idp.begin(&site).await;
    idp.answers_raw("/token", &elsewhere, "");
    idp.answers("/moved", &tokens(&going));
    let failed = idp.finish(&site, &going).await;
    assert!(failed.is_err(), "{failed:?}");
    assert!(idp.heard("/moved").is_empty());

    // The same answer, a little of it padding or too much.
    for (padding, is_taken) in [(1_000, true), (1024 * 1024, false)] {
        let going = idp.begin(&site).await;
        let padded = format!("{}{}", tokens(&going), " ".repeat(padding));
        let head = "200 OK\r\ncontent-type: application/json";
        idp.answers_raw("/token", head, &padded);
        let answer = idp.finish(&site, &going).await;
        assert_eq!(answer.is_ok(), is_taken, "{answer:?}");
    }
}
