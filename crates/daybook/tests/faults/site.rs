//! A shop served by real processes on a database of the test.

use std::net::TcpListener;
use std::path::Path;

use daybook_database::MIGRATOR;
use daybook_private_postgres::testing::TestDatabase;
use reqwest::{Client, Method, RequestBuilder};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::process::Command;

use crate::process::{self, Server};
use crate::worker::Worker;

const ADMIN: (&str, &str) = ("admin@example.com", "correct horse battery");

/// `daybook serve` on a database given by URL.
pub fn serve(folder: &Path, server_url: &str, migration_url: &str, listen: &str) -> Command {
    let mut command = process::daybook(folder);
    with_admin(&mut command)
        .arg("serve")
        .env("DATABASE_URL", server_url)
        .env("DATABASE_MIGRATION_URL", migration_url)
        .env("DAYBOOK_LISTEN", listen)
        .env("DAYBOOK_LOG", "off");
    command
}

/// A shop in which [`Visitor::admin`] can sign in, and which does not limit requests.
pub fn with_admin(command: &mut Command) -> &mut Command {
    command
        .env("DAYBOOK_ADMIN_EMAIL", ADMIN.0)
        .env("DAYBOOK_ADMIN_PASSWORD", ADMIN.1)
        .env("DAYBOOK_RATE_LIMITS", "off")
}

/// An address that nobody listens on, so that a server can use it again after a crash.
pub fn free_address() -> String {
    TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap()
        .to_string()
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
        let url = self.database.server_url();
        Server::start_command(&mut self.serve(&url, listen)).await
    }

    /// The command of a server that is not started yet.
    pub fn command(&self, listen: &str) -> Command {
        self.serve(&self.database.server_url(), listen)
    }

    /// A server that takes orders and answers queries, and leaves the read models to workers.
    pub async fn open_without_projectors(&self) -> Server {
        let url = self.database.server_url();
        Server::start_command(self.serve(&url, "127.0.0.1:0").args(["--role", "api"])).await
    }

    /// A worker whose connections have a name that can be found in the database.
    pub fn worker(&self, name: &str) -> Worker {
        let url = self.database.server_url();
        let separator = if url.contains('?') { '&' } else { '?' };
        let url = format!("{url}{separator}options[daybook.worker]={name}");
        Worker::start(self.serve(&url, "127.0.0.1:0"))
    }

    /// Another command on the same database and folder.
    pub fn daybook(&self, arguments: &[&str]) -> Command {
        let mut command = process::daybook(self.folder.path());
        command
            .args(arguments)
            .env("DATABASE_URL", self.database.server_url())
            .env("DATABASE_MIGRATION_URL", self.database.migration_url());
        command
    }

    fn serve(&self, server_url: &str, listen: &str) -> Command {
        serve(
            self.folder.path(),
            server_url,
            &self.database.migration_url(),
            listen,
        )
    }
}

/// A client of a server; its address may outlive the server's process.
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

    /// The status of the answer; there must be one.
    pub async fn status(&self, request: RequestBuilder) -> u16 {
        request.send().await.unwrap().status().as_u16()
    }

    /// A product's stock, from a query that has reached `position`.
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
