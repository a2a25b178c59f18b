//! Rate limits, by client address and by identified caller.
//!
//! Signing in has a strict limit, because that is where passwords are guessed. A successful sign-in is given back, so
//! only failures count. The other classes have generous limits, and by address they do not apply to a client on the
//! machine itself: that is a proxy, a probe or a load test, and stands for many clients.
//!
//! Every process counts the requests that it gets. If the servers of a shop share a Redis, it counts those of all
//! servers. A caller who has used up the limit at one process has used it up everywhere, so a flood is refused here
//! without asking Redis, and other requests cost one round trip. If Redis does not answer, the process's own count
//! applies.

mod limits;
mod local;
mod shared;
mod verdict;

use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use daybook_edge::network_of;
use metrics::{Counter, counter, describe_counter};
use moka::sync::Cache;
use uuid::Uuid;

pub use self::limits::{Allowance, RateLimits};
use self::local::Buckets;
use self::shared::{Bucket, Shared};
pub use self::verdict::Verdict;
use super::class::{ByClass, Class};
use super::client_address::ClientAddress;
use crate::redis::{Away, Redis};

const FALLBACKS: &str = "daybook_rate_limit_fallbacks_total";

pub struct RateLimiter {
    by_address: ByClass<Buckets<IpAddr>>,
    by_principal: ByClass<Buckets<Uuid>>,
    /// Successful sign-ins that were not yet given back to a later one.
    given_back: Cache<IpAddr, Arc<AtomicU32>>,
    shared: Option<Shared>,
    fallbacks: Counter,
}

/// A request that has passed this process's own limit for its address.
#[derive(Clone)]
pub(crate) struct AdmittedRequest {
    pub(super) class: Class,
    pub(super) client: Option<ClientAddress>,
    pub(super) verdict: Verdict,
}

impl RateLimiter {
    pub fn new(limits: &RateLimits, redis: Option<Redis>) -> RateLimiter {
        describe_counter!(
            FALLBACKS,
            "Requests that were limited by this process's own count, since Redis did not answer."
        );
        let by_address =
            |class: Class, &allowance: &_| Buckets::new(class.as_str().to_owned(), allowance);
        let by_principal = |class: Class, &allowance: &_| {
            Buckets::new(format!("{}-principal", class.as_str()), allowance)
        };
        RateLimiter {
            by_address: limits.by_address.map(by_address),
            by_principal: limits.by_principal.map(by_principal),
            given_back: Cache::builder()
                .max_capacity(100_000)
                .time_to_idle(limits.by_address.sign_in.window)
                .build(),
            shared: redis.map(Shared::new),
            fallbacks: counter!(FALLBACKS),
        }
    }

    /// Checks this process's own count, before anything is done to identify the caller.
    pub fn check_address(&self, class: Class, client: ClientAddress) -> Verdict {
        let buckets = self.by_address.get(class);
        let is_free = match class {
            Class::SignIn => self.take_back(network_of(client.address)),
            Class::Command | Class::Query | Class::Usage => client.is_local,
        };
        let address = match is_free {
            true => buckets.policy.untouched(),
            false => buckets.take(&network_of(client.address)),
        };
        Verdict {
            address: Some(address),
            principal: None,
        }
    }

    /// Checks the limit of the caller, if there is one, and the counts of all servers together.
    pub(crate) async fn check_caller(
        &self,
        admitted: AdmittedRequest,
        principal: Option<Uuid>,
    ) -> Verdict {
        let AdmittedRequest { class, client, .. } = admitted;
        let buckets = self.by_principal.get(class);
        let own = Verdict {
            address: admitted.verdict.address,
            principal: principal.map(|id| buckets.take(&id)),
        };
        let Some(shared) = &self.shared else {
            return own;
        };
        if own.refused().is_some() {
            return own;
        }
        let address = client.and_then(|client| self.address_bucket(class, client));
        let principal = principal.map(|id| Bucket {
            policy: Arc::clone(&buckets.policy),
            client: id.to_string(),
        });
        match shared.take(address, principal).await {
            Ok(all) => Verdict {
                address: all.address.or(own.address),
                principal: all.principal.or(own.principal),
            },
            Err(Away) => {
                self.fallbacks.increment(1);
                own
            }
        }
    }

