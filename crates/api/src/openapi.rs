//! The OpenAPI document: generated from the handlers, then completed with what applies to all of them, so that it names
//! every possible status and no handler has to repeat it.

use axum::http::Method;
use utoipa::OpenApi as _;
use utoipa::openapi::path::{Operation, ParameterIn};
use utoipa::openapi::response::Response;
use utoipa::openapi::schema::Type;
use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityScheme};
use utoipa::openapi::{Content, OpenApi, Ref, RefOr};
use utoipa_axum::router::OpenApiRouter;

use crate::app::App;
use crate::auth::Effect;
use crate::gateway::{Classes, Counting};
use crate::operation::{add_header, has_parameter, insert_header, may_answer, parameters_in};
use crate::problem::ProblemBody;
use crate::routes;

const DESCRIPTION: &str = "A commerce backend on an append-only log.

Every answer to a command carries `Daybook-Position`; a query that sends that number as `Daybook-Min-Position` \
sees at least as much, or is answered 503 `read-model-behind` after two seconds. Every request may carry \
`X-Request-Id`, and every answer does. `RateLimit-Policy` and `RateLimit` say how many requests are left. Errors are problem details (RFC 9457) with a stable `code`.";

#[derive(utoipa::OpenApi)]
#[openapi(
    info(title = "Daybook", description = DESCRIPTION),
    components(schemas(ProblemBody)),
    tags(
        (name = "users", description = "Accounts and signing in"),
        (name = "api-keys", description = "What machines sign in with"),
        (name = "catalog", description = "Products, categories, stock"),
        (name = "orders", description = "Orders and their history"),
        (name = "analytics", description = "What visitors and customers do"),
        (name = "operations", description = "Read models and the log"),
    ),
)]
struct Api;

/// The API's routes together with their document, and how the gateway counts requests for them.
pub(crate) fn described() -> (OpenApiRouter<App>, Classes) {
    let routes = routes::api();
    let classes = routes.effects().iter().map(counted).collect();
    let mut router = OpenApiRouter::with_openapi(Api::openapi()).merge(routes.into_router());
    complete(router.get_openapi_mut());
    (router, classes)
}

fn counted((method, path, effect): &(Method, String, Effect)) -> (Method, String, Counting) {
    (method.clone(), path.clone(), effect.counting())
}

pub fn document() -> OpenApi {
    described().0.into_openapi()
}

fn complete(document: &mut OpenApi) {
    let bearer = HttpBuilder::new()
        .scheme(HttpAuthScheme::Bearer)
        .bearer_format("JWT")
        .build();
    if let Some(components) = &mut document.components {
        components.add_security_scheme("bearer", SecurityScheme::Http(bearer));
    }
    for (path, item) in &mut document.paths.paths {
        let queries = [&mut item.get];
        let commands = [&mut item.post, &mut item.put, &mut item.delete];
        for operation in queries.into_iter().filter_map(Option::as_mut) {
            complete_query(operation);
            complete_operation(path, operation);
        }
        for operation in commands.into_iter().filter_map(Option::as_mut) {
            complete_command(operation);
            complete_operation(path, operation);
        }
    }
}

fn complete_query(operation: &mut Operation) {
    may_answer(operation, "400", "A header is malformed");
    if has_parameter(operation, "page") {
        add_header(
            operation,
            "200",
            "X-Total-Count",
            "How many there are on all pages",
            Type::Integer,
        );
        add_header(
            operation,
            "200",
            "Link",
            "`rel=\"next\"` and `rel=\"prev\"`, with cursors",
            Type::String,
        );
    }
    if has_parameter(operation, "If-None-Match") {
        may_answer(
            operation,
            "304",
            "The client has the present representation",
        );
    }
}

fn complete_command(operation: &mut Operation) {
    if operation.request_body.is_some() {
        may_answer(operation, "400", "The body or a header is malformed");
        may_answer(operation, "408", "The body did not arrive in time");
        may_answer(operation, "413", "The body is larger than 64 KiB");
        may_answer(operation, "415", "The body is not JSON");
        may_answer(
            operation,
            "422",
            "A field is not what it must be, or a rule says no",
        );
    }
    if has_parameter(operation, "Idempotency-Key") {
        may_answer(
            operation,
            "410",
            "The first answer to the Idempotency-Key spoke of a person who has been erased",
        );
    }
    if has_parameter(operation, "If-Match") {
        may_answer(operation, "400", "A header is malformed");
    }
    add_header(
        operation,
        "201",
        "Location",
        "Where the resource is",
        Type::String,
    );
}

fn complete_operation(path: &str, operation: &mut Operation) {
    if path.contains('{') {
        may_answer(
            operation,
            "404",
            "Nothing that the caller may see has this id",
        );
    }
    if parameters_in(operation, ParameterIn::Query) {
        may_answer(
            operation,
            "422",
            "A parameter is unknown or not what it must be",
        );
    }
    may_answer(operation, "429", "Too many requests from this address");
    may_answer(operation, "500", "Something went wrong in Daybook");
    may_answer(
        operation,
        "503",
        "Busy, stopping or behind: try again after `Retry-After`",
    );
    for (status, response) in &mut operation.responses.responses {
        if let (true, RefOr::T(response)) = (status.starts_with(['4', '5']), response) {
            as_problem(status, response);
        }
    }
}

fn as_problem(status: &str, response: &mut Response) {
    let schema = Ref::from_schema_name("Problem");
    response.content.insert(
        "application/problem+json".to_owned(),
        Content::new(Some(schema)).into(),
    );
    match status {
        "429" | "503" => insert_header(response, "Retry-After", "Seconds", Type::Integer),
        "401" => insert_header(
            response,
            "WWW-Authenticate",
            "RFC 6750's challenge",
            Type::String,
        ),
        _ => {}
    }
}
