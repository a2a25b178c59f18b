//! The queries on the analytics, a file for each report.

mod cohorts;
mod customers;
mod funnel;
mod sales;
mod top_products;

use daybook_domain::{Currency, Money};
use sqlx::{PgPool, Row, postgres::PgRow};

use crate::{column::parsed, schema::SchemaName};

/// The reports' queries.
#[derive(Clone)]
pub struct AnalyticsQueries {
    pool: PgPool,
    schema: SchemaName,
}

impl AnalyticsQueries {
    pub(crate) fn new(pool: PgPool, schema: SchemaName) -> AnalyticsQueries {
        AnalyticsQueries { pool, schema }
    }
}

/// An amount in the row's currency.
fn money(row: &PgRow, name: &str) -> Result<Money, sqlx::Error> {
    let currency: Currency = parsed(row, "currency")?;
    Ok(Money::new(row.try_get(name)?, currency))
}
