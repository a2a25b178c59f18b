use std::time::Duration;

use super::rate_limit::Limits;
use super::{ByClass, Capacity, TrustedProxies};

/// What the gateway keeps to.
#[derive(Clone, Debug)]
pub struct Settings {
    pub request_timeout: Duration,
    /// How many requests are served at once and how many wait; more are answered 503.
    pub capacity: ByClass<Capacity>,
    pub trusted_proxies: TrustedProxies,
    pub rate_limits: bool,
    pub limits: Limits,
    /// Whether clients come over TLS that ends in front of this server.
    pub https: bool,
}

impl Default for Settings {
    fn default() -> Settings {
        Settings {
            request_timeout: Duration::from_secs(10),
            capacity: ByClass::default(),
            trusted_proxies: TrustedProxies::default(),
            rate_limits: true,
            limits: Limits::default(),
            https: false,
        }
    }
}
