//! The queries, and waiting until a read model is far enough to be queried.

use std::time::Duration;

use daybook_log::Position;
use sqlx::PgPool;
use tokio::time::timeout;

use crate::{analytics, catalog, orders, trail, users};
use crate::{
    analytics::AnalyticsQueries, catalog::CatalogQueries, orders::OrderQueries,
    progress::ProgressTracker, schema::SchemaName, trail::TrailQueries, users::UserQueries,
};

/// The live read models. Clones share the pool and the tracker.
#[derive(Clone)]
pub struct ReadModels {
    catalog: CatalogQueries,
    orders: OrderQueries,
    users: UserQueries,
    analytics: AnalyticsQueries,
    trail: TrailQueries,
    progress: ProgressTracker,
}

/// A read model has not reached the position that was asked for. Worth trying again.
#[derive(Debug, thiserror::Error)]
#[error("the read model {name} is at position {position}, not yet at {wanted}")]
pub struct Behind {
    pub name: String,
    pub wanted: Position,
    pub position: Position,
}

impl ReadModels {
    pub fn new(pool: PgPool, progress: ProgressTracker) -> ReadModels {
        ReadModels {
            catalog: CatalogQueries::new(pool.clone(), SchemaName::live(catalog::NAME)),
            orders: OrderQueries::new(pool.clone(), SchemaName::live(orders::NAME)),
            users: UserQueries::new(pool.clone(), SchemaName::live(users::NAME)),
            analytics: AnalyticsQueries::new(pool.clone(), SchemaName::live(analytics::NAME)),
            trail: TrailQueries::new(pool, SchemaName::live(trail::NAME)),
            progress,
        }
    }

    pub fn catalog(&self) -> &CatalogQueries {
        &self.catalog
    }

    pub fn orders(&self) -> &OrderQueries {
        &self.orders
    }

    pub fn users(&self) -> &UserQueries {
        &self.users
    }

    pub fn analytics(&self) -> &AnalyticsQueries {
        &self.analytics
    }

    pub fn trail(&self) -> &TrailQueries {
        &self.trail
    }

    pub fn progress(&self) -> &ProgressTracker {
        &self.progress
    }

    /// Returns once the read model `name` holds the event at `position`, so that a query that begins
    /// afterwards sees it.
    pub async fn wait_for(
        &self,
        name: &str,
        position: Position,
        limit: Duration,
    ) -> Result<(), Behind> {
        let behind = |at| Behind {
            name: name.to_owned(),
            wanted: position,
            position: at,
        };
        let mut published = self.progress.watch(name).ok_or_else(|| behind(0))?;
        // The channel closes only with the tracker, which `self` keeps alive.
        let reached = timeout(limit, published.wait_for(|at| *at >= position))
            .await
            .is_ok_and(|open| open.is_ok());
        if reached {
            Ok(())
        } else {
            Err(behind(*published.borrow()))
        }
    }
}
