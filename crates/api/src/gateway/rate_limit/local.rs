//! The counts of this process alone.

use std::hash::Hash;
use std::sync::Arc;

use governor::clock::{Clock, DefaultClock};
use governor::middleware::StateInformationMiddleware;
use governor::state::keyed::DefaultKeyedStateStore;
use governor::{Quota, RateLimiter as Governor};

use super::limits::Allowance;
use super::verdict::{Counted, Policy};

pub(super) struct Buckets<K: Hash + Eq + Clone> {
    pub(super) policy: Arc<Policy>,
    governor: Governor<K, DefaultKeyedStateStore<K>, DefaultClock, StateInformationMiddleware>,
    clock: DefaultClock,
}

impl<K: Hash + Eq + Clone> Buckets<K> {
    pub(super) fn new(name: String, allowance: Allowance) -> Buckets<K> {
        // governor refuses only a period of zero.
        let quota = Quota::with_period(allowance.per_request())
            .unwrap_or(Quota::per_second(allowance.requests))
            .allow_burst(allowance.requests);
        Buckets {
            policy: Arc::new(Policy { name, allowance }),
            governor: Governor::keyed(quota).with_middleware(),
            clock: DefaultClock::default(),
        }
    }

    pub(super) fn take(&self, client: &K) -> Counted {
        let (remaining, retry_after) = match self.governor.check_key(client) {
            Ok(state) => (state.remaining_burst_capacity(), None),
            Err(not_until) => (0, Some(not_until.wait_time_from(self.clock.now()))),
        };
        let allowance = &self.policy.allowance;
        let taken = allowance.requests.get().saturating_sub(remaining);
        Counted {
            policy: Arc::clone(&self.policy),
            remaining,
            full_in: allowance.per_request() * taken,
            retry_after,
        }
    }

    pub(super) fn tidy(&self) {
        self.governor.retain_recent();
        self.governor.shrink_to_fit();
    }
}
