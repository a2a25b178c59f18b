//! The result of the rate limits for a request, and its headers (`draft-ietf-httpapi-ratelimit-headers`).

use std::sync::Arc;
use std::time::Duration;

use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode};

use super::limits::Allowance;
use crate::problem::Problem;

const POLICY: HeaderName = HeaderName::from_static("ratelimit-policy");
const LIMIT: HeaderName = HeaderName::from_static("ratelimit");

/// An allowance with a name.
#[derive(Debug)]
pub(super) struct Policy {
    pub(super) name: String,
    pub(super) allowance: Allowance,
}

impl Policy {
    /// The count of a client that has used nothing.
    pub(super) fn untouched(self: &Arc<Policy>) -> Counted {
        Counted {
            policy: Arc::clone(self),
            remaining: self.allowance.requests.get(),
            full_in: Duration::ZERO,
            retry_after: None,
        }
    }

    fn header(&self) -> String {
        let Allowance { requests, window } = self.allowance;
        format!("\"{}\";q={requests};w={}", self.name, window.as_secs())
    }
}

/// How much of a policy one client has left.
#[derive(Clone, Debug)]
pub(super) struct Counted {
    pub(super) policy: Arc<Policy>,
    pub(super) remaining: u32,
    /// The time until the whole allowance is available again.
    pub(super) full_in: Duration,
    /// Set if the request exceeds the allowance.
    pub(super) retry_after: Option<Duration>,
}

impl Counted {
    fn header(&self) -> String {
        let full_in = whole_seconds(self.full_in);
        format!("\"{}\";r={};t={full_in}", self.policy.name, self.remaining)
    }
}

#[derive(Clone, Debug, Default)]
pub struct Verdict {
    pub(super) address: Option<Counted>,
    pub(super) principal: Option<Counted>,
}

impl Verdict {
    pub fn refused(&self) -> Option<Problem> {
        let retry_after = |counted: &Option<Counted>| counted.as_ref()?.retry_after;
        let (detail, wait) = match (retry_after(&self.address), retry_after(&self.principal)) {
            (None, None) => return None,
            (Some(wait), other) => (
                "Too many requests from this address; wait as long as Retry-After says.",
                wait.max(other.unwrap_or_default()),
            ),
            (None, Some(wait)) => (
                "Too many requests by this account; wait as long as Retry-After says.",
                wait,
            ),
        };
        let seconds = u32::try_from(whole_seconds(wait).max(1)).unwrap_or(u32::MAX);
        let problem = Problem::new(StatusCode::TOO_MANY_REQUESTS, "rate-limited", detail);
        Some(problem.with_retry_after(seconds))
    }

    pub fn write(&self, headers: &mut HeaderMap) {
        if self.address.is_none() && self.principal.is_none() {
            return;
        }
        headers.insert(POLICY, self.list(|counted| counted.policy.header()));
        headers.insert(LIMIT, self.list(Counted::header));
    }

    fn list(&self, item: impl Fn(&Counted) -> String) -> HeaderValue {
        let counted = [&self.address, &self.principal].into_iter().flatten();
        let items: Vec<String> = counted.map(item).collect();
        // Names made of letters, and numbers, are a valid header value.
        HeaderValue::try_from(items.join(", ")).unwrap_or(HeaderValue::from_static(""))
    }
}

fn whole_seconds(duration: Duration) -> u64 {
    duration.as_millis().div_ceil(1000) as u64
}
