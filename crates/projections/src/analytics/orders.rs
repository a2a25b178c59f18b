//! Rows of `orders`. They also decide whether an event is new: lines and sums cannot, since each event
//! adds to them.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Utc};
use daybook_domain::{
    Currency, Event, ProductId, UserId,
    order::{OrderEvent, OrderStatus},
};
use daybook_log::RecordedEvent;
use sqlx::{FromRow, PgConnection, Row, postgres::PgRow};
use uuid::Uuid;

use super::{
    lines::{Line, Lines},
    sums::Sums,
};
use crate::{
    column::{column, parsed, rows_by_id},
    projection::{Phase, Target, Unfoldable, is_next},
};

pub(super) struct Orders {
    rows: BTreeMap<Uuid, OrderRow>,
    changed: BTreeSet<Uuid>,
}

struct OrderRow {
    id: Uuid,
    version: i64,
    user_id: Option<Uuid>,
    at: DateTime<Utc>,
    currency: Currency,
    status: OrderStatus,
    units: i64,
    revenue_minor: i64,
    returned: i64,
    refunded_minor: i64,
    processed_at: Option<DateTime<Utc>>,
    shipped_at: Option<DateTime<Utc>>,
    delivered_at: Option<DateTime<Utc>>,
    cancelled_at: Option<DateTime<Utc>>,
}

impl OrderRow {
    fn line(
        &self,
        number: u32,
        product_id: ProductId,
        quantity: i64,
        unit_price_minor: i64,
    ) -> Result<Line, Unfoldable> {
        let amount = quantity.checked_mul(unit_price_minor);
        Ok(Line {
            order_id: self.id,
            line: i32::try_from(number).map_err(|_| Unfoldable::OutOfRange("a line's number"))?,
            at: self.at,
            product_id: product_id.as_uuid(),
            currency: self.currency,
            quantity,
            amount_minor: amount.ok_or(Unfoldable::OutOfRange("a line's amount"))?,
        })
    }

    fn book(&mut self, line: Line, lines: &mut Lines, sums: &mut Sums) -> Result<(), Unfoldable> {
        let first_sold = line.is_sold() && self.units == 0;
        sums.line(&line, self.user_id, first_sold)?;
        let (units, amount) = if line.is_sold() {
            (&mut self.units, &mut self.revenue_minor)
        } else {
            (&mut self.returned, &mut self.refunded_minor)
        };
        let add = |sum: &mut i64, more: i64| {
            let added = sum.checked_add_unsigned(more.unsigned_abs());
            *sum = added.ok_or(Unfoldable::OutOfRange("an order's sum"))?;
            Ok(())
        };
        add(units, line.quantity)?;
        add(amount, line.amount_minor)?;
        lines.push(&line);
        Ok(())
    }
}

impl Orders {
    pub(super) async fn load(
        conn: &mut PgConnection,
        target: &Target,
        events: &[RecordedEvent],
    ) -> Result<Orders, sqlx::Error> {
        let concerned = events
            .iter()
            .filter(|event| matches!(event.event, Event::Order(_)));
        let mut ids = BTreeSet::new();
        let mut begun = BTreeSet::new();
        for event in concerned {
            ids.insert(event.stream.id);
            if event.sequence == 1 {
                begun.insert(event.stream.id);
            }
        }
        // Orders that begin in this batch have no row yet.
        if target.phase == Phase::Building {
            ids.retain(|id| !begun.contains(id));
        }
        let statement = format!(
            "select id, version, user_id, at, currency, status, units, revenue_minor, returned, refunded_minor,
                    processed_at, shipped_at, delivered_at, cancelled_at
             from {target}.orders where id = any($1)"
        );
        let rows = rows_by_id(conn, &statement, ids, |row: &OrderRow| row.id).await?;
        Ok(Orders {
            rows,
            changed: BTreeSet::new(),
        })
    }

