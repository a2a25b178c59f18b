//! Rows of `orders`, `order_lines` and `order_history`.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Utc};
use daybook_database::from_row;
use daybook_domain::{
    Event, Money, UserId,
    order::{ImportedLine, OrderEvent, OrderLine, OrderStatus},
};
use daybook_log::RecordedEvent;
use futures::future::BoxFuture;
use serde_json::{Map, Value};
use sqlx::PgConnection;
use uuid::Uuid;

use crate::{
    column::{column, rows_by_id},
    projection::{Fold, Target, Unfoldable, is_next},
    rows::{Column, ColumnType, Jsonb, Rows},
    table::Table,
};

pub(super) const LINES: Table = Table::appended("order_lines");
pub(super) const HISTORY: Table = Table::appended("order_history");

/// The rows that a batch changes.
pub(super) struct OrderFold {
    orders: BTreeMap<Uuid, OrderRow>,
    changed: BTreeSet<Uuid>,
    lines: Rows,
    history: Rows,
}

struct OrderRow {
    id: Uuid,
    user_id: Option<Uuid>,
    status: String,
    total_minor: i64,
    currency: String,
    created_at: DateTime<Utc>,
    updated_at: DateTime<Utc>,
    version: i64,
}

from_row!(OrderRow {
    id,
    user_id,
    status,
    total_minor,
    currency,
    created_at,
    updated_at,
    version
});

const LINE_COLUMNS: &[Column] = &[
    ("order_id", ColumnType::Uuid),
    ("line", ColumnType::Int4),
    ("product_id", ColumnType::Uuid),
    ("name", ColumnType::Text),
    ("quantity", ColumnType::Int8),
    ("unit_price_minor", ColumnType::Int8),
];

const HISTORY_COLUMNS: &[Column] = &[
    ("order_id", ColumnType::Uuid),
    ("seq", ColumnType::Int8),
    ("status", ColumnType::Text),
    ("at", ColumnType::Timestamptz),
    ("actor", ColumnType::Text),
    ("details", ColumnType::Jsonb),
];

impl OrderFold {
    /// Does not look for orders that are placed in this batch: when the read model is built from the
    /// log's beginning, those are nearly all that it holds.
    pub(super) async fn load(
        conn: &mut PgConnection,
        target: &Target,
        events: &[RecordedEvent],
    ) -> Result<OrderFold, sqlx::Error> {
        let mut placed_here = BTreeSet::new();
        let mut wanted = BTreeSet::new();
        for event in events
            .iter()
            .filter(|event| matches!(event.event, Event::Order(_)))
        {
            if event.sequence == 1 {
                placed_here.insert(event.stream.id);
            } else if !placed_here.contains(&event.stream.id) {
                wanted.insert(event.stream.id);
            }
        }
        let statement = format!(
            "select id, user_id, status, total_minor, currency, created_at, updated_at, version
             from {target}.orders where id = any($1)"
        );
        let orders = rows_by_id(conn, &statement, wanted, |row: &OrderRow| row.id).await?;
        Ok(OrderFold {
            orders,
            changed: BTreeSet::new(),
            lines: Rows::new(LINES, LINE_COLUMNS),
            history: Rows::new(HISTORY, HISTORY_COLUMNS),
        })
    }

    fn place(
        &mut self,
        event: &RecordedEvent,
        user_id: UserId,
        lines: &[OrderLine],
        total: &Money,
    ) {
        let id = event.stream.id;
        self.open(event, Some(user_id), *total);
        for (line, bought) in (1_i32..).zip(lines) {
            self.lines
                .row()
                .field(id)
                .field(line)
                .field(bought.product_id.as_uuid())
                .field(bought.name.as_str())
                .field(i64::from(bought.quantity))
                .field(bought.unit_price.minor);
        }
    }

    /// A row for an order that begins with this event.
    fn open(&mut self, event: &RecordedEvent, user_id: Option<UserId>, total: Money) {
        let id = event.stream.id;
        self.orders.entry(id).or_insert_with(|| OrderRow {
            id,
            user_id: user_id.map(UserId::as_uuid),
            status: String::new(),
            total_minor: total.minor,
            currency: total.currency.code().to_owned(),
            created_at: event.occurred_at,
            updated_at: event.occurred_at,
            version: 0,
        });
    }

    fn import_line(&mut self, id: Uuid, line: &ImportedLine) -> Result<(), Unfoldable> {
        let row = self.orders.get_mut(&id).ok_or(Unfoldable::NoFirstEvent)?;
        let out_of_range = Unfoldable::OutOfRange("the order's total");
        let total = line
            .total()
            .ok_or(Unfoldable::OutOfRange("a line's total"))?;
        row.total_minor = row
            .total_minor
            .checked_add(total.minor)
            .ok_or(out_of_range)?;
        let number =
            i32::try_from(line.line).map_err(|_| Unfoldable::OutOfRange("a line's number"))?;
        self.lines
            .row()
            .field(id)
            .field(number)
            .field(line.product_id.as_uuid())
            .field(line.name.as_str())
            .field(line.quantity)
            .field(line.unit_price.minor);
        Ok(())
    }

