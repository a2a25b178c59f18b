//! What each customer bought.

use sqlx::{FromRow, Postgres, QueryBuilder, Row, postgres::PgRow};
use uuid::Uuid;

use super::{AnalyticsQueries, money};
use crate::{
    analytics::{CustomerFigures, CustomerRank, Window},
    paging::{KeyKind, Keyset, Page, Paging, QueryError, fetch_page},
};

const COLUMNS: &str =
    "c.user_id, c.currency, c.orders, c.units, c.revenue_minor, c.cancellations, c.cancelled_minor,
    c.returned, c.refunded_minor, c.first_order_at, c.last_order_at";

/// There is a row for each customer and currency, so neither alone is a row's id.
const ID: &str = "md5(c.user_id::text || c.currency)::uuid";

const BY_REVENUE: Keyset = Keyset {
    order: "customers by revenue",
    key: "c.revenue_minor::numeric",
    kind: KeyKind::Amount,
    id: ID,
    descending: true,
};

const BY_ORDERS: Keyset = Keyset {
    order: "customers by orders",
    key: "c.orders::numeric",
    ..BY_REVENUE
};

const BY_LAST_ORDER: Keyset = Keyset {
    order: "customers by last order",
    key: "coalesce(c.last_order_at, to_timestamp(0))",
    kind: KeyKind::Instant,
    ..BY_REVENUE
};

impl AnalyticsQueries {
    /// What customers bought in the window, by customer and currency.
    pub async fn customers(
        &self,
        window: &Window,
        by: CustomerRank,
        paging: &Paging,
    ) -> Result<Page<CustomerFigures>, QueryError> {
        let keyset = match by {
            CustomerRank::Revenue => BY_REVENUE,
            CustomerRank::Orders => BY_ORDERS,
            CustomerRank::LastOrder => BY_LAST_ORDER,
        };
        let mut conn = self.pool.acquire().await?;
        let mut count = QueryBuilder::new("select count(*)");
        self.push_customers(&mut count, window);
        let total = count.build_query_scalar().fetch_one(&mut *conn).await?;

        let mut query = QueryBuilder::new(format!("select {COLUMNS}, {}", keyset.columns()));
        self.push_customers(&mut query, window);
        fetch_page(&mut conn, query, &keyset, paging, total).await
    }

    /// Pushes `from … where true`. Lifetime figures are stored; those of a window are summed.
    fn push_customers(&self, query: &mut QueryBuilder<'_, Postgres>, window: &Window) {
        let schema = &self.schema;
        if *window == Window::default() {
            query.push(format_args!(" from {schema}.customers c where true"));
            return;
        }
        let (from, to) = window.bounds();
        query
            .push(format_args!(
                " from (
                     select user_id, currency, sum(orders)::int8 as orders, sum(units)::int8 as units,
                            sum(revenue_minor)::int8 as revenue_minor, sum(cancellations)::int8 as cancellations,
                            sum(cancelled_minor)::int8 as cancelled_minor, sum(returned)::int8 as returned,
                            sum(refunded_minor)::int8 as refunded_minor, min(ordered_at) as first_order_at,
                            max(ordered_at) as last_order_at
                     from (
                         select user_id, currency, (units > 0)::int4 as orders, units, revenue_minor,
                                0 as cancellations, 0 as cancelled_minor, returned, refunded_minor,
                                case when units > 0 then at end as ordered_at
                         from {schema}.orders where user_id is not null and at >= "
            ))
            .push_bind(from)
            .push(" and at < ")
            .push_bind(to)
            .push(format_args!(
                " union all
                         select user_id, currency, 0, 0, 0, 1, revenue_minor, 0, 0, null
                         from {schema}.orders where user_id is not null and cancelled_at >= "
            ))
            .push_bind(from)
            .push(" and cancelled_at < ")
            .push_bind(to)
            .push(
                "
                     ) happened
                     group by user_id, currency
                 ) c where true",
            );
    }
}

impl FromRow<'_, PgRow> for CustomerFigures {
    fn from_row(row: &PgRow) -> Result<CustomerFigures, sqlx::Error> {
        Ok(CustomerFigures {
            user_id: row.try_get::<Uuid, _>("user_id")?.into(),
            orders: row.try_get("orders")?,
            units: row.try_get("units")?,
            revenue: money(row, "revenue_minor")?,
            cancellations: row.try_get("cancellations")?,
            cancelled: money(row, "cancelled_minor")?,
            returned: row.try_get("returned")?,
            refunded: money(row, "refunded_minor")?,
            first_order_at: row.try_get("first_order_at")?,
            last_order_at: row.try_get("last_order_at")?,
        })
    }
}
