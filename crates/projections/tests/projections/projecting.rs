//! The read models equal the log, however they were projected.

use std::{collections::BTreeMap, time::Duration};

use daybook_log::RecordedEvent;
use daybook_projections::{
    projection::{Projection, Target, apply},
    registry,
    runtime::{Checkpoint, LEASES, commit_batch},
    schema::{SchemaName, create_like},
    skipped::Skipped,
    table::Table,
};
use sqlx::PgPool;
use uuid::Uuid;

use crate::{history::History, oracle, shop::Shop};

const LIVE: [&str; 3] = ["catalog", "orders", "users"];

async fn shop_with_a_history() -> (Shop, Vec<RecordedEvent>) {
    let mut shop = Shop::open().await;
    for step in History::new(42).steps(600) {
        shop.append(step).await;
    }
    let events = shop.all_events().await;
    (shop, events)
}

/// Projects as the runtime does, cycling through these batch sizes.
async fn project(
    shop: &Shop,
    projection: &dyn Projection,
    events: &[RecordedEvent],
    sizes: &[usize],
) {
    let ttl = Duration::from_secs(60);
    let lease = LEASES
        .acquire(&shop.pool, projection.name(), "test", ttl)
        .await
        .unwrap()
        .unwrap();
    let mut checkpoint = Checkpoint::load(&shop.pool, projection).await.unwrap();
    let mut sizes = sizes.iter().cycle();
    while let Some(rest) = events
        .get(checkpoint.position as usize..)
        .filter(|rest| !rest.is_empty())
    {
        let batch = &rest[..rest.len().min(*sizes.next().unwrap())];
        checkpoint.position = commit_batch(&shop.pool, projection, &lease, &checkpoint, batch, ttl)
            .await
            .unwrap();
    }
}

/// A digest of every row of a projection's tables.
async fn digest(
    pool: &PgPool,
    projection: &dyn Projection,
    schema: &SchemaName,
) -> BTreeMap<&'static str, String> {
    let mut digests = BTreeMap::new();
    for Table { name: table, .. } in projection.tables() {
        let statement = format!(
            "select count(*) || ' ' || coalesce(md5(string_agg(to_jsonb(t)::text, '|' order by to_jsonb(t)::text)), '')
             from {schema}.{table} t"
        );
        let digest: String = sqlx::query_scalar(&statement)
            .fetch_one(pool)
            .await
            .unwrap();
        assert!(!digest.starts_with("0 "), "{table} is empty");
        digests.insert(*table, digest);
    }
    digests
}

#[tokio::test]
async fn read_models_equal_a_naive_fold_of_the_log() {
    let (shop, events) = shop_with_a_history().await;
    for projection in registry() {
        project(&shop, &*projection, &events, &[1, 7, 100, 2, 33]).await;
    }
    oracle::check(&shop.pool, &events, LIVE).await;
}

#[tokio::test]
async fn applying_events_again_changes_nothing() {
    let (shop, events) = shop_with_a_history().await;
    for projection in registry() {
        let live = SchemaName::live(projection.name());
        project(&shop, &*projection, &events, &[50]).await;
        let before = digest(&shop.pool, &*projection, &live).await;
        let target = Target::live(live.clone());
        let mut conn = shop.pool.acquire().await.unwrap();
        // The last one ends in mid-history: the rows know later events than it has.
        let half = &events[..events.len() / 2];
        for again in [
            events.chunks(9),
            events.chunks(events.len()),
            events.chunks(1),
            half.chunks(20),
        ] {
            for batch in again {
                apply(&*projection, &mut conn, &target, batch, &Skipped::default())
                    .await
                    .unwrap();
            }
            assert_eq!(digest(&shop.pool, &*projection, &live).await, before);
        }
    }
}

#[tokio::test]
async fn a_rebuild_from_the_beginning_equals_the_live_rows() {
    let (shop, events) = shop_with_a_history().await;
    let owner = shop.database.migration_pool().unwrap();
    for projection in registry() {
        let live = SchemaName::live(projection.name());
        project(&shop, &*projection, &events, &[3, 20]).await;

        let rebuilt: SchemaName = format!("{}_2", projection.name()).parse().unwrap();
        let mut conn = owner.acquire().await.unwrap();
        create_like(&mut conn, &live, &rebuilt, projection.tables())
            .await
            .unwrap();
        apply(
            &*projection,
            &mut conn,
            &Target::live(rebuilt.clone()),
            &events,
            &Skipped::default(),
        )
        .await
        .unwrap();
        assert_eq!(
            digest(&owner, &*projection, &rebuilt).await,
            digest(&owner, &*projection, &live).await
        );
    }
    oracle::check(&owner, &events, ["catalog_2", "orders_2", "users_2"]).await;
}

#[tokio::test]
async fn events_of_different_keys_can_be_applied_side_by_side() {
    const PARTS: u128 = 4;
    let (shop, events) = shop_with_a_history().await;
    let owner = shop.database.migration_pool().unwrap();
    for projection in registry() {
        let live = SchemaName::live(projection.name());
        project(&shop, &*projection, &events, &[1_000]).await;

        let rebuilt: SchemaName = format!("{}_parallel", projection.name()).parse().unwrap();
        let mut conn = owner.acquire().await.unwrap();
        create_like(&mut conn, &live, &rebuilt, projection.tables())
            .await
            .unwrap();
        let target = Target::live(rebuilt.clone());
        // The last part first and in small batches: the worst that parallel workers could do.
        for part in (0..PARTS).rev() {
            let in_part = |key: Uuid| key.as_u128() % PARTS == part;
            let of_part: Vec<RecordedEvent> = events
                .iter()
                .filter(|event| projection.key(event).is_some_and(in_part))
                .cloned()
                .collect();
            for batch in of_part.chunks(10) {
                apply(&*projection, &mut conn, &target, batch, &Skipped::default())
                    .await
                    .unwrap();
            }
        }
        assert_eq!(
            digest(&owner, &*projection, &rebuilt).await,
            digest(&owner, &*projection, &live).await
        );
    }
}

#[tokio::test]
async fn every_projection_says_which_aggregates_concern_it() {
    let (_shop, events) = shop_with_a_history().await;
    for projection in registry() {
        for event in &events {
            let concerned = projection
                .aggregates()
                .contains(&event.stream.aggregate_type);
            assert_eq!(
                projection.key(event).is_some(),
                concerned,
                "{} {}",
                projection.name(),
                event.stream
            );
        }
    }
}
