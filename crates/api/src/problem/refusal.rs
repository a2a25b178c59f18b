//! The one table from commands' refusals to the answers that clients get.

use std::borrow::Cow;

use axum::http::{HeaderValue, StatusCode};
use daybook_commands::{ClaimKind, CommandError, Refusal, Shortage};
use daybook_domain::category::CategoryRejection;
use daybook_domain::order::OrderRejection;
use daybook_domain::product::ProductRejection;
use daybook_domain::stock::StockRejection;
use daybook_domain::user::UserRejection;
use daybook_domain::{InvalidField, Rejection};
use daybook_log::LogError;
use error_reporter::Report;
use tracing::{error, warn};

use super::{FieldError, Problem, ShortProduct};

/// How the client is told that a rule refused. The answer may be recorded under an idempotency key and repeated.
pub(crate) fn of_refusal(refusal: &Refusal) -> Problem {
    let problem = Problem::new(
        status(refusal),
        code(refusal),
        sentence(&refusal.to_string()),
    );
    match refusal {
        Refusal::OutOfStock(shortages) => {
            problem.with_products(shortages.iter().map(short_product).collect())
        }
        Refusal::Rejected(rejection) => rejection.invalid_field().map_or(problem, Problem::from),
        Refusal::ClaimTaken(kind) => match claimed_field(*kind) {
            Some(pointer) => pointing_at(problem, pointer.to_owned()),
            None => problem,
        },
        Refusal::UnknownProduct { index, .. } | Refusal::ProductRetired { index, .. } => {
            pointing_at(problem, format!("/items/{index}/productId"))
        }
        Refusal::UnknownCategory(_) => pointing_at(problem, "/categoryId".to_owned()),
        Refusal::CategoryInUse
        | Refusal::PreconditionFailed { .. }
        | Refusal::PersonErased
        | Refusal::NoAdministrator => problem,
    }
}

fn status(refusal: &Refusal) -> StatusCode {
    match refusal {
        Refusal::Rejected(rejection) => rejection_status(rejection),
        Refusal::ClaimTaken(_) | Refusal::CategoryInUse | Refusal::OutOfStock(_) => {
            StatusCode::CONFLICT
        }
        Refusal::PreconditionFailed { .. } => StatusCode::PRECONDITION_FAILED,
        Refusal::UnknownProduct { .. }
        | Refusal::ProductRetired { .. }
        | Refusal::UnknownCategory(_) => StatusCode::UNPROCESSABLE_ENTITY,
        Refusal::PersonErased => StatusCode::NOT_FOUND,
        Refusal::NoAdministrator => StatusCode::FORBIDDEN,
    }
}

fn rejection_status(rejection: &Rejection) -> StatusCode {
    match rejection {
        Rejection::User(UserRejection::NotFound)
        | Rejection::Category(CategoryRejection::NotFound)
        | Rejection::Product(ProductRejection::NotFound)
        // A retired product can no longer be read, so it is answered as if it did not exist.
        | Rejection::Product(ProductRejection::Retired)
        | Rejection::Order(OrderRejection::NotFound) => StatusCode::NOT_FOUND,
        Rejection::User(
            UserRejection::AlreadyExists | UserRejection::Deactivated | UserRejection::NoEmail,
        )
        | Rejection::Category(CategoryRejection::AlreadyExists)
        | Rejection::Product(ProductRejection::AlreadyExists)
        | Rejection::Order(
            OrderRejection::AlreadyExists
            | OrderRejection::AlreadyShipped
            | OrderRejection::InvalidTransition { .. }
            | OrderRejection::ImportDiffers { .. }
            | OrderRejection::ImportedForAnother
            | OrderRejection::LinesMissing { .. },
        )
        | Rejection::Stock(StockRejection::OutOfStock { .. } | StockRejection::NotReserved { .. }) => {
            StatusCode::CONFLICT
        }
        Rejection::User(UserRejection::InvalidField(_))
        | Rejection::Category(CategoryRejection::InvalidField(_))
        | Rejection::Product(ProductRejection::InvalidField(_) | ProductRejection::CurrencyMismatch { .. })
        | Rejection::Stock(StockRejection::InvalidField(_) | StockRejection::LimitExceeded { .. })
        | Rejection::Order(
            OrderRejection::InvalidField(_)
            | OrderRejection::MixedCurrencies { .. }
            | OrderRejection::TotalTooLarge,
        ) => StatusCode::UNPROCESSABLE_ENTITY,
    }
}

