//! The products that sold best.

use sqlx::{Postgres, QueryBuilder, Row, postgres::PgRow};
use uuid::Uuid;

use super::{AnalyticsQueries, money};
use crate::{
    analytics::{
        ProductRank, TopProduct, Window,
        cover::{Cover, Part, Unit},
    },
    paging::QueryError,
};

impl AnalyticsQueries {
    /// For each currency the `limit` products that sold best in the window. Goods that came back do not
    /// lower the rank.
    pub async fn top_products(
        &self,
        window: &Window,
        by: ProductRank,
        limit: u32,
    ) -> Result<Vec<TopProduct>, QueryError> {
        let order = match by {
            ProductRank::Revenue => "s.revenue_minor desc, s.units desc, s.product_id",
            ProductRank::Units => "s.units desc, s.revenue_minor desc, s.product_id",
        };
        let mut query = self.product_sums(&window.cover(Unit::Month));
        query
            .push(format_args!(
                ", ranked as (
                     select s.*, row_number() over (partition by s.currency order by {order}) as rank
                     from sums s where s.units > 0
                 )
                 select r.rank, r.product_id, r.currency, r.units, r.revenue_minor as revenue, r.returned,
                        r.refunded_minor as refunded, p.name, p.sku
                 from ranked r left join {}.products p on p.id = r.product_id
                 where r.rank <= ",
                self.schema
            ))
            .push_bind(i64::from(limit))
            .push(" order by r.currency, r.rank");
        let rows = query.build().fetch_all(&self.pool).await?;
        Ok(rows.iter().map(of_row).collect::<Result<_, _>>()?)
    }

    /// `with sums as (…)`: sums of whole months, and of single lines for the rest. Each part is summed by
    /// itself, so that the database goes through one range of one table at a time.
    fn product_sums(&self, cover: &Cover) -> QueryBuilder<'static, Postgres> {
        let mut query = QueryBuilder::new("with figures as (");
        let mut sources = 0;
        if cover.from < cover.to {
            sources += 1;
            self.push_months(&mut query, cover);
        }
        for part in &cover.parts {
            query.push(if sources > 0 { " union all " } else { "" });
            sources += 1;
            self.push_lines(&mut query, part);
        }
        query.push("), sums as (");
        // A single source already has each product only once.
        query.push(if sources == 1 {
            "select * from figures"
        } else {
            "select product_id, currency, sum(units)::int8 as units, sum(revenue_minor)::int8 as revenue_minor,
                    sum(returned)::int8 as returned, sum(refunded_minor)::int8 as refunded_minor
             from figures group by product_id, currency"
        });
        query.push(")");
        query
    }

    fn push_months(&self, query: &mut QueryBuilder<'_, Postgres>, cover: &Cover) {
        query
            .push(format_args!(
                "select m.product_id, m.currency, sum(m.units)::int8 as units,
                        sum(m.revenue_minor)::int8 as revenue_minor, sum(m.returned)::int8 as returned,
                        sum(m.refunded_minor)::int8 as refunded_minor
                 from {}.product_months m where m.month >= ",
                self.schema
            ))
            .push_bind(cover.from.date_naive())
            .push(" and m.month < ")
            .push_bind(cover.to.date_naive())
            .push(" group by m.product_id, m.currency");
    }

    fn push_lines(&self, query: &mut QueryBuilder<'_, Postgres>, part: &Part) {
        let sum = |column: &str, is_sold: bool| {
            let (times, those) = if is_sold {
                (part.times, ">")
            } else {
                (-part.times, "<")
            };
            let sum = format!("sum(l.{column}) filter (where l.quantity {those} 0)");
            format!("{times} * coalesce({sum}, 0)::int8")
        };
        query
            .push(format_args!(
                "select l.product_id, l.currency, {units} as units, {revenue} as revenue_minor,
                        {returned} as returned, {refunded} as refunded_minor
                 from {schema}.lines l where l.at >= ",
                units = sum("quantity", true),
                revenue = sum("amount_minor", true),
                returned = sum("quantity", false),
                refunded = sum("amount_minor", false),
                schema = self.schema
            ))
            .push_bind(part.from)
            .push(" and l.at < ")
            .push_bind(part.to)
            .push(" group by l.product_id, l.currency");
    }
}

fn of_row(row: &PgRow) -> Result<TopProduct, sqlx::Error> {
    Ok(TopProduct {
        rank: row.try_get("rank")?,
        product_id: row.try_get::<Uuid, _>("product_id")?.into(),
        name: row.try_get("name")?,
        sku: row.try_get("sku")?,
        units: row.try_get("units")?,
        revenue: money(row, "revenue")?,
        returned: row.try_get("returned")?,
        refunded: money(row, "refunded")?,
    })
}
