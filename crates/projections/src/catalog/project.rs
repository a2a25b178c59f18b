//! How the catalog follows from events.

use daybook_domain::{AggregateType, Event};
use daybook_log::RecordedEvent;
use futures::future::BoxFuture;
use sqlx::PgConnection;
use uuid::Uuid;

use super::{categories::Categories, products::Products};
use crate::{
    projection::{Fold, Projection, Target, Unfoldable},
    table::Table,
};

pub const NAME: &str = "catalog";

const TABLES: &[Table] = &[Table::keyed("products"), Table::keyed("categories")];

/// The projection `catalog`.
pub struct Catalog;

impl Projection for Catalog {
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
        &[
            AggregateType::Product,
            AggregateType::Stock,
            AggregateType::Category,
        ]
    }

    /// A product and its stock share their id, and therefore a row.
    fn key(&self, event: &RecordedEvent) -> Option<Uuid> {
        match &event.event {
            Event::Product(_) | Event::Stock(_) | Event::Category(_) => Some(event.stream.id),
            Event::User(_) | Event::Order(_) => None,
        }
    }

    fn load<'a>(
        &'a self,
        conn: &'a mut PgConnection,
        target: &'a Target,
        events: &'a [RecordedEvent],
    ) -> BoxFuture<'a, Result<Box<dyn Fold>, sqlx::Error>> {
        Box::pin(async move {
            let fold = CatalogFold {
                products: Products::load(conn, target, events).await?,
                categories: Categories::load(conn, target, events).await?,
            };
            Ok(Box::new(fold) as Box<dyn Fold>)
        })
    }
}

struct CatalogFold {
    products: Products,
    categories: Categories,
}

impl Fold for CatalogFold {
    fn event(&mut self, event: &RecordedEvent, follows: i64) -> Result<(), Unfoldable> {
        match &event.event {
            Event::Product(product) => self.products.product_event(event, follows, product),
            Event::Stock(stock) => self.products.stock_event(event, follows, stock),
            Event::Category(category) => self.categories.event(event, follows, category),
            Event::User(_) | Event::Order(_) => Ok(()),
        }
    }

    fn write<'a>(
        &'a self,
        conn: &'a mut PgConnection,
        target: &'a Target,
    ) -> BoxFuture<'a, Result<(), sqlx::Error>> {
        Box::pin(async move {
            self.products.write(conn, target).await?;
            self.categories.write(conn, target).await
        })
    }
}
