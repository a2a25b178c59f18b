//! How the trail follows from events.

use daybook_domain::AggregateType;
use daybook_log::RecordedEvent;
use futures::future::BoxFuture;
use sqlx::PgConnection;
use uuid::Uuid;

use super::code::{of_actor, of_type};
use crate::{
    projection::{Fold, Projection, Target, Unfoldable},
    rows::{Column, ColumnType, Rows},
    table::Table,
};

pub const NAME: &str = "trail";

const EVENTS: Table = Table::appended("events");
const TABLES: &[Table] = &[EVENTS];

const COLUMNS: &[Column] = &[
    ("position", ColumnType::Int8),
    ("actor", ColumnType::Uuid),
    ("correlation_id", ColumnType::Uuid),
    ("event_type", ColumnType::Int4),
];

/// The projection `trail`.
pub struct Trail;

impl Projection for Trail {
    fn name(&self) -> &'static str {
        NAME
    }

    fn version(&self) -> i32 {
        1
    }

    fn tables(&self) -> &'static [Table] {
        TABLES
    }

    fn aggregates(&self) -> &'static [AggregateType] {
        AggregateType::ALL
    }

    /// No two events share a row; keyed by stream they spread evenly.
    fn key(&self, event: &RecordedEvent) -> Option<Uuid> {
        Some(event.stream.id)
    }

    fn load<'a>(
        &'a self,
        _: &'a mut PgConnection,
        _: &'a Target,
        _: &'a [RecordedEvent],
    ) -> BoxFuture<'a, Result<Box<dyn Fold>, sqlx::Error>> {
        let rows = Rows::new(EVENTS, COLUMNS);
        Box::pin(async { Ok(Box::new(TrailFold { rows }) as Box<dyn Fold>) })
    }
}

struct TrailFold {
    rows: Rows,
}

impl Fold for TrailFold {
    fn event(&mut self, event: &RecordedEvent, _: i64) -> Result<(), Unfoldable> {
        self.rows
            .row()
            .field(event.position)
            .field(of_actor(&event.metadata.actor))
            .field(event.metadata.correlation_id)
            .field(of_type(event.event.kind()));
        Ok(())
    }

    fn write<'a>(
        &'a self,
        conn: &'a mut PgConnection,
        target: &'a Target,
    ) -> BoxFuture<'a, Result<(), sqlx::Error>> {
        Box::pin(self.rows.write(conn, target))
    }
}
