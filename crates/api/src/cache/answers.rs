//! Lists, facets and categories as ready answers.
//!
//! An answer is kept under what was asked and where the catalog stood, by what this process had heard when it was
//! asked ([`Progress::stand`]): its generation, and the last position that changed any of its rows. Nothing ever
//! has to be removed; what a change outdates is not asked for again. Why nobody is given an answer from before a
//! change that they waited for:
//!
//! - A change counts in the stand before its position is published to whoever waits. The stand is taken after the
//!   wait, so it is that of the last change up to there, or of a later one.
//! - What is kept under a stand was read from rows that hold it: where they stand is read before them, over the
//!   same connection, and what does not cover the stand is answered to who asked and not kept. Rows can be newer
//!   than what they are kept under, never older. That the tracker heard of a commit is not enough: a database that
//!   crashes loses its last ones, and gives out the same positions again.
//! - Who comes while an answer is being made shares it only if they came with the same stand.
//!
//! An answer also ends by itself after some seconds, in case a change should ever go unheard. While changes may be
//! missed (the connection broke, rows were just exchanged for others) nothing is looked up and nothing is kept.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use daybook_projections::{At, Progress, Stand, catalog};
use moka::future::Cache;
use moka::policy::EvictionPolicy;

use super::cached::CachedAnswer;
use super::measure::{self, Source};
use super::question::Question;
use crate::problem::{ApiResult, Problem};

const CAPACITY_BYTES: u64 = 64 * 1024 * 1024;
/// A hundred products with all that can be written about them take more; they are answered and not kept.
const MAX_ANSWER_BYTES: usize = 256 * 1024;
const TTL: Duration = Duration::from_secs(10);

/// Clones share what is kept.
#[derive(Clone)]
pub struct AnswerCache {
    progress: Progress,
    kept: Cache<Key, Arc<CachedAnswer>>,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Key {
    stand: Stand,
    question: Question,
}

/// What came of reading, for all who waited for it.
enum Unkept {
    Answer(Arc<CachedAnswer>),
    Failed(Problem),
}

impl AnswerCache {
    pub fn new(progress: Progress) -> AnswerCache {
        let kept = Cache::builder()
            .max_capacity(CAPACITY_BYTES)
            .weigher(weight)
            // What was asked for often before a change is asked for no more after it.
            .eviction_policy(EvictionPolicy::lru())
            .time_to_live(TTL)
            .build();
        AnswerCache { progress, kept }
    }

    /// The answer to `question`, kept or read. Call it after the wait for `Daybook-Min-Position`. However many ask
    /// the same at once, one of them reads.
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
        let key = Key { stand, question };
        if let Some(kept) = self.kept.get(&key).await {
            measure::answered(Source::Kept);
            return Ok(kept);
        }
        let source = OnceLock::new();
        let made = self
            .kept
            .try_get_with(key, make(stand, read, &source))
            .await;
        measure::answered(*source.get().unwrap_or(&Source::Kept));
        made.or_else(|unkept| match &*unkept {
            Unkept::Answer(answer) => Ok(answer.clone()),
            Unkept::Failed(problem) => Err(problem.clone()),
        })
    }

    pub fn measure(&self) {
        measure::size(self.kept.entry_count(), self.kept.weighted_size());
    }
}

async fn make(
    stand: Stand,
    read: impl Future<Output = ApiResult<At<CachedAnswer>>>,
    source: &OnceLock<Source>,
) -> Result<Arc<CachedAnswer>, Unkept> {
    source.get_or_init(|| Source::Read);
    let At {
        stand: found,
        rows: answer,
    } = read.await.map_err(Unkept::Failed)?;
    let answer = Arc::new(answer);
    if found.covers(stand) && answer.size() <= MAX_ANSWER_BYTES {
        Ok(answer)
    } else {
        Err(Unkept::Answer(answer))
    }
}

fn weight(key: &Key, answer: &Arc<CachedAnswer>) -> u32 {
    let bytes = size_of::<Key>() + key.question.as_bytes().len() + answer.size();
    u32::try_from(bytes).unwrap_or(u32::MAX)
}
