//! Answers that are cached, here or on the way to the client.

mod headers;
mod lists;
mod random;
mod shared;

use crate::shop::{Reply, Shop};

/// An answer without the headers that identify the request.
fn essence(reply: &Reply) -> (u16, Vec<Option<String>>, String) {
    let headers = ["etag", "x-total-count", "link", "content-type"].map(|name| {
        let value = reply.headers.get(name)?;
        Some(value.to_str().unwrap().to_owned())
    });
    (
        reply.status.as_u16(),
        headers.into(),
        reply.text().to_owned(),
    )
}

impl Shop {
    /// Changes the products' names directly in the tables, so that only a read of the rows shows it.
    async fn forge(&self, name: &str) {
        sqlx::query("update catalog.products set name = $1")
            .bind(name)
            .execute(&self.database.superuser_pool().unwrap())
            .await
            .unwrap();
    }

    async fn names(&self, path: &str) -> Vec<String> {
        let items = self.get(path).await.json();
        let items = items.as_array().unwrap().iter();
        items
            .map(|item| item["name"].as_str().unwrap().to_owned())
            .collect()
    }

    /// Repeats the request until it gets the expected answer, which must happen soon.
    async fn until_names_are(&self, path: &str, expected: &[&str]) {
        let asking = async {
            while self.names(path).await != expected {
                tokio::task::yield_now().await;
            }
        };
        let patience = std::time::Duration::from_secs(60);
        let asked = tokio::time::timeout(patience, asking).await;
        assert!(asked.is_ok(), "never {expected:?}");
    }

    /// Waits until this server caches answers: then a forged name is not seen.
    async fn until_kept(&self, path: &str) {
        let asking = async {
            loop {
                let before = self.names(path).await;
                self.forge(&uuid::Uuid::now_v7().to_string()).await;
                if self.names(path).await == before {
                    return;
                }
            }
        };
        let patience = std::time::Duration::from_secs(60);
        let asked = tokio::time::timeout(patience, asking).await;
        assert!(asked.is_ok(), "nothing is ever kept");
    }
}
