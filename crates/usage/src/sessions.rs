//! How far visitors get on their way to an order.

use chrono::{DateTime, Utc};
use sqlx::{FromRow, Row, postgres::PgRow, query_as};

use crate::UsageStore;

/// Sessions by how far they got. Each count is of the sessions that took the steps before it, too, one after the other;
/// steps at the same instant count in either order.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Sessions {
    /// `page_view`
    pub viewed: i64,
    /// then `product_click`
    pub clicked: i64,
    /// then `add_to_cart`
    pub added_to_cart: i64,
    /// then `order_placed`
    pub ordered: i64,
}

impl FromRow<'_, PgRow> for Sessions {
    fn from_row(row: &PgRow) -> Result<Sessions, sqlx::Error> {
        Ok(Sessions {
            viewed: row.try_get("viewed")?,
            clicked: row.try_get("clicked")?,
            added_to_cart: row.try_get("added_to_cart")?,
            ordered: row.try_get("ordered")?,
        })
    }
}

impl UsageStore {
    /// The funnel over the events from `from` up to but not including `to`; a bound that is missing is open.
    ///
    /// A session that takes each step as early as possible gets as far as any, so for each step only the earliest
    /// instant after that of the step before has to be known.
    pub async fn sessions(
        &self,
        from: Option<DateTime<Utc>>,
        to: Option<DateTime<Utc>>,
    ) -> Result<Sessions, sqlx::Error> {
        query_as(
            "with viewed as (
                 select session_id, min(at) as at from usage.events
                 where event_type = 'page_view' and at >= coalesce($1, '-infinity') and at < coalesce($2, 'infinity')
                 group by session_id
             ), clicked as (
                 select e.session_id, min(e.at) as at
                 from usage.events e join viewed before on before.session_id = e.session_id and e.at >= before.at
                 where e.event_type = 'product_click' and e.at >= coalesce($1, '-infinity') and e.at < coalesce($2, 'infinity')
                 group by e.session_id
             ), added as (
                 select e.session_id, min(e.at) as at
                 from usage.events e join clicked before on before.session_id = e.session_id and e.at >= before.at
                 where e.event_type = 'add_to_cart' and e.at >= coalesce($1, '-infinity') and e.at < coalesce($2, 'infinity')
                 group by e.session_id
             ), ordered as (
                 select e.session_id
                 from usage.events e join added before on before.session_id = e.session_id and e.at >= before.at
                 where e.event_type = 'order_placed' and e.at >= coalesce($1, '-infinity') and e.at < coalesce($2, 'infinity')
                 group by e.session_id
             )
             select (select count(*) from viewed) as viewed, (select count(*) from clicked) as clicked,
                 (select count(*) from added) as added_to_cart, (select count(*) from ordered) as ordered",
        )
        // A plan for any window would lock the partitions of all days.
        .persistent(false)
        .bind(from)
        .bind(to)
        .fetch_one(&self.pool)
        .await
    }
}
