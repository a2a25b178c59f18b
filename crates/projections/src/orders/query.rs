//! The queries on the orders.

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use daybook_database::from_row;
use daybook_domain::{Currency, Money, OrderId, UserId, order::OrderStatus};
use sqlx::{FromRow, PgConnection, PgPool, Postgres, QueryBuilder, Row, postgres::PgRow};
use uuid::Uuid;

use super::{HistoryEntry, Line, NAME, Order, OrderAt, OrderFilter, Viewer};
use crate::{
    paging::{KeyKind, Keyset, Page, Paging, QueryError, fetch_page},
    schema::SchemaName,
};

/// The orders' queries.
#[derive(Clone)]
pub struct OrderQueries {
    pool: PgPool,
    schema: SchemaName,
}

const COLUMNS: &str =
    "o.id, o.user_id, o.status, o.total_minor, o.currency, o.created_at, o.updated_at, o.version";

const NEWEST: Keyset = Keyset {
    order: "orders by newest",
    key: "o.created_at",
    kind: KeyKind::Instant,
    id: "o.id",
    descending: true,
};

impl OrderQueries {
    pub(crate) fn new(pool: PgPool, schema: SchemaName) -> OrderQueries {
        OrderQueries { pool, schema }
    }

    /// Orders that `viewer` may see and `filter` finds, the newest first.
    pub async fn list(
        &self,
        viewer: Viewer,
        filter: &OrderFilter,
        paging: &Paging,
    ) -> Result<Page<Order>, QueryError> {
        let mut conn = self.pool.acquire().await?;
        let mut count = QueryBuilder::new("select count(*)");
        self.push_matching(&mut count, viewer, filter);
        let total = count.build_query_scalar().fetch_one(&mut *conn).await?;

        let mut query = QueryBuilder::new(format!("select {COLUMNS}, {}", NEWEST.columns()));
        self.push_matching(&mut query, viewer, filter);
        let mut page: Page<Order> = fetch_page(&mut conn, query, &NEWEST, paging, total).await?;
        self.add_lines(&mut conn, &mut page.items).await?;
        Ok(page)
    }

    /// An order that `viewer` may see.
    pub async fn get(&self, id: OrderId, viewer: Viewer) -> Result<Option<OrderAt>, QueryError> {
        let mut conn = self.pool.acquire().await?;
        let statement = format!(
            "select {COLUMNS}, coalesce(k.position, 0) as position
             from {}.orders o
             left join projections.checkpoints k on k.name = $3
             where o.id = $1 and ($2::uuid is null or o.user_id = $2)",
            self.schema
        );
        let found = sqlx::query(&statement)
            .bind(id.as_uuid())
            .bind(viewer.user_id())
            .bind(NAME)
            .fetch_optional(&mut *conn)
            .await?;
        let Some(row) = found else { return Ok(None) };
        let mut orders = [Order::from_row(&row)?];
        // An order's lines never change, so they need not come from the same snapshot.
        self.add_lines(&mut conn, &mut orders).await?;
        let [order] = orders;
        Ok(Some(OrderAt {
            order,
            position: row.try_get("position").map_err(QueryError::from)?,
        }))
    }

    /// The history of an order that `viewer` may see, the oldest first. `None`: there is no such order.
    pub async fn history(
        &self,
        id: OrderId,
        viewer: Viewer,
    ) -> Result<Option<Vec<HistoryEntry>>, QueryError> {
        let statement = format!(
            "select h.seq, h.status, h.at, h.actor, h.details::text as details
             from {schema}.order_history h
             join {schema}.orders o on o.id = h.order_id
             where h.order_id = $1 and ($2::uuid is null or o.user_id = $2)
             order by h.seq",
            schema = self.schema
        );
        let entries: Vec<HistoryEntry> = sqlx::query_as(&statement)
            .bind(id.as_uuid())
            .bind(viewer.user_id())
            .fetch_all(&self.pool)
            .await?;
        // An order begins with its first event, so every order has a history.
        Ok((!entries.is_empty()).then_some(entries))
    }

    /// Every order of a customer, in no order.
    pub async fn ids_of(&self, user_id: UserId) -> Result<Vec<OrderId>, QueryError> {
        let statement = format!(
            "select o.id from {}.orders o where o.user_id = $1",
            self.schema
        );
        let ids: Vec<Uuid> = sqlx::query_scalar(&statement)
            .bind(user_id.as_uuid())
            .fetch_all(&self.pool)
            .await?;
        Ok(ids.into_iter().map(OrderId::from).collect())
    }

