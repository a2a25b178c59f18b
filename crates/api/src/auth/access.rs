//! Who may use a route: declared where the route is added, and checked before its handler runs.

use axum::extract::Request;
use axum::middleware::{Next, from_fn};
use axum::response::{IntoResponse, Response};
use utoipa::openapi::SecurityRequirement;
use utoipa::openapi::extensions::ExtensionsBuilder;
use utoipa::openapi::path::{Operation, PathItem};
use utoipa::openapi::response::ResponseBuilder;
use utoipa_axum::router::{OpenApiRouter, UtoipaMethodRouter};

use super::identify::Caller;
use crate::problem::ApiResult;

/// The name of this extension in the OpenAPI document.
pub const EXTENSION: &str = "x-daybook-access";

/// Who may use a route, and for whose resources.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// Every caller.
    Anyone,
    /// Callers who are signed in. They see only what is theirs, administrators everything.
    SignedIn,
    /// The owner of the resource in the path, and administrators. To others it does not exist; the handler checks that,
    /// because it reads the resource.
    Owner,
    /// Administrators.
    Admin,
    /// Like [`Access::SignedIn`], but only people, not API keys. Credentials are for people only, because a leaked key
    /// could otherwise make itself permanent.
    InPerson,
    /// Like [`Access::Owner`], but only people.
    OwnerInPerson,
    /// Like [`Access::Admin`], but only people.
    AdminInPerson,
    /// The person in the path and nobody else, not even administrators.
    Oneself,
}

impl Access {
    pub const fn as_str(self) -> &'static str {
        match self {
            Access::Anyone => "anyone",
            Access::SignedIn => "signed-in",
            Access::Owner => "owner",
            Access::Admin => "admin",
            Access::InPerson => "in-person",
            Access::OwnerInPerson => "owner-in-person",
            Access::AdminInPerson => "admin-in-person",
            Access::Oneself => "oneself",
        }
    }

    const fn for_people_only(self) -> bool {
        match self {
            Access::Anyone | Access::SignedIn | Access::Owner | Access::Admin => false,
            Access::InPerson | Access::OwnerInPerson | Access::AdminInPerson | Access::Oneself => {
                true
            }
        }
    }

    fn admit(self, caller: &Caller) -> ApiResult<()> {
        if self.for_people_only() {
            caller.in_person()?;
        }
        match self {
            Access::Anyone => Ok(()),
            Access::SignedIn
            | Access::Owner
            | Access::InPerson
            | Access::OwnerInPerson
            | Access::Oneself => caller.known().map(drop),
            Access::Admin | Access::AdminInPerson => caller.admin().map(drop),
        }
    }

    fn describe(self, item: &mut PathItem) {
        let operations = [
            &mut item.get,
            &mut item.post,
            &mut item.put,
            &mut item.delete,
            &mut item.patch,
            &mut item.head,
            &mut item.options,
            &mut item.trace,
        ];
        for operation in operations.into_iter().filter_map(Option::as_mut) {
            self.describe_one(operation);
        }
    }

    fn describe_one(self, operation: &mut Operation) {
        let scopes: &[&str] = match self {
            Access::Anyone => return self.mark(operation),
            Access::SignedIn
            | Access::Owner
            | Access::InPerson
            | Access::OwnerInPerson
            | Access::Oneself => &[],
            Access::Admin | Access::AdminInPerson => &["admin"],
        };
        if self.for_people_only() {
            let refused = ResponseBuilder::new().description(self.refusal()).build();
            let answers = &mut operation.responses.responses;
            answers
                .entry("403".to_owned())
                .or_insert_with(|| refused.into());
        }
        operation.security = Some(vec![SecurityRequirement::new("bearer", scopes.to_vec())]);
        self.mark(operation);
    }

    const fn refusal(self) -> &'static str {
        match self {
            Access::AdminInPerson => "This is for administrators, and not for API keys",
            _ => "This is not for API keys",
        }
    }

    fn mark(self, operation: &mut Operation) {
        let mark = ExtensionsBuilder::new()
            .add(EXTENSION, self.as_str())
            .build();
        operation.extensions.get_or_insert_default().merge(mark);
    }
}

/// A resource's routes. A route cannot be added without saying who may use it.
pub(crate) struct Routes<S>(OpenApiRouter<S>);

impl<S: Clone + Send + Sync + 'static> Routes<S> {
    pub(crate) fn new() -> Routes<S> {
        Routes(OpenApiRouter::new())
    }

    /// `handlers` is the result of `routes!`.
    pub(crate) fn open_to(
        self,
        access: Access,
        (schemas, mut paths, handlers): UtoipaMethodRouter<S>,
    ) -> Routes<S> {
        for item in paths.paths.values_mut() {
            access.describe(item);
        }
        let guarded =
            handlers.route_layer(from_fn(move |request, next| guard(access, request, next)));
        Routes(self.0.routes((schemas, paths, guarded)))
    }

    pub(crate) fn merge(self, others: Routes<S>) -> Routes<S> {
        Routes(self.0.merge(others.0))
    }

    pub(crate) fn into_router(self) -> OpenApiRouter<S> {
        self.0
    }
}

async fn guard(access: Access, request: Request, next: Next) -> Response {
    match access.admit(Caller::of(request.extensions())) {
        Ok(()) => next.run(request).await,
        Err(problem) => problem.into_response(),
    }
}
