//! Rows of `customers`: by customer and currency.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use daybook_domain::Currency;
use sqlx::PgConnection;
use uuid::Uuid;

use super::figures::Figures;
use crate::{
    projection::{Target, Unfoldable},
    rows::{Column, ColumnType, Rows},
    table::{Merge, Table},
};

#[derive(Default)]
pub(super) struct Customers {
    rows: BTreeMap<(Uuid, Currency), Customer>,
}

struct Customer {
    user_id: Uuid,
    currency: Currency,
    figures: Figures,
    first_order_at: Option<DateTime<Utc>>,
    last_order_at: Option<DateTime<Utc>>,
}

const COLUMNS: &[Column] = &[
    ("user_id", ColumnType::Uuid),
    ("currency", ColumnType::Text),
    ("orders", ColumnType::Int8),
    ("units", ColumnType::Int8),
    ("revenue_minor", ColumnType::Int8),
    ("cancellations", ColumnType::Int8),
    ("cancelled_minor", ColumnType::Int8),
    ("returned", ColumnType::Int8),
    ("refunded_minor", ColumnType::Int8),
    ("first_order_at", ColumnType::Timestamptz),
    ("last_order_at", ColumnType::Timestamptz),
];

impl Customers {
    pub(super) const TABLE: Table = Table::merged(
        "customers",
        &[
            ("orders", Merge::Sum),
            ("units", Merge::Sum),
            ("revenue_minor", Merge::Sum),
            ("cancellations", Merge::Sum),
            ("cancelled_minor", Merge::Sum),
            ("returned", Merge::Sum),
            ("refunded_minor", Merge::Sum),
            ("first_order_at", Merge::Least),
            ("last_order_at", Merge::Greatest),
        ],
    );

    /// `ordered_at`: if the figures count an order, when that order was placed.
    pub(super) fn add(
        &mut self,
        user_id: Uuid,
        currency: Currency,
        figures: &Figures,
        ordered_at: Option<DateTime<Utc>>,
    ) -> Result<(), Unfoldable> {
        let row = self.rows.entry((user_id, currency)).or_insert(Customer {
            user_id,
            currency,
            figures: Figures::default(),
            first_order_at: None,
            last_order_at: None,
        });
        row.figures.add(figures)?;
        // `None` sorts before any instant, which is right only for the greatest.
        row.last_order_at = row.last_order_at.max(ordered_at);
        row.first_order_at = row.first_order_at.into_iter().chain(ordered_at).min();
        Ok(())
    }

    pub(super) async fn write(
        &self,
        conn: &mut PgConnection,
        target: &Target,
    ) -> Result<(), sqlx::Error> {
        let mut rows = Rows::new(Customers::TABLE, COLUMNS);
        for row in self.rows.values() {
            rows.row()
                .field(row.user_id)
                .field(row.currency.code())
                .field(row.figures.orders)
                .field(row.figures.units)
                .field(row.figures.revenue_minor)
                .field(row.figures.cancellations)
                .field(row.figures.cancelled_minor)
                .field(row.figures.returned)
                .field(row.figures.refunded_minor)
                .field(row.first_order_at)
                .field(row.last_order_at);
        }
        rows.write(conn, target).await
    }
}
