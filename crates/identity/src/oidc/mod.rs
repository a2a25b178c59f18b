//! Signing in at an OpenID Connect provider: the authorization code flow with PKCE (OpenID Connect Core 1.0, 3.1; RFC
//! 7636), between the person who signs in, their provider and this server.
//!
//! A client begins an attempt and is given a secret and the address to go to. `state`, `nonce` and PKCE's verifier are
//! all derived from that secret, so that only the client that began an attempt can finish it, and nothing worth
//! stealing is stored: only a hash of the attempt's secret, which is deleted at its first use.

mod attempt;
mod http;
mod provider;
mod subjects;

use std::error::Error;

use openidconnect::url::{Host, Url};
use secrecy::SecretString;

use self::attempt::Attempt;
pub use self::attempt::LIFETIME;
use self::http::HttpError;
pub use self::provider::Provider;
pub use self::subjects::{Linked, link, linked, of_user};

/// The settings agreed with the provider.
#[derive(Clone, Debug)]
pub struct OidcConfig {
    /// The URL below which `.well-known/openid-configuration` is found.
    pub issuer: String,
    pub client_id: String,
    /// `None` for a public client.
    pub client_secret: Option<SecretString>,
    /// Where the provider sends people after they have signed in: a page of the client's, registered with the provider.
    pub redirect_url: String,
}

/// The beginning of a sign-in.
#[derive(Debug)]
pub struct StartedSignIn {
    /// The client must keep this, and show it to nobody else.
    pub attempt: String,
    /// The address to go to.
    pub authorization_url: Url,
}

/// The person that the provider has authenticated.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Subject {
    pub issuer: String,
    pub subject: String,
    /// Only if the provider has verified that it is theirs.
    pub email: Option<String>,
}

#[derive(Debug, thiserror::Error)]
pub enum OidcConfigError {
    #[error("{0} is not a URL that can be used for OpenID Connect: https, or http on this machine")]
    Url(String),
    #[error("no HTTP client for the identity provider")]
    Client(#[source] reqwest::Error),
}

impl OidcConfigError {
    /// How to mend it, for the line that an operator reads.
    pub fn remedy(&self) -> &'static str {
        "correct DAYBOOK_OIDC_ISSUER and DAYBOOK_OIDC_REDIRECT_URL"
    }
}

#[derive(Debug, thiserror::Error)]
pub enum OidcError {
    #[error("the attempt is unknown, finished or too old, or another's answer was brought to it")]
    NoSuchAttempt,
    #[error("the provider did not confirm who signed in")]
    NotProven(#[source] Box<dyn Error + Send + Sync>),
    #[error("the identity provider cannot be reached or does not answer as expected")]
    Unavailable(#[source] Box<dyn Error + Send + Sync>),
    #[error("no randomness for an attempt")]
    Random,
    #[error("the attempts cannot be reached")]
    Database(#[from] sqlx::Error),
}

/// Traffic with the provider must not be read or changed on its way.
fn safe_url(text: &str) -> Result<Url, OidcConfigError> {
    let refused = || OidcConfigError::Url(text.to_owned());
    let url = Url::parse(text).map_err(|_| refused())?;
    let is_here = match url.host() {
        Some(Host::Domain(name)) => name == "localhost",
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    };
    match url.scheme() {
        "https" => Ok(url),
        "http" if is_here => Ok(url),
        _ => Err(refused()),
    }
}

#[cfg(test)]
mod tests {
    use super::safe_url;

    #[test]
    fn the_open_net_is_crossed_by_tls_only() {
        for fine in [
            "https://id.example.com",
            "http://127.0.0.1:9000",
            "http://localhost/x",
            "http://[::1]/",
        ] {
            assert!(safe_url(fine).is_ok(), "{fine}");
        }
        for refused in [
            "http://id.example.com",
            "http://127.0.0.1.example.com",
            "ftp://localhost",
            "id.example.com",
            "",
        ] {
            assert!(safe_url(refused).is_err(), "{refused}");
        }
    }
}
