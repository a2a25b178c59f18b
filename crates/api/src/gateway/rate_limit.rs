//! Rate limits by client address, told as `draft-ietf-httpapi-ratelimit-headers` has it.
//!
//! Requests come in classes. Signing in is strict, as that is where passwords are guessed; a sign-in that
//! succeeds is given back, so only failures count. The others are generous and do not count for a client on
//! the machine itself: that is a proxy, a probe or a load test, and many clients in one.

use std::net::{IpAddr, Ipv6Addr};
use std::num::NonZeroU32;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode};
use governor::clock::{Clock, DefaultClock};
use governor::middleware::StateInformationMiddleware;
use governor::state::keyed::DefaultKeyedStateStore;
use governor::{Quota, RateLimiter as Governor};
use moka::sync::Cache;

use crate::problem::Problem;

const POLICY: HeaderName = HeaderName::from_static("ratelimit-policy");
const LIMIT: HeaderName = HeaderName::from_static("ratelimit");

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Class {
    SignIn,
    Command,
    Query,
    /// Batches of usage events: of little weight each, and from anyone.
    Usage,
}

impl Class {
    /// `None` for what operators ask (`/healthz`, `/metrics` …): that is neither limited nor turned away.
    pub fn of(method: &Method, path: &str) -> Option<Class> {
        let resource = path.strip_prefix(crate::app::BASE)?;
        Some(match (method, resource) {
            (&Method::GET | &Method::HEAD | &Method::OPTIONS, _) => Class::Query,
            (_, "/users/login" | "/users/refresh") => Class::SignIn,
            (_, "/analytics/events") => Class::Usage,
            _ => Class::Command,
        })
    }
}

/// So many requests at once, and as many again evenly over the window.
#[derive(Clone, Copy, Debug)]
pub struct Allowance {
    pub requests: NonZeroU32,
    pub window: Duration,
}

#[derive(Clone, Copy, Debug)]
pub struct Limits {
    pub sign_in: Allowance,
    pub command: Allowance,
    pub query: Allowance,
    pub usage: Allowance,
}

impl Default for Limits {
    fn default() -> Limits {
        let allowance = |requests, window_s| Allowance {
            requests: NonZeroU32::new(requests).unwrap_or(NonZeroU32::MIN),
            window: Duration::from_secs(window_s),
        };
        // Signing in: 30 failures a minute.
        Limits {
            sign_in: allowance(100, 200),
            command: allowance(6_000, 60),
            query: allowance(60_000, 60),
            usage: allowance(1_200, 60),
        }
    }
}

pub struct RateLimiter {
    sign_in: Buckets,
    command: Buckets,
    query: Buckets,
    usage: Buckets,
    /// Sign-ins that succeeded and were not yet set against a later one.
    given_back: Cache<IpAddr, Arc<AtomicU32>>,
}

impl RateLimiter {
    pub fn new(limits: &Limits) -> RateLimiter {
        RateLimiter {
            sign_in: Buckets::new("sign-in", limits.sign_in),
            command: Buckets::new("commands", limits.command),
            query: Buckets::new("queries", limits.query),
            usage: Buckets::new("usage", limits.usage),
            given_back: Cache::builder()
                .max_capacity(100_000)
                .time_to_idle(limits.sign_in.window)
                .build(),
        }
    }

    pub fn check(&self, class: Class, peer: IpAddr) -> Verdict {
        let client = client_of(peer);
        let buckets = self.buckets(class);
        let free = match class {
            Class::SignIn => self.take_back(client),
            Class::Command | Class::Query | Class::Usage => client.is_loopback(),
        };
        if free {
            buckets.untouched.clone()
        } else {
            buckets.check(client)
        }
    }

    /// A request of `class` was answered with success.
    pub fn succeeded(&self, class: Class, peer: IpAddr) {
        if class == Class::SignIn {
            self.given_back
                .get_with(client_of(peer), Arc::default)
                .fetch_add(1, Ordering::Relaxed);
        }
    }

    pub fn tidy(&self) {
        for buckets in [&self.sign_in, &self.command, &self.query, &self.usage] {
            buckets.governor.retain_recent();
            buckets.governor.shrink_to_fit();
        }
    }

    fn buckets(&self, class: Class) -> &Buckets {
        match class {
            Class::SignIn => &self.sign_in,
            Class::Command => &self.command,
            Class::Query => &self.query,
            Class::Usage => &self.usage,
        }
    }

    fn take_back(&self, client: IpAddr) -> bool {
        let one_less = |credit: u32| credit.checked_sub(1);
        self.given_back.get(&client).is_some_and(|credit| {
            credit
                .fetch_update(Ordering::Relaxed, Ordering::Relaxed, one_less)
                .is_ok()
        })
    }
}

/// Someone with IPv6 has a whole /64 to send from.
pub(crate) fn client_of(peer: IpAddr) -> IpAddr {
    match peer.to_canonical() {
        IpAddr::V6(address) if !address.is_loopback() => IpAddr::V6(Ipv6Addr::from_bits(
            address.to_bits() & !u128::from(u64::MAX),
        )),
        address => address,
    }
}

struct Buckets {
    name: &'static str,
    governor:
        Governor<IpAddr, DefaultKeyedStateStore<IpAddr>, DefaultClock, StateInformationMiddleware>,
    clock: DefaultClock,
    per_request: Duration,
    requests: u32,
    policy: HeaderValue,
    untouched: Verdict,
}

