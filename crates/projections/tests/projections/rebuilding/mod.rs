//! Read models built anew, beside those that are live.

mod builders;
mod comparing;
mod rolling_back;
mod switching;
mod time_travel;

use daybook_log::Position;
use daybook_projections::{
    rebuild::{Anew, BuildError, Builder, Built, Results, build_anew},
    registry,
};
use sqlx::PgPool;
use tokio_util::sync::CancellationToken;

use crate::{history::History, shop::Shop};

const LIVE: [&str; 3] = ["catalog", "orders", "users"];

/// Small chunks and more parts than cores: everything that can run in parallel does, several times.
fn builder(shop: &Shop) -> Builder {
    Builder {
        parts: 3,
        chunk: 64,
        ..Builder::new(shop.fresh_feed(), shop.pool.clone(), "test")
    }
}

/// A shop whose read models are up to date with a history of this many steps.
async fn projected_shop(steps: usize) -> (Shop, History, Position) {
    let mut shop = Shop::open().await;
    let mut history = History::new(77);
    let last = append(&mut shop, history.steps(steps)).await;
    project(&shop, last).await;
    (shop, history, last)
}

async fn append(shop: &mut Shop, steps: Vec<crate::history::Step>) -> Position {
    let mut last = 0;
    for step in steps {
        last = shop.append(step).await;
    }
    last
}

async fn project(shop: &Shop, last: Position) {
    let serving = shop.serve();
    serving.reach(last).await;
    serving.stop().await;
}

async fn rebuild_all(shop: &Shop) -> Vec<Built> {
    let stop = CancellationToken::new();
    all(build_anew(&builder(shop), &registry(), Anew::Rebuild, &|_| {}, &stop).await)
}

async fn verify_all(builder: &Builder) -> Vec<Built> {
    all(build_anew(
        builder,
        &registry(),
        Anew::Verify,
        &|_| {},
        &CancellationToken::new(),
    )
    .await)
}

fn all(results: Results) -> Vec<Built> {
    let results = results.into_iter().map(|(_, result)| result);
    results.collect::<Result<_, BuildError>>().unwrap()
}

/// The schemas and builds that should exist only while something is built.
async fn leftovers(pool: &PgPool) -> Vec<String> {
    sqlx::query_scalar(
        "select nspname::text from pg_namespace where nspname ~ '_(build|verify|old)$'
         union all select schema_name from projections.builds",
    )
    .fetch_all(pool)
    .await
    .unwrap()
}
