//! Rows of `lines`: what was bought and what came back.

use chrono::{DateTime, Utc};
use daybook_domain::Currency;
use sqlx::PgConnection;
use uuid::Uuid;

use crate::{
    projection::Target,
    rows::{Column, ColumnType, Rows},
    table::Table,
};

pub(super) struct Lines {
    rows: Rows,
}

/// Quantity and amount are negative for goods that came back.
#[derive(Clone, Copy)]
pub(super) struct Line {
    pub(super) order_id: Uuid,
    pub(super) line: i32,
    pub(super) at: DateTime<Utc>,
    pub(super) product_id: Uuid,
    pub(super) currency: Currency,
    pub(super) quantity: i64,
    pub(super) amount_minor: i64,
}

impl Line {
    pub(super) fn is_sold(&self) -> bool {
        self.quantity > 0
    }
}

const COLUMNS: &[Column] = &[
    ("order_id", ColumnType::Uuid),
    ("line", ColumnType::Int4),
    ("at", ColumnType::Timestamptz),
    ("product_id", ColumnType::Uuid),
    ("currency", ColumnType::Text),
    ("quantity", ColumnType::Int8),
    ("amount_minor", ColumnType::Int8),
];

impl Default for Lines {
    fn default() -> Lines {
        Lines {
            rows: Rows::new(Lines::TABLE, COLUMNS),
        }
    }
}

impl Lines {
    pub(super) const TABLE: Table = Table::appended("lines");

    pub(super) fn push(&mut self, line: &Line) {
        self.rows
            .row()
            .field(line.order_id)
            .field(line.line)
            .field(line.at)
            .field(line.product_id)
            .field(line.currency.code())
            .field(line.quantity)
            .field(line.amount_minor);
    }

    pub(super) async fn write(
        &self,
        conn: &mut PgConnection,
        target: &Target,
    ) -> Result<(), sqlx::Error> {
        self.rows.write(conn, target).await
    }
}
