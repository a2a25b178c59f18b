//! An event that a read model cannot process: its projector halts, everything else continues, and an operator lets it
//! continue.

use daybook_database::begin;
use reqwest::Method;
use serde_json::{Value, json};
use sqlx::{Executor, PgPool, query_scalar};

use crate::evidence::{self, eventually};
use crate::fold;
use crate::load::{Load, judge};
use crate::process::{self, Server};
use crate::site::{Site, Visitor};

struct Shop {
    site: Site,
    server: Server,
    pool: PgPool,
    admin: Visitor,
    customer: Visitor,
    load: Load,
}

impl Shop {
    async fn open() -> Shop {
        let site = Site::new().await;
        let server = site.open("127.0.0.1:0").await;
        let admin = Visitor::admin(&server).await;
        let customer = Visitor::customer(&server).await;
        let product = admin.product("12.50", 1_000_000).await;
        let load = Load::start(&customer, &product);
        load.acknowledged(50).await;
        Shop {
            pool: site.database.superuser_pool().unwrap(),
            site,
            server,
            admin,
            customer,
            load,
        }
    }

    /// Places an order; returns its id.
    async fn order(&self, product: &str) -> String {
        let answer = self.customer.order(product, 1).send().await.unwrap();
        assert_eq!(answer.status(), 201);
        let order: Value = answer.json().await.unwrap();
        order["id"].as_str().unwrap().to_owned()
    }

    /// Waits until exactly these projectors halt before that position, while the others continue beyond it.
    async fn halt(&self, names: &[&str], position: i64) {
        eventually("they halt", async || self.halted().await == names).await;
        let others = Vec::from_iter(
            fold::PROJECTIONS
                .into_iter()
                .filter(|name| !names.contains(name)),
        );
        self.load.acknowledged(50).await;
        evidence::reach(&self.pool, &others, evidence::head(&self.pool).await).await;
        assert_eq!(self.halted().await, names);
        for status in self.status().await {
            if names.contains(&status["name"].as_str().unwrap()) {
                assert_eq!(status["state"], "halted", "{status}");
                assert_eq!(status["position"], position - 1, "{status}");
                assert_eq!(status["error"]["position"], position, "{status}");
                assert!(status["lagEvents"].as_i64().unwrap() >= 100, "{status}");
            }
        }
        let ready = reqwest::get(self.server.url.replace("/api/v1", "/readyz")).await;
        let ready = ready.unwrap();
        assert_eq!(ready.status(), 200, "the rest stays in service");
        let mut told = ready.json::<Value>().await.unwrap()["halted"].clone();
        let told = told.as_array_mut().unwrap();
        told.sort_by_key(|name| std::cmp::Reverse(name.to_string()));
        assert_eq!(*told, names);
        let orders = self.customer.request(Method::GET, "/orders");
        assert_eq!(
            self.customer.status(orders).await,
            200,
            "what there is can be read"
        );
    }

    async fn halted(&self) -> Vec<String> {
        let halted =
            "select name from projections.checkpoints where state = 'halted' order by name desc";
        query_scalar(halted).fetch_all(&self.pool).await.unwrap()
    }

    async fn status(&self) -> Vec<Value> {
        let told = self.operate(&["status", "--json"]).await;
        serde_json::from_str(&told).unwrap()
    }

    /// The output of `daybook projections`.
    async fn operate(&self, arguments: &[&str]) -> String {
        self.daybook(&[&["projections"], arguments].concat()).await
    }

    /// The output of `daybook audit`.
    async fn audit(&self, arguments: &[&str]) -> String {
        self.daybook(&[&["audit"], arguments].concat()).await
    }

    async fn daybook(&self, arguments: &[&str]) -> String {
        let output = process::run(&mut self.site.daybook(arguments)).await;
        assert!(output.status.success(), "{arguments:?}: {output:?}");
        String::from_utf8(output.stdout).unwrap()
    }

    /// An order with an event that nobody knows has a trail, also for its owner, but no state to decide on.
    async fn answer_in_words(&self, order: &str) {
        for visitor in [&self.admin, &self.customer] {
            let trail = visitor.request(Method::GET, &format!("/audit/streams/order/{order}"));
            assert_eq!(visitor.status(trail).await, 200);
        }
        let (diff, process) = (
            format!("/audit/streams/order/{order}/diff"),
            format!("/orders/{order}/process"),
        );
        let process = self.admin.request(Method::POST, &process);
        for request in [
            self.admin.request(Method::GET, &diff),
            process.json(&json!({})),
        ] {
            let answer = request.send().await.unwrap();
            assert_eq!(answer.status(), 503, "{answer:?}");
            let problem: Value = answer.json().await.unwrap();
            assert_eq!(problem["code"], "unknown-event", "{problem}");
        }
    }

