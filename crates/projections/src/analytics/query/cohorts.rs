//! Customers by the month of their first order, and what they ordered from then on.

use chrono::{DateTime, TimeDelta, Utc};
use chrono_tz::Tz;
use sqlx::{PgConnection, Row, postgres::PgRow};

use super::AnalyticsQueries;
use crate::{
    analytics::{CohortMonth, Interval, Window, calendar::Calendar},
    paging::QueryError,
};

impl AnalyticsQueries {
    /// The customers whose very first order lies in the window, grouped by its month, with what they
    /// ordered until the window's end. Months in which none of them ordered are left out.
    pub async fn cohorts(&self, window: &Window, zone: Tz) -> Result<Vec<CohortMonth>, QueryError> {
        let mut conn = self.pool.acquire().await?;
        let Some((first, last)) = self.first_and_last_order(&mut conn).await? else {
            return Ok(Vec::new());
        };
        let Some((from, to)) = window.within(first, last + TimeDelta::microseconds(1)) else {
            return Ok(Vec::new());
        };
        let calendar = Calendar::new(Interval::Month, zone, from, to);
        // Every customer ordered in their first month, so that month's count is the size of the cohort.
        let statement = format!(
            "with members as (
                 select c.user_id, width_bucket(min(c.first_order_at), $3) as cohort
                 from {schema}.customers c group by c.user_id
                 having min(c.first_order_at) >= $1 and min(c.first_order_at) < $2
             ), active as (
                 select o.user_id, width_bucket(o.at, $3) as month, count(*) as orders
                 from {schema}.orders o
                 where o.units > 0 and o.user_id is not null and o.at >= $1 and o.at < $2 group by 1, 2
             )
             select m.cohort, a.month, first_value(count(*)) over (partition by m.cohort order by a.month) as customers,
                    count(*) as active, sum(a.orders)::int8 as orders
             from active a join members m on m.user_id = a.user_id
             group by m.cohort, a.month order by m.cohort, a.month",
            schema = self.schema
        );
        let rows = sqlx::query(&statement)
            .bind(from)
            .bind(to)
            .bind(calendar.instants())
            .fetch_all(&mut *conn)
            .await?;
        Ok(rows
            .iter()
            .map(|row| of_row(row, &calendar))
            .collect::<Result<_, _>>()?)
    }

    async fn first_and_last_order(
        &self,
        conn: &mut PgConnection,
    ) -> Result<Option<(DateTime<Utc>, DateTime<Utc>)>, sqlx::Error> {
        let statement = format!(
            "select min(first_order_at), max(last_order_at) from {}.customers",
            self.schema
        );
        let (first, last): (Option<_>, Option<_>) =
            sqlx::query_as(&statement).fetch_one(conn).await?;
        Ok(first.zip(last))
    }
}

fn of_row(row: &PgRow, calendar: &Calendar) -> Result<CohortMonth, sqlx::Error> {
    let month = |name: &str| {
        let start = calendar.numbered(row.try_get(name)?);
        Ok::<_, sqlx::Error>(start.ok_or(sqlx::Error::RowNotFound)?.date)
    };
    Ok(CohortMonth {
        cohort: month("cohort")?,
        customers: row.try_get("customers")?,
        month: month("month")?,
        active: row.try_get("active")?,
        orders: row.try_get("orders")?,
    })
}
