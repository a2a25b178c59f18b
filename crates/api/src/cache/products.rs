//! Products as finished answers, cached in this process.
//!
//! Invariant: once a reader may rely on the catalog being at a position (`Daybook-Min-Position`), the cache has no
//! answer from before a change up to there. The catalog's progress reports a change to the cache before it publishes
//! the change's position, and an answer that was read before a change is not stored after it: recent changes are
//! remembered with their positions for longer than any request takes.
//!
//! An answer also expires after some seconds, in case a notification of a change is ever lost.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::body::Bytes;
use axum::http::HeaderValue;
use daybook_domain::ProductId;
use daybook_log::Position;
use daybook_projections::{Change, catalog};
use moka::sync::Cache;
use parking_lot::Mutex;

const CAPACITY: u64 = 100_000;
const TTL: Duration = Duration::from_secs(10);
/// Longer than a request may take from reading a row to storing its answer.
const CHANGES_REMEMBERED: Duration = Duration::from_secs(60);

#[derive(Clone)]
pub(crate) struct ProductCache {
    answers: Cache<ProductId, Arc<CachedProduct>>,
    changes: Arc<Mutex<RecentChanges>>,
}

/// A product's answer, ready to be sent.
#[derive(Debug)]
pub(crate) struct CachedProduct {
    pub body: Bytes,
    pub etag: HeaderValue,
}

/// Taken before a row is read; tells whether the cache was cleared since.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Ticket {
    epoch: u64,
}

impl Default for ProductCache {
    fn default() -> ProductCache {
        let answers = Cache::builder()
            .max_capacity(CAPACITY)
            .time_to_live(TTL)
            .build();
        ProductCache {
            answers,
            changes: Arc::new(Mutex::new(RecentChanges::default())),
        }
    }
}

impl ProductCache {
    pub(crate) fn get(&self, id: ProductId) -> Option<Arc<CachedProduct>> {
        self.answers.get(&id)
    }

    pub(crate) fn ticket(&self) -> Ticket {
        Ticket {
            epoch: self.changes.lock().epoch,
        }
    }

    /// Stores an answer that was read when the catalog was at `position`, unless it is outdated by now.
    pub(crate) fn keep(
        &self,
        ticket: Ticket,
        id: ProductId,
        position: Position,
        answer: Arc<CachedProduct>,
    ) {
        let changes = self.changes.lock();
        if changes.epoch == ticket.epoch
            && changes
                .last_of(id)
                .is_none_or(|changed| changed <= position)
        {
            self.answers.insert(id, answer);
        }
    }

    /// Must return before the change's position is published.
    pub(crate) fn follow(&self, change: &Change) {
        match change {
            Change::Advanced {
                name,
                position,
                keys: Some(keys),
            } if *name == catalog::NAME => {
                let mut changes = self.changes.lock();
                changes.age();
                for id in keys.iter().filter_map(|key| key.parse::<ProductId>().ok()) {
                    changes.recent.insert(id, *position);
                    self.answers.invalidate(&id);
                }
            }
            Change::Advanced {
                name, keys: None, ..
            } if *name == catalog::NAME => self.forget_everything(),
            Change::Advanced { .. } => {}
            Change::Resync => self.forget_everything(),
        }
    }

    fn forget_everything(&self) {
        let mut changes = self.changes.lock();
        changes.epoch += 1;
        self.answers.invalidate_all();
    }
}

/// The last change of each product, in two generations; the older one is dropped as a whole.
struct RecentChanges {
    epoch: u64,
    recent: HashMap<ProductId, Position>,
    older: HashMap<ProductId, Position>,
    turned_at: Instant,
}

impl Default for RecentChanges {
    fn default() -> RecentChanges {
        RecentChanges {
            epoch: 0,
            recent: HashMap::new(),
            older: HashMap::new(),
            turned_at: Instant::now(),
        }
    }
}

impl RecentChanges {
    fn last_of(&self, id: ProductId) -> Option<Position> {
        self.recent
            .get(&id)
            .or_else(|| self.older.get(&id))
            .copied()
    }

    fn age(&mut self) {
        if self.turned_at.elapsed() >= CHANGES_REMEMBERED {
            self.older = std::mem::take(&mut self.recent);
            self.turned_at = Instant::now();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use uuid::Uuid;

    fn id(number: u128) -> ProductId {
        Uuid::from_u128(number).into()
    }

    fn answer() -> Arc<CachedProduct> {
        Arc::new(CachedProduct {
            body: Bytes::from_static(b"{}"),
            etag: HeaderValue::from_static("\"1.1\""),
        })
    }

    fn changed(number: u128, position: Position) -> Change {
        Change::Advanced {
            name: catalog::NAME,
            position,
            keys: Some(vec![id(number).to_string()]),
        }
    }

    #[test]
    fn a_change_removes_its_product_only() {
        let cache = ProductCache::default();
        cache.keep(cache.ticket(), id(1), 10, answer());
        cache.keep(cache.ticket(), id(2), 10, answer());
        cache.follow(&changed(1, 11));
        assert!(cache.get(id(1)).is_none());
        assert!(cache.get(id(2)).is_some());
    }

    #[test]
    fn a_row_read_before_a_change_is_not_let_in_after_it() {
        let cache = ProductCache::default();
        let ticket = cache.ticket();
        cache.follow(&changed(1, 11));
        cache.keep(ticket, id(1), 10, answer());
        assert!(cache.get(id(1)).is_none());
        cache.keep(ticket, id(1), 11, answer());
        assert!(cache.get(id(1)).is_some());
    }

    #[test]
    fn changes_are_remembered_across_a_generation() {
        let cache = ProductCache::default();
        cache.follow(&changed(1, 11));
        cache.changes.lock().turned_at -= CHANGES_REMEMBERED;
        cache.follow(&changed(2, 12));
        cache.keep(cache.ticket(), id(1), 10, answer());
        assert!(cache.get(id(1)).is_none());
    }

    #[test]
    fn losing_track_forgets_everything_and_what_was_read_meanwhile() {
        let everything = Change::Advanced {
            name: catalog::NAME,
            position: 12,
            keys: None,
        };
        for change in [Change::Resync, everything] {
            let cache = ProductCache::default();
            cache.keep(cache.ticket(), id(1), 10, answer());
            let ticket = cache.ticket();
            cache.follow(&change);
            cache.keep(ticket, id(2), 20, answer());
            assert!(cache.get(id(1)).is_none());
            assert!(cache.get(id(2)).is_none());
            cache.keep(cache.ticket(), id(2), 20, answer());
            assert!(cache.get(id(2)).is_some());
        }
    }

    #[test]
    fn other_read_models_changes_are_none_of_its_business() {
        let cache = ProductCache::default();
        cache.keep(cache.ticket(), id(1), 10, answer());
        cache.follow(&Change::Advanced {
            name: "orders",
            position: 11,
            keys: None,
        });
        assert!(cache.get(id(1)).is_some());
    }
}
