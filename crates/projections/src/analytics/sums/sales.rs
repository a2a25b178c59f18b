//! Rows of `sales`: by quarter of an hour and currency.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use daybook_domain::Currency;
use sqlx::PgConnection;

use super::figures::Figures;
use crate::{
    analytics::cover::Unit,
    projection::{Target, Unfoldable},
    rows::{Column, ColumnType, Rows},
    table::{Merge, Table},
};

#[derive(Default)]
pub(super) struct Sales {
    rows: BTreeMap<(DateTime<Utc>, Currency), Sale>,
}

struct Sale {
    quarter: DateTime<Utc>,
    currency: Currency,
    figures: Figures,
}

const COLUMNS: &[Column] = &[
    ("quarter", ColumnType::Timestamptz),
    ("currency", ColumnType::Text),
    ("orders", ColumnType::Int8),
    ("units", ColumnType::Int8),
    ("revenue_minor", ColumnType::Int8),
    ("cancellations", ColumnType::Int8),
    ("cancelled_minor", ColumnType::Int8),
    ("returned", ColumnType::Int8),
    ("refunded_minor", ColumnType::Int8),
];

impl Sales {
    pub(super) const TABLE: Table = Table::merged(
        "sales",
        &[
            ("orders", Merge::Sum),
            ("units", Merge::Sum),
            ("revenue_minor", Merge::Sum),
            ("cancellations", Merge::Sum),
            ("cancelled_minor", Merge::Sum),
            ("returned", Merge::Sum),
            ("refunded_minor", Merge::Sum),
        ],
    );

    pub(super) fn add(
        &mut self,
        at: DateTime<Utc>,
        currency: Currency,
        figures: &Figures,
    ) -> Result<(), Unfoldable> {
        let quarter = Unit::Quarter.start(at);
        let row = self.rows.entry((quarter, currency)).or_insert(Sale {
            quarter,
            currency,
            figures: Figures::default(),
        });
        row.figures.add(figures)
    }

    pub(super) async fn write(
        &self,
        conn: &mut PgConnection,
        target: &Target,
    ) -> Result<(), sqlx::Error> {
        let mut rows = Rows::new(Sales::TABLE, COLUMNS);
        for row in self.rows.values() {
            rows.row()
                .field(row.quarter)
                .field(row.currency.code())
                .field(row.figures.orders)
                .field(row.figures.units)
                .field(row.figures.revenue_minor)
                .field(row.figures.cancellations)
                .field(row.figures.cancelled_minor)
                .field(row.figures.returned)
                .field(row.figures.refunded_minor);
        }
        rows.write(conn, target).await
    }
}