fn code(refusal: &Refusal) -> &'static str {
    match refusal {
        Refusal::PreconditionFailed { .. } => "version-conflict",
        other => other.code(),
    }
}

/// A refusal's text as the contract's `detail`: a sentence.
fn sentence(text: &str) -> Cow<'static, str> {
    let mut characters = text.chars();
    let Some(first) = characters.next() else {
        return Cow::Borrowed("");
    };
    let stop = if text.ends_with('.') { "" } else { "." };
    Cow::Owned(
        first
            .to_uppercase()
            .chain(characters)
            .chain(stop.chars())
            .collect(),
    )
}

impl From<&InvalidField> for Problem {
    fn from(field: &InvalidField) -> Problem {
        Problem::invalid_field(field.field.clone(), field.code, field.detail.clone())
    }
}

fn pointing_at(problem: Problem, pointer: String) -> Problem {
    let (code, detail) = (problem.0.code.clone(), problem.0.detail.clone());
    problem.with_error(FieldError {
        pointer,
        code,
        detail,
    })
}

fn claimed_field(kind: ClaimKind) -> Option<&'static str> {
    match kind {
        ClaimKind::Email => Some("/email"),
        ClaimKind::CategoryName => Some("/name"),
        ClaimKind::Sku => Some("/sku"),
        ClaimKind::CategoryMember => None,
    }
}

fn short_product(shortage: &Shortage) -> ShortProduct {
    ShortProduct {
        product_id: shortage.product_id,
        requested: shortage.requested,
        available: shortage.available,
    }
}

/// Why a command has no answer. Logged here, once, because nobody else handles it.
impl From<CommandError> for Problem {
    fn from(error: CommandError) -> Problem {
        match &error {
            CommandError::KeyReused => Problem::unprocessable(
                "idempotency-key-reused",
                "This Idempotency-Key was used for another request; take a fresh one.",
            ),
            CommandError::KeyInUse => Problem::new(
                StatusCode::CONFLICT,
                "idempotency-key-in-use",
                "A request with this Idempotency-Key is still being carried out; ask again for its answer.",
            )
            .with_header(axum::http::header::RETRY_AFTER, HeaderValue::from(1_u32)),
            CommandError::PersonErased => Problem::new(
                StatusCode::GONE,
                "person-erased",
                "The answer to this Idempotency-Key spoke of a person who has been erased; take a fresh one.",
            ),
            CommandError::Overloaded => {
                Problem::unavailable("overloaded", "Too many commands are waiting; nothing was done.", 1)
            }
            CommandError::ShuttingDown => {
                Problem::unavailable("shutting-down", "The server is stopping; nothing was done.", 1)
            }
            CommandError::Unavailable(_) => {
                warn!(error = %Report::new(&error), "the database could not be reached for a command");
                unreachable_database()
            }
            CommandError::Failed(LogError::Undecodable {
                position,
                event_type,
                ..
            }) => {
                error!(error = %Report::new(&error), "a command rests on an event that is not known here");
                Problem::unknown_event(*position, event_type)
            }
            CommandError::Failed(_) | CommandError::Internal(_) => {
                error!(error = %Report::new(&error), "a command failed");
                Problem::internal()
            }
        }
    }
}

/// The database cannot be reached: the command may or may not have been executed.
pub(crate) fn unreachable_database() -> Problem {
    let detail = "The database cannot be reached. Repeat the request, a command with the same Idempotency-Key.";
    Problem::unavailable("unavailable", detail, 2)
}
