//! Waiting for one's own writes, and hearing of everyone's changes.

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use daybook_domain::ProductId;
use daybook_projections::{
    Change, ProgressTracker, ReadModels, Stand,
    operate::{Operator, reset},
    registry::projection,
};
use tokio_util::sync::CancellationToken;

use crate::shop::{
    LONG, Shop, eur, eventually, id, product_created, stock_received, user_registered,
};

#[tokio::test]
async fn waiting_for_what_nobody_projects_ends() {
    let mut shop = Shop::open().await;
    let position = shop.append([stock_received(id(), 1)]).await;
    let progress = ProgressTracker::new();
    let shutdown = CancellationToken::new();
    let tracking = tokio::spawn({
        let (progress, pool, shutdown) = (progress.clone(), shop.pool.clone(), shutdown.clone());
        async move { progress.run(pool, shutdown).await }
    });
    let read_models = ReadModels::new(shop.pool.clone(), progress);
    let behind = read_models
        .wait_for("catalog", position, Duration::from_millis(50))
        .await
        .unwrap_err();
    assert_eq!(
        (behind.name.as_str(), behind.wanted, behind.position),
        ("catalog", position, 0)
    );
    assert!(
        read_models
            .wait_for("no such", 1, Duration::from_millis(50))
            .await
            .is_err()
    );
    read_models
        .wait_for("catalog", 0, Duration::ZERO)
        .await
        .unwrap();
    shutdown.cancel();
    tracking.await.unwrap();
}

#[tokio::test]
async fn changes_name_what_was_touched() {
    let mut shop = Shop::open().await;
    let serving = shop.serve();
    let first = shop.append([stock_received(id(), 1)]).await;
    serving.reach(first).await;
    eventually("listening", async || {
        serving.read_models.progress().is_current("catalog", first)
    })
    .await;

    let mut changes = serving.read_models.progress().changes();
    let product: ProductId = id();
    let few = shop
        .append([
            product_created(product, "Lamp", eur(1), None),
            stock_received(product, 1),
        ])
        .await;
    serving.reach(few).await;
    let many = shop.append((0..101).map(|_| stock_received(id(), 1))).await;
    serving.reach(many).await;

    let mut told = Vec::new();
    while !told.iter().any(|change| matches!(change, Change::Advanced { name: "catalog", position, .. } if *position == many))
    {
        told.push(changes.next().await.unwrap().as_ref().clone());
    }
    let of_catalog: Vec<_> = told
        .into_iter()
        .filter(|change| {
            matches!(
                change,
                Change::Advanced {
                    name: "catalog",
                    ..
                }
            )
        })
        .collect();
    let advanced = |position, keys| Change::Advanced {
        name: "catalog",
        position,
        keys,
    };
    assert_eq!(
        of_catalog,
        [
            advanced(few, Some(vec![product.to_string()])),
            advanced(many, None)
        ]
    );
    serving.stop().await;
}

#[tokio::test]
async fn caches_are_told_before_anyone_who_waits() {
    let mut shop = Shop::open().await;
    let serving = shop.serve();
    let progress = serving.read_models.progress().clone();
    let seen_by_cache = Arc::new(Mutex::new(0));
    progress.on_change({
        let (seen, progress) = (Arc::clone(&seen_by_cache), progress.clone());
        move |change| {
            if let Change::Advanced {
                name: "catalog",
                position,
                ..
            } = change
            {
                // Announced already, so that older rows are refused; not yet published.
                assert!(!progress.is_current("catalog", position - 1));
                assert!(progress.position("catalog") < *position);
                *seen.lock().unwrap() = *position;
            }
        }
    });
    for _ in 0..20 {
        let position = shop.append([stock_received(id(), 1)]).await;
        serving
            .read_models
            .wait_for("catalog", position, LONG)
            .await
            .unwrap();
        assert!(*seen_by_cache.lock().unwrap() >= position);
    }
    serving.stop().await;
}

#[tokio::test]
async fn a_broken_connection_makes_caches_start_over() {
    let mut shop = Shop::open().await;
    let serving = shop.serve();
    let progress = serving.read_models.progress();
    let before = shop.append([stock_received(id(), 1)]).await;
    serving.reach(before).await;
    eventually("listening", async || progress.is_current("catalog", before)).await;

    let mut changes = progress.changes();
    let ended: i64 = sqlx::query_scalar(
        "select count(pg_terminate_backend(pid)) from pg_stat_activity
         where datname = current_database() and query like 'LISTEN%daybook_projection%'",
    )
    .fetch_one(&shop.database.superuser_pool().unwrap())
    .await
    .unwrap();
    assert_eq!(ended, 1);
    while *changes.next().await.unwrap() != Change::Resync {}

    let after = shop.append([stock_received(id(), 1)]).await;
    serving.reach(after).await;
    eventually("listening again", async || {
        progress.is_current("catalog", after)
    })
    .await;
    serving.stop().await;
}

#[tokio::test]
async fn where_a_read_model_stands_is_told_before_anyone_who_waits() {
    let mut shop = Shop::open().await;
    let serving = shop.serve();
    let progress = serving.read_models.progress().clone();
    let first = shop.append([stock_received(id(), 1)]).await;
    serving.reach(first).await;
    let instance: i64 = sqlx::query_scalar(
        "select (extract(epoch from pg_postmaster_start_time()) * 1000000)::bigint",
    )
    .fetch_one(&shop.pool)
    .await
    .unwrap();
    let stand = |generation, position| {
        Some(Stand {
            instance,
            generation,
            position,
        })
    };
    eventually("known", async || {
        progress.stand("catalog") == stand(0, first)
    })
    .await;
    // An event that does not concern the catalog.
    let other = shop
        .append([user_registered(id(), "a@example.com", &[])])
        .await;
    serving.reach(other).await;
    assert_eq!(progress.stand("catalog"), stand(0, first));
    let mut last = first;
    for _ in 0..20 {
        last = shop.append([stock_received(id(), 1)]).await;
        let waited = serving.read_models.wait_for("catalog", last, LONG).await;
        waited.unwrap();
        assert_eq!(progress.stand("catalog"), stand(0, last));
    }
    let operator = Operator::of_system("ann");
    let catalog = projection("catalog").unwrap();
    reset(&shop.pool, &*catalog, &operator, None).await.unwrap();
    eventually("the new rows", async || {
        progress.stand("catalog") == stand(1, last)
    })
    .await;
    serving.stop().await;
    assert_eq!(progress.stand("catalog"), None, "nobody listens any more");
}
