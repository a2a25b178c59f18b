//! A shop served by real processes on a database that the test holds.

use std::path::Path;

use daybook_log::MIGRATOR;
use daybook_private_postgres::testing::TestDatabase;
use reqwest::{Client, Method, RequestBuilder};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::process::Command;

use crate::process::{self, Server};

const ADMIN: (&str, &str) = ("admin@example.com", "correct horse battery");

/// `daybook serve` on a database given by URL.
pub fn serve(folder: &Path, server_url: &str, migration_url: &str, listen: &str) -> Command {
    let mut command = process::daybook(folder);
    command
        .arg("serve")
        .env("DATABASE_URL", server_url)
        .env("DATABASE_MIGRATION_URL", migration_url)
        .env("DAYBOOK_LISTEN", listen)
        .env("DAYBOOK_ADMIN_EMAIL", ADMIN.0)
        .env("DAYBOOK_ADMIN_PASSWORD", ADMIN.1)
        .env("DAYBOOK_RATE_LIMITS", "off")
        .env("DAYBOOK_LOG", "off");
    command
}

/// A database and the data folder that its servers share.
pub struct Site {
    pub database: TestDatabase,
    pub folder: TempDir,
}

impl Site {
    pub async fn new() -> Site {
        Site {
            database: TestDatabase::create(&MIGRATOR).await.unwrap(),
            folder: process::folder(),
        }
    }

    pub async fn open(&self, listen: &str) -> Server {
        let (server, migration) = (self.database.server_url(), self.database.migration_url());
        Server::start_command(&mut serve(self.folder.path(), &server, &migration, listen)).await
    }
}

/// One who talks to a server; the address may outlive the process behind it.
#[derive(Clone)]
pub struct Visitor {
    client: Client,
    url: String,
    token: String,
}

impl Visitor {
    pub async fn admin(server: &Server) -> Visitor {
        let token = server.sign_in(ADMIN.0, ADMIN.1).await;
        Visitor {
            client: Client::new(),
            url: server.url.clone(),
            token,
        }
    }

    pub async fn customer(server: &Server) -> Visitor {
        let email = format!("{}@example.com", uuid::Uuid::now_v7().simple());
        let body =
            json!({ "email": email, "password": ADMIN.1, "firstName": "Ada", "lastName": "Byron" });
        let answer = Client::new()
            .post(server.url_of("/users/register"))
            .json(&body)
            .send()
            .await
            .unwrap();
        assert_eq!(answer.status(), 201);
        let token = server.sign_in(&email, ADMIN.1).await;
        Visitor {
            client: Client::new(),
            url: server.url.clone(),
            token,
        }
    }

    /// The same person at another server.
    pub fn at(&self, server: &Server) -> Visitor {
        Visitor {
            url: server.url.clone(),
            ..self.clone()
        }
    }

    pub fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.client
            .request(method, format!("{}{path}", self.url))
            .bearer_auth(&self.token)
    }

    pub async fn product(&self, price: &str, stock: u64) -> String {
        let body = format!(r#"{{"name": "Teapot", "price": {price}, "stock": {stock}}}"#);
        let request = self
            .request(Method::POST, "/products")
            .header("content-type", "application/json")
            .body(body);
        let answer = request.send().await.unwrap();
        assert_eq!(answer.status(), 201);
        answer.json::<Value>().await.unwrap()["id"]
            .as_str()
            .unwrap()
            .to_owned()
    }

    pub fn order(&self, product: &str, quantity: u32) -> RequestBuilder {
        let body = json!({ "items": [{ "productId": product, "quantity": quantity }] });
        self.request(Method::POST, "/orders").json(&body)
    }

    pub fn change_stock(&self, product: &str, change: i64) -> RequestBuilder {
        self.request(Method::PUT, &format!("/products/{product}/stock"))
            .json(&json!({ "change": change }))
    }

    /// The status of an answer that must come.
    pub async fn status(&self, request: RequestBuilder) -> u16 {
        request.send().await.unwrap().status().as_u16()
    }

    /// A product's stock, as a query that has seen everything up to `position` tells it.
    pub async fn stock(&self, product: &str, position: i64) -> u64 {
        let request = self.request(Method::GET, &format!("/products/{product}"));
        let answer = request
            .header("daybook-min-position", position)
            .send()
            .await
            .unwrap();
        assert_eq!(answer.status(), 200);
        answer.json::<Value>().await.unwrap()["stock"]
            .as_u64()
            .unwrap()
    }
}
