//! How the orders follow from events.

use daybook_domain::{AggregateType, Event};
use daybook_log::RecordedEvent;
use futures::future::BoxFuture;
use sqlx::PgConnection;
use uuid::Uuid;

use super::fold::{HISTORY, LINES, OrderFold};
use crate::{
    projection::{Fold, Projection, Target},
    table::Table,
};

pub const NAME: &str = "orders";

const TABLES: &[Table] = &[Table::keyed("orders"), LINES, HISTORY];

/// The projection `orders`.
pub struct Orders;

impl Projection for Orders {
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
        &[AggregateType::Order]
    }

    fn key(&self, event: &RecordedEvent) -> Option<Uuid> {
        match &event.event {
            Event::Order(_) => Some(event.stream.id),
            Event::User(_) | Event::Category(_) | Event::Product(_) | Event::Stock(_) => None,
        }
    }

    fn load<'a>(
        &'a self,
        conn: &'a mut PgConnection,
        target: &'a Target,
        events: &'a [RecordedEvent],
    ) -> BoxFuture<'a, Result<Box<dyn Fold>, sqlx::Error>> {
        Box::pin(async move {
            Ok(Box::new(OrderFold::load(conn, target, events).await?) as Box<dyn Fold>)
        })
    }
}
