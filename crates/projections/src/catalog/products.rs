//! Rows of `products`: a product's own stream and its stock's stream are folded into one row.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Utc};
use daybook_database::from_row;
use daybook_domain::{Event, Money, product::ProductEvent, stock::StockEvent};
use daybook_log::RecordedEvent;
use rust_decimal::Decimal;
use sqlx::PgConnection;
use uuid::Uuid;

use crate::{
    column::{column, rows_by_id},
    projection::{Target, Unfoldable, is_next},
};

/// The rows that a batch changes.
pub(super) struct Products {
    rows: BTreeMap<Uuid, ProductRow>,
    /// Rows in which more than the stock has changed.
    described: BTreeSet<Uuid>,
    /// Rows in which only the stock has changed.
    stocked: BTreeSet<Uuid>,
}

struct ProductRow {
    id: Uuid,
    name: String,
    description: String,
    price_minor: i64,
    price: Decimal,
    currency: String,
    stock: i64,
    category_id: Option<Uuid>,
    sku: Option<String>,
    created_at: DateTime<Utc>,
    updated_at: DateTime<Utc>,
    product_version: i64,
    stock_version: i64,
    retired: bool,
}

from_row!(ProductRow {
    id,
    name,
    description,
    price_minor,
    price,
    currency,
    stock,
    category_id,
    sku,
    created_at,
    updated_at,
    product_version,
    stock_version,
    retired
});

impl ProductRow {
    /// A row before its first event. A stock's events may come before those of its product; until the
    /// product's events come the row isn't listed.
    fn blank(id: Uuid, at: DateTime<Utc>) -> ProductRow {
        ProductRow {
            id,
            name: String::new(),
            description: String::new(),
            price_minor: 0,
            price: Decimal::ZERO,
            currency: String::new(),
            stock: 0,
            category_id: None,
            sku: None,
            created_at: at,
            updated_at: at,
            product_version: 0,
            stock_version: 0,
            retired: false,
        }
    }

    fn set_price(&mut self, price: &Money) {
        self.price_minor = price.minor;
        self.price = Decimal::new(price.minor, price.currency.places());
        self.currency = price.currency.code().to_owned();
    }

    fn product(&mut self, event: &ProductEvent) {
        match event {
            ProductEvent::Created {
                name,
                description,
                price,
                category_id,
                sku,
            } => {
                self.name.clone_from(name);
                self.description.clone_from(description);
                self.set_price(price);
                self.category_id = category_id.map(|id| id.as_uuid());
                self.sku.clone_from(sku);
            }
            ProductEvent::Described { name, description } => {
                self.name.clone_from(name);
                self.description.clone_from(description);
            }
            ProductEvent::Repriced { from: _, to } => self.set_price(to),
            ProductEvent::Categorised { category_id } => {
                self.category_id = category_id.map(|id| id.as_uuid())
            }
            ProductEvent::Retired => self.retired = true,
        }
    }

    fn stock(&mut self, event: &StockEvent) -> Result<(), Unfoldable> {
        let change = match event {
            StockEvent::Received {
                quantity,
                reason: _,
            } => i64::try_from(*quantity).ok(),
            StockEvent::WrittenOff {
                quantity,
                reason: _,
            } => i64::try_from(*quantity).ok().map(|quantity| -quantity),
            StockEvent::Reserved {
                order_id: _,
                quantity,
            } => Some(-i64::from(*quantity)),
            StockEvent::Released {
                order_id: _,
                quantity,
            } => Some(i64::from(*quantity)),
            // Shipped units were taken out when they were reserved.
            StockEvent::Shipped {
                order_id: _,
                quantity: _,
            } => Some(0),
        };
        self.stock = change
            .and_then(|change| self.stock.checked_add(change))
            .filter(|stock| *stock >= 0)
            .ok_or(Unfoldable::OutOfRange("the stock"))?;
        Ok(())
    }
}

impl Products {
    pub(super) async fn load(
        conn: &mut PgConnection,
        target: &Target,
        events: &[RecordedEvent],
    ) -> Result<Products, sqlx::Error> {
        let concerned = events
            .iter()
            .filter(|event| matches!(event.event, Event::Product(_) | Event::Stock(_)));
        let ids: BTreeSet<Uuid> = concerned.map(|event| event.stream.id).collect();
        let statement = format!(
            "select id, name, description, price_minor, price, currency, stock, category_id, sku,
                    created_at, updated_at, product_version, stock_version, retired
             from {target}.products where id = any($1)"
        );
        let rows = rows_by_id(conn, &statement, ids, |row: &ProductRow| row.id).await?;
        Ok(Products {
            rows,
            described: BTreeSet::new(),
            stocked: BTreeSet::new(),
        })
    }

