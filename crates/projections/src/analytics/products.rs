//! Rows of `products`: what products are called.

use std::collections::{BTreeMap, BTreeSet};

use daybook_database::from_row;
use daybook_domain::{Event, product::ProductEvent};
use daybook_log::RecordedEvent;
use sqlx::PgConnection;
use uuid::Uuid;

use crate::{
    column::{column, rows_by_id},
    projection::{Target, Unfoldable, is_next},
};

pub(super) struct Products {
    rows: BTreeMap<Uuid, ProductRow>,
    changed: BTreeSet<Uuid>,
}

struct ProductRow {
    id: Uuid,
    version: i64,
    name: String,
    sku: Option<String>,
}

from_row!(ProductRow {
    id,
    version,
    name,
    sku
});

impl Products {
    pub(super) async fn load(
        conn: &mut PgConnection,
        target: &Target,
        events: &[RecordedEvent],
    ) -> Result<Products, sqlx::Error> {
        let ids: BTreeSet<Uuid> = events
            .iter()
            .filter(|event| matches!(event.event, Event::Product(_)))
            .map(|event| event.stream.id)
            .collect();
        let statement =
            format!("select id, version, name, sku from {target}.products where id = any($1)");
        let rows = rows_by_id(conn, &statement, ids, |row: &ProductRow| row.id).await?;
        Ok(Products {
            rows,
            changed: BTreeSet::new(),
        })
    }

    pub(super) fn event(
        &mut self,
        event: &RecordedEvent,
        follows: i64,
        product: &ProductEvent,
    ) -> Result<(), Unfoldable> {
        let id = event.stream.id;
        let row = self.rows.entry(id).or_insert_with(|| ProductRow {
            id,
            version: 0,
            name: String::new(),
            sku: None,
        });
        if !is_next(row.version, follows, event)? {
            return Ok(());
        }
        match product {
            ProductEvent::Created {
                name,
                sku,
                description: _,
                price: _,
                category_id: _,
            } => {
                row.name.clone_from(name);
                row.sku.clone_from(sku);
            }
            ProductEvent::Described {
                name,
                description: _,
            } => row.name.clone_from(name),
            ProductEvent::Repriced { from: _, to: _ }
            | ProductEvent::Categorised { category_id: _ }
            | ProductEvent::Retired => {}
        }
        row.version = event.sequence;
        self.changed.insert(id);
        Ok(())
    }

    pub(super) async fn write(
        &self,
        conn: &mut PgConnection,
        target: &Target,
    ) -> Result<(), sqlx::Error> {
        let rows = Vec::from_iter(self.changed.iter().filter_map(|id| self.rows.get(id)));
        if rows.is_empty() {
            return Ok(());
        }
        let statement = format!(
            "insert into {target}.products (id, version, name, sku)
             select * from unnest($1::uuid[], $2::int8[], $3::text[], $4::text[])
             on conflict (id) do update set
                 version = excluded.version, name = excluded.name, sku = excluded.sku"
        );
        sqlx::query(&statement)
            .bind(column(&rows, |row| row.id))
            .bind(column(&rows, |row| row.version))
            .bind(column(&rows, |row| row.name.as_str()))
            .bind(column(&rows, |row| row.sku.as_deref()))
            .execute(conn)
            .await?;
        Ok(())
    }
}
