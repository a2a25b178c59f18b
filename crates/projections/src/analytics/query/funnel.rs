//! How far orders have come, and how long it took them.

use sqlx::{Row, postgres::PgRow};

use super::AnalyticsQueries;
use crate::{
    analytics::{FunnelStep, Window},
    paging::QueryError,
};

/// A step's name, the instant when it is reached, and that of the step before. Orders from before the log
/// have only a step of their own.
const STEPS: [(&str, &str, Option<&str>); 6] = [
    ("placed", "placed_at", None),
    ("processing", "processed_at", Some("placed_at")),
    ("shipped", "shipped_at", Some("processed_at")),
    ("delivered", "delivered_at", Some("shipped_at")),
    ("cancelled", "cancelled_at", Some("placed_at")),
    ("imported", "imported_at", None),
];

impl AnalyticsQueries {
    /// The steps that orders placed in the window have reached by now, in the order in which an order
    /// goes through them.
    pub async fn order_funnel(&self, window: &Window) -> Result<Vec<FunnelStep>, QueryError> {
        let columns: Vec<String> = STEPS
            .iter()
            .map(|(step, reached, before)| {
                // date_part yields a float8, which sorts five times as fast as extract's numeric.
                let seconds = before.map_or("null::float8".to_owned(), |before| {
                    format!("date_part('epoch', o.{reached} - o.{before})")
                });
                format!(
                    "count(o.{reached}) as {step},
                     percentile_cont(0.5) within group (order by {seconds}) as {step}_median,
                     avg({seconds}) as {step}_mean"
                )
            })
            .collect();
        let statement = format!(
            "select {columns}
             from (select case when status <> 'imported' then at end as placed_at, processed_at, shipped_at,
                       delivered_at, cancelled_at, case when status = 'imported' then at end as imported_at
                   from {schema}.orders where at >= $1 and at < $2) o",
            columns = columns.join(", "),
            schema = self.schema
        );
        let (from, to) = window.bounds();
        let row = sqlx::query(&statement)
            .bind(from)
            .bind(to)
            .fetch_one(&self.pool)
            .await?;
        let steps = STEPS.iter().map(|(step, ..)| of_row(&row, step));
        Ok(steps.collect::<Result<_, _>>()?)
    }
}

fn of_row(row: &PgRow, step: &'static str) -> Result<FunnelStep, sqlx::Error> {
    Ok(FunnelStep {
        step,
        orders: row.try_get(step)?,
        median_seconds: row.try_get(format!("{step}_median").as_str())?,
        mean_seconds: row.try_get(format!("{step}_mean").as_str())?,
    })
}
