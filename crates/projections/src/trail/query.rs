//! What can be asked of the trail. Everything is found by index, whatever the log's length.

use daybook_domain::AggregateType;
use daybook_log::{Actor, Position};
use sqlx::{PgPool, Postgres, QueryBuilder};
use uuid::Uuid;

use super::{TrailFilter, TrailOrder};
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
        match Self::types_to_merge(filter) {
            // Of each type the first ones, by its part of an index, and of these the first.
            Some(types) => {
                query
                    .push("found.position from unnest(")
                    .push_bind(types)
                    .push(") as t (event_type) cross join lateral (select e.position");
                self.push_matching(&mut query, filter);
                query.push(" and e.event_type = t.event_type");
                first(&mut query, "e.position");
                query.push(") found");
                first(&mut query, "found.position");
            }
            None => {
                query.push("e.position");
                self.push_matching(&mut query, filter);
                push_types(&mut query, filter);
                first(&mut query, "e.position");
            }
        }
        Ok(query.build_query_scalar().fetch_all(&self.pool).await?)
    }

    /// How many events `filter` finds; no more than `at_most` are counted.
    pub async fn count(&self, filter: &TrailFilter, at_most: i64) -> Result<i64, QueryError> {
        let mut query = QueryBuilder::new("select count(*) from (select");
        self.push_matching(&mut query, filter);
        push_types(&mut query, filter);
        query.push(" limit ").push_bind(at_most).push(") counted");
        Ok(query.build_query_scalar().fetch_one(&self.pool).await?)
    }

    /// Those of `positions` at which `filter` finds an event, the oldest first.
    pub async fn among(
        &self,
        positions: &[Position],
        filter: &TrailFilter,
    ) -> Result<Vec<Position>, QueryError> {
        let mut query = QueryBuilder::new("select e.position");
        self.push_matching(&mut query, filter);
        push_types(&mut query, filter);
        query
            .push(" and e.position = any(")
            .push_bind(positions)
            .push(") order by e.position");
        Ok(query.build_query_scalar().fetch_all(&self.pool).await?)
    }

    /// Indices hold positions by type, so that several types are merged. What one request set off is few.
    fn types_to_merge(filter: &TrailFilter) -> Option<Vec<&'static str>> {
        if filter.correlation_id.is_some() || filter.takes_all() {
            return None;
        }
        Some(names(filter).unwrap_or_else(every_name))
    }

    /// Pushes `from … where …`, but for the types.
    fn push_matching(&self, query: &mut QueryBuilder<'_, Postgres>, filter: &TrailFilter) {
        query
            .push(format_args!(" from {}.events e", self.schema))
            .push(" where e.position between ")
            .push_bind(filter.from)
            .push(" and ")
            .push_bind(filter.through);
        match &filter.actor {
            Some(Actor::User(id)) => {
                let id: Uuid = id.as_uuid();
                query.push(" and e.user_id = ").push_bind(id);
            }
            Some(other @ (Actor::Anonymous | Actor::System(_))) => {
                query
                    .push(" and e.other_actor = ")
                    .push_bind(other.to_string());
            }
            None => {}
        }
        if let Some(correlation_id) = filter.correlation_id {
            query
                .push(" and e.correlation_id = ")
                .push_bind(correlation_id);
        }
    }
}

fn push_types(query: &mut QueryBuilder<'_, Postgres>, filter: &TrailFilter) {
    if let Some(names) = names(filter) {
        query
            .push(" and e.event_type = any(")
            .push_bind(names)
            .push(")");
    }
}

fn names(filter: &TrailFilter) -> Option<Vec<&'static str>> {
    let types = filter.types.as_ref()?;
    Some(types.iter().map(|of| of.name).collect())
}

fn every_name() -> Vec<&'static str> {
    let types = AggregateType::ALL.iter().flat_map(|of| of.event_types());
    types.map(|of| of.name).collect()
}
