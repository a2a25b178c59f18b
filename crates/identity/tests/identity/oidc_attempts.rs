//! Attempts to sign in at a provider: each is finished once, by who began it.

use aws_lc_rs::digest::{SHA256, digest};
use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use daybook_identity::oidc::{OidcError, Subject};
use sqlx::{Connection, Executor};

use crate::oidc_provider::{Going, Idp};
use crate::site::Site;

#[tokio::test]
async fn who_finishes_their_attempt_is_who_the_provider_says() {
    let site = Site::open().await;
    let idp = Idp::start().await;
    let going = idp.begin(&site).await;
    idp.confirms(&idp.claims(&going));
    let subject = Subject {
        issuer: idp.issuer.clone(),
        subject: "grace".to_owned(),
        email: Some("grace@example.com".to_owned()),
    };
    assert_eq!(idp.finish(&site, &going).await.unwrap(), subject);
}

#[tokio::test]
async fn only_who_began_it_can_exchange_the_code() {
    let site = Site::open().await;
    let idp = Idp::start().await;
    let going = idp.begin(&site).await;
    idp.confirms(&idp.claims(&going));
    idp.finish(&site, &going).await.unwrap();
    let exchanged = idp.heard("/token");
    let [body] = &exchanged[..] else {
        panic!("{exchanged:?}");
    };
    let mut fields = body.split('&').filter_map(|field| field.split_once('='));
    let (_, verifier) = fields.find(|(name, _)| *name == "code_verifier").unwrap();
    // RFC 7636, 4.2.
    let challenge = digest(&SHA256, verifier.as_bytes());
    assert_eq!(BASE64_URL_SAFE_NO_PAD.encode(challenge), going.challenge);
    assert!(![&going.attempt, &going.state, &going.nonce].contains(&&verifier.to_owned()));
}

#[tokio::test]
async fn of_an_attempt_only_a_hash_is_kept_and_goes_with_its_first_use() {
    let site = Site::open().await;
    let idp = Idp::start().await;
    let going = idp.begin(&site).await;
    let secret = BASE64_URL_SAFE_NO_PAD.decode(&going.attempt).unwrap();
    assert_eq!(secret.len(), 32);
    let hash: Vec<u8> = sqlx::query_scalar("select attempt_hash from auth.oidc_attempts")
        .fetch_one(&site.pool)
        .await
        .unwrap();
    assert_eq!(hash, digest(&SHA256, &secret).as_ref());

    idp.confirms(&idp.claims(&going));
    idp.finish(&site, &going).await.unwrap();
    assert_eq!(site.count("auth.oidc_attempts").await, 0);
    let again = idp.finish(&site, &going).await;
    assert!(matches!(again, Err(OidcError::NoSuchAttempt)), "{again:?}");
}

#[tokio::test]
async fn an_attempt_that_was_not_proven_is_not_tried_again() {
    let site = Site::open().await;
    let idp = Idp::start().await;
    let going = idp.begin(&site).await;
    idp.answers_raw(
        "/token",
        "400 Bad Request\r\ncontent-type: application/json",
        r#"{"error": "invalid_grant"}"#,
    );
    let refused = idp.finish(&site, &going).await;
    assert!(
        matches!(refused, Err(OidcError::NotProven(_))),
        "{refused:?}"
    );
    idp.confirms(&idp.claims(&going));
    let again = idp.finish(&site, &going).await;
    assert!(matches!(again, Err(OidcError::NoSuchAttempt)), "{again:?}");
}

#[tokio::test]
async fn of_two_who_bring_an_attempt_at_once_one_goes_on_with_it() {
    let mut site = Site::open().await;
    let idp = Idp::start().await;
    let going = idp.begin(&site).await;
    idp.confirms(&idp.claims(&going));
    let mut other = site.another_session().await;
    let mut held = other.begin().await.unwrap();
    held.execute("select from auth.oidc_attempts for update")
        .await
        .unwrap();
    let bringing = [(); 2].map(|()| {
        let (provider, pool) = (idp.provider.clone(), site.another_pool());
        let (attempt, state) = (going.attempt.clone(), going.state.clone());
        tokio::spawn(async move { provider.finish(&pool, &attempt, "c".into(), &state).await })
    });
    site.until_waiting(2).await;
    held.rollback().await.unwrap();
    let mut proven = 0;
    for brought in bringing {
        match brought.await.unwrap() {
            Ok(_) => proven += 1,
            Err(error) => assert!(matches!(error, OidcError::NoSuchAttempt), "{error:?}"),
        }
    }
    assert_eq!(proven, 1);
    assert_eq!(idp.heard("/token").len(), 1);
}

#[tokio::test]
async fn anothers_state_is_refused_and_uses_nothing_up() {
    let site = Site::open().await;
    let idp = Idp::start().await;
    let (own, others) = (idp.begin(&site).await, idp.begin(&site).await);
    assert_ne!(own.state, others.state);
    for state in [&others.state, &own.nonce, &own.attempt, ""] {
        let mixed = Going {
            attempt: own.attempt.clone(),
            state: state.to_owned(),
            nonce: own.nonce.clone(),
            challenge: own.challenge.clone(),
        };
        let refused = idp.finish(&site, &mixed).await;
        assert!(matches!(refused, Err(OidcError::NoSuchAttempt)), "{state}");
    }
    assert!(idp.heard("/token").is_empty(), "no code is exchanged");
    for going in [own, others] {
        idp.confirms(&idp.claims(&going));
        idp.finish(&site, &going).await.unwrap();
    }
}

#[tokio::test]
async fn an_attempt_is_good_for_ten_minutes_and_then_forgotten() {
    let mut site = Site::open().await;
    let idp = Idp::start().await;
    let going = idp.begin(&site).await;
    idp.confirms(&idp.claims(&going));
    let kept = "auth.oidc_attempts where expires_at > now() + interval '9 minutes'
        and expires_at <= now() + interval '10 minutes'";
    assert_eq!(site.count(kept).await, 1);
    site.change("update auth.oidc_attempts set expires_at = now() - interval '1 second'")
        .await;
    let late = idp.finish(&site, &going).await;
    assert!(matches!(late, Err(OidcError::NoSuchAttempt)), "{late:?}");
    assert_eq!(site.count("auth.oidc_attempts").await, 1);
    idp.begin(&site).await;
    assert_eq!(site.count("auth.oidc_attempts").await, 1);
    assert_eq!(site.count(kept).await, 1);
}

#[tokio::test]
async fn nothing_is_begun_at_a_provider_that_does_not_answer_as_expected() {
    let site = Site::open().await;
    let idp = Idp::start().await;
    let away = "503 Service Unavailable";
    idp.answers_raw("/.well-known/openid-configuration", away, "");
    let failed = idp.provider.begin(&site.pool).await;
    assert!(
        matches!(failed, Err(OidcError::Unavailable(_))),
        "{failed:?}"
    );
    assert_eq!(site.count("auth.oidc_attempts").await, 0);
}
