//! Tokens that are not this server's access tokens, however similar they look.

use aws_lc_rs::hmac;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair,
};
use base64::Engine as _;
use base64::prelude::{BASE64_STANDARD, BASE64_URL_SAFE_NO_PAD};
use chrono::Utc;
use daybook_identity::access_token::TokenKeys;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::shop::{Customer, PASSWORD, Shop};

/// Makes tokens by hand, with and without the server's own key.
struct Forger {
    pair: Ed25519KeyPair,
    kid: String,
    claims: Value,
}

impl Forger {
    async fn of(shop: &Shop, customer: &Customer) -> Forger {
        let published = shop.get("/.well-known/jwks.json").await.json();
        let now = Utc::now().timestamp();
        Forger {
            pair: Ed25519KeyPair::from_pkcs8(&shop.token_key).unwrap(),
            kid: published["keys"][0]["kid"].as_str().unwrap().to_owned(),
            claims: json!({"iss": "daybook", "aud": "daybook-api", "sub": customer.id, "exp": now + 600, "nbf": now,
                           "iat": now, "jti": Uuid::now_v7(), "roles": ["user", "admin"], "sid": Uuid::now_v7(),
                           "generation": 0}),
        }
    }

    fn header(&self) -> Value {
        json!({"alg": "EdDSA", "typ": "at+jwt", "kid": self.kid})
    }

    /// The header with another value; null removes the parameter.
    fn header_but(&self, name: &str, value: Value) -> Value {
        but(self.header(), name, value)
    }

    fn claims_but(&self, name: &str, value: Value) -> Value {
        but(self.claims.clone(), name, value)
    }

    fn sign(&self, header: &Value, claims: &Value) -> String {
        forged(header, claims, |text| {
            self.pair.sign(text).as_ref().to_vec()
        })
    }

    /// Signed with a secret that everybody knows.
    fn symmetric(&self, secret: &[u8]) -> String {
        let key = hmac::Key::new(hmac::HMAC_SHA256, secret);
        forged(
            &self.header_but("alg", json!("HS256")),
            &self.claims,
            |text| hmac::sign(&key, text).as_ref().to_vec(),
        )
    }

    fn public_key(&self) -> &[u8] {
        self.pair.public_key().as_ref()
    }

    /// RFC 8410: the prefix before the 32 bytes is the same for every Ed25519 key.
    fn public_pem(&self) -> String {
        let prefix = [
            0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00,
        ];
        let der = [&prefix[..], self.public_key()].concat();
        let text = BASE64_STANDARD.encode(der);
        format!("-----BEGIN PUBLIC KEY-----\n{text}\n-----END PUBLIC KEY-----\n")
    }
}

fn but(mut object: Value, name: &str, value: Value) -> Value {
    let fields = object.as_object_mut().unwrap();
    match value {
        Value::Null => fields.remove(name),
        value => fields.insert(name.to_owned(), value),
    };
    object
}

fn forged(header: &Value, claims: &Value, sign: impl Fn(&[u8]) -> Vec<u8>) -> String {
    let part = |value: &Value| BASE64_URL_SAFE_NO_PAD.encode(value.to_string());
    let text = format!("{}.{}", part(header), part(claims));
    let signature = BASE64_URL_SAFE_NO_PAD.encode(sign(text.as_bytes()));
    format!("{text}.{signature}")
}

#[track_caller]
fn assert_refused(reply: &crate::shop::Reply, what: &str) {
    assert_eq!(reply.status, 401, "{what}: {reply:?}");
    assert_eq!(reply.code(), "invalid-token", "{what}");
    assert_eq!(
        reply.header("www-authenticate"),
        "Bearer error=\"invalid_token\"",
        "{what}"
    );
}

async fn refuse_all(shop: &Shop, tokens: impl IntoIterator<Item = (String, String)>) {
    for (what, token) in tokens {
        assert_refused(&shop.get("orders").token(&token).await, &what);
    }
}

#[tokio::test]
async fn a_token_made_by_hand_with_the_servers_key_is_otherwise_sound() {
    let shop = Shop::open().await;
    let ann = shop.customer().await;
    let forger = Forger::of(&shop, &ann).await;
    let sound = forger.sign(&forger.header(), &forger.claims);
    assert_eq!(shop.get("orders").token(&sound).await.status, 200);
    assert_eq!(
        shop.get("projections").token(&sound).await.status,
        403,
        "who is an administrator is for the log to tell"
    );
}

