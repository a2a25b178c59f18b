use std::collections::BTreeSet;

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use chrono::TimeDelta;
use daybook_domain::UserId;
use daybook_domain::user::Role;
use jsonwebtoken::{Algorithm, EncodingKey, Header, encode};
use serde_json::{Value, json};

use super::*;

const TTL: Duration = Duration::from_secs(900);

fn keys() -> (Vec<u8>, TokenKeys) {
    let der = TokenKeys::generate().unwrap();
    let keys = TokenKeys::from_pkcs8(&der).unwrap();
    (der, keys)
}

fn ann() -> UserId {
    Uuid::from_u128(7).into()
}

fn principal(roles: impl Into<BTreeSet<Role>>) -> Principal {
    Principal {
        user_id: ann(),
        roles: roles.into(),
        means: Means::Session {
            id: Uuid::from_u128(8),
            generation: 3,
        },
    }
}

fn claims() -> Value {
    let now = Utc::now().timestamp();
    json!({"iss": ISSUER, "aud": AUDIENCE, "sub": ann(), "exp": now + 60, "nbf": now, "iat": now,
           "jti": Uuid::now_v7(), "roles": ["user"], "sid": Uuid::from_u128(8), "generation": 3})
}

/// The header of a token signed by the key in `der`.
fn header(der: &[u8]) -> Header {
    let mut header = Header::new(Algorithm::EdDSA);
    header.typ = Some("at+jwt".to_owned());
    header.kid = Some(Key::from_pkcs8(der).unwrap().id().to_string());
    header
}

fn signed(der: &[u8], header: &Header, claims: &Value) -> String {
    encode(header, claims, &EncodingKey::from_ed_der(der)).unwrap()
}

#[test]
fn a_token_says_who_someone_is_until_it_expires() {
    let (_, keys) = keys();
    let ann = principal([Role::Admin, Role::User]);
    let token = keys.sign(&ann, Utc::now(), TTL).unwrap();
    assert_eq!(keys.check(&token).unwrap(), ann);
    let long_ago = Utc::now() - TTL - Duration::from_secs(10);
    let old = keys.sign(&ann, long_ago, TTL).unwrap();
    assert!(keys.check(&old).is_err());
    let soon = Utc::now() + Duration::from_secs(60);
    let early = keys.sign(&ann, soon, TTL).unwrap();
    assert!(keys.check(&early).is_err());
}

#[test]
fn a_token_that_was_good_once_expires_all_the_same_and_not_only_with_its_key() {
    let der = TokenKeys::generate().unwrap();
    let at = |seconds| DateTime::from_timestamp(seconds, 0).unwrap();
    let ring = |signs_from, der: &[u8]| {
        KeyRing::new([(at(signs_from), Key::from_pkcs8(der).unwrap())]).unwrap()
    };
    let own = ring(0, &der);
    let checked = Checked {
        principal: principal([]),
        key_id: Arc::clone(own.keys()[0].key.id()),
        not_before: 100,
        expires_at: 200,
    };
    let held: Vec<bool> = [99, 100, 199, 200]
        .map(|seconds| checked.holds(&own, at(seconds)))
        .into();
    assert_eq!(held, [false, true, true, false]);
    let others = ring(0, &TokenKeys::generate().unwrap());
    assert!(!checked.holds(&others, at(150)));
}

#[test]
fn the_tokens_made_here_by_hand_are_otherwise_sound() {
    let (der, keys) = keys();
    keys.check(&signed(&der, &header(&der), &claims())).unwrap();
}

#[test]
fn a_foreign_issuer_audience_or_key_is_refused_and_a_claim_missing() {
    let (der, keys) = keys();
    let (other, _) = self::keys();
    for name in [&der, &other] {
        let token = signed(&other, &header(name), &claims());
        assert!(keys.check(&token).is_err());
    }
    let sound = header(&der);
    for (claim, value) in [
        ("iss", json!("other")),
        ("aud", json!("other")),
        ("aud", json!(["daybook-api", "other"])),
        ("sub", json!("nobody")),
        ("exp", json!(1)),
        ("exp", json!("never")),
        ("nbf", json!(i64::MAX)),
        ("roles", json!(["root"])),
        ("generation", json!("3")),
    ] {
        let mut claims = claims();
        claims[claim] = value;
        assert!(
            keys.check(&signed(&der, &sound, &claims)).is_err(),
            "{claim}"
        );
    }
    for claim in [
        "iss",
        "aud",
        "sub",
        "exp",
        "nbf",
        "iat",
        "jti",
        "roles",
        "sid",
        "generation",
    ] {
        let mut claims = claims();
        claims.as_object_mut().unwrap().remove(claim);
        assert!(
            keys.check(&signed(&der, &sound, &claims)).is_err(),
            "without {claim}"
        );
    }
}

