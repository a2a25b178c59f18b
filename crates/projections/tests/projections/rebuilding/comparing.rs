//! A build is identical to the live read model, or the differences are shown.

use daybook_projections::{
    rebuild::{Anew, Builder, Comparison, build_anew},
    registry,
};
use sqlx::Executor;
use tokio_util::sync::CancellationToken;

use super::{LIVE, all, builder, leftovers, projected_shop, rebuild_all, verify_all};
use crate::{oracle, shop::Shop};

fn comparisons(built: Vec<daybook_projections::rebuild::Built>) -> Vec<Comparison> {
    built
        .into_iter()
        .map(|built| built.comparison.unwrap())
        .collect()
}

#[tokio::test]
async fn what_is_built_is_identical_whatever_the_parts_and_chunks() {
    let (shop, _, last) = projected_shop(400).await;
    let mut found: Option<Vec<Comparison>> = None;
    for (parts, chunk) in [(1, 100_000), (1, 7), (2, 50), (5, 1)] {
        let builder = Builder {
            parts,
            chunk,
            ..builder(&shop)
        };
        let built = verify_all(&builder).await;
        for one in &built {
            let comparison = one.comparison.as_ref().unwrap();
            assert!(comparison.is_identical(), "{}: {comparison:?}", one.name);
            assert!(comparison.rows > 0 && one.position == last && !one.switched);
        }
        let comparisons = comparisons(built);
        assert_eq!(*found.get_or_insert(comparisons.clone()), comparisons);
    }
    assert_eq!(leftovers(&shop.pool).await, [""; 0]);
}

async fn tampered_shop() -> Shop {
    let (shop, ..) = projected_shop(300).await;
    for statement in [
        "update catalog.products set stock = stock + 1 where id = (select min(id::text)::uuid from catalog.products)",
        "delete from orders.order_lines where line = 2",
        "insert into users.users (id, roles, created_at, updated_at, version)
         values ('ffffffff-ffff-4fff-bfff-ffffffffffff', '{}', now(), now(), 1)",
    ] {
        shop.pool.execute(statement).await.unwrap();
    }
    shop
}

#[tokio::test]
async fn rows_that_differ_are_found_and_shown() {
    let shop = tampered_shop().await;
    let [catalog, orders, users, analytics, trail] =
        <[Comparison; 5]>::try_from(comparisons(verify_all(&builder(&shop)).await)).unwrap();

    assert_eq!((catalog.differing, catalog.differences.len()), (1, 1));
    let product = &catalog.differences[0];
    let (live, rebuilt) = (
        product.live.as_ref().unwrap(),
        product.rebuilt.as_ref().unwrap(),
    );
    assert_eq!(product.table, "products");
    assert!(product.key.starts_with(r#"{"id":""#), "{}", product.key);
    let stock = |row: &String| {
        let row: serde_json::Value = serde_json::from_str(row).unwrap();
        row["stock"].as_i64().unwrap()
    };
    assert_eq!(stock(live), stock(rebuilt) + 1);

    let missing: i64 =
        sqlx::query_scalar("select count(*) from orders.orders where status <> 'imported'")
            .fetch_one(&shop.pool)
            .await
            .unwrap();
    assert!(
        orders.differing >= missing as u64 && missing > 10,
        "{missing}"
    );
    // The first few only.
    assert_eq!(orders.differences.len(), 10);
    for line in &orders.differences {
        assert_eq!((line.table, &line.live), ("order_lines", &None));
        assert!(line.key.contains(r#""line":2"#) && line.rebuilt.is_some());
    }

    assert_eq!(users.differing, 1);
    assert_eq!(users.differences[0].rebuilt, None);
    assert!(users.differences[0].key.contains("ffffffff-ffff"));
    assert!(analytics.is_identical() && trail.is_identical());
}

#[tokio::test]
async fn a_dry_run_only_compares_and_a_rebuild_sets_right() {
    let shop = tampered_shop().await;
    let stop = CancellationToken::new();
    for built in all(build_anew(&builder(&shop), &registry(), Anew::DryRun, &|_| {}, &stop).await) {
        assert!(!built.switched);
    }
    assert_eq!(leftovers(&shop.pool).await, [""; 0]);
    let still_wrong = comparisons(verify_all(&builder(&shop)).await);
    assert_eq!(
        still_wrong.iter().filter(|one| one.is_identical()).count(),
        2
    );

    let told = comparisons(rebuild_all(&shop).await);
    assert_eq!(told, still_wrong);
    for comparison in comparisons(verify_all(&builder(&shop)).await) {
        assert!(comparison.is_identical());
    }
    oracle::check(&shop.pool, &shop.all_events().await, LIVE).await;
}
