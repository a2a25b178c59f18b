use std::time::Duration;

use super::rate_limit::RateLimits;
use super::{ByClass, Capacity, TrustedProxies};

/// The settings of the gateway.
#[derive(Clone, Debug)]
pub struct Settings {
    pub request_timeout: Duration,
    /// How many requests are executed at once and how many may wait; further ones are answered with 503.
    pub capacity: ByClass<Capacity>,
    pub trusted_proxies: TrustedProxies,
    pub rate_limits: bool,
    pub limits: RateLimits,
    /// Whether clients connect over TLS that ends at a proxy before this server.
    pub https: bool,
}

impl Default for Settings {
    fn default() -> Settings {
        Settings {
            request_timeout: Duration::from_secs(10),
            capacity: ByClass::default(),
            trusted_proxies: TrustedProxies::default(),
            rate_limits: true,
            limits: RateLimits::default(),
            https: false,
        }
    }
}
