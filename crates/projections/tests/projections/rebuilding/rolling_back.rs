//! The previous version can be switched back, brought up to date.

use std::sync::Arc;

use daybook_projections::{
    operate::{self, Operator, may_begin},
    projection::Projection,
    rebuild::{BuildError, Built, Purpose, rollback},
    registry::projection,
};
use sqlx::Executor;
use tokio_util::sync::CancellationToken;

use super::{LIVE, append, builder, leftovers, project, projected_shop, rebuild_all, verify_all};
use crate::{oracle, shop::Shop};

async fn roll_back(shop: &Shop) -> Result<Built, BuildError> {
    let catalog: Arc<dyn Projection> = projection("catalog").unwrap();
    rollback(&builder(shop), &catalog, &|_| {}, &CancellationToken::new()).await
}

/// Whether the rows exist that no event has made.
async fn marked(shop: &Shop, schema: &str) -> bool {
    let statement = format!("select exists (select from {schema}.products where sku = 'marked')");
    sqlx::query_scalar(&statement)
        .fetch_one(&shop.pool)
        .await
        .unwrap()
}

#[tokio::test]
async fn a_rollback_brings_the_rows_back_that_were_there_and_what_came_since() {
    let (mut shop, mut history, _) = projected_shop(200).await;
    shop.pool
        .execute("update catalog.products set sku = 'marked'")
        .await
        .unwrap();
    rebuild_all(&shop).await;
    assert!(!marked(&shop, "catalog").await && marked(&shop, "catalog_previous").await);
    let last = append(&mut shop, history.steps(100)).await;
    project(&shop, last).await;

    let built = roll_back(&shop).await.unwrap();
    assert!(built.switched && built.events > 0);
    assert_eq!((built.position, built.comparison), (last, None));
    assert!(marked(&shop, "catalog").await && !marked(&shop, "catalog_previous").await);
    let differing: Vec<u64> = verify_all(&builder(&shop))
        .await
        .into_iter()
        .map(|built| built.comparison.unwrap().differing)
        .collect();
    assert!(
        differing[0] > 0 && differing[1..] == [0, 0, 0, 0],
        "{differing:?}"
    );

    // And back again.
    let last = append(&mut shop, history.steps(20)).await;
    project(&shop, last).await;
    roll_back(&shop).await.unwrap();
    assert!(!marked(&shop, "catalog").await);
    assert_eq!(leftovers(&shop.pool).await, [""; 0]);
    oracle::check(&shop.pool, &shop.all_events().await, LIVE).await;
}

#[tokio::test]
async fn what_an_operator_paused_stays_where_it_is() {
    let (mut shop, mut history, last) = projected_shop(50).await;
    rebuild_all(&shop).await;
    let catalog = projection("catalog").unwrap();
    let ann = Operator::of_system("ann");
    operate::pause(&shop.pool, &*catalog, &ann, None)
        .await
        .unwrap();
    append(&mut shop, history.steps(20)).await;
    let refused = roll_back(&shop).await;
    assert!(
        matches!(refused, Err(BuildError::Paused { name: "catalog" })),
        "{refused:?}"
    );
    let refused = may_begin(&shop.pool, &*catalog, Purpose::Rollback).await;
    assert!(
        matches!(refused, Err(BuildError::Paused { .. })),
        "{refused:?}"
    );
    let found: (i64, String) = sqlx::query_as(
        "select position, state from projections.checkpoints where name = 'catalog'",
    )
    .fetch_one(&shop.pool)
    .await
    .unwrap();
    assert_eq!(found, (last, "paused".to_owned()));
    operate::resume(&shop.pool, &*catalog, &ann, None)
        .await
        .unwrap();
    assert!(roll_back(&shop).await.unwrap().switched);
}

#[tokio::test]
async fn there_must_be_something_to_roll_back_to() {
    let (shop, ..) = projected_shop(20).await;
    assert!(matches!(
        roll_back(&shop).await,
        Err(BuildError::NoPrevious)
    ));
    rebuild_all(&shop).await;
    shop.pool
        .execute("update projections.previous set version = 7")
        .await
        .unwrap();
    let refused = roll_back(&shop).await;
    assert!(
        matches!(
            refused,
            Err(BuildError::PreviousVersion { stored: 7, own: 1 })
        ),
        "{refused:?}"
    );
    // Nothing was changed by trying.
    assert_eq!(leftovers(&shop.pool).await, [""; 0]);
    for built in verify_all(&builder(&shop)).await {
        assert!(built.comparison.unwrap().is_identical());
    }
}
