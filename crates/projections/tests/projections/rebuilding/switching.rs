//! Switching in what was built, while readers and projectors continue.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering::SeqCst},
};

use daybook_log::RecordedEvent;
use daybook_projections::{
    Change,
    projection::{Target, apply},
    rebuild::{Anew, build_anew},
    registry,
    schema::SchemaName,
    skipped::Skipped,
};
use sqlx::{Executor, PgPool};
use tokio_util::sync::CancellationToken;

use super::{
    LIVE, all, append, builder, leftovers, project, projected_shop, rebuild_all, verify_all,
};
use crate::{
    history::History,
    oracle,
    shop::{Shop, eur, eventually, id, product_created},
};

/// Tables with the definitions of their columns, indices and constraints.
async fn definitions(pool: &PgPool) -> Vec<String> {
    sqlx::query_scalar(
        "select indexdef from pg_indexes where schemaname = any($1)
         union all
         select conrelid::regclass || ' ' || conname || ' ' || pg_get_constraintdef(oid) from pg_constraint
         where connamespace::regnamespace::text = any($1)
         union all
         select attrelid::regclass || ' ' || attnum || ' ' || attname || ' ' || format_type(atttypid, atttypmod)
             || ' ' || attnotnull || coalesce(pg_get_expr(adbin, adrelid), '') || coalesce(collname, '')
         from pg_attribute a
         join pg_class c on c.oid = attrelid and relkind = 'r'
         left join pg_attrdef on adrelid = attrelid and adnum = attnum
         left join pg_collation l on l.oid = attcollation
         where relnamespace::regnamespace::text = any($1) and attnum > 0
         order by 1",
    )
    .bind(Vec::from(["catalog", "orders", "users", "analytics", "trail"]))
    .fetch_all(pool)
    .await
    .unwrap()
}

async fn tables(pool: &PgPool) -> Vec<i64> {
    sqlx::query_scalar("select c.oid::int8 from pg_class c where oid = any(array['catalog.products', 'orders.orders']::regclass[])")
        .fetch_all(pool)
        .await
        .unwrap()
}

#[tokio::test]
async fn other_tables_of_the_same_shape_take_the_place_of_the_live_ones() {
    let (mut shop, mut history, _) = projected_shop(200).await;
    let (before, tables_before) = (definitions(&shop.pool).await, tables(&shop.pool).await);
    assert!(before.len() > 50);
    // The second time there is a previous version to be dropped.
    for _ in 0..2 {
        for built in rebuild_all(&shop).await {
            assert!(built.switched && built.comparison.unwrap().is_identical());
        }
        assert_eq!(definitions(&shop.pool).await, before);
        assert_eq!(leftovers(&shop.pool).await, [""; 0]);
    }
    assert!(
        tables(&shop.pool)
            .await
            .iter()
            .all(|table| !tables_before.contains(table))
    );
    // The projectors continue with them.
    let last = append(&mut shop, history.steps(50)).await;
    project(&shop, last).await;
    oracle::check(&shop.pool, &shop.all_events().await, LIVE).await;
}

#[tokio::test]
async fn whoever_could_read_the_live_tables_still_can() {
    let (shop, ..) = projected_shop(20).await;
    let owner = shop.database.migration_pool().unwrap();
    owner
        .execute(
            "grant usage on schema analytics to public; grant select on analytics.lines, analytics.sales to public",
        )
        .await
        .unwrap();
    rebuild_all(&shop).await;
    let granted: Vec<String> = sqlx::query_scalar(
        "select a.privilege_type from pg_namespace cross join aclexplode(nspacl) a
         where nspname = 'analytics' and a.grantee = 0
         union all
         select relname || ' ' || a.privilege_type from pg_class cross join aclexplode(relacl) a
         where relnamespace = 'analytics'::regnamespace and a.grantee = 0
         order by 1",
    )
    .fetch_all(&shop.pool)
    .await
    .unwrap();
    assert_eq!(granted, ["USAGE", "lines SELECT", "sales SELECT"]);
}

#[tokio::test]
async fn what_was_built_takes_events_again_without_a_change() {
    let (shop, ..) = projected_shop(200).await;
    rebuild_all(&shop).await;
    let events: Vec<RecordedEvent> = shop.all_events().await;
    let mut conn = shop.pool.acquire().await.unwrap();
    for projection in registry() {
        let live = Target::live(SchemaName::live(projection.name()));
        for batch in events.chunks(37) {
            apply(&*projection, &mut conn, &live, batch, &Skipped::default())
                .await
                .unwrap();
        }
    }
    for built in verify_all(&builder(&shop)).await {
        assert!(built.comparison.unwrap().is_identical(), "{}", built.name);
    }
}

#[tokio::test]
async fn writes_and_reads_go_on_while_read_models_are_rebuilt() {
    let mut shop = Shop::open().await;
    let product = id();
    let first = shop
        .append([product_created(product, "Lamp", eur(1_250), None)])
        .await;
    let mut history = History::new(5);
    append(&mut shop, history.steps(100)).await;
    let serving = shop.serve();
    serving.reach(first).await;

    let done = Arc::new(AtomicBool::new(false));
    let reading = tokio::spawn({
        let (read_models, done) = (serving.read_models.clone(), Arc::clone(&done));
        async move {
            let mut reads = 0;
            while !done.load(SeqCst) {
                let found = read_models.catalog().get_product(product).await.unwrap();
                assert_eq!(found.unwrap().product.name, "Lamp");
                reads += 1;
            }
            reads
        }
    });
    let building = tokio::spawn({
        let (builder, done) = (builder(&shop), Arc::clone(&done));
        async move {
            let mut rounds = Vec::new();
            for _ in 0..4 {
                let stop = CancellationToken::new();
                rounds.push(all(build_anew(
                    &builder,
                    &registry(),
                    Anew::Rebuild,
                    &|_| {},
                    &stop,
                )
                .await));
            }
            done.store(true, SeqCst);
            rounds
        }
    });
    let mut last = 0;
    while !done.load(SeqCst) {
        last = append(&mut shop, history.steps(5)).await;
    }
    let rounds = building.await.unwrap();
    assert!(reading.await.unwrap() > 0);
    serving.reach(last).await;
    serving.stop().await;

    let mut reached = 0;
    for built in rounds.iter().flatten() {
        assert!(
            built.switched
                && built
                    .comparison
                    .as_ref()
                    .is_none_or(|found| found.is_identical()),
            "{built:?}"
        );
        reached = reached.max(built.position);
    }
    assert!(
        reached > rounds[0][0].position,
        "nothing was written meanwhile"
    );
    oracle::check(&shop.pool, &shop.all_events().await, LIVE).await;
    for built in verify_all(&builder(&shop)).await {
        assert!(built.comparison.unwrap().is_identical(), "{}", built.name);
    }
}

#[tokio::test]
async fn caches_hear_of_a_switch_and_keep_nothing_that_may_be_older() {
    let (mut shop, mut history, last) = projected_shop(50).await;
    let serving = shop.serve();
    serving.reach(last).await;
    let progress = serving.read_models.progress().clone();
    eventually("listening", async || progress.is_current("catalog", last)).await;
    let mut changes = progress.changes();
    rebuild_all(&shop).await;
    while *changes.next().await.unwrap() != Change::Resync {}
    eventually("rows at this position are not kept", async || {
        ["catalog", "orders"]
            .iter()
            .all(|name| !progress.is_current(name, last))
    })
    .await;
    // From the next event on it is certain which rows were read.
    let next = append(&mut shop, history.steps(1)).await;
    serving.reach(next).await;
    assert!(progress.is_current("catalog", next));
    serving.stop().await;
}
