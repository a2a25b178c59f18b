//! Who may use a route: declared where the route is added, and checked before its handler runs.

use axum::extract::Request;
use axum::http::Method;
use axum::middleware::{Next, from_fn};
use axum::response::{IntoResponse, Response};
use utoipa::openapi::SecurityRequirement;
use utoipa::openapi::extensions::ExtensionsBuilder;
use utoipa::openapi::path::{Operation, PathItem};
use utoipa_axum::router::{OpenApiRouter, UtoipaMethodRouter};

use super::effect::Effect;
use super::identify::Caller;
use crate::operation::may_answer;
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

    fn describe(self, operation: &mut Operation) {
        let scopes: &[&str] = match self {
            Access::Anyone => return self.mark(operation),
            Access::SignedIn
            | Access::Owner
            | Access::InPerson
            | Access::OwnerInPerson
            | Access::Oneself => &[],
            Access::Admin | Access::AdminInPerson => &["admin"],
        };
        may_answer(
            operation,
            "401",
            "No access token, or one that is invalid or expired",
        );
        if let Some(refusal) = self.refusal() {
            may_answer(operation, "403", refusal);
        }
        operation.security = Some(vec![SecurityRequirement::new("bearer", scopes.to_vec())]);
        self.mark(operation);
    }

    const fn refusal(self) -> Option<&'static str> {
        match self {
            Access::Anyone | Access::SignedIn | Access::Owner => None,
            Access::Admin => Some("This is for administrators"),
            Access::InPerson | Access::OwnerInPerson | Access::Oneself => {
                Some("This is not for API keys")
            }
            Access::AdminInPerson => Some("This is for administrators, and not for API keys"),
        }
    }

    fn mark(self, operation: &mut Operation) {
        let mark = ExtensionsBuilder::new()
            .add(EXTENSION, self.as_str())
            .build();
        operation.extensions.get_or_insert_default().merge(mark);
    }
}

/// A resource's routes. There is no way to add one without saying who may use it and what it does.
pub(crate) struct Routes<S> {
    router: OpenApiRouter<S>,
    effects: Vec<(Method, String, Effect)>,
}

impl<S: Clone + Send + Sync + 'static> Routes<S> {
    pub(crate) fn new() -> Routes<S> {
        Routes {
            router: OpenApiRouter::new(),
            effects: Vec::new(),
        }
    }

    /// `handlers` is what `routes!` makes: of one path, and of methods that are alike in access and effect.
    pub(crate) fn open_to(
        mut self,
        access: Access,
        effect: Effect,
        (schemas, mut paths, handlers): UtoipaMethodRouter<S>,
    ) -> Routes<S> {
        for (path, item) in &mut paths.paths {
            for (method, operation) in operations(item) {
                access.describe(operation);
                effect.describe(operation);
                self.effects.push((method, path.clone(), effect));
            }
        }
        let guarded =
            handlers.route_layer(from_fn(move |request, next| guard(access, request, next)));
        self.router = self.router.routes((schemas, paths, guarded));
        self
    }

    pub(crate) fn merge(mut self, others: Routes<S>) -> Routes<S> {
        self.router = self.router.merge(others.router);
        self.effects.extend(others.effects);
        self
    }

    /// What each does, by method and path.
    pub(crate) fn effects(&self) -> &[(Method, String, Effect)] {
        &self.effects
    }

    pub(crate) fn into_router(self) -> OpenApiRouter<S> {
        self.router
    }
}

fn operations(item: &mut PathItem) -> impl Iterator<Item = (Method, &mut Operation)> {
    [
        (Method::GET, &mut item.get),
        (Method::POST, &mut item.post),
        (Method::PUT, &mut item.put),
        (Method::DELETE, &mut item.delete),
        (Method::PATCH, &mut item.patch),
        (Method::HEAD, &mut item.head),
        (Method::OPTIONS, &mut item.options),
        (Method::TRACE, &mut item.trace),
    ]
    .into_iter()
    .filter_map(|(method, operation)| Some((method, operation.as_mut()?)))
}

async fn guard(access: Access, request: Request, next: Next) -> Response {
    match access.admit(Caller::of(request.extensions())) {
        Ok(()) => next.run(request).await,
        Err(problem) => problem.into_response(),
    }
}
