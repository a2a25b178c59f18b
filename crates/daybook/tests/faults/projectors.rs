//! Two workers at once; workers that are killed, frozen and resumed, and whose database goes away.

use daybook_private_postgres::{Durability, PrivateServer, PrivateServerConfig};
use rustix::process::{Pid, Signal, kill_process};
use sqlx::{PgPool, query_scalar};

use crate::evidence::{self, eventually, eventually_some};
use crate::fold::PROJECTIONS;
use crate::gate::Gate;
use crate::journal;
use crate::load::{Load, judge};
use crate::process::{self, Server};
use crate::site::{Site, Visitor, serve};
use crate::worker::Worker;

const ROUNDS: usize = 4;

/// A shop with one process that takes orders, while others update the read models.
struct Shop {
    site: Site,
    server: Server,
    pool: PgPool,
    product: String,
    customer: Visitor,
}

impl Shop {
    async fn open() -> Shop {
        let site = Site::new().await;
        let pool = site.database.superuser_pool().unwrap();
        journal::keep(&pool).await;
        let server = site.open_without_projectors().await;
        let product = Visitor::admin(&server)
            .await
            .product("12.50", 1_000_000)
            .await;
        let customer = Visitor::customer(&server).await;
        Shop {
            site,
            server,
            pool,
            product,
            customer,
        }
    }

    /// Returns once this worker holds every lease.
    async fn held_by(&self, worker: &Worker) {
        eventually("the worker holds every lease", async || {
            let holders = holders(&self.pool, &PROJECTIONS).await;
            holders.len() == PROJECTIONS.len() && holders.iter().all(|holder| worker.is(holder))
        })
        .await;
    }

    /// The index of the worker that updates the orders.
    async fn who_writes(&self, workers: &[Worker; 2]) -> usize {
        eventually_some("one of them holds the lease", async || {
            let holders = holders(&self.pool, &["orders"]).await;
            workers
                .iter()
                .position(|worker| holders.iter().any(|holder| worker.is(holder)))
        })
        .await
    }

    /// Returns once every read model has reached the present end of the log.
    async fn caught_up(&self) {
        let head = evidence::head(&self.pool).await;
        evidence::reach(&self.pool, &PROJECTIONS, head).await;
    }

    /// Checks that each checkpoint was moved only by the holder of the lease. Fails if `commit_batch` does not check
    /// the lease.
    async fn only_holders_wrote(&self, workers: &[(&str, &Worker)]) {
        let moves = journal::moves(&self.pool).await;
        assert!(!moves.is_empty());
        for change in &moves {
            let moved_by = change.moved_by.as_deref().unwrap_or_default();
            let (_, worker) = workers.iter().find(|(name, _)| moved_by == *name).unwrap();
            assert!(
                worker.is(&change.holder),
                "{moved_by} moved the checkpoint of {} from {} to {} while the lease was with {}",
                change.name,
                change.left_at,
                change.reached,
                change.holder
            );
        }
    }
}

