//! Every kind of caller requests every route of the document: the answer follows from who the route says may use it.

use std::time::Duration;

use axum::http::Method;
use chrono::Utc;
use daybook_api::app::HttpConfig;
use daybook_api::auth::EXTENSION;
use daybook_domain::user::Role;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::rate_limits::from;
use crate::shop::{Customer, PASSWORD, Reply, Shop, principal};

/// A route of the document.
struct Route {
    method: Method,
    path: String,
    access: String,
    operation: String,
}

fn routes() -> Vec<Route> {
    let document = serde_json::to_value(daybook_api::openapi()).unwrap();
    let mut routes = Vec::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            let text = |field: &str| {
                operation[field]
                    .as_str()
                    .unwrap_or_else(|| panic!("{method} {path} has no {field}"))
                    .to_owned()
            };
            routes.push(Route {
                method: method.to_uppercase().parse().unwrap(),
                path: path.strip_prefix("/api/v1/").unwrap().to_owned(),
                access: text(EXTENSION),
                operation: text("operationId"),
            });
        }
    }
    routes
}

/// A customer with an order; the order's stream and events are theirs too.
struct Owner {
    customer: Customer,
    order: String,
    /// The position of the event by which the order was placed.
    position: i64,
}

impl Owner {
    async fn of(shop: &Shop, product: &str) -> Owner {
        let customer = shop.customer().await;
        let body = json!({"items": [{"productId": product, "quantity": 1}]});
        let placed = shop.post("orders").token(&customer.token).json(&body).await;
        let order = placed.json()["id"].as_str().unwrap().to_owned();
        let sought = "select position from log.events where aggregate_id = $1";
        let position = sqlx::query_scalar(sought)
            .bind(&order)
            .fetch_one(&shop.pool)
            .await
            .unwrap();
        let seen = shop.get(&format!("orders/{order}"));
        assert_eq!(seen.token(&customer.token).after(&placed).await.status, 200);
        Owner {
            customer,
            order,
            position,
        }
    }

    /// A route that belongs to somebody, with ids of what belongs to them. A new route must be added here.
    fn thing(&self, path: &str) -> String {
        let filled = match path.split('/').next().unwrap() {
            "users" => path.replace("{id}", &self.customer.id),
            "orders" => path.replace("{id}", &self.order),
            "audit" => path
                .replace("{type}/{id}", &format!("order/{}", self.order))
                .replace("{position}", &self.position.to_string()),
            _ => path.to_owned(),
        };
        assert!(!filled.contains('{'), "whose is {path}?");
        match path.ends_with("/diff") {
            true => format!("{filled}?from=1&to={}", self.position),
            false => filled,
        }
    }
}

/// A body that the route's handler accepts, so that it gets as far as checking the owner.
fn body(operation: &str) -> Option<Value> {
    Some(match operation {
        "changeUser" => json!({"firstName": "Eve"}),
        "cancelOrder" => json!({}),
        "changePassword" => {
            json!({"oldPassword": PASSWORD, "newPassword": "another correct horse"})
        }
        _ => return None,
    })
}

async fn ask(shop: &Shop, route: &Route, path: &str, token: Option<&str>) -> Reply {
    let mut call = shop.call(route.method.clone(), path);
    if let Some(token) = token {
        call = call.token(token);
    }
    match body(&route.operation) {
        Some(body) => call.json(&body).await,
        None => call.await,
    }
}

/// A route without an owner, or with an id that nothing has.
fn anything(path: &str) -> String {
    let nobody = Uuid::from_u128(7).to_string();
    path.replace("{id}", &nobody)
        .replace("{type}", "order")
        .replace("{position}", "1")
        .replace("{name}", "orders")
}

fn refused(reply: &Reply) -> Option<String> {
    let status = reply.status.as_u16();
    matches!(status, 401 | 403).then(|| format!("{status} {}", reply.code()))
}

#[test]
fn every_route_says_who_may_use_it() {
    let routes = routes();
    assert!(routes.len() > 50, "{}", routes.len());
    for Route { path, access, .. } in routes {
        let known = [
            "anyone",
            "signed-in",
            "owner",
            "admin",
            "in-person",
            "owner-in-person",
            "admin-in-person",
            "oneself",
        ];
        assert!(known.contains(&&*access), "{path}: {access}");
    }
}

/// By which limit the gateway counts requests for a route.
fn limit(route: &Route) -> &'static str {
    match &*route.operation {
        "login"
        | "refresh"
        | "beginOidc"
        | "finishOidc"
        | "changePassword"
        | "forgottenPassword"
        | "resetPassword"
        | "askEmailVerification"
        | "verifyEmail" => "sign-in",
        "recordUsageEvents" => "usage",
        _ if route.method == Method::GET => "queries",
        _ => "commands",
    }
}

#[tokio::test]
async fn every_route_is_counted_as_what_it_does() {
    let shop = Shop::open_with(HttpConfig::default()).await;
    for route in routes() {
        let call = shop.call(route.method.clone(), &anything(&route.path));
        let reply = call.extension(from("192.0.2.1")).await;
        let counted = format!("\"{}\";", limit(&route));
        assert!(
            reply.header("ratelimit-policy").starts_with(&counted),
            "{} {}: {counted} {reply:?}",
            route.method,
            route.path
        );
    }
}

fn is_owned(route: &Route) -> bool {
    route.access.starts_with("owner")
}

/// An allowed stream of progress does not end.
fn is_endless(route: &Route) -> bool {
    route.path.ends_with("/progress")
}