    /// A sign-in has succeeded.
    pub async fn signed_in(&self, client: ClientAddress) {
        self.given_back
            .get_with(network_of(client.address), Arc::default)
            .fetch_add(1, Ordering::Relaxed);
        if let (Some(shared), Some(bucket)) =
            (&self.shared, self.address_bucket(Class::SignIn, client))
        {
            // If Redis is away, there is no count to give it back to.
            let _ = shared.give_back(&bucket).await;
        }
    }

    pub fn tidy(&self) {
        self.by_address.iter().for_each(Buckets::tidy);
        self.by_principal.iter().for_each(Buckets::tidy);
    }

    /// `None` if the client has no limit.
    fn address_bucket(&self, class: Class, client: ClientAddress) -> Option<Bucket> {
        (class == Class::SignIn || !client.is_local).then(|| Bucket {
            policy: Arc::clone(&self.by_address.get(class).policy),
            client: network_of(client.address).to_string(),
        })
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

#[cfg(test)]
mod tests {
    use std::num::NonZeroU32;
    use std::time::Duration;

    use axum::http::HeaderMap;

    use super::*;

    fn limiter(requests: u32) -> RateLimiter {
        let allowance = Allowance {
            requests: NonZeroU32::new(requests).unwrap(),
            window: Duration::from_secs(600),
        };
        let limits = RateLimits {
            by_address: ByClass::all(allowance),
            by_principal: ByClass::all(allowance),
        };
        RateLimiter::new(&limits, None)
    }

    fn at(text: &str) -> ClientAddress {
        ClientAddress::direct(text.parse().unwrap())
    }

    fn is_refused(limiter: &RateLimiter, class: Class, address: &str) -> bool {
        limiter
            .check_address(class, at(address))
            .refused()
            .is_some()
    }

    #[test]
    fn an_address_that_asks_too_often_is_told_when_to_come_back() {
        let limiter = limiter(2);
        let client = at("192.0.2.1");
        assert!(
            limiter
                .check_address(Class::Query, client)
                .refused()
                .is_none()
        );
        let last = limiter.check_address(Class::Query, client);
        assert!(last.refused().is_none());
        let mut headers = HeaderMap::new();
        last.write(&mut headers);
        assert_eq!(headers["ratelimit-policy"], "\"queries\";q=2;w=600");
        assert_eq!(headers["ratelimit"], "\"queries\";r=0;t=600");
        let refused = limiter.check_address(Class::Query, client).refused();
        assert_eq!(refused.unwrap().status(), 429);
        let is_refused = |class, address| is_refused(&limiter, class, address);
        assert!(
            !is_refused(Class::Command, "192.0.2.1"),
            "classes are apart"
        );
        assert!(
            !is_refused(Class::Query, "192.0.2.2"),
            "addresses are apart"
        );
    }

    #[tokio::test]
    async fn sign_ins_that_succeed_do_not_count() {
        let limiter = limiter(2);
        for _ in 0..10 {
            assert!(!is_refused(&limiter, Class::SignIn, "127.0.0.1"));
            limiter.signed_in(at("127.0.0.1")).await;
        }
        let refused = (0..4).filter(|_| is_refused(&limiter, Class::SignIn, "127.0.0.1"));
        assert_eq!(
            refused.count(),
            2,
            "one success to give back, one in the bucket, two too many"
        );
    }

    #[test]
    fn the_machine_itself_is_limited_in_signing_in_only() {
        let limiter = limiter(1);
        for _ in 0..3 {
            assert!(!is_refused(&limiter, Class::Command, "127.0.0.1"));
            assert!(!is_refused(&limiter, Class::Query, "::1"));
        }
    }
}
