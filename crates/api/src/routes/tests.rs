//! What every route has declared that it does.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::Request;
use axum::http::Method;
use axum::middleware::{Next, from_fn};
use axum::routing::any;
use tower::ServiceExt;

use crate::auth::Effect;
use crate::gateway::{Class, Counting};
use crate::openapi;

/// Commands that do anything else than to append events, as an order does.
const OTHERS: [(&str, &str, Effect); 22] = [
    ("POST", "/users/login", Effect::SignsIn),
    ("POST", "/users/refresh", Effect::SignsIn),
    ("POST", "/users/oidc/begin", Effect::ChangesGuarded),
    ("POST", "/users/oidc/finish", Effect::ChangesGuarded),
    ("POST", "/users/email-verification", Effect::AppendsGuarded),
    (
        "POST",
        "/users/{id}/email-verification",
        Effect::ChangesGuarded,
    ),
    ("PUT", "/users/{id}/password", Effect::ChangesGuarded),
    ("POST", "/users/password/forgotten", Effect::ChangesGuarded),
    ("POST", "/users/password/reset", Effect::ChangesGuarded),
    ("POST", "/users/logout", Effect::Changes),
    ("POST", "/users/logout-everywhere", Effect::Changes),
    ("POST", "/api-keys", Effect::Changes),
    ("DELETE", "/api-keys/{id}", Effect::Changes),
    ("POST", "/projections/{name}/pause", Effect::Changes),
    ("POST", "/projections/{name}/resume", Effect::Changes),
    ("POST", "/projections/{name}/reset", Effect::Changes),
    ("POST", "/projections/{name}/retry", Effect::Changes),
    ("POST", "/projections/{name}/skip", Effect::Changes),
    ("POST", "/projections/{name}/rebuild", Effect::Changes),
    ("POST", "/projections/{name}/verify", Effect::Changes),
    ("POST", "/projections/{name}/rollback", Effect::Changes),
    ("POST", "/analytics/events", Effect::CollectsUsage),
];

#[test]
fn every_route_says_what_it_does() {
    let mut others: BTreeMap<(String, String), Effect> = OTHERS
        .into_iter()
        .map(|(method, path, effect)| ((method.into(), format!("/api/v1{path}")), effect))
        .collect();
    let mut declared = BTreeSet::new();
    for (method, path, effect) in super::api().effects() {
        let route = (method.to_string(), path.clone());
        let usual = match *method {
            Method::GET => Effect::Reads,
            _ => Effect::Appends,
        };
        let expected = others.remove(&route).unwrap_or(usual);
        assert_eq!(*effect, expected, "{method} {path}");
        assert!(declared.insert(route), "{method} {path} is there twice");
    }
    assert!(others.is_empty(), "{others:?}");
    assert_eq!(declared, described());
}

/// Method and path of each operation in the document.
fn described() -> BTreeSet<(String, String)> {
    let document = serde_json::to_value(openapi::document()).unwrap();
    let paths = document["paths"].as_object().unwrap();
    let routes = paths.iter().flat_map(|(path, item)| {
        let methods = item.as_object().unwrap().keys();
        methods.map(|method| (method.to_uppercase(), path.clone()))
    });
    routes.collect()
}

/// The paths of the API with the class of each request in front of them, and nothing behind.
fn counted() -> Router {
    let (api, classes) = openapi::described();
    let classes = Arc::new(classes);
    let count = move |request: Request, next: Next| {
        let counting = classes.of(&request);
        async move {
            let mut response = next.run(request).await;
            response.extensions_mut().insert(counting);
            response
        }
    };
    let paths = api.into_openapi().paths.paths.into_keys();
    let route = |router: Router, path: String| router.route(&path, any(|| async {}));
    paths.fold(Router::new(), route).layer(from_fn(count))
}

#[tokio::test]
async fn requests_have_their_classes() {
    let router = counted();
    let each = |class| Some(Counting::each(class));
    let failures = Some(Counting::failures(Class::SignIn));
    for (method, path, counting) in [
        (Method::GET, "/api/v1/products", each(Class::Query)),
        (Method::HEAD, "/api/v1/products", each(Class::Query)),
        (Method::POST, "/api/v1/users/login", failures),
        (Method::POST, "/api/v1/users/refresh", failures),
        (
            Method::POST,
            "/api/v1/users/password/forgotten",
            each(Class::SignIn),
        ),
        (Method::PUT, "/api/v1/users/7/password", each(Class::SignIn)),
        (Method::POST, "/api/v1/users/register", each(Class::Command)),
        (Method::POST, "/api/v1/users/logout", each(Class::Command)),
        (Method::POST, "/api/v1/analytics/events", each(Class::Usage)),
        (Method::GET, "/healthz", None),
    ] {
        let request = Request::builder().method(&method).uri(path);
        let request = request.body(Body::empty()).unwrap();
        let response = router.clone().oneshot(request).await.unwrap();
        let found = response.extensions().get::<Option<Counting>>();
        assert_eq!(found, Some(&counting), "{method} {path}");
    }
}
