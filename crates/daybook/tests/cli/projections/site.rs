use std::path::Path;

use reqwest::{Client, Response};
use serde_json::{Value, json};

use crate::process::place::{ADMIN, Place};
use crate::process::{Server, failure, run};

/// A shop with some data, and a server that updates its read models.
pub(crate) struct Site<'a> {
    pub(crate) place: Place<'a>,
    pub(crate) server: Server,
    token: String,
}

impl Site<'_> {
    pub(crate) async fn open(folder: &Path) -> Site<'_> {
        let place = Place::new(folder).await;
        let server = Server::start_command(&mut place.daybook(&["serve"])).await;
        let token = server.sign_in(ADMIN.0, ADMIN.1).await;
        let site = Site {
            place,
            server,
            token,
        };
        for name in ["Tea", "Coffee"] {
            site.create("/categories", json!({ "name": name })).await;
        }
        site
    }

    /// Creates something; returns the position after it, once the catalog has reached it.
    pub(crate) async fn create(&self, path: &str, body: Value) -> i64 {
        let client = Client::new();
        let post = client
            .post(self.server.url_of(path))
            .bearer_auth(&self.token);
        let (_, position) = self.server.ask(post.json(&body)).await;
        let position = position.unwrap();
        let get = client.get(self.server.url_of("/categories"));
        self.server
            .ask(get.header("daybook-min-position", &position))
            .await;
        position.parse().unwrap()
    }

    /// The exit status, and what was printed on stdout and on stderr.
    pub(crate) async fn projections(&self, arguments: &[&str]) -> (Option<i32>, String, String) {
        let arguments = [&["projections"], arguments].concat();
        let output = run(&mut self.place.daybook(&arguments)).await;
        let text = |bytes| String::from_utf8(bytes).unwrap();
        (
            output.status.code(),
            text(output.stdout),
            text(output.stderr),
        )
    }

    pub(crate) async fn json(&self, arguments: &[&str]) -> Value {
        let arguments = [arguments, &["--json"]].concat();
        let (status, printed, told) = self.projections(&arguments).await;
        assert_eq!(status, Some(0), "{arguments:?} {told}");
        serde_json::from_str(&printed).unwrap()
    }

    pub(crate) async fn refused(&self, arguments: &[&str]) -> String {
        failure(&mut self.place.daybook(&[&["projections"], arguments].concat())).await
    }

    pub(crate) async fn watch(&self, name: &str) -> Response {
        let path = format!("/projections/{name}/progress");
        let get = Client::new().get(self.server.url_of(&path));
        get.bearer_auth(&self.token).send().await.unwrap()
    }
}