    /// Pushes `from … where …` for the orders that `viewer` may see and `filter` finds.
    fn push_matching(
        &self,
        query: &mut QueryBuilder<'_, Postgres>,
        viewer: Viewer,
        filter: &OrderFilter,
    ) {
        query.push(format_args!(" from {}.orders o where true", self.schema));
        if let Some(own) = viewer.user_id() {
            query.push(" and o.user_id = ").push_bind(own);
        }
        if let Some(user_id) = filter.user_id {
            query.push(" and o.user_id = ").push_bind(user_id.as_uuid());
        }
        if !filter.statuses.is_empty() {
            let statuses: Vec<&'static str> = filter
                .statuses
                .iter()
                .map(|status| status.as_str())
                .collect();
            query
                .push(" and o.status = any(")
                .push_bind(statuses)
                .push(")");
        }
    }

    async fn add_lines(
        &self,
        conn: &mut PgConnection,
        orders: &mut [Order],
    ) -> Result<(), QueryError> {
        let ids: Vec<Uuid> = orders.iter().map(|order| order.id.as_uuid()).collect();
        let statement = format!(
            "select l.order_id, l.product_id, l.name, l.quantity, l.unit_price_minor
             from {}.order_lines l where l.order_id = any($1) order by l.order_id, l.line",
            self.schema
        );
        let rows: Vec<LineRow> = sqlx::query_as(&statement).bind(ids).fetch_all(conn).await?;
        let mut lines: HashMap<Uuid, Vec<LineRow>> = HashMap::new();
        for row in rows {
            lines.entry(row.order_id).or_default().push(row);
        }
        for order in orders {
            let rows = lines.remove(&order.id.as_uuid()).unwrap_or_default();
            order.lines = rows
                .into_iter()
                .map(|row| row.into_line(order.total.currency))
                .collect();
        }
        Ok(())
    }
}

impl Viewer {
    /// The only customer whose orders may be seen; `None`: everyone's.
    fn user_id(self) -> Option<Uuid> {
        match self {
            Viewer::Admin => None,
            Viewer::Customer(id) => Some(UserId::as_uuid(id)),
        }
    }
}

struct LineRow {
    order_id: Uuid,
    product_id: Uuid,
    name: String,
    quantity: i64,
    unit_price_minor: i64,
}

from_row!(LineRow {
    order_id,
    product_id,
    name,
    quantity,
    unit_price_minor
});

impl LineRow {
    /// An order has one currency, the same as its total.
    fn into_line(self, currency: Currency) -> Line {
        Line {
            product_id: self.product_id.into(),
            name: self.name,
            quantity: self.quantity,
            unit_price: Money::new(self.unit_price_minor, currency),
        }
    }
}

impl FromRow<'_, PgRow> for Order {
    fn from_row(row: &PgRow) -> Result<Order, sqlx::Error> {
        let currency: Currency = row
            .try_get::<&str, _>("currency")?
            .parse()
            .map_err(decode)?;
        Ok(Order {
            id: row.try_get::<Uuid, _>("id")?.into(),
            user_id: row.try_get::<Option<Uuid>, _>("user_id")?.map(UserId::from),
            status: status(row)?,
            lines: Vec::new(),
            total: Money::new(row.try_get("total_minor")?, currency),
            created_at: row.try_get("created_at")?,
            updated_at: row.try_get("updated_at")?,
            version: row.try_get("version")?,
        })
    }
}

impl FromRow<'_, PgRow> for HistoryEntry {
    fn from_row(row: &PgRow) -> Result<HistoryEntry, sqlx::Error> {
        let at: DateTime<Utc> = row.try_get("at")?;
        let details: &str = row.try_get("details")?;
        Ok(HistoryEntry {
            sequence: row.try_get("seq")?,
            status: status(row)?,
            at,
            actor: row.try_get("actor")?,
            details: serde_json::from_str(details).map_err(decode)?,
        })
    }
}

fn status(row: &PgRow) -> Result<OrderStatus, sqlx::Error> {
    row.try_get::<&str, _>("status")?.parse().map_err(decode)
}

fn decode(error: impl std::error::Error + Send + Sync + 'static) -> sqlx::Error {
    sqlx::Error::Decode(Box::new(error))
}
