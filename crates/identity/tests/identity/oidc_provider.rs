//! An OpenID Connect provider that says whatever a test wants it to say, also what no honest one would.

use std::collections::HashMap;
use std::sync::Arc;

use chrono::Utc;
use daybook_identity::access_token::Key;
use daybook_identity::oidc::{OidcConfig, OidcError, Provider, Subject};
use jsonwebtoken::{Algorithm, EncodingKey, Header, encode};
use parking_lot::Mutex;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

use crate::site::Site;

pub(crate) const CLIENT: &str = "daybook";
pub(crate) const SECRET: &str = "a secret that the client shares with its provider";

pub(crate) struct Idp {
    pub(crate) issuer: String,
    pub(crate) provider: Provider,
    key: Mutex<Vec<u8>>,
    said: Arc<Said>,
    _serving: JoinSet<()>,
}

#[derive(Default)]
struct Said {
    /// By path: the status line's end, further headers and the body.
    answers: Mutex<HashMap<String, (String, String)>>,
    /// Path and body of each request.
    heard: Mutex<Vec<(String, String)>>,
}

/// A sign-in that was begun, with what the provider is told of it.
pub(crate) struct Going {
    pub(crate) attempt: String,
    pub(crate) state: String,
    pub(crate) nonce: String,
    pub(crate) challenge: String,
}

impl Idp {
    pub(crate) async fn start() -> Idp {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let issuer = format!("http://{}", listener.local_addr().unwrap());
        let said = Arc::new(Said::default());
        let mut serving = JoinSet::new();
        serving.spawn(serve(listener, Arc::clone(&said)));
        let config = OidcConfig {
            issuer: issuer.clone(),
            client_id: CLIENT.to_owned(),
            client_secret: Some(SECRET.into()),
            redirect_url: "http://127.0.0.1:5173/sign-in".to_owned(),
        };
        let idp = Idp {
            provider: Provider::new(&config).unwrap(),
            key: Mutex::default(),
            said,
            _serving: serving,
            issuer,
        };
        idp.describes_itself();
        idp.changes_its_key();
        idp
    }

    fn describes_itself(&self) {
        let issuer = &self.issuer;
        let configuration = json!({
            "issuer": issuer,
            "authorization_endpoint": format!("{issuer}/authorize"),
            "token_endpoint": format!("{issuer}/token"),
            "userinfo_endpoint": format!("{issuer}/userinfo"),
            "jwks_uri": format!("{issuer}/keys"),
            "response_types_supported": ["code"],
            "subject_types_supported": ["public"],
            "id_token_signing_alg_values_supported": ["EdDSA"],
        });
        self.answers("/.well-known/openid-configuration", &configuration);
    }

    pub(crate) fn changes_its_key(&self) {
        let der = Key::generate().unwrap();
        let key = Key::from_pkcs8(&der).unwrap();
        self.answers("/keys", &json!({"keys": [key.public()]}));
        *self.key.lock() = der;
    }

    pub(crate) fn answers(&self, path: &str, body: &Value) {
        let head = "200 OK\r\ncontent-type: application/json";
        self.answers_raw(path, head, &body.to_string());
    }

    pub(crate) fn answers_raw(&self, path: &str, head: &str, body: &str) {
        let answer = (head.to_owned(), body.to_owned());
        self.said.answers.lock().insert(path.to_owned(), answer);
    }

    /// The bodies of the requests to a path so far.
    pub(crate) fn heard(&self, path: &str) -> Vec<String> {
        let heard = self.said.heard.lock();
        let there = heard.iter().filter(|(asked, _)| asked == path);
        there.map(|(_, body)| body.clone()).collect()
    }

    pub(crate) async fn begin(&self, site: &Site) -> Going {
        let begun = self.provider.begin(&site.pool).await.unwrap();
        let told = |name: &str| {
            let mut pairs = begun.authorization_url.query_pairs();
            pairs.find(|(key, _)| key == name).unwrap().1.into_owned()
        };
        assert_eq!(told("code_challenge_method"), "S256");
        Going {
            state: told("state"),
            nonce: told("nonce"),
            challenge: told("code_challenge"),
            attempt: begun.attempt,
        }
    }

    pub(crate) async fn finish(&self, site: &Site, going: &Going) -> Result<Subject, OidcError> {
        let code = "a code".to_owned();
        let provider = &self.provider;
        provider
            .finish(&site.pool, &going.attempt, code, &going.state)
            .await
    }

    /// What it says of who has signed in.
    pub(crate) fn claims(&self, going: &Going) -> Value {
        let now = Utc::now().timestamp();
        json!({"iss": self.issuer, "aud": CLIENT, "sub": "grace", "iat": now, "exp": now + 60, "nonce": going.nonce,
               "email": "grace@example.com", "email_verified": true})
    }

    /// As its own key signs.
    pub(crate) fn signed(&self, claims: &Value) -> String {
        let der = self.key.lock().clone();
        self.signed_by(&der, claims)
    }

    /// With the name of its own key, whichever signs.
    pub(crate) fn signed_by(&self, der: &[u8], claims: &Value) -> String {
        let key = EncodingKey::from_ed_der(der);
        encode(&self.header(Algorithm::EdDSA), claims, &key).unwrap()
    }

    pub(crate) fn header(&self, algorithm: Algorithm) -> Header {
        let mut header = Header::new(algorithm);
        let key = Key::from_pkcs8(&self.key.lock()).unwrap();
        header.kid = Some(key.id().to_string());
        header
    }

    /// What the code is exchanged for.
    pub(crate) fn gives(&self, id_token: &str) {
        let tokens =
            json!({"access_token": "a token", "token_type": "Bearer", "id_token": id_token});
        self.answers("/token", &tokens);
    }

    pub(crate) fn confirms(&self, claims: &Value) {
        self.gives(&self.signed(claims));
    }
}

async fn serve(listener: TcpListener, said: Arc<Said>) {
    loop {
        let (mut client, _) = listener.accept().await.unwrap();
        // Whoever gives up in the middle is no trouble of ours.
        let _ = answer(&mut client, &said).await;
    }
}

async fn answer(client: &mut TcpStream, said: &Said) -> std::io::Result<()> {
    let mut request = Vec::new();
    let (head, length) = loop {
        if client.read_buf(&mut request).await? == 0 {
            return Ok(());
        }
        let text = String::from_utf8_lossy(&request).into_owned();
        if let Some((head, _)) = text.split_once("\r\n\r\n") {
            let lines = head.lines().filter_map(|line| line.split_once(':'));
            let length = lines.rev().find_map(|(name, value)| {
                let is_length = name.eq_ignore_ascii_case("content-length");
                is_length.then(|| value.trim().parse::<usize>().unwrap())
            });
            break (head.to_owned(), length.unwrap_or(0));
        }
    };
    let begins = head.len() + 4;
    while request.len() < begins + length {
        client.read_buf(&mut request).await?;
    }
    let body = String::from_utf8_lossy(&request[begins..]).into_owned();
    let path = head.split(' ').nth(1).unwrap().to_owned();
    said.heard.lock().push((path.clone(), body));
    let found = said.answers.lock().get(&path).cloned();
    let (head, body) = found.unwrap_or(("404 Not Found".to_owned(), String::new()));
    let length = body.len();
    let answer =
        format!("HTTP/1.1 {head}\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n{body}");
    client.write_all(answer.as_bytes()).await
}
