//! The OpenAPI document: generated from the handlers, then completed with what applies to all of them, so that it names
//! every possible status and no handler has to repeat it.

use utoipa::OpenApi as _;
use utoipa::openapi::header::HeaderBuilder;
use utoipa::openapi::path::{Operation, ParameterIn};
use utoipa::openapi::response::{Response, ResponseBuilder};
use utoipa::openapi::schema::{ObjectBuilder, Type};
use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityScheme};
use utoipa::openapi::{Content, OpenApi, Ref, RefOr};
use utoipa_axum::router::OpenApiRouter;

use crate::app::App;
use crate::problem::ProblemBody;
use crate::routes;

const DESCRIPTION: &str = "A commerce backend on an append-only log.

Every answer to a command carries `Daybook-Position`; a query that sends that number as `Daybook-Min-Position` \
sees at least as much, or is answered 503 `read-model-behind` after two seconds. Every request may carry \
`X-Request-Id`, and every answer does. `RateLimit-Policy` and `RateLimit` say how many requests are left. Errors are problem details (RFC 9457) with a stable `code`.";

/// Operations that change something outside of the log.
const APPENDS_NOTHING: [&str; 9] = [
    "login",
    "refresh",
    "logout",
    "logoutEverywhere",
    "changePassword",
    "forgottenPassword",
    "resetPassword",
    "askEmailVerification",
    "recordUsageEvents",
];

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

/// The API's routes together with their document.
pub(crate) fn described() -> OpenApiRouter<App> {
    let mut router = OpenApiRouter::with_openapi(Api::openapi()).merge(routes::api().into_router());
    complete(router.get_openapi_mut());
    router
}

pub fn document() -> OpenApi {
    described().into_openapi()
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
    let is_beside_the_log = operation
        .tags
        .iter()
        .flatten()
        .any(|tag| tag == "operations" || tag == "api-keys");
    let appends = !is_beside_the_log
        && !operation
            .operation_id
            .as_deref()
            .is_some_and(|id| APPENDS_NOTHING.contains(&id));
    for status in ["200", "201", "204"].into_iter().filter(|_| appends) {
        add_header(
            operation,
            status,
            "Daybook-Position",
            "For a later `Daybook-Min-Position`",
            Type::Integer,
        );
        if has_parameter(operation, "Idempotency-Key") {
            add_header(
                operation,
                status,
                "Idempotency-Replayed",
                "`true` where the first answer is repeated",
                Type::String,
            );
        }
    }
}

fn complete_operation(path: &str, operation: &mut Operation) {
    if let Some(requirements) = &operation.security {
        let for_admins =
            serde_json::to_string(requirements).is_ok_and(|text| text.contains("admin"));
        may_answer(
            operation,
            "401",
            "No access token, or one that is invalid or expired",
        );
        if for_admins {
            may_answer(operation, "403", "This is for administrators");
        }
    }
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

fn may_answer(operation: &mut Operation, status: &str, description: &str) {
    let response = || RefOr::T(ResponseBuilder::new().description(description).build());
    operation
        .responses
        .responses
        .entry(status.to_owned())
        .or_insert_with(response);
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

fn add_header(
    operation: &mut Operation,
    status: &str,
    name: &str,
    description: &str,
    schema_type: Type,
) {
    if let Some(RefOr::T(response)) = operation.responses.responses.get_mut(status) {
        insert_header(response, name, description, schema_type);
    }
}

fn insert_header(response: &mut Response, name: &str, description: &str, schema_type: Type) {
    let schema = ObjectBuilder::new().schema_type(schema_type).build();
    let header = HeaderBuilder::new()
        .schema(Some(schema))
        .description(Some(description))
        .build();
    response.headers.insert(name.to_owned(), header.into());
}

fn has_parameter(operation: &Operation, name: &str) -> bool {
    parameters(operation).any(|parameter| parameter.name == name)
}

fn parameters_in(operation: &Operation, place: ParameterIn) -> bool {
    parameters(operation).any(|parameter| parameter.parameter_in == place)
}

fn parameters(operation: &Operation) -> impl Iterator<Item = &utoipa::openapi::path::Parameter> {
    operation
        .parameters
        .iter()
        .flatten()
        .filter_map(|parameter| match parameter {
            RefOr::T(parameter) => Some(parameter),
            RefOr::Ref(_) => None,
        })
}