#[tokio::test]
async fn nobody_gets_where_they_may_not() {
    let shop = Shop::open().await;
    let ann = shop.customer().await;
    let ended = principal(ann.id.parse().unwrap(), [Role::User, Role::Admin]);
    let ttl = Duration::from_secs(60);
    let expired = shop.keys.sign(&ended, Utc::now() - 2 * ttl, ttl).unwrap();
    let tampered = format!("{}x", shop.admin());
    let mut routes = routes();
    // The route that ends the administrator's session comes last.
    routes.sort_by_key(|route| route.operation == "logoutEverywhere");
    for route in routes {
        let path = anything(&route.path);
        let what = format!("{} {} for", route.method, route.path);
        let answer = async |token: Option<&str>| refused(&ask(&shop, &route, &path, token).await);
        let expect = |status: &str| (route.access != "anyone").then(|| status.to_owned());
        let none = expect("401 unauthenticated");
        assert_eq!(answer(None).await, none, "{what} nobody");
        for token in [&expired, &tampered] {
            let refused = expect("401 invalid-token");
            assert_eq!(answer(Some(token)).await, refused, "{what} a bad token");
        }
        if route.access.starts_with("admin") {
            let refused = Some("403 forbidden".to_owned());
            assert_eq!(answer(Some(&ann.token)).await, refused, "{what} a customer");
        }
        let is_theirs = is_owned(&route) || route.access == "oneself";
        if !is_theirs && !is_endless(&route) {
            let admin = answer(Some(&shop.admin())).await;
            assert_eq!(admin, None, "{what} an administrator");
        }
    }
}

async fn api_key(shop: &Shop, role: &str) -> String {
    let body = json!({"name": role, "roles": [role]});
    let made = shop.post("api-keys").token(&shop.admin()).json(&body).await;
    assert_eq!(made.status, 201, "{made:?}");
    made.json()["key"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn a_key_gets_as_far_as_its_roles_and_not_to_what_is_for_people() {
    let shop = Shop::open().await;
    let (customers, admins) = (api_key(&shop, "user").await, api_key(&shop, "admin").await);
    for route in routes() {
        let path = anything(&route.path);
        let what = format!("{} {} for", route.method, route.path);
        let answer = async |key: &str| refused(&ask(&shop, &route, &path, Some(key)).await);
        let forbidden = Some("403 forbidden".to_owned());
        let for_people = route.access.ends_with("in-person") || route.access == "oneself";
        let for_admins = route.access.starts_with("admin");
        let expected = forbidden.filter(|_| for_people || for_admins);
        assert_eq!(
            answer(&customers).await,
            expected,
            "{what} a key of a customer's roles"
        );
        if !is_endless(&route) {
            let expected = expected.filter(|_| for_people);
            assert_eq!(
                answer(&admins).await,
                expected,
                "{what} a key of an admin's roles"
            );
        }
    }
}

#[tokio::test]
async fn what_is_anothers_is_not_there() {
    let shop = Shop::open().await;
    let sealing = shop.seal();
    let pot = shop.product("12.50", 50).await;
    let (ann, bob) = (Owner::of(&shop, &pot).await, Owner::of(&shop, &pot).await);
    let mut routes: Vec<Route> = routes().into_iter().filter(is_owned).collect();
    // Routes that end something come last.
    routes.sort_by_key(|route| {
        (
            route.method == Method::DELETE,
            route.operation == "cancelOrder",
        )
    });
    assert!(routes.len() >= 9, "{}", routes.len());
    for route in &routes {
        let what = format!("{} {}", route.method, route.path);
        let others = bob.thing(&route.path);
        let strange = ask(&shop, route, &others, Some(&ann.customer.token)).await;
        assert_eq!(strange.status, 404, "{what} of another: {strange:?}");
    }
    for route in &routes {
        let what = format!("{} {}", route.method, route.path);
        let own = ann.thing(&route.path);
        let reply = ask(&shop, route, &own, Some(&ann.customer.token)).await;
        assert!(reply.status.is_success(), "{what} of oneself: {reply:?}");
        let others = bob.thing(&route.path);
        let admin = ask(&shop, route, &others, Some(&shop.admin())).await;
        assert!(
            admin.status.is_success(),
            "{what} for an administrator: {admin:?}"
        );
    }
    drop(sealing);
}

#[tokio::test]
async fn what_is_for_oneself_is_not_there_for_anybody_else() {
    let shop = Shop::open().await;
    let pot = shop.product("12.50", 50).await;
    let (ann, bob) = (Owner::of(&shop, &pot).await, Owner::of(&shop, &pot).await);
    let of_oneself = |route: &Route| route.access == "oneself";
    let mut routes: Vec<Route> = routes().into_iter().filter(of_oneself).collect();
    // The route that ends the session comes last.
    routes.sort_by_key(|route| route.operation == "changePassword");
    assert!(routes.len() >= 2, "{}", routes.len());
    for route in &routes {
        let what = format!("{} {}", route.method, route.path);
        let others = bob.thing(&route.path);
        for token in [&ann.customer.token, &shop.admin()] {
            let strange = ask(&shop, route, &others, Some(token)).await;
            assert_eq!(strange.status, 404, "{what} of another: {strange:?}");
        }
        let own = ann.thing(&route.path);
        let reply = ask(&shop, route, &own, Some(&ann.customer.token)).await;
        assert!(reply.status.is_success(), "{what} of oneself: {reply:?}");
    }
}
