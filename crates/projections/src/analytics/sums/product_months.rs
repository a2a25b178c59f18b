//! Rows of `product_months`: by month (UTC), product and currency.

use std::collections::BTreeMap;

use chrono::NaiveDate;
use daybook_domain::Currency;
use sqlx::PgConnection;
use uuid::Uuid;

use super::figures::Figures;
use crate::{
    analytics::{cover::month, lines::Line},
    projection::{Target, Unfoldable},
    rows::{Column, ColumnType, Rows},
    table::{Merge, Table},
};

#[derive(Default)]
pub(super) struct ProductMonths {
    rows: BTreeMap<(NaiveDate, Uuid, Currency), ProductMonth>,
}

struct ProductMonth {
    month: NaiveDate,
    product_id: Uuid,
    currency: Currency,
    figures: Figures,
}

const COLUMNS: &[Column] = &[
    ("month", ColumnType::Date),
    ("product_id", ColumnType::Uuid),
    ("currency", ColumnType::Text),
    ("units", ColumnType::Int8),
    ("revenue_minor", ColumnType::Int8),
    ("returned", ColumnType::Int8),
    ("refunded_minor", ColumnType::Int8),
];

impl ProductMonths {
    pub(super) const TABLE: Table = Table::merged(
        "product_months",
        &[
            ("units", Merge::Sum),
            ("revenue_minor", Merge::Sum),
            ("returned", Merge::Sum),
            ("refunded_minor", Merge::Sum),
        ],
    );

    pub(super) fn add(&mut self, line: &Line, figures: &Figures) -> Result<(), Unfoldable> {
        let (month, product_id, currency) = (month(line.at), line.product_id, line.currency);
        let key = (month, product_id, currency);
        let row = self.rows.entry(key).or_insert(ProductMonth {
            month,
            product_id,
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
        let mut rows = Rows::new(ProductMonths::TABLE, COLUMNS);
        for row in self.rows.values() {
            rows.row()
                .field(row.month)
                .field(row.product_id)
                .field(row.currency.code())
                .field(row.figures.units)
                .field(row.figures.revenue_minor)
                .field(row.figures.returned)
                .field(row.figures.refunded_minor);
        }
        rows.write(conn, target).await
    }
}
