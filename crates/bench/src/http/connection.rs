//! A keep-alive connection that one client uses.

use std::str::FromStr;

use axum::http::header::{AUTHORIZATION, CONTENT_TYPE, HOST, HeaderValue};
use axum::http::{Method, Request, StatusCode, Uri};
use http_body_util::{BodyExt, Full};
use hyper::body::Bytes;
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio::task::JoinHandle;

use crate::BenchError;
use crate::load::Client;

/// The address of a server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    authority: String,
}

impl Target {
    pub fn at(authority: impl Into<String>) -> Target {
        Target {
            authority: authority.into(),
        }
    }
}

impl FromStr for Target {
    type Err = BenchError;

    /// Takes `http://host:port`; the measurement does not need TLS.
    fn from_str(url: &str) -> Result<Target, BenchError> {
        let uri: Uri = url
            .parse()
            .map_err(|error| BenchError::new(format!("{url}: {error}")))?;
        match (uri.scheme_str(), uri.authority()) {
            (Some("http"), Some(authority)) => {
                let port = authority.port_u16().unwrap_or(80);
                Ok(Target::at(format!("{}:{port}", authority.host())))
            }
            _ => Err(BenchError::new(format!(
                "{url} is not of the form http://host:port"
            ))),
        }
    }
}

/// A request that can be sent again and again, and the status that its answer must have.
#[derive(Clone, Debug)]
pub(super) struct Exchange {
    pub(super) method: Method,
    pub(super) path: String,
    pub(super) body: Bytes,
    pub(super) token: Option<HeaderValue>,
    /// The position that the answer must include.
    pub(super) min_position: Option<HeaderValue>,
    pub(super) expected: StatusCode,
}

impl Exchange {
    pub(super) fn get(path: String) -> Exchange {
        Exchange {
            method: Method::GET,
            path,
            body: Bytes::new(),
            token: None,
            min_position: None,
            expected: StatusCode::OK,
        }
    }

    pub(super) fn post(path: &str, body: &serde_json::Value, expected: StatusCode) -> Exchange {
        Exchange {
            method: Method::POST,
            path: path.to_owned(),
            body: body.to_string().into(),
            token: None,
            min_position: None,
            expected,
        }
    }

    #[must_use]
    pub(super) fn signed_in(mut self, token: &HeaderValue) -> Exchange {
        self.token = Some(token.clone());
        self
    }

    #[must_use]
    pub(super) fn seeing(mut self, position: Option<HeaderValue>) -> Exchange {
        self.min_position = position;
        self
    }
}

/// The body of an answer, and the position if a command was answered.
pub(super) struct Answer {
    pub(super) body: Bytes,
    pub(super) position: Option<HeaderValue>,
}

pub(super) struct Connection {
    host: HeaderValue,
    sender: SendRequest<Full<Bytes>>,
    driver: JoinHandle<()>,
}

impl Connection {
    pub(super) async fn open(target: &Target) -> Result<Connection, BenchError> {
        let failed = |error: &dyn std::fmt::Display| {
            BenchError::new(format!("{}: {error}", target.authority))
        };
        let host = HeaderValue::from_str(&target.authority).map_err(|error| failed(&error))?;
        let stream = TcpStream::connect(&target.authority)
            .await
            .map_err(|error| failed(&error))?;
        stream.set_nodelay(true).map_err(|error| failed(&error))?;
        let (sender, connection) = handshake(TokioIo::new(stream))
            .await
            .map_err(|error| failed(&error))?;
        let driver = tokio::spawn(async move {
            // The caller that waits for the answer gets the error.
            let _ = connection.await;
        });
        Ok(Connection {
            host,
            sender,
            driver,
        })
    }

    /// An answer with another status than the expected one is an error.
    pub(super) async fn exchange(&mut self, exchange: &Exchange) -> Result<Answer, BenchError> {
        let failed = |error: &dyn std::fmt::Display| {
            BenchError::new(format!("{} {}: {error}", exchange.method, exchange.path))
        };
        let mut request = Request::builder()
            .method(exchange.method.clone())
            .uri(exchange.path.as_str())
            .header(HOST, &self.host);
        if !exchange.body.is_empty() {
            request = request.header(CONTENT_TYPE, "application/json");
        }
        if let Some(token) = &exchange.token {
            request = request.header(AUTHORIZATION, token);
        }
        if let Some(position) = &exchange.min_position {
            request = request.header("daybook-min-position", position);
        }
        let request = request
            .body(Full::new(exchange.body.clone()))
            .map_err(|error| failed(&error))?;
        // The connection may still be finishing the previous exchange.
        self.sender.ready().await.map_err(|error| failed(&error))?;
        let response = self
            .sender
            .send_request(request)
            .await
            .map_err(|error| failed(&error))?;
        let status = response.status();
        let position = response.headers().get("daybook-position").cloned();
        let body = response
            .into_body()
            .collect()
            .await
            .map_err(|error| failed(&error))?
            .to_bytes();
        if status != exchange.expected {
            return Err(failed(&format!(
                "{status} {}",
                String::from_utf8_lossy(&body)
            )));
        }
        Ok(Answer { body, position })
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.driver.abort();
    }
}

/// A client that sends one request over and over.
pub(super) struct Repeat {
    connection: Connection,
    exchange: Exchange,
}

impl Repeat {
    pub(super) fn new(connection: Connection, exchange: Exchange) -> Repeat {
        Repeat {
            connection,
            exchange,
        }
    }
}

impl Client for Repeat {
    async fn send(&mut self) -> Result<(), BenchError> {
        self.connection.exchange(&self.exchange).await.map(drop)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_target_is_a_plain_url() {
        assert_eq!(
            "http://shop:8080".parse::<Target>().unwrap(),
            Target::at("shop:8080")
        );
        assert_eq!(
            "http://[::1]:80/".parse::<Target>().unwrap(),
            Target::at("[::1]:80")
        );
        assert!("https://shop".parse::<Target>().is_err());
        assert!("shop:8080".parse::<Target>().is_err());
    }
}
