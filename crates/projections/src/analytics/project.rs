//! How the analytics follow from events.

use daybook_domain::{AggregateType, Event};
use daybook_log::RecordedEvent;
use futures::future::BoxFuture;
use sqlx::PgConnection;
use uuid::Uuid;

use super::{lines::Lines, orders::Orders, products::Products, sums::Sums};
use crate::{
    projection::{Fold, Projection, Target, Unfoldable},
    table::Table,
};

pub const NAME: &str = "analytics";

/// The projection `analytics`.
pub struct Analytics;

impl Projection for Analytics {
    fn name(&self) -> &'static str {
        NAME
    }

    fn version(&self) -> i32 {
        1
    }

    fn tables(&self) -> &'static [Table] {
        const TABLES: &[Table] = &[
            Table::keyed("orders"),
            Lines::TABLE,
            Table::keyed("products"),
            Sums::SALES,
            Sums::PRODUCT_MONTHS,
            Sums::CUSTOMERS,
        ];
        TABLES
    }

    fn aggregates(&self) -> &'static [AggregateType] {
        &[AggregateType::Order, AggregateType::Product]
    }

    /// Different orders share only sums, to which each adds its own.
    fn key(&self, event: &RecordedEvent) -> Option<Uuid> {
        match &event.event {
            Event::Order(_) | Event::Product(_) => Some(event.stream.id),
            Event::User(_) | Event::Category(_) | Event::Stock(_) => None,
        }
    }

    fn load<'a>(
        &'a self,
        conn: &'a mut PgConnection,
        target: &'a Target,
        events: &'a [RecordedEvent],
    ) -> BoxFuture<'a, Result<Box<dyn Fold>, sqlx::Error>> {
        Box::pin(async move {
            let fold = AnalyticsFold {
                orders: Orders::load(conn, target, events).await?,
                products: Products::load(conn, target, events).await?,
                lines: Lines::default(),
                sums: Sums::default(),
            };
            Ok(Box::new(fold) as Box<dyn Fold>)
        })
    }
}

struct AnalyticsFold {
    orders: Orders,
    products: Products,
    lines: Lines,
    sums: Sums,
}

impl Fold for AnalyticsFold {
    fn event(&mut self, event: &RecordedEvent, follows: i64) -> Result<(), Unfoldable> {
        match &event.event {
            Event::Order(order) => {
                self.orders
                    .event(event, follows, order, &mut self.lines, &mut self.sums)
            }
            Event::Product(product) => self.products.event(event, follows, product),
            Event::User(_) | Event::Category(_) | Event::Stock(_) => Ok(()),
        }
    }

    fn write<'a>(
        &'a self,
        conn: &'a mut PgConnection,
        target: &'a Target,
    ) -> BoxFuture<'a, Result<(), sqlx::Error>> {
        Box::pin(async move {
            self.orders.write(conn, target).await?;
            self.lines.write(conn, target).await?;
            self.products.write(conn, target).await?;
            self.sums.write(conn, target).await
        })
    }
}
