//! Sums of what happened, to which each batch adds its own.

mod customers;
mod figures;
mod product_months;
mod sales;

use chrono::{DateTime, Utc};
use daybook_domain::Currency;
use sqlx::PgConnection;
use uuid::Uuid;

use self::{customers::Customers, figures::Figures, product_months::ProductMonths, sales::Sales};
use super::lines::Line;
use crate::{
    projection::{Target, Unfoldable},
    table::Table,
};

/// What a batch adds to the sums.
#[derive(Default)]
pub(super) struct Sums {
    sales: Sales,
    product_months: ProductMonths,
    customers: Customers,
}

impl Sums {
    pub(super) const SALES: Table = Sales::TABLE;
    pub(super) const PRODUCT_MONTHS: Table = ProductMonths::TABLE;
    pub(super) const CUSTOMERS: Table = Customers::TABLE;

    /// A line of an order. `first_sold`: before this line, nothing was sold in that order.
    pub(super) fn line(
        &mut self,
        line: &Line,
        user_id: Option<Uuid>,
        first_sold: bool,
    ) -> Result<(), Unfoldable> {
        let figures = Figures::of_line(line, first_sold)?;
        self.sales.add(line.at, line.currency, &figures)?;
        self.product_months.add(line, &figures)?;
        match user_id {
            Some(user_id) => {
                let ordered_at = first_sold.then_some(line.at);
                self.customers
                    .add(user_id, line.currency, &figures, ordered_at)
            }
            None => Ok(()),
        }
    }

    /// An order of `revenue_minor` was cancelled at `at`.
    pub(super) fn cancellation(
        &mut self,
        at: DateTime<Utc>,
        user_id: Option<Uuid>,
        currency: Currency,
        revenue_minor: i64,
    ) -> Result<(), Unfoldable> {
        let figures = Figures::of_cancellation(revenue_minor);
        self.sales.add(at, currency, &figures)?;
        match user_id {
            Some(user_id) => self.customers.add(user_id, currency, &figures, None),
            None => Ok(()),
        }
    }

    pub(super) async fn write(
        &self,
        conn: &mut PgConnection,
        target: &Target,
    ) -> Result<(), sqlx::Error> {
        self.sales.write(&mut *conn, target).await?;
        self.product_months.write(&mut *conn, target).await?;
        self.customers.write(conn, target).await
    }
}
