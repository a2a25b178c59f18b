//! Answers that the servers of a shop share in Redis, if one is configured.
//!
//! Each answer contains the stand of its rows, which means the same in every process: a process that finds an answer
//! which does not cover its own stand ignores it. So it does not matter who overwrites an answer, or whether Redis
//! comes back with old ones.

use std::num::NonZeroU32;
use std::time::Duration;

use axum::body::Bytes;
use daybook_log::Position;
use daybook_projections::{At, Stand};
use governor::{DefaultDirectRateLimiter, Quota};
use redis::cmd;
use serde::{Deserialize, Serialize};

use super::cached::{CachedAnswer, Head};
use super::question::Question;
use crate::redis::Redis;

/// Must change with the format of answers.
const KIND: &str = "answer-2";
const TTL: Duration = Duration::from_secs(10);
/// How much one process may store a second, so that nobody can fill Redis with ever new queries: Redis holds at most
/// this times the seconds that an answer is stored, plus the burst.
const BYTES_A_SECOND: NonZeroU32 = NonZeroU32::new(4 * 1024 * 1024).unwrap();
const BURST_BYTES: NonZeroU32 = NonZeroU32::new(16 * 1024 * 1024).unwrap();

pub(super) struct SharedAnswers {
    redis: Redis,
    budget: DefaultDirectRateLimiter,
}

/// The first line of the value in Redis. The rest is the body.
#[derive(Serialize, Deserialize)]
struct Label {
    instance: i64,
    generation: i64,
    position: Position,
    #[serde(flatten)]
    head: Head,
}

impl SharedAnswers {
    pub(super) fn new(redis: Redis) -> SharedAnswers {
        let quota = Quota::per_second(BYTES_A_SECOND).allow_burst(BURST_BYTES);
        SharedAnswers {
            redis,
            budget: DefaultDirectRateLimiter::direct(quota),
        }
    }

    /// An answer whose rows cover `least`, if there is one and Redis answers.
    pub(super) async fn get(&self, question: &Question, least: Stand) -> Option<CachedAnswer> {
        let key = self.key(question);
        let asked = self.redis.ask(|mut open| async move {
            let mut get = cmd("GET");
            get.arg(key).query_async::<Option<Vec<u8>>>(&mut open).await
        });
        let At { stand, rows } = decode(asked.await.ok()??)?;
        stand.covers(least).then_some(rows)
    }

    /// Stores an answer for the other servers. If Redis does not answer, they read for themselves.
    pub(super) async fn put(&self, question: &Question, answer: At<&CachedAnswer>) {
        let Some(text) = encode(answer) else { return };
        if !self.within_budget(text.len()) {
            return;
        }
        let key = self.key(question);
        let asked = self.redis.ask(|mut open| async move {
            let mut set = cmd("SET");
            set.arg(key).arg(text).arg("PX").arg(TTL.as_millis() as u64);
            set.query_async::<()>(&mut open).await
        });
        // A failure was already logged and counted there.
        let _ = asked.await;
    }

    fn within_budget(&self, bytes: usize) -> bool {
        let bytes = u32::try_from(bytes).ok().and_then(NonZeroU32::new);
        bytes.is_some_and(|bytes| matches!(self.budget.check_n(bytes), Ok(Ok(()))))
    }

    fn key(&self, question: &Question) -> String {
        self.redis.key(KIND, question.as_bytes())
    }
}

fn encode(answer: At<&CachedAnswer>) -> Option<Vec<u8>> {
    let At { stand, rows } = answer;
    let label = Label {
        instance: stand.instance,
        generation: stand.generation,
        position: stand.position,
        head: rows.head().clone(),
    };
    let mut text = serde_json::to_vec(&label).ok()?;
    text.push(b'\n');
    text.extend_from_slice(rows.body());
    Some(text)
}

fn decode(text: Vec<u8>) -> Option<At<CachedAnswer>> {
    let text = Bytes::from(text);
    let end = memchr::memchr(b'\n', &text)?;
    let label: Label = serde_json::from_slice(&text[..end]).ok()?;
    let stand = Stand {
        instance: label.instance,
        generation: label.generation,
        position: label.position,
    };
    let rows = CachedAnswer::from_parts(label.head, text.slice(end + 1..));
    Some(At { stand, rows })
}

#[cfg(test)]
mod tests {
    use daybook_projections::Page;

    use super::*;

    #[test]
    fn what_is_shared_comes_back_as_it_was() {
        let page = Page {
            items: vec!["a\nb", "ü"],
            total: 7,
            next: Some("c\"1".to_owned()),
            prev: None,
        };
        let stand = Stand {
            instance: 5,
            generation: 3,
            position: 41,
        };
        let answers = [
            CachedAnswer::page(page, |item| item).unwrap(),
            CachedAnswer::of(&"").unwrap(),
        ];
        for answer in answers {
            let text = encode(At {
                stand,
                rows: &answer,
            });
            let back = decode(text.unwrap()).unwrap();
            assert_eq!((back.stand, back.rows), (stand, answer));
        }
    }

    #[test]
    fn what_is_something_else_is_nothing() {
        for text in ["", "\n[]", "{}\n[]", "[]", "{\"generation\":1}\n[]"] {
            assert!(decode(text.into()).is_none(), "{text}");
        }
    }

    #[tokio::test]
    async fn nobody_fills_redis() {
        let client = crate::redis::client("redis://127.0.0.1:1/").unwrap();
        let shared = SharedAnswers::new(Redis::new(client, b"a shop"));
        let mut brought = 0;
        while shared.within_budget(1024 * 1024) {
            brought += 1;
            assert!(brought < 64);
        }
        assert!(brought >= 16);
    }
}
