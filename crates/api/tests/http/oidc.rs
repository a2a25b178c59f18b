//! Staff who sign in at a real OpenID Connect provider, a process of the certified implementation `oidc-provider`.

use std::process::Stdio;

use daybook_identity::oidc::{OidcConfig, Provider};
use reqwest::redirect::Policy;
use reqwest::{Client, Response, Url};
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader, Lines};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};

use crate::shop::{PASSWORD, Reply, Shop, without_rate_limits};

const REDIRECT_URL: &str = "http://127.0.0.1:5173/sign-in";
const STAFF: &str = "admin@example.com";

/// The provider's process; it ends when its input is closed.
struct Staff {
    process: Child,
    input: ChildStdin,
    output: Lines<BufReader<ChildStdout>>,
    issuer: String,
}

impl Staff {
    async fn start() -> Staff {
        let program = std::env::var("DAYBOOK_OIDC_PROVIDER")
            .expect("DAYBOOK_OIDC_PROVIDER names the program; `make test` installs it and sets it");
        let mut process = Command::new("node")
            .args([&program, "daybook", "a secret of the client", REDIRECT_URL])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let input = process.stdin.take().unwrap();
        let mut output = BufReader::new(process.stdout.take().unwrap()).lines();
        let issuer = output.next_line().await.unwrap().unwrap();
        Staff {
            process,
            input,
            output,
            issuer,
        }
    }

    /// Sets who has an account at the provider from now on.
    async fn are(&mut self, accounts: Value) {
        let line = format!("{accounts}\n");
        self.input.write_all(line.as_bytes()).await.unwrap();
        // It also prints other lines.
        while self.output.next_line().await.unwrap().unwrap() != "accounts" {}
    }

    fn provider(&self) -> Provider {
        let config = OidcConfig {
            issuer: self.issuer.clone(),
            client_id: "daybook".to_owned(),
            client_secret: Some("a secret of the client".into()),
            redirect_url: REDIRECT_URL.to_owned(),
        };
        Provider::new(&config).unwrap()
    }

    async fn shop(&self) -> Shop {
        let http = without_rate_limits();
        Shop::open_beside(http, None, Some(self.provider())).await
    }

    /// The part of a person in a browser: signs in as `subject`, agrees, and is sent back with a code and a state.
    async fn sign_in(&self, begun: &Value, subject: &str) -> (String, String) {
        let browser = Client::builder()
            .cookie_store(true)
            .redirect(Policy::none())
            .build()
            .unwrap();
        let mut at = Url::parse(begun["authorizationUrl"].as_str().unwrap()).unwrap();
        for _ in 0..12 {
            if at.as_str().starts_with(REDIRECT_URL) {
                let sent = |name: &str| at.query_pairs().find(|(key, _)| key == name).unwrap().1;
                return (sent("code").into_owned(), sent("state").into_owned());
            }
            let answer = browser.get(at.clone()).send().await.unwrap();
            let answer = match answer.status().is_redirection() {
                true => answer,
                false => submit(&browser, &at, answer, subject).await,
            };
            let next = answer.headers()["location"].to_str().unwrap();
            at = at.join(next).unwrap();
        }
        panic!("the provider never sent anybody back");
    }
}

async fn submit(browser: &Client, at: &Url, page: Response, subject: &str) -> Response {
    let page = page.text().await.unwrap();
    let form = match page.contains("value=\"login\"") {
        true => format!("prompt=login&login={subject}&password=any"),
        false => "prompt=consent".to_owned(),
    };
    let request = browser.post(at.clone()).body(form);
    request
        .header("content-type", "application/x-www-form-urlencoded")
        .send()
        .await
        .unwrap()
}

async fn begin(shop: &Shop) -> Value {
    let begun = shop.post("users/oidc/begin").json(&json!({})).await;
    assert_eq!(begun.status, 200, "{begun:?}");
    assert_eq!(begun.header("cache-control"), "no-store");
    begun.json()
}

async fn finish(shop: &Shop, attempt: &Value, (code, state): &(String, String)) -> Reply {
    let body = json!({"attempt": attempt["attempt"], "code": code, "state": state});
    shop.post("users/oidc/finish").json(&body).await
}

/// The whole flow.
async fn through(shop: &Shop, staff: &Staff, subject: &str) -> Reply {
    let begun = begin(shop).await;
    let back = staff.sign_in(&begun, subject).await;
    finish(shop, &begun, &back).await
}