    /// `known` are orders that were placed beside the load's.
    async fn goes_on(self, known: &[String]) {
        self.load.acknowledged(50).await;
        let orders = [&self.load.end().await, known].concat();
        judge(&self.pool, &orders).await;
        assert!(self.server.stop().await.success());
    }
}

async fn position(pool: &PgPool, order: &str, sequence: i64) -> i64 {
    query_scalar("select position from log.events where aggregate_id = $1 and sequence = $2")
        .bind(order)
        .bind(sequence)
        .fetch_one(pool)
        .await
        .unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rows_that_the_database_refuses_halt_their_projector_until_they_are_tried_again() {
    let shop = Shop::open().await;
    let cursed = shop.admin.product("13.00", 10).await;
    shop.pool
        .execute("alter table orders.orders add constraint cursed check (total_minor <> 1300)")
        .await
        .unwrap();
    let order = shop.order(&cursed).await;
    let position = position(&shop.pool, &order, 1).await;
    shop.halt(&["orders"], position).await;

    shop.pool
        .execute("alter table orders.orders drop constraint cursed")
        .await
        .unwrap();
    shop.operate(&["retry", "orders"]).await;
    shop.goes_on(&[order]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_event_that_nobody_understands_is_skipped_by_name_and_nothing_else_is() {
    let shop = Shop::open().await;
    let product = shop.admin.product("1.00", 10).await;
    let order = shop.order(&product).await;
    append_nonsense(&shop.pool, &order).await;
    let position = position(&shop.pool, &order, 2).await;
    shop.halt(&["trail", "orders", "analytics"], position).await;

    let (wrong, right) = ((position - 1).to_string(), position.to_string());
    let skip = |name, position| {
        [
            "projections",
            "skip",
            name,
            "--position",
            position,
            "--reason",
            "nonsense",
        ]
    };
    process::failure(&mut shop.site.daybook(&skip("orders", &wrong))).await;
    for name in ["orders", "analytics", "trail"] {
        shop.operate(&skip(name, &right)[1..]).await;
        let letters: Value =
            serde_json::from_str(&shop.operate(&["dead-letters", name, "--json"]).await).unwrap();
        assert_eq!(letters[0]["position"], position, "{letters}");
        assert_eq!(letters.as_array().unwrap().len(), 1, "{letters}");
    }
    let told = shop.audit(&["trail", "order", &order]).await;
    assert_eq!(told.lines().count(), 2, "{told}");
    assert!(told.contains("does not know order.teleported"), "{told}");
    let told = shop.audit(&["show", &right]).await;
    assert!(told.contains(r#"{"type": "order.teleported"}"#), "{told}");
    let diff = ["audit", "diff", "order", &*order];
    let refused = process::failure(&mut shop.site.daybook(&diff)).await;
    let named = format!("does not know the event at position {right} (order.teleported)");
    assert!(refused.contains(&named), "{refused}");
    assert!(refused.contains("projections skip NAME"), "{refused}");
    shop.answer_in_words(&order).await;
    // A rebuild skips the same event.
    shop.operate(&["rebuild", "--all"]).await;
    shop.goes_on(&[order]).await;
}

/// Appends an event of a type that no binary knows, as the order's second event.
async fn append_nonsense(pool: &PgPool, order: &str) {
    let mut transaction = begin(pool).await.unwrap();
    sqlx::query("select pg_advisory_xact_lock($1)")
        .bind(daybook_log::APPEND_LOCK)
        .execute(&mut *transaction)
        .await
        .unwrap();
    sqlx::query(
        "insert into log.events (aggregate_type, aggregate_id, sequence, event_type, event_version, payload,
             metadata, position, event_id, occurred_at, recorded_at)
         select aggregate_type, aggregate_id, 2, 'order.teleported', '1', '{\"type\": \"order.teleported\"}',
             metadata, (select max(position) + 1 from log.events), gen_random_uuid(), now(), now()
         from log.events where aggregate_id = $1 and sequence = 1",
    )
    .bind(order)
    .execute(&mut *transaction)
    .await
    .unwrap();
    transaction.commit().await.unwrap();
}
