use std::time::Duration;

use super::rate_limit::RateLimits;
use super::{ByClass, Capacity, TrustedProxies};

/// The settings of the gateway.
#[derive(Clone, Debug)]
pub struct GatewaySettings {
    pub request_timeout: Duration,
    /// How many requests are executed at once and how many may wait; further ones are answered with 503.
    pub capacity: ByClass<Capacity>,
    pub trusted_proxies: TrustedProxies,
    /// `None`: everybody may send as many requests as they like.
    pub limits: Option<RateLimits>,
    /// Whether clients connect over TLS that ends at a proxy before this server.
    pub is_behind_https: bool,
}

impl Default for GatewaySettings {
    fn default() -> GatewaySettings {
        GatewaySettings {
            request_timeout: Duration::from_secs(10),
            capacity: ByClass::default(),
            trusted_proxies: TrustedProxies::default(),
            limits: Some(RateLimits::default()),
            is_behind_https: false,
        }
    }
}