#[tokio::test]
async fn an_administrator_signs_in_with_the_address_that_the_provider_has_verified() {
    let mut staff = Staff::start().await;
    staff
        .are(json!({"grace": {"email": "Admin@Example.com", "email_verified": true}}))
        .await;
    let shop = staff.shop().await;
    let signed_in = through(&shop, &staff, "grace").await;
    assert_eq!(signed_in.status, 200, "{signed_in:?}");
    let tokens = signed_in.json();
    let token = tokens["accessToken"].as_str().unwrap();
    assert_eq!(shop.get("users").token(token).await.status, 200);
    let body = json!({"refreshToken": tokens["refreshToken"]});
    assert_eq!(shop.post("users/refresh").json(&body).await.status, 200);

    // From then on they are identified by their subject, whatever their address is.
    staff
        .are(json!({"grace": {"email": "grace@elsewhere.example"},
                    "mallory": {"email": "mallory@elsewhere.example", "email_verified": true}}))
        .await;
    assert_eq!(through(&shop, &staff, "grace").await.status, 200);
    assert_eq!(
        through(&shop, &staff, "mallory").await.code(),
        "no-staff-account"
    );
    assert!(staff.process.id().is_some());
}

#[tokio::test]
async fn nobody_else_is_let_in() {
    let mut staff = Staff::start().await;
    let shop = staff.shop().await;
    let ann = shop.customer().await;
    let body = json!({"email": "gone@example.com", "password": PASSWORD, "firstName": "Ann", "lastName": "Lee",
                      "roles": ["admin"]});
    let gone = shop.post("users").token(&shop.admin()).json(&body).await;
    let path = format!("users/{}/deactivate", gone.json()["id"].as_str().unwrap());
    let deactivated = shop.post(&path).token(&shop.admin()).json(&json!({})).await;
    assert_eq!(deactivated.status, 200, "{deactivated:?}");
    staff
        .are(json!({
            "customer": {"email": ann.email, "email_verified": true},
            "gone": {"email": "gone@example.com", "email_verified": true},
            "stranger": {"email": "stranger@example.com", "email_verified": true},
            "unverified": {"email": STAFF, "email_verified": false},
            "silent": {"email": STAFF},
            "nameless": {},
        }))
        .await;
    for subject in [
        "customer",
        "gone",
        "stranger",
        "unverified",
        "silent",
        "nameless",
    ] {
        let refused = through(&shop, &staff, subject).await;
        assert_eq!(
            (refused.status.as_u16(), refused.code()),
            (403, "no-staff-account".into()),
            "{subject}"
        );
    }
}

#[tokio::test]
async fn an_attempt_is_finished_once_by_who_began_it_and_in_time() {
    let mut staff = Staff::start().await;
    staff
        .are(json!({"grace": {"email": STAFF, "email_verified": true}}))
        .await;
    let shop = staff.shop().await;
    let (own, others) = (begin(&shop).await, begin(&shop).await);
    let (back, others_back) = (
        staff.sign_in(&own, "grace").await,
        staff.sign_in(&others, "grace").await,
    );
    let foreign = finish(&shop, &own, &others_back).await;
    assert_eq!(foreign.code(), "invalid-attempt", "another's state");
    let injected = (others_back.0.clone(), back.1.clone());
    assert_eq!(
        finish(&shop, &own, &injected).await.code(),
        "not-proven",
        "another's code"
    );
    assert_eq!(
        finish(&shop, &own, &back).await.code(),
        "invalid-attempt",
        "finished"
    );
    let unharmed = finish(&shop, &others, &others_back).await;
    assert_eq!(unharmed.status, 200, "{unharmed:?}");

    let late = begin(&shop).await;
    let back = staff.sign_in(&late, "grace").await;
    let age = "update auth.oidc_attempts set expires_at = now() - interval '1 second'";
    let superuser = shop.database.superuser_pool().unwrap();
    sqlx::query(age).execute(&superuser).await.unwrap();
    assert_eq!(
        finish(&shop, &late, &back).await.code(),
        "invalid-attempt",
        "late"
    );
    for nonsense in ["", "AAAA", "not base64!"] {
        let body = json!({"attempt": nonsense, "code": "c", "state": "s"});
        let refused = shop.post("users/oidc/finish").json(&body).await;
        assert_eq!(
            (refused.status.as_u16(), refused.code()),
            (401, "invalid-attempt".into())
        );
    }
}

#[tokio::test]
async fn a_provider_that_is_away_is_said_to_be() {
    let mut staff = Staff::start().await;
    staff
        .are(json!({"grace": {"email": STAFF, "email_verified": true}}))
        .await;
    let shop = staff.shop().await;
    let begun = begin(&shop).await;
    let back = staff.sign_in(&begun, "grace").await;
    staff.process.kill().await.unwrap();
    let failed = finish(&shop, &begun, &back).await;
    assert_eq!(
        (failed.status.as_u16(), failed.code()),
        (503, "identity-provider-unavailable".into())
    );
    assert!(failed.headers.contains_key("retry-after"));
}

#[tokio::test]
async fn where_no_provider_is_configured_there_is_none() {
    let shop = Shop::open().await;
    let begun = shop.post("users/oidc/begin").json(&json!({})).await;
    assert_eq!(
        (begun.status.as_u16(), begun.code()),
        (404, "not-found".into())
    );
}
