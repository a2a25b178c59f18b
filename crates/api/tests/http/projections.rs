//! Operating the read models over HTTP.

use axum::http::{Method, StatusCode};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::shop::{Reply, Shop};

const COMMANDS: [&str; 8] = [
    "pause", "resume", "reset", "retry", "skip", "rebuild", "verify", "rollback",
];
const QUERIES: [&str; 4] = ["", "/dead-letters", "/actions", "/progress"];

/// The events of a stream that has ended: their names and data.
fn events(reply: &Reply) -> Vec<(String, Value)> {
    assert_eq!(reply.header("content-type"), "text/event-stream");
    let field = |event: &str, name: &str| {
        let line = event.lines().find_map(|line| line.strip_prefix(name));
        line.unwrap_or_else(|| panic!("no {name} {event}"))
            .trim()
            .to_owned()
    };
    let events = reply.text().split("\n\n").filter(|event| !event.is_empty());
    events
        .map(|event| {
            let data = serde_json::from_str(&field(event, "data:")).unwrap();
            (field(event, "event:"), data)
        })
        .collect()
}

impl Shop {
    pub(crate) async fn operate(&self, path: &str, body: Value) -> Reply {
        let path = format!("projections/{path}");
        self.post(&path).token(&self.admin()).json(&body).await
    }

    async fn ask(&self, path: &str) -> Reply {
        let path = format!("projections/{path}");
        self.get(&path).token(&self.admin()).await
    }

    /// Starts a build and watches it to its end; returns its result.
    pub(crate) async fn build(&self, path: &str, body: Value) -> Value {
        let begun = self.operate(path, body).await;
        assert_eq!(begun.status, StatusCode::ACCEPTED, "{begun:?}");
        let watched = self.get(begun.header("location")).token(&self.admin());
        let events = events(&watched.await);
        let (last, projection) = events.last().unwrap();
        assert_eq!(last, "done");
        assert!(
            events
                .iter()
                .rev()
                .skip(1)
                .all(|(name, _)| name == "status")
        );
        assert_eq!(projection["lastBuild"]["id"], begun.json()["id"]);
        projection["lastBuild"].clone()
    }

    /// Writes an event that nobody can decode.
    async fn poison(&self) -> i64 {
        sqlx::query_scalar(
            "insert into log.events (aggregate_type, aggregate_id, sequence, event_type, event_version, payload,
                 metadata, position, event_id, occurred_at, recorded_at)
             select 'category', gen_random_uuid()::text, 1, 'category.teleported', '1', '{}', e.metadata,
                 e.position + 1, gen_random_uuid(), now(), now()
             from log.events e order by e.position desc limit 1
             returning position",
        )
        .fetch_one(&self.database.superuser_pool().unwrap())
        .await
        .unwrap()
    }

    async fn until_halted(&self, name: &str) {
        loop {
            if self.ask(name).await.json()["state"] == "halted" {
                return;
            }
            tokio::task::yield_now().await;
        }
    }
}

#[tokio::test]
async fn operating_is_for_admins_and_of_projections_that_there_are() {
    let shop = Shop::open().await;
    let ann = shop.customer().await;
    let paths = COMMANDS
        .iter()
        .map(|command| (Method::POST, format!("/{command}")))
        .chain(
            QUERIES
                .iter()
                .map(|query| (Method::GET, (*query).to_owned())),
        );
    let body = json!({"position": 1, "reason": "why not"});
    for (method, path) in paths {
        let call = |name: &str| {
            shop.call(method.clone(), &format!("projections/{name}{path}"))
                .json(&body)
        };
        assert_eq!(call("catalog").await.problem().0, 401, "{path}");
        let customer = call("catalog").token(&ann.token).await;
        assert_eq!(customer.problem().0, 403, "{path}");
        for unknown in ["nothing", "Catalog", "catalog_build", "%00", "%ff"] {
            let there = call(unknown).token(&shop.admin()).await;
            assert_eq!(there.status, 404, "{unknown}{path} {there:?}");
        }
    }
}

