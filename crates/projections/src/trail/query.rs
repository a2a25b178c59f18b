//! The queries on the trail. Everything is found by index, whatever the log's length.

use daybook_log::Position;
use sqlx::{PgPool, Postgres, QueryBuilder};

use super::{
    TrailFilter, TrailOrder,
    code::{every_type, of_actor, of_type},
};
use crate::{paging::QueryError, schema::SchemaName};

/// The trail's queries.
#[derive(Clone)]
pub struct TrailQueries {
    pool: PgPool,
    schema: SchemaName,
}

impl TrailQueries {
    pub(crate) fn new(pool: PgPool, schema: SchemaName) -> TrailQueries {
        TrailQueries { pool, schema }
    }

    /// The positions of the first `limit` events that `filter` finds, in this order.
    pub async fn find(
        &self,
        filter: &TrailFilter,
        order: TrailOrder,
        limit: i64,
    ) -> Result<Vec<Position>, QueryError> {
        let direction = match order {
            TrailOrder::OldestFirst => "asc",
            TrailOrder::NewestFirst => "desc",
        };
        let first = |query: &mut QueryBuilder<'_, Postgres>, position: &str| {
            query
                .push(format_args!(" order by {position} {direction} limit "))
                .push_bind(limit);
        };
        let mut query = QueryBuilder::new("select ");
        if filter.correlation_id.is_some() {
            // One request causes few events, or else most of those that there are.
            query.push("e.position");
            self.push_matching(&mut query, filter);
            push_types(&mut query, filter);
        } else {
            // The first ones of each type, from its part of an index; and of these the first.
            query
                .push("found.position from unnest(")
                .push_bind(types(filter).unwrap_or_else(|| every_type().map(of_type).collect()))
                .push(") as t (event_type) cross join lateral (select e.position");
            self.push_matching(&mut query, filter);
            query.push(" and e.event_type = t.event_type");
            first(&mut query, "e.position");
            query.push(") found");
        }
        first(&mut query, "position");
        Ok(query.build_query_scalar().fetch_all(&self.pool).await?)
    }

    /// How many events `filter` finds; at most `at_most` are counted.
    pub async fn count(&self, filter: &TrailFilter, at_most: i64) -> Result<i64, QueryError> {
        let mut query = QueryBuilder::new("select count(*) from (select");
        self.push_matching(&mut query, filter);
        push_types(&mut query, filter);
        query.push(" limit ").push_bind(at_most).push(") counted");
        Ok(query.build_query_scalar().fetch_one(&self.pool).await?)
    }

    /// Pushes `from … where …`, without the condition on types.
    fn push_matching(&self, query: &mut QueryBuilder<'_, Postgres>, filter: &TrailFilter) {
        query
            .push(format_args!(" from {}.events e", self.schema))
            .push(" where e.position between ")
            .push_bind(filter.from)
            .push(" and ")
            .push_bind(filter.through);
        if let Some(actor) = &filter.actor {
            query.push(" and e.actor = ").push_bind(of_actor(actor));
        }
        if let Some(correlation_id) = filter.correlation_id {
            query
                .push(" and e.correlation_id = ")
                .push_bind(correlation_id);
        }
    }
}

fn push_types(query: &mut QueryBuilder<'_, Postgres>, filter: &TrailFilter) {
    if let Some(types) = types(filter) {
        query
            .push(" and e.event_type = any(")
            .push_bind(types)
            .push(")");
    }
}

fn types(filter: &TrailFilter) -> Option<Vec<i32>> {
    let types = filter.types.as_ref()?;
    Some(types.iter().copied().map(of_type).collect())
}
