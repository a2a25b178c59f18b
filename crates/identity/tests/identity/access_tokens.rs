//! Access tokens as a session's proof. What a token itself must be is held beside its format.

use chrono::{TimeDelta, Utc};
use daybook_domain::user::Role;
use daybook_identity::access_token::{InvalidToken, Key, KeyRing, LONGEST_LIFETIME, TokenKeys};
use daybook_identity::session::{end, refresh};
use daybook_identity::{Revocations, revoke_tokens};

use crate::site::{LIFETIMES, Site, holder, somebody};

#[tokio::test]
async fn a_token_speaks_of_its_session_and_does_not_tell_that_it_was_revoked() {
    let site = Site::open().await;
    let keys = TokenKeys::from_pkcs8(&TokenKeys::generate().unwrap()).unwrap();
    let revocations = Revocations::new(site.pool.clone());
    let session = site.sign_in(somebody()).await;
    let sign = |session| {
        let token = keys.sign(&holder(session), Utc::now(), LONGEST_LIFETIME);
        token.unwrap()
    };
    let stands = async |token: &str| {
        let principal = keys.check(token).unwrap();
        assert_eq!(principal.user_id, session.user_id);
        assert_eq!(principal.roles, [Role::User].into());
        revocations.stands(&principal).await.unwrap()
    };
    let first = sign(&session);
    assert!(stands(&first).await);

    revoke_tokens(&site.pool, session.user_id).await.unwrap();
    assert!(!stands(&first).await);
    // The session goes on, with tokens of the new generation.
    let next = refresh(&site.pool, &session.refresh_token, LIFETIMES).await;
    let next = next.unwrap();
    let second = sign(&next);
    assert!(stands(&second).await);

    end(&site.pool, &next.refresh_token).await.unwrap();
    assert!(!stands(&second).await);
}

#[tokio::test]
async fn a_known_token_counts_no_longer_once_its_key_is_taken_away() {
    let [own, other] = [(); 2].map(|()| TokenKeys::generate().unwrap());
    let ring = |keys: &[&Vec<u8>]| {
        let since = Utc::now() - TimeDelta::days(1);
        let keys = keys.iter().map(|der| Key::from_pkcs8(der).unwrap());
        KeyRing::new(keys.map(|key| (since, key))).unwrap()
    };
    let site = Site::open().await;
    let keys = TokenKeys::new(ring(&[&own]));
    let holder = holder(&site.sign_in(somebody()).await);
    let token = keys.sign(&holder, Utc::now(), LONGEST_LIFETIME).unwrap();
    assert_eq!(keys.check(&token).unwrap(), holder);
    let clone = keys.clone();
    assert!(keys.replace(ring(&[&other])));
    for keys in [keys, clone] {
        let refused = keys.check(&token);
        assert!(matches!(refused, Err(InvalidToken::UnknownKey)));
    }
}

#[tokio::test]
async fn no_token_outlives_the_trust_in_its_key() {
    let keys = TokenKeys::from_pkcs8(&TokenKeys::generate().unwrap()).unwrap();
    let site = Site::open().await;
    let holder = holder(&site.sign_in(somebody()).await);
    let longest = TimeDelta::from_std(LONGEST_LIFETIME).unwrap();
    // Asked for a day; what is given has just expired, or is about to.
    let expires = |ago| {
        let then = Utc::now() - longest - TimeDelta::seconds(ago);
        let token = keys.sign(&holder, then, 24 * LONGEST_LIFETIME).unwrap();
        keys.check(&token).is_err()
    };
    assert!(expires(60) && !expires(-60));
}
