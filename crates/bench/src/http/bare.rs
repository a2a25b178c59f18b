//! The reference for reading: axum, a route with a parameter, and nothing behind it.

use axum::Router;
use axum::extract::Path;
use axum::http::header::CONTENT_TYPE;
use axum::routing::get;
use axum::serve::ListenerExt;
use hyper::body::Bytes;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

use super::connection::Target;
use crate::BenchError;

pub(super) struct Server {
    target: Target,
    task: JoinHandle<()>,
}

impl Server {
    /// Serves `answer` under the path of a product.
    pub(super) async fn start(answer: Bytes) -> Result<Server, BenchError> {
        let failed = |error: std::io::Error| BenchError::new(format!("the bare server: {error}"));
        let listener = TcpListener::bind("127.0.0.1:0").await.map_err(failed)?;
        let target = Target::at(listener.local_addr().map_err(failed)?.to_string());
        let handler = move |Path(_): Path<String>| async move {
            ([(CONTENT_TYPE, "application/json")], answer)
        };
        let router = Router::new().route("/api/v1/products/{id}", get(handler));
        let task = tokio::spawn(async move {
            // It ends only when it is stopped.
            let _ = axum::serve(
                listener.tap_io(|stream| drop(stream.set_nodelay(true))),
                router,
            )
            .await;
        });
        Ok(Server { target, task })
    }

    pub(super) fn target(&self) -> Target {
        self.target.clone()
    }

    pub(super) fn stop(self) {
        self.task.abort();
    }
}
