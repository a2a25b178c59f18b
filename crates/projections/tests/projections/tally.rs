//! A projection for tests: records every position, and misbehaves where it is told to.

use std::sync::{
    Arc,
    atomic::{AtomicI64, Ordering},
};

use daybook_domain::AggregateType;
use daybook_log::{Position, RecordedEvent};
use daybook_projections::{
    projection::{Fold, Projection, Target, Unfoldable},
    table::Table,
};
use futures::future::BoxFuture;
use sqlx::{PgConnection, PgPool};
use tokio::sync::Semaphore;
use uuid::Uuid;

use crate::shop::Shop;

#[derive(Clone, Default)]
pub(crate) struct Tally {
    /// Position of an event that cannot be folded; 0 for none.
    pub(crate) unfoldable: Arc<AtomicI64>,
    /// Position of an event whose row the database refuses.
    pub(crate) refused: Arc<AtomicI64>,
    pub(crate) stall: Option<Stall>,
}

/// Makes a worker wait in mid-transaction, with its rows written, until it is released.
#[derive(Clone)]
pub(crate) struct Stall {
    pub(crate) reached: Arc<Semaphore>,
    pub(crate) go_on: Arc<Semaphore>,
}

impl Stall {
    pub(crate) fn new() -> Stall {
        Stall {
            reached: Arc::new(Semaphore::new(0)),
            go_on: Arc::new(Semaphore::new(0)),
        }
    }
}

impl Tally {
    /// Creates its table, as a migration would.
    pub(crate) async fn create(shop: &Shop) -> Tally {
        let owner = shop.database.migration_pool().unwrap();
        for statement in [
            "create schema tally",
            "create table tally.seen (position bigint primary key, checked bigint not null)",
            "alter schema tally owner to daybook_server",
            "alter table tally.seen owner to daybook_server",
        ] {
            sqlx::query(statement).execute(&owner).await.unwrap();
        }
        Tally::default()
    }

    pub(crate) fn stalling(&self, stall: &Stall) -> Tally {
        Tally {
            stall: Some(stall.clone()),
            ..self.clone()
        }
    }

    pub(crate) async fn seen(pool: &PgPool) -> Vec<Position> {
        sqlx::query_scalar("select position from tally.seen order by position")
            .fetch_all(pool)
            .await
            .unwrap()
    }

    pub(crate) async fn state(pool: &PgPool) -> (Position, String, Option<serde_json::Value>) {
        let (position, state, error): (Position, String, Option<String>) = sqlx::query_as(
            "select position, state, error::text from projections.checkpoints where name = 'tally'",
        )
        .fetch_optional(pool)
        .await
        .unwrap()
        .unwrap_or_default();
        (
            position,
            state,
            error.map(|error| serde_json::from_str(&error).unwrap()),
        )
    }
}

impl Projection for Tally {
    fn name(&self) -> &'static str {
        "tally"
    }

    fn version(&self) -> i32 {
        1
    }

    fn tables(&self) -> &'static [Table] {
        const TABLES: &[Table] = &[Table::keyed("seen")];
        TABLES
    }

    fn aggregates(&self) -> &'static [AggregateType] {
        AggregateType::ALL
    }

    fn key(&self, event: &RecordedEvent) -> Option<Uuid> {
        Some(Uuid::from_u128(event.position as u128))
    }

    fn load<'a>(
        &'a self,
        _conn: &'a mut PgConnection,
        _target: &'a Target,
        _events: &'a [RecordedEvent],
    ) -> BoxFuture<'a, Result<Box<dyn Fold>, sqlx::Error>> {
        let fold = TallyFold {
            tally: self.clone(),
            positions: Vec::new(),
        };
        Box::pin(async move { Ok(Box::new(fold) as Box<dyn Fold>) })
    }
}

struct TallyFold {
    tally: Tally,
    positions: Vec<Position>,
}

impl Fold for TallyFold {
    fn event(&mut self, event: &RecordedEvent, _follows: i64) -> Result<(), Unfoldable> {
        if event.position == self.tally.unfoldable.load(Ordering::SeqCst) {
            return Err(Unfoldable::OutOfRange("the tally"));
        }
        self.positions.push(event.position);
        Ok(())
    }

    fn write<'a>(
        &'a self,
        conn: &'a mut PgConnection,
        target: &'a Target,
    ) -> BoxFuture<'a, Result<(), sqlx::Error>> {
        Box::pin(async move {
            // Not an upsert: an event that takes effect twice is an error.
            let statement = format!(
                "insert into {target}.seen (position, checked)
                 select p, 1 / (case when p = $2 then 0 else 1 end) from unnest($1::int8[]) as p"
            );
            sqlx::query(&statement)
                .bind(&self.positions)
                .bind(self.tally.refused.load(Ordering::SeqCst))
                .execute(conn)
                .await?;
            if let Some(stall) = &self.tally.stall {
                stall.reached.add_permits(1);
                stall.go_on.acquire().await.unwrap().forget();
            }
            Ok(())
        })
    }
}
