//! What the catalog makes of events.

use daybook_domain::{AggregateType, Event};
use daybook_log::RecordedEvent;
use futures::future::BoxFuture;
use sqlx::PgConnection;
use uuid::Uuid;

use super::{categories::Categories, products::Products};
use crate::{
    projection::{Fold, Projection, Unfoldable},
    schema::SchemaName,
};

pub const NAME: &str = "catalog";

/// The projection `catalog`.
pub struct Catalog;

impl Projection for Catalog {
    fn name(&self) -> &'static str {
        NAME
    }

    fn version(&self) -> i32 {
        1
    }

    fn tables(&self) -> &'static [&'static str] {
        &["products", "categories"]
    }

    fn aggregates(&self) -> &'static [AggregateType] {
        &[
            AggregateType::Product,
            AggregateType::Stock,
            AggregateType::Category,
        ]
    }

    /// A product and its stock share their id, and so a row.
    fn key(&self, event: &RecordedEvent) -> Option<Uuid> {
        match &event.event {
            Event::Product(_) | Event::Stock(_) | Event::Category(_) => Some(event.stream.id),
            Event::User(_) | Event::Order(_) => None,
        }
    }

    fn load<'a>(
        &'a self,
        conn: &'a mut PgConnection,
        schema: &'a SchemaName,
        events: &'a [RecordedEvent],
    ) -> BoxFuture<'a, Result<Box<dyn Fold>, sqlx::Error>> {
        Box::pin(async move {
            let fold = CatalogFold {
                products: Products::load(conn, schema, events).await?,
                categories: Categories::load(conn, schema, events).await?,
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
    fn event(&mut self, event: &RecordedEvent) -> Result<(), Unfoldable> {
        match &event.event {
            Event::Product(product) => self.products.product_event(event, product),
            Event::Stock(stock) => self.products.stock_event(event, stock),
            Event::Category(category) => self.categories.event(event, category),
            Event::User(_) | Event::Order(_) => Ok(()),
        }
    }

    fn write<'a>(
        &'a self,
        conn: &'a mut PgConnection,
        schema: &'a SchemaName,
    ) -> BoxFuture<'a, Result<(), sqlx::Error>> {
        Box::pin(async move {
            self.products.write(conn, schema).await?;
            self.categories.write(conn, schema).await
        })
    }
}