#[test]
fn a_header_says_no_more_and_no_less_than_it_must() {
    let (der, keys) = keys();
    let sound = header(&der);
    let kid = sound.kid.clone().unwrap();
    for typ in [
        None,
        Some("JWT"),
        Some("AT+JWT"),
        Some("application/at+jwt"),
    ] {
        let other = Header {
            typ: typ.map(str::to_owned),
            ..sound.clone()
        };
        let refused = keys.check(&signed(&der, &other, &claims()));
        assert!(refused.is_err(), "{typ:?}");
    }
    for kid in [None, Some(String::new()), Some(format!("{kid}="))] {
        let other = Header {
            kid: kid.clone(),
            ..sound.clone()
        };
        let refused = keys.check(&signed(&der, &other, &claims()));
        assert!(refused.is_err(), "{kid:?}");
    }
    let further = Header {
        jku: Some("https://evil.example/keys".to_owned()),
        ..sound
    };
    let refused = keys.check(&signed(&der, &further, &claims()));
    assert!(matches!(refused, Err(InvalidToken::Header(_))));
}

#[test]
fn the_algorithm_is_not_the_tokens_to_choose() {
    let (der, keys) = keys();
    let x = match &keys.published(Utc::now()).keys[0].algorithm {
        jsonwebtoken::jwk::AlgorithmParameters::OctetKeyPair(pair) => pair.x.clone(),
        _ => unreachable!("keys are Ed25519"),
    };
    let public = BASE64_URL_SAFE_NO_PAD.decode(x).unwrap();
    let symmetric = Header {
        alg: Algorithm::HS256,
        ..header(&der)
    };
    let confused = encode(&symmetric, &claims(), &EncodingKey::from_secret(&public)).unwrap();
    assert!(keys.check(&confused).is_err());
    let part = |value: Value| BASE64_URL_SAFE_NO_PAD.encode(value.to_string());
    let none = json!({"alg": "none", "typ": "at+jwt", "kid": header(&der).kid});
    assert!(
        keys.check(&format!("{}.{}.", part(none), part(claims())))
            .is_err()
    );
}

#[test]
fn a_changed_token_is_refused() {
    let (_, keys) = keys();
    let token = keys
        .sign(&principal([Role::User]), Utc::now(), TTL)
        .unwrap();
    let parts: Vec<&str> = token.split('.').collect();
    let raised = String::from_utf8(BASE64_URL_SAFE_NO_PAD.decode(parts[1]).unwrap()).unwrap();
    let raised = BASE64_URL_SAFE_NO_PAD.encode(raised.replace("\"user\"", "\"admin\""));
    for changed in [
        format!("{}.{raised}.{}", parts[0], parts[2]),
        format!("{}.{}.", parts[0], parts[1]),
        format!("{token}."),
        format!("{token}.{}", parts[2]),
        String::new(),
    ] {
        assert!(keys.check(&changed).is_err(), "{changed}");
    }
}

#[test]
fn tokens_outlive_the_turn_of_their_key_but_not_its_trust() {
    let (old, new) = (
        TokenKeys::generate().unwrap(),
        TokenKeys::generate().unwrap(),
    );
    // The new key's instant came this many minutes ago.
    let ring = |minutes| {
        let (old, new) = (
            Key::from_pkcs8(&old).unwrap(),
            Key::from_pkcs8(&new).unwrap(),
        );
        let turn = Utc::now() - TimeDelta::minutes(minutes);
        KeyRing::new([(DateTime::UNIX_EPOCH, old), (turn, new)]).unwrap()
    };
    let keys = TokenKeys::new(ring(-1));
    let ann = principal([Role::User]);
    let earlier = keys.sign(&ann, Utc::now(), TTL).unwrap();
    keys.check(&earlier).unwrap();
    assert_eq!(keys.published(Utc::now()).keys.len(), 2, "the coming one");

    assert!(keys.replace(ring(1)));
    let later = keys.sign(&ann, Utc::now(), TTL).unwrap();
    assert_eq!(keys.check(&earlier).unwrap(), ann);
    assert_eq!(keys.check(&later).unwrap(), ann);

    assert!(keys.replace(ring(61)));
    assert!(matches!(
        keys.check(&earlier),
        Err(InvalidToken::UnknownKey)
    ));
    assert_eq!(keys.check(&later).unwrap(), ann);
    assert_eq!(keys.published(Utc::now()).keys.len(), 1);
}

#[test]
fn the_same_keys_are_no_others() {
    let der = TokenKeys::generate().unwrap();
    let ring = || {
        let key = Key::from_pkcs8(&der).unwrap();
        KeyRing::new([(DateTime::UNIX_EPOCH, key)]).unwrap()
    };
    assert!(!TokenKeys::new(ring()).replace(ring()));
}

#[test]
fn an_api_key_is_given_no_access_token() {
    let (_, keys) = keys();
    let machine = Principal {
        means: Means::ApiKey {
            id: Uuid::from_u128(9),
        },
        ..principal([Role::Admin])
    };
    let refused = keys.sign(&machine, Utc::now(), TTL);
    assert!(matches!(refused, Err(TokenKeyError::NoSession)));
}