impl Buckets {
    fn new(name: &'static str, allowance: Allowance) -> Buckets {
        let requests = allowance.requests.get();
        let per_request = (allowance.window / requests).max(Duration::from_nanos(1));
        // A period of zero is the only one that governor refuses.
        let quota = Quota::with_period(per_request)
            .unwrap_or(Quota::per_second(allowance.requests))
            .allow_burst(allowance.requests);
        let policy = header(format!(
            "\"{name}\";q={requests};w={}",
            allowance.window.as_secs()
        ));
        let untouched = Verdict {
            policy: policy.clone(),
            limit: state_header(name, requests, Duration::ZERO),
            retry_after: None,
        };
        let governor = Governor::keyed(quota).with_middleware();
        let clock = DefaultClock::default();
        Buckets {
            name,
            governor,
            clock,
            per_request,
            requests,
            policy,
            untouched,
        }
    }

    fn check(&self, client: IpAddr) -> Verdict {
        let (remaining, retry_after) = match self.governor.check_key(&client) {
            Ok(state) => (state.remaining_burst_capacity(), None),
            Err(not_until) => (0, Some(not_until.wait_time_from(self.clock.now()))),
        };
        let full_in = self.per_request * self.requests.saturating_sub(remaining);
        Verdict {
            policy: self.policy.clone(),
            limit: state_header(self.name, remaining, full_in),
            retry_after,
        }
    }
}

/// What became of a request, and the headers that tell it.
#[derive(Clone)]
pub struct Verdict {
    policy: HeaderValue,
    limit: HeaderValue,
    retry_after: Option<Duration>,
}

impl Verdict {
    pub fn refused(&self) -> Option<Problem> {
        let seconds = whole_seconds(self.retry_after?).max(1);
        let detail = "Too many requests from this address; wait as long as Retry-After says.";
        let problem = Problem::new(StatusCode::TOO_MANY_REQUESTS, "rate-limited", detail);
        Some(problem.with_retry_after(u32::try_from(seconds).unwrap_or(u32::MAX)))
    }

    pub fn write(self, headers: &mut HeaderMap) {
        headers.insert(POLICY, self.policy);
        headers.insert(LIMIT, self.limit);
    }
}

fn state_header(name: &str, remaining: u32, full_in: Duration) -> HeaderValue {
    header(format!(
        "\"{name}\";r={remaining};t={}",
        whole_seconds(full_in)
    ))
}

fn header(text: String) -> HeaderValue {
    // A name of letters and some numbers are a header value.
    HeaderValue::try_from(text).unwrap_or(HeaderValue::from_static(""))
}

fn whole_seconds(duration: Duration) -> u64 {
    duration.as_millis().div_ceil(1000) as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    fn limiter(requests: u32) -> RateLimiter {
        let allowance = Allowance {
            requests: NonZeroU32::new(requests).unwrap(),
            window: Duration::from_secs(600),
        };
        RateLimiter::new(&Limits {
            sign_in: allowance,
            command: allowance,
            query: allowance,
            usage: allowance,
        })
    }

    fn address(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn an_address_that_asks_too_often_is_told_when_to_come_back() {
        let limiter = limiter(2);
        let peer = address("192.0.2.1");
        assert!(limiter.check(Class::Query, peer).refused().is_none());
        let last = limiter.check(Class::Query, peer);
        assert!(last.refused().is_none());
        let mut headers = HeaderMap::new();
        last.write(&mut headers);
        assert_eq!(headers["ratelimit-policy"], "\"queries\";q=2;w=600");
        assert_eq!(headers["ratelimit"], "\"queries\";r=0;t=600");
        let refused = limiter.check(Class::Query, peer).refused().unwrap();
        assert_eq!(refused.status(), 429);
        assert!(
            limiter.check(Class::Command, peer).refused().is_none(),
            "classes are apart"
        );
        assert!(
            limiter
                .check(Class::Query, address("192.0.2.2"))
                .refused()
                .is_none(),
            "addresses are apart"
        );
    }

    #[test]
    fn sign_ins_that_succeed_do_not_count() {
        let limiter = limiter(2);
        let peer = address("127.0.0.1");
        for _ in 0..10 {
            assert!(limiter.check(Class::SignIn, peer).refused().is_none());
            limiter.succeeded(Class::SignIn, peer);
        }
        let refused = (0..4)
            .filter(|_| limiter.check(Class::SignIn, peer).refused().is_some())
            .count();
        assert_eq!(
            refused, 2,
            "one success to give back, one in the bucket, two too many"
        );
    }

    #[test]
    fn the_machine_itself_is_limited_in_signing_in_only() {
        let limiter = limiter(1);
        for _ in 0..3 {
            assert!(
                limiter
                    .check(Class::Command, address("127.0.0.1"))
                    .refused()
                    .is_none()
            );
            assert!(
                limiter
                    .check(Class::Query, address("::1"))
                    .refused()
                    .is_none()
            );
        }
    }

    #[test]
    fn a_network_of_ipv6_is_one_client() {
        assert_eq!(
            client_of(address("2001:db8::1")),
            client_of(address("2001:db8::ffff:1"))
        );
        assert_ne!(
            client_of(address("2001:db8::1")),
            client_of(address("2001:db8:0:1::1"))
        );
        assert_eq!(client_of(address("::ffff:192.0.2.1")), address("192.0.2.1"));
        assert_eq!(client_of(address("::1")), address("::1"));
    }

    #[test]
    fn requests_have_their_classes() {
        assert_eq!(
            Class::of(&Method::GET, "/api/v1/products"),
            Some(Class::Query)
        );
        assert_eq!(
            Class::of(&Method::POST, "/api/v1/users/login"),
            Some(Class::SignIn)
        );
        assert_eq!(
            Class::of(&Method::POST, "/api/v1/users/register"),
            Some(Class::Command)
        );
        assert_eq!(
            Class::of(&Method::POST, "/api/v1/analytics/events"),
            Some(Class::Usage)
        );
        assert_eq!(Class::of(&Method::GET, "/healthz"), None);
    }
}
