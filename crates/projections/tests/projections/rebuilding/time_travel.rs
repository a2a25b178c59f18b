//! Read models as they were in the past.

use chrono::TimeDelta;
use daybook_projections::{
    rebuild::{BuildError, Built, build_as_of},
    registry,
    registry::projection,
    schema::SchemaName,
};
use tokio_util::sync::CancellationToken;

use super::{builder, leftovers, projected_shop};
use crate::{oracle, shop::Shop};

async fn as_of(shop: &Shop, name: &str, position: i64, schema: &str) -> Result<Built, BuildError> {
    let schema: SchemaName = schema.parse().unwrap();
    let (builder, projection) = (builder(shop), projection(name).unwrap());
    build_as_of(
        &builder,
        &projection,
        position,
        &schema,
        &|_| {},
        &CancellationToken::new(),
    )
    .await
}

#[tokio::test]
async fn a_read_model_is_built_as_it_was_at_a_position() {
    let (shop, _, last) = projected_shop(200).await;
    let events = shop.all_events().await;
    for position in [last / 3, last] {
        let schemas = ["catalog", "orders", "users"].map(|name| format!("{name}_at_{position}"));
        for (name, schema) in ["catalog", "orders", "users"].into_iter().zip(&schemas) {
            let built = as_of(&shop, name, position, schema).await.unwrap();
            assert_eq!((built.position, built.switched), (position, false));
        }
        oracle::check(
            &shop.pool,
            &events[..position as usize],
            schemas.each_ref().map(String::as_str),
        )
        .await;
    }
    assert_eq!(leftovers(&shop.pool).await, [""; 0]);
    let indices: i64 = sqlx::query_scalar("select count(*) from pg_indexes where schemaname = $1")
        .bind(format!("catalog_at_{last}"))
        .fetch_one(&shop.pool)
        .await
        .unwrap();
    assert!(indices > 5);
}

#[tokio::test]
async fn an_instant_is_the_position_of_the_last_event_by_then() {
    let (shop, ..) = projected_shop(60).await;
    let (feed, events) = (shop.feed(), shop.all_events().await);
    let tick = TimeDelta::microseconds(1);
    for event in &events {
        let by_then = |at| {
            events
                .iter()
                .filter(|event| event.recorded_at <= at)
                .count() as i64
        };
        for at in [
            event.recorded_at - tick,
            event.recorded_at,
            event.recorded_at + tick,
        ] {
            assert_eq!(feed.position_at(at).await.unwrap(), by_then(at));
        }
    }
}

#[tokio::test]
async fn only_a_schema_of_its_own_is_built_in() {
    let (shop, _, last) = projected_shop(20).await;
    as_of(&shop, "users", last, "kept").await.unwrap();
    let again = as_of(&shop, "users", last, "kept").await;
    assert!(
        matches!(again, Err(BuildError::SchemaExists(_))),
        "{again:?}"
    );
    for projection in registry() {
        let name = projection.name();
        for schema in [
            name.to_owned(),
            format!("{name}_previous"),
            format!("{name}_build"),
        ] {
            let refused = as_of(&shop, "users", last, &schema).await;
            assert!(
                matches!(refused, Err(BuildError::SchemaReserved(..))),
                "{refused:?}"
            );
        }
    }
    let beyond = as_of(&shop, "users", last + 1, "future").await;
    assert!(
        matches!(beyond, Err(BuildError::BeyondHead { head }) if head == last),
        "{beyond:?}"
    );
}