#[tokio::test]
async fn a_projection_is_paused_and_resumed_on_the_record() {
    let shop = Shop::open().await;
    let paused = shop
        .operate("users/pause", json!({"reason": "maintenance"}))
        .await;
    assert_eq!(
        (paused.status, &paused.json()["state"]),
        (StatusCode::OK, &json!("paused"))
    );
    let again = shop.operate("users/pause", json!({})).await;
    assert_eq!(
        (again.status, again.code()),
        (StatusCode::CONFLICT, "wrong-projection-state".into())
    );
    // It would not stay where it is.
    let rebuilt = shop.operate("users/rebuild", json!({})).await;
    assert_eq!(
        (rebuilt.status, rebuilt.code()),
        (StatusCode::CONFLICT, "wrong-projection-state".into())
    );
    let ann = shop.customer().await;
    let at = shop.ask("users").await.json()["position"].clone();
    assert!(shop.ask("users").await.json()["lag"].as_i64().unwrap() > 0);
    assert_eq!(
        shop.get("/readyz").await.status,
        200,
        "an operator wanted it so"
    );

    let resumed = shop.operate("users/resume", json!({})).await;
    assert_eq!(resumed.status, 200, "{resumed:?}");
    assert!(resumed.json()["position"].as_i64() >= at.as_i64());
    let made = shop
        .post("categories")
        .token(&shop.admin())
        .json(&json!({"name": "Tea"}))
        .await;
    let path = format!("users/{}", ann.id);
    let shown = shop.get(&path).token(&shop.admin()).after(&made).await;
    assert_eq!(shown.status, 200);
    assert_eq!(shop.operate("users/resume", json!({})).await.status, 409);
    assert_eq!(shop.operate("users/retry", json!({})).await.status, 409);

    let first = shop.ask("users/actions?limit=1").await;
    assert_eq!(first.header("x-total-count"), "2");
    assert!(first.header("link").contains("rel=\"next\""));
    let actions = shop.ask("users/actions").await.json();
    assert_eq!(
        (&actions[0]["action"], &actions[1]["action"]),
        (&json!("resume"), &json!("pause"))
    );
    assert_eq!(actions[1]["detail"]["reason"], "maintenance");
    assert!(actions[1]["actor"].as_str().unwrap().starts_with("user:"));
}

#[tokio::test]
async fn bodies_are_read_strictly() {
    let shop = Shop::open().await;
    let long = "x".repeat(501);
    for (command, body, pointer) in [
        ("pause", json!({"why": "x"}), "/why"),
        ("pause", json!({"reason": ""}), "/reason"),
        ("pause", json!({"reason": "two\nlines"}), "/reason"),
        ("reset", json!({"reason": long}), "/reason"),
        ("rebuild", json!({"dryRun": "yes"}), "/dryRun"),
        ("skip", json!({"reason": "x"}), "/position"),
        ("skip", json!({"position": 1}), "/reason"),
        ("skip", json!({"position": 0, "reason": "x"}), "/position"),
        ("skip", json!({"position": 1, "reason": " "}), "/reason"),
    ] {
        let refused = shop
            .operate(&format!("catalog/{command}"), body.clone())
            .await;
        let (status, _, at) = refused.problem();
        assert_eq!((status, &*at), (422, pointer), "{command} {body}");
    }
    assert_eq!(shop.ask("catalog/actions").await.json(), json!([]));
}

#[tokio::test]
async fn a_read_model_is_verified_rebuilt_and_rolled_back_while_somebody_watches() {
    let shop = Shop::open().await;
    let product = shop.product("12.50", 3).await;
    let none = shop.operate("catalog/rollback", json!({})).await;
    assert_eq!(
        (none.status.as_u16(), none.code()),
        (409, "no-previous-version".into())
    );

    let verified = shop.build("catalog/verify", json!({})).await;
    assert_eq!(verified["purpose"], "verify");
    let comparison = &verified["result"]["comparison"];
    assert_eq!(
        (&comparison["differing"], &comparison["rows"]),
        (&json!(0), &json!(1))
    );
    assert_eq!(comparison["digest"].as_str().unwrap().len(), 64);

    // Somebody tampers with the rows.
    sqlx::query("update catalog.products set stock = 1000")
        .execute(&shop.pool)
        .await
        .unwrap();
    let dry = shop.build("catalog/rebuild", json!({"dryRun": true})).await;
    assert_eq!(dry["result"]["switched"], false);
    let difference = &dry["result"]["comparison"]["differences"][0];
    assert_eq!(difference["table"], "products");
    assert!(
        difference["live"]
            .as_str()
            .unwrap()
            .contains("\"stock\":1000"),
        "{dry}"
    );
    assert!(
        difference["rebuilt"]
            .as_str()
            .unwrap()
            .contains("\"stock\":3"),
        "{dry}"
    );

    let rebuilt = shop
        .build("catalog/rebuild", json!({"reason": "meddled with"}))
        .await;
    assert_eq!(rebuilt["result"]["switched"], true);
    let made = shop
        .post("categories")
        .token(&shop.admin())
        .json(&json!({"name": "Tea"}))
        .await;
    assert_eq!(shop.stock(&product, &made).await, 3);
    let shown = shop.ask("catalog").await.json();
    assert_eq!(shown["previous"]["version"], 1);

    let rolled = shop.build("catalog/rollback", json!({})).await;
    assert_eq!(
        (&rolled["result"]["switched"], &rolled["error"]),
        (&json!(true), &json!(null))
    );
    let made = shop
        .put(&format!("products/{product}/stock"))
        .token(&shop.admin())
        .json(&json!({"change": 1}))
        .await;
    assert_eq!(
        shop.stock(&product, &made).await,
        1001,
        "as it was before the rebuild"
    );
}

