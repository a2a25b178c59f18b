//! A shop that is open while its read models are rebuilt.

use std::process::{Output, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use reqwest::Method;
use rustix::process::{Pid, Signal, kill_process};
use sqlx::{PgPool, query_scalar};
use tokio::process::{Child, Command};
use tokio::task::JoinHandle;
use tokio::time::timeout;

use crate::evidence::{PATIENCE, eventually};
use crate::gate::Gate;
use crate::load::{Load, judge};
use crate::process::{self, Server};
use crate::site::{Site, Visitor};

/// The point at which a builder is made to wait.
#[derive(Clone, Copy)]
pub enum HoldPoint {
    /// At its first read of the log, which needs the key of the first person in it.
    Reading,
    /// With everything built and compared, at the switch, which needs the projector's checkpoint.
    Switching,
}

pub struct Shop {
    pub site: Site,
    pub server: Server,
    pub pool: PgPool,
    pub product: String,
    pub customer: Visitor,
    pub load: Load,
}

impl Shop {
    pub async fn open() -> Shop {
        let site = Site::new().await;
        let server = site.open("127.0.0.1:0").await;
        let product = Visitor::admin(&server)
            .await
            .product("12.50", 1_000_000)
            .await;
        let customer = Visitor::customer(&server).await;
        let load = Load::start(&customer, &product);
        load.acknowledged(50).await;
        Shop {
            pool: site.database.superuser_pool().unwrap(),
            site,
            server,
            product,
            customer,
            load,
        }
    }

    /// A rebuild of the orders that has reached this point and waits there.
    pub async fn rebuild_held_at(&self, point: HoldPoint) -> (Rebuild, Gate) {
        let lock = match point {
            HoldPoint::Reading => "lock table log.person_keys in access exclusive mode",
            HoldPoint::Switching => {
                "select from projections.checkpoints where name = 'orders' for update"
            }
        };
        let gate = Gate::close(&self.site.database.superuser_url(), lock).await;
        let rebuild = Rebuild::start(self.site.daybook(&["projections", "rebuild", "orders"]));
        eventually("the builder waits", async || match point {
            HoldPoint::Reading => !gate.waiting(&self.pool).await.is_empty(),
            HoldPoint::Switching => self.any_builds(&gate.waiting(&self.pool).await).await,
        })
        .await;
        (rebuild, gate)
    }

    /// Whether one of these sessions has checked in its transaction that it may build.
    async fn any_builds(&self, sessions: &[i32]) -> bool {
        query_scalar(
            "select exists (select from pg_locks
                 where pid = any($1) and granted and relation = 'projections.builds'::regclass)",
        )
        .bind(sessions)
        .fetch_one(&self.pool)
        .await
        .unwrap()
    }

    pub async fn rebuild(&self, which: &str) {
        let output = process::run(&mut self.site.daybook(&["projections", "rebuild", which])).await;
        assert!(output.status.success(), "{output:?}");
    }

    /// How often the orders were switched.
    pub async fn switches(&self) -> i64 {
        query_scalar("select generation from projections.checkpoints where name = 'orders'")
            .fetch_one(&self.pool)
            .await
            .unwrap()
    }

    pub async fn judged(self) {
        self.load.acknowledged(50).await;
        judge(&self.pool, &self.load.end().await).await;
        assert!(self.server.stop().await.success());
    }
}

/// A running `daybook projections rebuild`.
pub struct Rebuild(Child);

impl Rebuild {
    pub fn start(mut command: Command) -> Rebuild {
        let command = command.stdout(Stdio::piped()).stderr(Stdio::piped());
        Rebuild(command.spawn().unwrap())
    }

    pub fn signal(&self, signal: Signal) {
        let pid = i32::try_from(self.0.id().unwrap()).unwrap();
        kill_process(Pid::from_raw(pid).unwrap(), signal).unwrap();
    }

    pub async fn ended(self) -> Output {
        timeout(PATIENCE, self.0.wait_with_output())
            .await
            .expect("the rebuild ends")
            .unwrap()
    }
}

/// A visitor who queries a product and their own orders all the time, and always gets an answer.
pub struct Reader {
    task: JoinHandle<()>,
    answers: Arc<AtomicU64>,
    stop: Arc<AtomicBool>,
}

impl Reader {
    pub fn start(customer: &Visitor, product: &str) -> Reader {
        let (answers, stop) = (
            Arc::new(AtomicU64::new(0)),
            Arc::new(AtomicBool::new(false)),
        );
        let (customer, counted, stopped) = (customer.clone(), answers.clone(), stop.clone());
        let paths = [
            format!("/products/{product}"),
            "/orders?limit=100".to_owned(),
        ];
        let task = tokio::spawn(async move {
            while !stopped.load(Ordering::Relaxed) {
                for path in &paths {
                    let query = customer.request(Method::GET, path);
                    assert_eq!(customer.status(query).await, 200, "{path}");
                    counted.fetch_add(1, Ordering::Relaxed);
                }
            }
        });
        Reader {
            task,
            answers,
            stop,
        }
    }

    pub async fn end(self) -> u64 {
        self.stop.store(true, Ordering::Relaxed);
        self.task.await.unwrap();
        self.answers.load(Ordering::Relaxed)
    }
}