    async fn write_orders(
        &self,
        conn: &mut PgConnection,
        target: &Target,
    ) -> Result<(), sqlx::Error> {
        let rows = Vec::from_iter(self.changed.iter().filter_map(|id| self.orders.get(id)));
        if rows.is_empty() {
            return Ok(());
        }
        // The condition matters when a batch is applied again: orders that it places were not loaded.
        let statement = format!(
            "insert into {target}.orders as o
                 (id, user_id, status, total_minor, currency, created_at, updated_at, version)
             select * from unnest($1::uuid[], $2::uuid[], $3::text[], $4::int8[], $5::text[], $6::timestamptz[],
                 $7::timestamptz[], $8::int8[])
             on conflict (id) do update set
                 status = excluded.status, total_minor = excluded.total_minor,
                 updated_at = excluded.updated_at, version = excluded.version
             where excluded.version > o.version"
        );
        sqlx::query(&statement)
            .bind(column(&rows, |row| row.id))
            .bind(column(&rows, |row| row.user_id))
            .bind(column(&rows, |row| row.status.as_str()))
            .bind(column(&rows, |row| row.total_minor))
            .bind(column(&rows, |row| row.currency.as_str()))
            .bind(column(&rows, |row| row.created_at))
            .bind(column(&rows, |row| row.updated_at))
            .bind(column(&rows, |row| row.version))
            .execute(conn)
            .await?;
        Ok(())
    }
}

impl Fold for OrderFold {
    fn event(&mut self, event: &RecordedEvent, follows: i64) -> Result<(), Unfoldable> {
        let Event::Order(order_event) = &event.event else {
            return Ok(());
        };
        let id = event.stream.id;
        let last = self.orders.get(&id).map_or(0, |row| row.version);
        if !is_next(last, follows, event)? {
            return Ok(());
        }
        // An event that is not a step of the order has no place in its history.
        let step = match order_event {
            OrderEvent::Placed {
                user_id,
                lines,
                total,
                shipping_address: _,
            } => {
                self.place(event, *user_id, lines, total);
                Some((OrderStatus::Pending, details([])))
            }
            OrderEvent::Imported {
                source,
                number,
                user_id,
                country: _,
                currency,
            } => {
                self.open(event, *user_id, Money::new(0, *currency));
                let origin = [("source", Some(source)), ("number", Some(number))];
                Some((OrderStatus::Imported, details(origin)))
            }
            OrderEvent::LineImported(line) => {
                self.import_line(id, line)?;
                None
            }
            OrderEvent::Processed => Some((OrderStatus::Processing, details([]))),
            OrderEvent::Shipped {
                carrier,
                tracking_number,
            } => {
                let parcel = [("carrier", carrier), ("trackingNumber", tracking_number)];
                let parcel = parcel.map(|(name, value)| (name, value.as_ref()));
                Some((OrderStatus::Shipped, details(parcel)))
            }
            OrderEvent::Delivered => Some((OrderStatus::Delivered, details([]))),
            OrderEvent::Cancelled { reason } => Some((
                OrderStatus::Cancelled,
                details([("reason", reason.as_ref())]),
            )),
        };
        let row = self.orders.get_mut(&id).ok_or(Unfoldable::NoFirstEvent)?;
        row.version = event.sequence;
        row.updated_at = event.occurred_at;
        self.changed.insert(id);
        if let Some((status, details)) = step {
            row.status = status.as_str().to_owned();
            self.history
                .row()
                .field(id)
                .field(event.sequence)
                .field(status.as_str())
                .field(event.occurred_at)
                .field(event.metadata.actor.to_string())
                .field(Jsonb(&Value::Object(details).to_string()));
        }
        Ok(())
    }

    fn write<'a>(
        &'a self,
        conn: &'a mut PgConnection,
        target: &'a Target,
    ) -> BoxFuture<'a, Result<(), sqlx::Error>> {
        Box::pin(async move {
            self.write_orders(&mut *conn, target).await?;
            self.lines.write(&mut *conn, target).await?;
            self.history.write(conn, target).await
        })
    }
}

/// The fields that are present.
fn details<const N: usize>(fields: [(&str, Option<&String>); N]) -> Map<String, Value> {
    let given = fields
        .into_iter()
        .filter_map(|(name, value)| Some((name.to_owned(), value?.as_str().into())));
    given.collect()
}