#[tokio::test]
async fn no_other_algorithm_is_taken_whatever_is_signed_with_it() {
    let shop = Shop::open().await;
    let ann = shop.customer().await;
    let forger = Forger::of(&shop, &ann).await;
    let mut tokens = Vec::new();
    for alg in ["none", "None", "NONE", "nOnE", ""] {
        let header = forger.header_but("alg", json!(alg));
        let unsigned = forged(&header, &forger.claims, |_| Vec::new());
        tokens.push((format!("{alg} without a signature"), unsigned));
        tokens.push((
            format!("{alg} with one"),
            forger.sign(&header, &forger.claims),
        ));
    }
    let jwk = shop.get("/.well-known/jwks.json").await.json()["keys"][0].to_string();
    for (form, secret) in [
        ("raw", forger.public_key()),
        ("PEM", forger.public_pem().as_bytes()),
        ("JWK", jwk.as_bytes()),
        ("kid", forger.kid.as_bytes()),
        ("empty", &[]),
    ] {
        let what = format!("HS256 with the public key as {form}");
        tokens.push((what, forger.symmetric(secret)));
    }
    for alg in [
        "HS256", "HS384", "RS256", "PS256", "ES256", "ES512", "Ed25519", "eddsa",
    ] {
        let header = forger.header_but("alg", json!(alg));
        tokens.push((
            format!("EdDSA called {alg}"),
            forger.sign(&header, &forger.claims),
        ));
    }
    let random = SystemRandom::new();
    let own = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).unwrap();
    let header = forger.header_but("alg", json!("ES256"));
    let es256 = forged(&header, &forger.claims, |text| {
        own.sign(&random, text).unwrap().as_ref().to_vec()
    });
    tokens.push(("ES256 with a key of one's own".to_owned(), es256));
    refuse_all(&shop, tokens).await;
}

#[tokio::test]
async fn no_other_key_is_taken_and_none_that_a_token_brings() {
    let shop = Shop::open().await;
    let ann = shop.customer().await;
    let forger = Forger::of(&shop, &ann).await;
    let own = Ed25519KeyPair::from_pkcs8(&TokenKeys::generate().unwrap()).unwrap();
    let x = BASE64_URL_SAFE_NO_PAD.encode(own.public_key().as_ref());
    let jwk =
        json!({"kty": "OKP", "crv": "Ed25519", "x": x, "kid": "own", "alg": "EdDSA", "use": "sig"});
    let by_stranger = |header: &Value| {
        forged(header, &forger.claims, |text| {
            own.sign(text).as_ref().to_vec()
        })
    };
    let mut tokens = vec![(
        "another key under a known name".to_owned(),
        by_stranger(&forger.header()),
    )];
    for kid in [
        Value::Null,
        json!(""),
        json!("own"),
        json!(7),
        json!([forger.kid]),
        json!("../../../../dev/null"),
        json!("/etc/passwd"),
        json!("' or '1'='1"),
        json!("x'; drop table auth.credentials; --"),
        json!(format!("{}\u{0}", forger.kid)),
        json!("k".repeat(4_000)),
    ] {
        let header = forger.header_but("kid", kid.clone());
        tokens.push((format!("kid {kid}"), by_stranger(&header)));
        let own_key = forger.sign(&header, &forger.claims);
        tokens.push((format!("kid {kid}, signed here"), own_key));
    }
    for (name, value) in [
        ("jwk", jwk.clone()),
        ("jku", json!("http://127.0.0.1:9/jwks.json")),
        ("x5u", json!("http://127.0.0.1:9/cert.pem")),
        ("x5c", json!(["MIIB"])),
        ("crit", json!(["exp"])),
        ("crit", json!([])),
        ("b64", json!(false)),
        ("zip", json!("DEF")),
    ] {
        let header = forger.header_but(name, value);
        tokens.push((format!("{name} by a stranger"), by_stranger(&header)));
        let own_key = forger.sign(&header, &forger.claims);
        tokens.push((format!("{name}, signed here"), own_key));
    }
    refuse_all(&shop, tokens).await;
}

