//! Sales by day, week or month.

use chrono::{DateTime, TimeDelta, Utc};
use chrono_tz::Tz;
use sqlx::{PgConnection, Postgres, QueryBuilder, Row, postgres::PgRow};

use super::{AnalyticsQueries, money};
use crate::{
    analytics::{
        Interval, SalesFigures, Window,
        calendar::Calendar,
        cover::{Cover, Unit},
    },
    paging::QueryError,
};

impl AnalyticsQueries {
    /// What was sold in the window by interval and currency, the earliest first. An interval in which
    /// nothing happened is left out. If an interval lies partly outside the window, only the part within
    /// counts.
    pub async fn sales(
        &self,
        window: &Window,
        interval: Interval,
        zone: Tz,
    ) -> Result<Vec<SalesFigures>, QueryError> {
        let mut conn = self.pool.acquire().await?;
        let Some((first, last)) = self.first_and_last_quarter(&mut conn).await? else {
            return Ok(Vec::new());
        };
        let Some((from, to)) = window.within(first, last + TimeDelta::minutes(15)) else {
            return Ok(Vec::new());
        };
        let calendar = Calendar::new(interval, zone, from, to);
        let window = Window {
            from: Some(from),
            to: Some(to),
        };
        let mut query = self.figures(&window.cover(Unit::Quarter));
        query
            .push(" select width_bucket(f.at, ")
            .push_bind(calendar.instants())
            .push(
                ") as interval, f.currency, sum(f.orders)::int8 as orders, sum(f.units)::int8 as units,
                     sum(f.revenue_minor)::int8 as revenue, sum(f.cancellations)::int8 as cancellations,
                     sum(f.cancelled_minor)::int8 as cancelled, sum(f.returned)::int8 as returned,
                     sum(f.refunded_minor)::int8 as refunded
                 from figures f group by 1, 2 order by 1, 2",
            );
        let rows = query.build().fetch_all(&mut *conn).await?;
        let mut all = Vec::with_capacity(rows.len());
        for row in &rows {
            let figures = of_row(row, &calendar)?;
            if figures.tell_something() {
                all.push(figures);
            }
        }
        Ok(all)
    }

    async fn first_and_last_quarter(
        &self,
        conn: &mut PgConnection,
    ) -> Result<Option<(DateTime<Utc>, DateTime<Utc>)>, sqlx::Error> {
        let statement = format!(
            "select min(quarter), max(quarter) from {}.sales",
            self.schema
        );
        let (first, last): (Option<_>, Option<_>) =
            sqlx::query_as(&statement).fetch_one(conn).await?;
        Ok(first.zip(last))
    }

    /// `with figures as (…)`: sums of whole quarters of an hour, and single orders for the rest.
    fn figures(&self, cover: &Cover) -> QueryBuilder<'static, Postgres> {
        let schema = &self.schema;
        let mut query = QueryBuilder::new(format!(
            "with figures as (
                 select s.quarter as at, s.currency, s.orders, s.units, s.revenue_minor, s.cancellations,
                        s.cancelled_minor, s.returned, s.refunded_minor
                 from {schema}.sales s where s.quarter >= "
        ));
        query
            .push_bind(cover.from)
            .push(" and s.quarter < ")
            .push_bind(cover.to);
        for part in &cover.parts {
            let times = part.times;
            query
                .push(format_args!(
                    " union all
                     select o.at, o.currency, {times} * (o.units > 0)::int4, {times} * o.units,
                            {times} * o.revenue_minor, 0, 0, {times} * o.returned, {times} * o.refunded_minor
                     from {schema}.orders o where o.at >= "
                ))
                .push_bind(part.from)
                .push(" and o.at < ")
                .push_bind(part.to)
                .push(format_args!(
                    " union all
                     select o.cancelled_at, o.currency, 0, 0, 0, {times}, {times} * o.revenue_minor, 0, 0
                     from {schema}.orders o where o.cancelled_at >= "
                ))
                .push_bind(part.from)
                .push(" and o.cancelled_at < ")
                .push_bind(part.to);
        }
        query.push(")");
        query
    }
}

impl SalesFigures {
    fn tell_something(&self) -> bool {
        [self.orders, self.cancellations, self.returned]
            .iter()
            .any(|count| *count != 0)
    }
}

fn of_row(row: &PgRow, calendar: &Calendar) -> Result<SalesFigures, sqlx::Error> {
    let start = calendar
        .numbered(row.try_get("interval")?)
        .ok_or(sqlx::Error::RowNotFound)?;
    Ok(SalesFigures {
        start: start.at,
        date: start.date,
        orders: row.try_get("orders")?,
        units: row.try_get("units")?,
        revenue: money(row, "revenue")?,
        cancellations: row.try_get("cancellations")?,
        cancelled: money(row, "cancelled")?,
        returned: row.try_get("returned")?,
        refunded: money(row, "refunded")?,
    })
}
