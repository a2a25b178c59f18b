//! Lists, facets and categories as finished answers.
//!
//! An answer is stored under the question and the state of the catalog (its stand), as this process knew it when the
//! question came ([`ProgressTracker::stand`]): the catalog's generation, and the last position that changed any of its
//! rows. Nothing ever has to be removed: after a change the old stand is never looked up again. A client that waited
//! for a change never gets an answer from before it, because:
//!
//! - A change counts in the stand before its position is published to those who wait. The stand is taken after the
//!   wait, so it is that of the last change up to there, or of a later one.
//! - An answer that is stored under a stand was read from rows that include it. Before the rows, their own stand is
//!   read over the same connection; if it does not cover the stand, the answer is sent to the client but not stored.
//!   Rows can be newer than the stand they are stored under, never older. It is not enough that the tracker heard of a
//!   commit: a database that crashes loses its last commits, and assigns the same positions again.
//! - A request that comes while an answer is being made shares it only if it has the same stand.
//! - An answer from another process contains the stand of its rows, and is used only if that covers the stand.
//!
//! An answer also expires after some seconds, in case a notification of a change is ever lost. While changes may be
//! missed (the connection broke, rows were just exchanged for others) nothing is looked up and nothing is stored.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use daybook_projections::{At, ProgressTracker, Stand, catalog};
use moka::future::Cache;
use moka::policy::EvictionPolicy;

use super::cached::CachedAnswer;
use super::measure::{self, Source};
use super::question::Question;
use super::shared::SharedAnswers;
use crate::problem::{ApiResult, Problem};
use crate::redis::Redis;

const CAPACITY_BYTES: u64 = 64 * 1024 * 1024;
/// A hundred products with the longest texts are larger; such answers are sent but not stored.
const MAX_ANSWER_BYTES: usize = 256 * 1024;
const TTL: Duration = Duration::from_secs(10);

/// Clones share the stored answers.
#[derive(Clone)]
pub(crate) struct AnswerCache {
    progress: ProgressTracker,
    kept: Cache<Key, Arc<CachedAnswer>>,
    shared: Option<Arc<SharedAnswers>>,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Key {
    stand: Stand,
    question: Question,
}

/// The result of reading, for all requests that waited for it.
enum Unkept {
    Answer(Arc<CachedAnswer>),
    Failed(Problem),
}

impl AnswerCache {
    pub(crate) fn new(progress: ProgressTracker, redis: Option<Redis>) -> AnswerCache {
        let kept = Cache::builder()
            .max_capacity(CAPACITY_BYTES)
            .weigher(weight)
            // Questions that were frequent before a change are never asked again with the old stand.
            .eviction_policy(EvictionPolicy::lru())
            .time_to_live(TTL)
            .build();
        AnswerCache {
            progress,
            kept,
            shared: redis.map(|redis| Arc::new(SharedAnswers::new(redis))),
        }
    }

    /// The answer to `question`, from the cache or freshly read. Call it after the wait for `Daybook-Min-Position`. If
    /// many requests ask the same at once, only one of them reads.
    pub(crate) async fn get(
        &self,
        question: Question,
        read: impl Future<Output = ApiResult<At<CachedAnswer>>> + Send,
    ) -> ApiResult<Arc<CachedAnswer>> {
        let stand = self.progress.stand(catalog::NAME);
        let Some(stand) = stand.filter(|_| question.may_be_kept()) else {
            measure::answered(Source::Bypass);
            return Ok(Arc::new(read.await?.rows));
        };
        self.get_at(Key { stand, question }, read).await
    }

    async fn get_at(
        &self,
        key: Key,
        read: impl Future<Output = ApiResult<At<CachedAnswer>>> + Send,
    ) -> ApiResult<Arc<CachedAnswer>> {
        if let Some(kept) = self.kept.get(&key).await {
            measure::answered(Source::Kept);
            return Ok(kept);
        }
        let source = OnceLock::new();
        let make = self.make(key.clone(), read, &source);
        let made = self.kept.try_get_with(key, make).await;
        measure::answered(*source.get().unwrap_or(&Source::Kept));
        made.or_else(|unkept| match &*unkept {
            Unkept::Answer(answer) => Ok(answer.clone()),
            Unkept::Failed(problem) => Err(problem.clone()),
        })
    }

    async fn make(
        &self,
        Key { stand, question }: Key,
        read: impl Future<Output = ApiResult<At<CachedAnswer>>> + Send,
        source: &OnceLock<Source>,
    ) -> Result<Arc<CachedAnswer>, Unkept> {
        if let Some(shared) = &self.shared
            && let Some(answer) = shared.get(&question, stand).await
        {
            source.get_or_init(|| Source::Shared);
            return Ok(Arc::new(answer));
        }
        source.get_or_init(|| Source::Read);
        let found = read.await.map_err(Unkept::Failed)?;
        let answer = Arc::new(found.rows);
        if !found.stand.covers(stand) || answer.size() > MAX_ANSWER_BYTES {
            return Err(Unkept::Answer(answer));
        }
        if let Some(shared) = &self.shared {
            let at = At {
                stand: found.stand,
                rows: &*answer,
            };
            shared.put(&question, at).await;
        }
        Ok(answer)
    }