#[tokio::test]
async fn one_build_of_a_projection_runs_at_a_time() {
    let shop = Shop::open().await;
    let superuser = shop.database.superuser_pool().unwrap();
    let mut builder = superuser.acquire().await.unwrap();
    // The database says that it is another process.
    sqlx::query(
        "insert into projections.builds
         select 'catalog_build', 'catalog', 'rebuild', 1, 5, 10, 'building', 100, 'elsewhere', now(), now(),
             pid, backend_start
         from pg_stat_activity where pid = pg_backend_pid()",
    )
    .execute(&mut *builder)
    .await
    .unwrap();
    for command in ["rebuild", "verify"] {
        let refused = shop.operate(&format!("catalog/{command}"), json!({})).await;
        assert_eq!(
            (refused.status.as_u16(), refused.code()),
            (409, "being-built".into())
        );
    }
    let shown = shop.ask("catalog").await.json();
    assert_eq!(shown["state"], "rebuilding");
    let build = &shown["build"];
    assert_eq!(
        (&build["progress"], &build["builder"]),
        (&json!(0.5), &json!("elsewhere"))
    );
    assert_eq!(build["etaSeconds"], 0.05);
    drop(builder);
    superuser.close().await;
    loop {
        let verify = shop.operate("catalog/verify", json!({})).await;
        match verify.status.as_u16() {
            // The database has not noticed yet that the session is gone.
            409 => tokio::task::yield_now().await,
            202 => break,
            _ => panic!("{verify:?}"),
        }
    }
}

#[tokio::test]
async fn an_event_that_cannot_be_projected_is_skipped_and_kept_in_mind() {
    let shop = Shop::open().await;
    let poison = shop.poison().await;
    shop.until_halted("catalog").await;
    let ready = shop.get("/readyz").await.json();
    let halted = ready["halted"].as_array().unwrap();
    assert!(halted.contains(&json!("catalog")), "{ready}");
    let skip = |position: i64| {
        let body = json!({"position": position, "reason": "nobody teleports"});
        shop.operate("catalog/skip", body)
    };
    let elsewhere = skip(poison + 1).await;
    assert_eq!(
        (elsewhere.status.as_u16(), elsewhere.code()),
        (409, "halted-elsewhere".into())
    );
    assert_eq!(shop.operate("catalog/retry", json!({})).await.status, 200);
    shop.until_halted("catalog").await;
    let skipped = skip(poison).await;
    assert_eq!(skipped.status, 200, "{skipped:?}");
    assert_eq!(skipped.json()["deadLetters"], 1);
    let letters = shop.ask("catalog/dead-letters").await;
    assert_eq!(letters.header("x-total-count"), "1");
    let letter = &letters.json()[0];
    assert_eq!(
        (&letter["position"], &letter["eventType"], &letter["reason"]),
        (
            &json!(poison),
            &json!("category.teleported"),
            &json!("nobody teleports")
        )
    );
    assert_eq!(skip(poison).await.status, 409);
    // Only the catalog was affected.
    assert_eq!(shop.ask("orders/dead-letters").await.json(), json!([]));
}

#[tokio::test]
async fn nothing_is_watched_where_nothing_moves() {
    let shop = Shop::open().await;
    let made = shop
        .post("categories")
        .token(&shop.admin())
        .json(&json!({"name": "Tea"}))
        .await;
    shop.get("categories").after(&made).await;
    let watched = events(&shop.ask("catalog/progress").await);
    let names: Vec<&str> = watched.iter().map(|(name, _)| &**name).collect();
    assert_eq!(names.last(), Some(&"done"), "{names:?}");
    assert_eq!(watched[0].1["name"], "catalog");
    let unknown = format!("catalog/progress?build={}", Uuid::now_v7());
    assert_eq!(shop.ask(&unknown).await.problem().0, 404);
    let malformed = shop.ask("catalog/progress?build=x").await;
    assert_eq!(malformed.problem().0, 422);
}
