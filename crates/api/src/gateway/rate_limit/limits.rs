//! The configured rate limits.

use std::num::NonZeroU32;
use std::time::Duration;

use crate::gateway::class::ByClass;

/// This many requests at once, and as many again spread evenly over the window.
#[derive(Clone, Copy, Debug)]
pub struct Allowance {
    pub requests: NonZeroU32,
    pub window: Duration,
}

impl Allowance {
    fn new(requests: u32, window_s: u64) -> Allowance {
        Allowance {
            requests: NonZeroU32::new(requests).unwrap_or(NonZeroU32::MIN),
            window: Duration::from_secs(window_s),
        }
    }

    pub(super) fn per_request(&self) -> Duration {
        (self.window / self.requests.get()).max(Duration::from_micros(1))
    }
}

#[derive(Clone, Copy, Debug)]
pub struct RateLimits {
    pub by_address: ByClass<Allowance>,
    /// Also limits sign-in requests, such as those by which somebody changes their password.
    pub by_principal: ByClass<Allowance>,
}

impl Default for RateLimits {
    /// An address may be an office with many customers, a principal is one of them or a program. So a principal gets a
    /// tenth of an address, and a bit more for the events that every device sends.
    fn default() -> RateLimits {
        RateLimits {
            by_address: ByClass {
                // 30 failures a minute.
                sign_in: Allowance::new(100, 200),
                command: Allowance::new(6_000, 60),
                query: Allowance::new(60_000, 60),
                usage: Allowance::new(1_200, 60),
            },
            by_principal: ByClass {
                sign_in: Allowance::new(30, 180),
                command: Allowance::new(600, 60),
                query: Allowance::new(6_000, 60),
                usage: Allowance::new(300, 60),
            },
        }
    }
}