    pub(crate) fn measure(&self) {
        measure::size(self.kept.entry_count(), self.kept.weighted_size());
    }
}

fn weight(key: &Key, answer: &Arc<CachedAnswer>) -> u32 {
    let bytes = size_of::<Key>() + key.question.as_bytes().len() + answer.size();
    u32::try_from(bytes).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};

    use futures::future::join_all;
    use tokio::sync::Barrier;

    use super::*;

    fn at(generation: i64, position: i64) -> Stand {
        Stand {
            instance: 1,
            generation,
            position,
        }
    }

    fn key(stand: Stand) -> Key {
        let question = Question::of(&"/products".parse().unwrap());
        Key { stand, question }
    }

    fn cache() -> AnswerCache {
        AnswerCache::new(ProgressTracker::new(), None)
    }

    /// Rows with this stand, all of them `value`.
    async fn read(stand: Stand, value: &str) -> ApiResult<At<CachedAnswer>> {
        let rows = CachedAnswer::of(&value)?;
        Ok(At { stand, rows })
    }

    #[tokio::test]
    async fn an_answer_is_kept_until_the_catalog_stands_elsewhere() {
        let cache = cache();
        let ask = async |asked, found, value| {
            let answer = cache.get_at(key(asked), read(found, value)).await.unwrap();
            answer.body().clone()
        };
        assert_eq!(ask(at(0, 7), at(0, 9), "a").await, "\"a\"");
        assert_eq!(ask(at(0, 7), at(0, 9), "b").await, "\"a\"");
        assert_eq!(ask(at(0, 8), at(0, 9), "c").await, "\"c\"");
        assert_eq!(ask(at(1, 8), at(1, 8), "d").await, "\"d\"");
    }

    #[tokio::test]
    async fn rows_that_lack_what_was_heard_of_are_not_kept() {
        let cache = cache();
        for behind in [at(0, 6), at(0, 0), at(1, 9)] {
            let answer = cache.get_at(key(at(0, 7)), read(behind, "old")).await;
            assert_eq!(answer.unwrap().body(), "\"old\"");
        }
        let answer = cache.get_at(key(at(0, 7)), read(at(0, 7), "new")).await;
        assert_eq!(answer.unwrap().body(), "\"new\"");
    }

    #[tokio::test]
    async fn what_is_too_large_and_what_failed_is_not_kept() {
        let cache = cache();
        let large = "x".repeat(MAX_ANSWER_BYTES);
        let failing = async { Err(Problem::internal()) };
        assert!(cache.get_at(key(at(0, 1)), failing).await.is_err());
        let answer = cache.get_at(key(at(0, 1)), read(at(0, 1), &large)).await;
        assert!(answer.unwrap().size() > MAX_ANSWER_BYTES);
        let answer = cache.get_at(key(at(0, 1)), read(at(0, 1), "small")).await;
        assert_eq!(answer.unwrap().body(), "\"small\"");
    }

    #[tokio::test]
    async fn of_many_who_ask_at_once_one_reads() {
        let (cache, reads) = (cache(), AtomicUsize::new(0));
        let asking = (0..50).map(|_| {
            cache.get_at(key(at(0, 1)), async {
                reads.fetch_add(1, SeqCst);
                tokio::task::yield_now().await;
                read(at(0, 1), "a").await
            })
        });
        assert!(join_all(asking).await.iter().all(Result::is_ok));
        assert_eq!(reads.into_inner(), 1);
    }

    /// A client that waited for a change must not get what was being read before it.
    #[tokio::test]
    async fn who_knows_of_a_change_does_not_wait_for_who_does_not() {
        let (cache, both_read) = (cache(), Barrier::new(2));
        let ask = async |stand, value| {
            let reading = async {
                both_read.wait().await;
                read(stand, value).await
            };
            let answer = cache.get_at(key(stand), reading).await.unwrap();
            answer.body().clone()
        };
        let answers = tokio::join!(ask(at(0, 1), "before"), ask(at(0, 2), "after"));
        assert_eq!(answers, ("\"before\"".into(), "\"after\"".into()));
    }

    #[tokio::test]
    async fn nothing_is_kept_while_changes_may_be_missed() {
        let cache = cache();
        for value in ["a", "b"] {
            let question = key(at(0, 0)).question;
            let answer = cache.get(question, read(at(0, 5), value)).await.unwrap();
            assert_eq!(*answer, CachedAnswer::of(&value).unwrap());
        }
    }
}
