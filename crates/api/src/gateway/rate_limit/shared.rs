//! The counts that the servers of a shop share, in Redis.

use std::sync::Arc;
use std::time::Duration;

use redis::Script;

use super::verdict::{Counted, Policy, Verdict};
use crate::redis::{Away, Redis};

pub(super) struct Shared {
    redis: Redis,
    take: Script,
    give_back: Script,
}

/// The bucket of one client under one policy.
pub(super) struct Bucket {
    pub(super) policy: Arc<Policy>,
    pub(super) client: String,
}

impl Shared {
    pub(super) fn new(redis: Redis) -> Shared {
        Shared {
            redis,
            take: Script::new(include_str!("take.lua")),
            give_back: Script::new(include_str!("give_back.lua")),
        }
    }

    /// Takes from both buckets or, if one of them is empty, from none; in one round trip.
    pub(super) async fn take(
        &self,
        address: Option<Bucket>,
        principal: Option<Bucket>,
    ) -> Result<Verdict, Away> {
        if address.is_none() && principal.is_none() {
            return Ok(Verdict::default());
        }
        let mut call = self.take.prepare_invoke();
        for bucket in [&address, &principal].into_iter().flatten() {
            let allowance = &bucket.policy.allowance;
            let per_request = micros(allowance.per_request());
            call.key(self.key(bucket))
                .arg(per_request)
                .arg(per_request * i64::from(allowance.requests.get()));
        }
        let ask = |mut open| async move { call.invoke_async(&mut open).await };
        let answer: Vec<i64> = self.redis.ask(ask).await?;
        let mut states = answer.as_chunks().0.iter();
        let mut next = |bucket: Option<Bucket>| Some(bucket?.stands(states.next()?));
        Ok(Verdict {
            address: next(address),
            principal: next(principal),
        })
    }

    pub(super) async fn give_back(&self, bucket: &Bucket) -> Result<(), Away> {
        let mut call = self.give_back.prepare_invoke();
        call.key(self.key(bucket))
            .arg(micros(bucket.policy.allowance.per_request()));
        let ask = |mut open| async move { call.invoke_async(&mut open).await };
        self.redis.ask(ask).await
    }

    fn key(&self, bucket: &Bucket) -> String {
        let name = format!("{} {}", bucket.policy.name, bucket.client);
        self.redis.key("rate", name.as_bytes())
    }
}

impl Bucket {
    fn stands(self, &[remaining, full_in, wait]: &[i64; 3]) -> Counted {
        let duration = |micros| Duration::from_micros(u64::try_from(micros).unwrap_or_default());
        Counted {
            policy: self.policy,
            remaining: u32::try_from(remaining).unwrap_or_default(),
            full_in: duration(full_in),
            retry_after: (wait > 0).then(|| duration(wait)),
        }
    }
}

fn micros(duration: Duration) -> i64 {
    i64::try_from(duration.as_micros()).unwrap_or(i64::MAX)
}