    pub(super) fn product_event(
        &mut self,
        event: &RecordedEvent,
        follows: i64,
        product: &ProductEvent,
    ) -> Result<(), Unfoldable> {
        let row = self.row(event);
        if !is_next(row.product_version, follows, event)? {
            return Ok(());
        }
        if event.sequence == 1 {
            row.created_at = event.occurred_at;
        }
        row.product(product);
        row.product_version = event.sequence;
        row.updated_at = row.updated_at.max(event.occurred_at);
        self.described.insert(event.stream.id);
        Ok(())
    }

    pub(super) fn stock_event(
        &mut self,
        event: &RecordedEvent,
        follows: i64,
        stock: &StockEvent,
    ) -> Result<(), Unfoldable> {
        let row = self.row(event);
        if !is_next(row.stock_version, follows, event)? {
            return Ok(());
        }
        let is_new = row.product_version == 0;
        row.stock(stock)?;
        row.stock_version = event.sequence;
        row.updated_at = row.updated_at.max(event.occurred_at);
        let changed = if is_new {
            &mut self.described
        } else {
            &mut self.stocked
        };
        changed.insert(event.stream.id);
        Ok(())
    }

    fn row(&mut self, event: &RecordedEvent) -> &mut ProductRow {
        let id = event.stream.id;
        self.rows
            .entry(id)
            .or_insert_with(|| ProductRow::blank(id, event.occurred_at))
    }

    pub(super) async fn write(
        &self,
        conn: &mut PgConnection,
        target: &Target,
    ) -> Result<(), sqlx::Error> {
        self.upsert(&mut *conn, target).await?;
        self.update_stock(conn, target).await
    }

    async fn upsert(&self, conn: &mut PgConnection, target: &Target) -> Result<(), sqlx::Error> {
        let rows = Vec::from_iter(self.described.iter().filter_map(|id| self.rows.get(id)));
        if rows.is_empty() {
            return Ok(());
        }
        let statement = format!(
            "insert into {target}.products as p (id, name, sort_name, description, price_minor, price, currency,
                 stock, category_id, sku, created_at, updated_at, product_version, stock_version, retired)
             select * from unnest($1::uuid[], $2::text[], $3::text[], $4::text[], $5::int8[], $6::numeric[],
                 $7::text[], $8::int8[], $9::uuid[], $10::text[], $11::timestamptz[], $12::timestamptz[],
                 $13::int8[], $14::int8[], $15::bool[])
             on conflict (id) do update set
                 name = excluded.name, sort_name = excluded.sort_name, description = excluded.description,
                 price_minor = excluded.price_minor, price = excluded.price, currency = excluded.currency,
                 stock = excluded.stock, category_id = excluded.category_id, sku = excluded.sku,
                 created_at = excluded.created_at, updated_at = excluded.updated_at,
                 product_version = excluded.product_version, stock_version = excluded.stock_version,
                 retired = excluded.retired"
        );
        sqlx::query(&statement)
            .bind(column(&rows, |row| row.id))
            .bind(column(&rows, |row| row.name.as_str()))
            .bind(column(&rows, |row| row.name.to_lowercase()))
            .bind(column(&rows, |row| row.description.as_str()))
            .bind(column(&rows, |row| row.price_minor))
            .bind(column(&rows, |row| row.price))
            .bind(column(&rows, |row| row.currency.as_str()))
            .bind(column(&rows, |row| row.stock))
            .bind(column(&rows, |row| row.category_id))
            .bind(column(&rows, |row| row.sku.as_deref()))
            .bind(column(&rows, |row| row.created_at))
            .bind(column(&rows, |row| row.updated_at))
            .bind(column(&rows, |row| row.product_version))
            .bind(column(&rows, |row| row.stock_version))
            .bind(column(&rows, |row| row.retired))
            .execute(conn)
            .await?;
        Ok(())
    }

    /// Most events are about stock: not touching the text columns avoids updating the search vector and
    /// the indices on them.
    async fn update_stock(
        &self,
        conn: &mut PgConnection,
        target: &Target,
    ) -> Result<(), sqlx::Error> {
        let rows = Vec::from_iter(
            self.stocked
                .difference(&self.described)
                .filter_map(|id| self.rows.get(id)),
        );
        if rows.is_empty() {
            return Ok(());
        }
        let statement = format!(
            "update {target}.products p
             set stock = u.stock, stock_version = u.stock_version, updated_at = u.updated_at
             from unnest($1::uuid[], $2::int8[], $3::int8[], $4::timestamptz[])
                 as u (id, stock, stock_version, updated_at)
             where p.id = u.id"
        );
        sqlx::query(&statement)
            .bind(column(&rows, |row| row.id))
            .bind(column(&rows, |row| row.stock))
            .bind(column(&rows, |row| row.stock_version))
            .bind(column(&rows, |row| row.updated_at))
            .execute(conn)
            .await?;
        Ok(())
    }
}