    pub(super) fn event(
        &mut self,
        event: &RecordedEvent,
        follows: i64,
        order: &OrderEvent,
        lines: &mut Lines,
        sums: &mut Sums,
    ) -> Result<(), Unfoldable> {
        let id = event.stream.id;
        let last = self.rows.get(&id).map_or(0, |row| row.version);
        if !is_next(last, follows, event)? {
            return Ok(());
        }
        match order {
            OrderEvent::Placed {
                user_id,
                lines: bought,
                total,
                shipping_address: _,
            } => {
                let row = self.begin(event, Some(*user_id), total.currency, OrderStatus::Pending);
                for (number, one) in (1..).zip(bought) {
                    let (quantity, price) = (i64::from(one.quantity), one.unit_price.minor);
                    let line = row.line(number, one.product_id, quantity, price)?;
                    row.book(line, lines, sums)?;
                }
            }
            OrderEvent::Imported {
                source: _,
                number: _,
                user_id,
                country: _,
                currency,
            } => {
                self.begin(event, *user_id, *currency, OrderStatus::Imported);
            }
            OrderEvent::LineImported(bought) => {
                let row = self.row(id)?;
                let (quantity, price) = (bought.quantity, bought.unit_price.minor);
                let line = row.line(bought.line, bought.product_id, quantity, price)?;
                row.book(line, lines, sums)?;
            }
            OrderEvent::Processed => {
                let row = self.row(id)?;
                row.status = OrderStatus::Processing;
                row.processed_at = Some(event.occurred_at);
            }
            OrderEvent::Shipped {
                carrier: _,
                tracking_number: _,
            } => {
                let row = self.row(id)?;
                row.status = OrderStatus::Shipped;
                row.shipped_at = Some(event.occurred_at);
            }
            OrderEvent::Delivered => {
                let row = self.row(id)?;
                row.status = OrderStatus::Delivered;
                row.delivered_at = Some(event.occurred_at);
            }
            OrderEvent::Cancelled { reason: _ } => {
                let row = self.row(id)?;
                row.status = OrderStatus::Cancelled;
                row.cancelled_at = Some(event.occurred_at);
                let (user_id, currency) = (row.user_id, row.currency);
                sums.cancellation(event.occurred_at, user_id, currency, row.revenue_minor)?;
            }
        }
        self.row(id)?.version = event.sequence;
        self.changed.insert(id);
        Ok(())
    }

    fn begin(
        &mut self,
        event: &RecordedEvent,
        user_id: Option<UserId>,
        currency: Currency,
        status: OrderStatus,
    ) -> &mut OrderRow {
        let id = event.stream.id;
        self.rows.entry(id).or_insert(OrderRow {
            id,
            version: 0,
            user_id: user_id.map(UserId::as_uuid),
            at: event.occurred_at,
            currency,
            status,
            units: 0,
            revenue_minor: 0,
            returned: 0,
            refunded_minor: 0,
            processed_at: None,
            shipped_at: None,
            delivered_at: None,
            cancelled_at: None,
        })
    }

    fn row(&mut self, id: Uuid) -> Result<&mut OrderRow, Unfoldable> {
        self.rows.get_mut(&id).ok_or(Unfoldable::NoFirstEvent)
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
            "insert into {target}.orders (id, version, user_id, at, currency, status, units, revenue_minor, returned,
                 refunded_minor, processed_at, shipped_at, delivered_at, cancelled_at)
             select * from unnest($1::uuid[], $2::int8[], $3::uuid[], $4::timestamptz[], $5::text[], $6::text[],
                 $7::int8[], $8::int8[], $9::int8[], $10::int8[], $11::timestamptz[], $12::timestamptz[],
                 $13::timestamptz[], $14::timestamptz[])
             on conflict (id) do update set
                 version = excluded.version, status = excluded.status, units = excluded.units,
                 revenue_minor = excluded.revenue_minor, returned = excluded.returned,
                 refunded_minor = excluded.refunded_minor, processed_at = excluded.processed_at,
                 shipped_at = excluded.shipped_at, delivered_at = excluded.delivered_at,
                 cancelled_at = excluded.cancelled_at"
        );
        sqlx::query(&statement)
            .bind(column(&rows, |row| row.id))
            .bind(column(&rows, |row| row.version))
            .bind(column(&rows, |row| row.user_id))
            .bind(column(&rows, |row| row.at))
            .bind(column(&rows, |row| row.currency.code()))
            .bind(column(&rows, |row| row.status.as_str()))
            .bind(column(&rows, |row| row.units))
            .bind(column(&rows, |row| row.revenue_minor))
            .bind(column(&rows, |row| row.returned))
            .bind(column(&rows, |row| row.refunded_minor))
            .bind(column(&rows, |row| row.processed_at))
            .bind(column(&rows, |row| row.shipped_at))
            .bind(column(&rows, |row| row.delivered_at))
            .bind(column(&rows, |row| row.cancelled_at))
            .execute(conn)
            .await?;
        Ok(())
    }
}

impl FromRow<'_, PgRow> for OrderRow {
    fn from_row(row: &PgRow) -> Result<OrderRow, sqlx::Error> {
        Ok(OrderRow {
            id: row.try_get("id")?,
            version: row.try_get("version")?,
            user_id: row.try_get("user_id")?,
            at: row.try_get("at")?,
            currency: parsed(row, "currency")?,
            status: parsed(row, "status")?,
            units: row.try_get("units")?,
            revenue_minor: row.try_get("revenue_minor")?,
            returned: row.try_get("returned")?,
            refunded_minor: row.try_get("refunded_minor")?,
            processed_at: row.try_get("processed_at")?,
            shipped_at: row.try_get("shipped_at")?,
            delivered_at: row.try_get("delivered_at")?,
            cancelled_at: row.try_get("cancelled_at")?,
        })
    }
}