/// The holders of leases that have not expired.
async fn holders(pool: &PgPool, projections: &[&str]) -> Vec<String> {
    query_scalar(
        "select holder from projections.leases where name = any($1) and expires_at > clock_timestamp()",
    )
    .bind(projections)
    .fetch_all(pool)
    .await
    .unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_two_workers_one_writes_and_when_it_is_killed_the_other() {
    let shop = Shop::open().await;
    let mut workers = [shop.site.worker("first"), shop.site.worker("second")];
    let load = Load::start(&shop.customer, &shop.product);
    for _ in 0..ROUNDS {
        load.acknowledged(50).await;
        shop.caught_up().await;
        let writes = shop.who_writes(&workers).await;
        let replacement = shop.site.worker("next");
        std::mem::replace(&mut workers[writes], replacement)
            .kill()
            .await;
    }
    load.acknowledged(50).await;
    judge(&shop.pool, &load.end().await).await;
    for worker in workers {
        assert!(worker.stop().await.success());
    }
    assert!(shop.server.stop().await.success());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_worker_frozen_past_its_lease_finds_itself_replaced() {
    let shop = Shop::open().await;
    let workers = [shop.site.worker("first"), shop.site.worker("second")];
    let load = Load::start(&shop.customer, &shop.product);
    for _ in 0..2 {
        load.acknowledged(50).await;
        let writes = shop.who_writes(&workers).await;
        workers[writes].freeze();
        shop.held_by(&workers[1 - writes]).await;
        load.acknowledged(50).await;
        shop.caught_up().await;
        workers[writes].thaw();
        load.acknowledged(100).await;
    }
    judge(&shop.pool, &load.end().await).await;
    let [first, second] = &workers;
    shop.only_holders_wrote(&[("first", first), ("second", second)])
        .await;
    for worker in workers {
        assert!(worker.stop().await.success());
    }
}

/// The worker is frozen while the database works on its rows, and resumed when its successor waits for these rows. Its
/// checkpoint is unchanged, and it cannot ask for its lease. So only the check at the end of a batch keeps it from
/// committing.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_worker_frozen_in_the_middle_of_a_batch_commits_nothing_of_it_after_its_lease() {
    let shop = Shop::open().await;
    let one = shop.site.worker("one");
    shop.held_by(&one).await;
    shop.caught_up().await;
    let other = shop.site.worker("other");

    let gate = Gate::close(
        &shop.site.database.superuser_url(),
        "lock table orders.order_history in exclusive mode",
    )
    .await;
    let placed = shop.customer.order(&shop.product, 1).send().await.unwrap();
    assert_eq!(placed.status(), 201);
    let session = eventually_some("the worker writes its rows", async || {
        gate.waiting(&shop.pool).await.pop()
    })
    .await;
    one.freeze();
    // The worker that stands by must not take over before the rows are written.
    other.freeze();
    eventually("the leases expire", async || {
        holders(&shop.pool, &PROJECTIONS).await.is_empty()
    })
    .await;
    gate.open().await;
    eventually("the rows are written", async || {
        state(&shop.pool, session).await != Some("active".to_owned())
    })
    .await;
    other.thaw();
    shop.held_by(&other).await;
    // The server ends a session that was idle for as long as a lease lasts.
    eventually("the successor meets the rows", async || {
        blocks_anyone(&shop.pool, session).await || state(&shop.pool, session).await.is_none()
    })
    .await;
    let gate = Gate::close(
        &shop.site.database.superuser_url(),
        "lock table projections.leases in share mode",
    )
    .await;
    one.thaw();
    eventually("its batch is over", async || {
        let state = state(&shop.pool, session).await;
        state.is_none() || state.as_deref() == Some("idle")
    })
    .await;
    gate.open().await;

    evidence::everything_holds(&shop.pool).await;
    shop.only_holders_wrote(&[("one", &one), ("other", &other)])
        .await;
    assert!(one.stop().await.success());
    assert!(other.stop().await.success());
}

async fn state(pool: &PgPool, session: i32) -> Option<String> {
    query_scalar("select state from pg_stat_activity where pid = $1")
        .bind(session)
        .fetch_optional(pool)
        .await
        .unwrap()
}

async fn blocks_anyone(pool: &PgPool, session: i32) -> bool {
    query_scalar(
        "select exists (select from pg_stat_activity where $1 = any(pg_blocking_pids(pid)))",
    )
    .bind(session)
    .fetch_one(pool)
    .await
    .unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn workers_outlive_every_kind_of_restart_of_their_database() {
    let folder = process::folder();
    let config =
        PrivateServerConfig::new(folder.path().join("postgres")).durability(Durability::Durable);
    let mut postgres = PrivateServer::start(config).await.unwrap();
    let (url, migration) = (postgres.server_url(), postgres.migration_url());
    let command = || serve(folder.path(), &url, &migration, "127.0.0.1:0");
    let server = Server::start_command(command().args(["--role", "api"])).await;
    let workers = [Worker::start(command()), Worker::start(command())];
    let product = Visitor::admin(&server)
        .await
        .product("12.50", 1_000_000)
        .await;
    let load = Load::start(&Visitor::customer(&server).await, &product);
    // First each session is ended on its own; then all connections are cut; then every process of the server is gone at
    // once.
    for signal in [Signal::INT, Signal::QUIT, Signal::KILL] {
        load.acknowledged(50).await;
        kill_process(Pid::from_raw(postgres.pid()).unwrap(), signal).unwrap();
        postgres.exited().await;
        postgres.restart().await.unwrap();
    }
    load.acknowledged(50).await;
    let pool = PgPool::connect(&postgres.url("daybook")).await.unwrap();
    judge(&pool, &load.end().await).await;
    for worker in workers {
        assert!(worker.stop().await.success());
    }
    assert!(server.stop().await.success());
}