#[tokio::test]
async fn every_claim_is_there_and_what_it_must_be() {
    let shop = Shop::open().await;
    let ann = shop.customer().await;
    let forger = Forger::of(&shop, &ann).await;
    let now = Utc::now().timestamp();
    let mut tokens = Vec::new();
    for (claim, value) in [
        ("iss", json!("https://evil.example")),
        ("iss", json!(["daybook"])),
        ("aud", json!("daybook")),
        ("aud", json!(["daybook-api", "other"])),
        ("exp", json!(now - 60)),
        ("exp", json!("9999999999")),
        ("exp", json!(1e300)),
        ("nbf", json!(now + 60)),
        ("sub", json!("admin")),
        ("sub", json!("' or 1=1 --")),
        ("roles", json!("admin")),
        ("roles", json!(["owner"])),
        ("sid", json!("x")),
        ("generation", json!("0")),
    ] {
        let what = format!("{claim} {value}");
        let token = forger.sign(&forger.header(), &forger.claims_but(claim, value));
        tokens.push((what, token));
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
        let claims = forger.claims_but(claim, Value::Null);
        tokens.push((
            format!("without {claim}"),
            forger.sign(&forger.header(), &claims),
        ));
    }
    for typ in [
        Value::Null,
        json!("JWT"),
        json!("jwt"),
        json!("rt+jwt"),
        json!("application/at+jwt"),
    ] {
        let header = forger.header_but("typ", typ.clone());
        tokens.push((format!("typ {typ}"), forger.sign(&header, &forger.claims)));
    }
    refuse_all(&shop, tokens).await;
}

#[tokio::test]
async fn a_token_is_three_parts_as_they_were_signed() {
    let shop = Shop::open().await;
    let ann = shop.customer().await;
    let forger = Forger::of(&shop, &ann).await;
    let sound = forger.sign(&forger.header(), &forger.claims);
    let other = forger.sign(
        &forger.header(),
        &forger.claims_but("jti", json!(Uuid::now_v7())),
    );
    let parts: Vec<&str> = sound.split('.').collect();
    let [header, claims, signature] = parts[..] else {
        panic!("{sound}")
    };
    let of_other = other.rsplit('.').next().unwrap();
    let twice = r#"{"alg":"none","alg":"EdDSA","typ":"at+jwt","kid":"#.to_owned()
        + &format!("\"{}\"}}", forger.kid);
    let twice = BASE64_URL_SAFE_NO_PAD.encode(twice);
    let tokens = [
        ("stripped", format!("{header}.{claims}.")),
        ("without a third part", format!("{header}.{claims}")),
        (
            "another's signature",
            format!("{header}.{claims}.{of_other}"),
        ),
        ("a longer one", format!("{sound}AA")),
        ("padded", format!("{sound}==")),
        ("a fourth part", format!("{sound}.{signature}")),
        ("an empty fourth part", format!("{sound}.")),
        (
            "five parts",
            format!("{header}.{claims}.{signature}.{claims}.{signature}"),
        ),
        (
            "parts in another order",
            format!("{claims}.{header}.{signature}"),
        ),
        ("a parameter twice", format!("{twice}.{claims}.{signature}")),
        (
            "JSON serialisation",
            json!({"payload": claims, "protected": header, "signature": signature}).to_string(),
        ),
        ("nothing", ".".to_owned()),
        ("dots", "..".to_owned()),
    ];
    let tokens = tokens.map(|(what, token)| (what.to_owned(), token));
    refuse_all(&shop, tokens).await;
}

#[tokio::test]
async fn a_refresh_token_opens_nothing() {
    let shop = Shop::open().await;
    let ann = shop.customer().await;
    let credentials = json!({"email": ann.email, "password": PASSWORD});
    let tokens = shop.post("users/login").json(&credentials).await.json();
    let refresh = tokens["refreshToken"].as_str().unwrap();
    assert_refused(&shop.get("orders").token(refresh).await, "a refresh token");
}

#[tokio::test]
async fn the_public_keys_are_published_and_nothing_else_of_them() {
    let shop = Shop::open().await;
    let published = shop.get("/.well-known/jwks.json").await;
    assert_eq!(published.status, 200);
    assert_eq!(published.header("content-type"), "application/jwk-set+json");
    assert_eq!(published.header("cache-control"), "public, max-age=30");
    let keys = published.json();
    let pair = Ed25519KeyPair::from_pkcs8(&shop.token_key).unwrap();
    let x = BASE64_URL_SAFE_NO_PAD.encode(pair.public_key().as_ref());
    let kid = keys["keys"][0]["kid"].clone();
    assert_eq!(
        keys,
        json!({"keys": [{"kty": "OKP", "crv": "Ed25519", "alg": "EdDSA", "use": "sig", "kid": kid, "x": x}]})
    );
}
