//! The steps of an order after it was placed: processed, shipped, delivered, or cancelled.

use axum::extract::State;
use daybook_commands::{
    Acting, Answer, CancelOrder, DeliverOrder, OrderOutcome, ProcessOrder, ShipOrder,
};
use daybook_domain::OrderId;
use daybook_domain::order::Order;
use serde::Deserialize;
use utoipa::ToSchema;
use utoipa_axum::routes;

use super::headers::{IdParam, KeyParam};
use super::orders::{OrderAnswer, represent};
use crate::answer::to_response;
use crate::app::App;
use crate::auth::{Access, Admin, Customer, Effect, Routes};
use crate::bounds::{optional_line, optional_prose};
use crate::extract::{Id, Submission};
use crate::problem::ApiResult;

pub(super) fn router() -> Routes<App> {
    Routes::new()
        .open_to(Access::Owner, Effect::Appends, routes!(cancel_order))
        .open_to(Access::Admin, Effect::Appends, routes!(process_order))
        .open_to(Access::Admin, Effect::Appends, routes!(ship_order))
        .open_to(Access::Admin, Effect::Appends, routes!(deliver_order))
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct CancelOrderBody {
    #[schema(schema_with = optional_prose::<{ Order::REASON_MAX_CHARS }>)]
    reason: Option<String>,
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct ShipOrderBody {
    #[schema(schema_with = optional_line::<{ Order::CARRIER_MAX_CHARS }>)]
    carrier: Option<String>,
    #[schema(schema_with = optional_line::<{ Order::TRACKING_NUMBER_MAX_CHARS }>)]
    tracking_number: Option<String>,
}

/// An empty object.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct EmptyBody {}

/// Cancels an order that has not been shipped; its units can be ordered again.
#[utoipa::path(
    post, path = "/api/v1/orders/{id}/cancel", operation_id = "cancelOrder", tag = "orders", params(IdParam, KeyParam),
    request_body = CancelOrderBody,
    responses(
        (status = 200, description = "The order as it is now", body = OrderAnswer, headers(("ETag" = String))),
        (status = 409, description = "The order was shipped or cancelled already, or the Idempotency-Key is in use"),
    ),
)]
async fn cancel_order(
    State(app): State<App>,
    caller: Customer,
    Id(id): Id<OrderId>,
    submission: Submission<CancelOrderBody>,
) -> ApiResult {
    let acting = if caller.is_admin {
        Acting::Staff
    } else {
        Acting::Customer(caller.id)
    };
    let command = CancelOrder {
        id,
        acting,
        reason: submission.body.reason,
    };
    Ok(to_response(
        app.execute(command, caller.actor(), submission.request, accept)
            .await?,
    ))
}

/// Takes a pending order into work.
#[utoipa::path(
    post, path = "/api/v1/orders/{id}/process", operation_id = "processOrder", tag = "orders", params(IdParam, KeyParam),
    request_body = EmptyBody,
    responses(
        (status = 200, description = "The order as it is now", body = OrderAnswer, headers(("ETag" = String))),
        (status = 409, description = "The order is not pending, or the Idempotency-Key is in use"),
    ),
)]
async fn process_order(
    State(app): State<App>,
    admin: Admin,
    Id(id): Id<OrderId>,
    submission: Submission<EmptyBody>,
) -> ApiResult {
    let command = ProcessOrder { id };
    Ok(to_response(
        app.execute(command, admin.actor(), submission.request, accept)
            .await?,
    ))
}

/// Hands an order that is in work to a carrier.
#[utoipa::path(
    post, path = "/api/v1/orders/{id}/ship", operation_id = "shipOrder", tag = "orders", params(IdParam, KeyParam),
    request_body = ShipOrderBody,
    responses(
        (status = 200, description = "The order as it is now", body = OrderAnswer, headers(("ETag" = String))),
        (status = 409, description = "The order is not being processed, or the Idempotency-Key is in use"),
    ),
)]
async fn ship_order(
    State(app): State<App>,
    admin: Admin,
    Id(id): Id<OrderId>,
    submission: Submission<ShipOrderBody>,
) -> ApiResult {
    let ShipOrderBody {
        carrier,
        tracking_number,
    } = submission.body;
    let command = ShipOrder {
        id,
        carrier,
        tracking_number,
    };
    Ok(to_response(
        app.execute(command, admin.actor(), submission.request, accept)
            .await?,
    ))
}

/// Notes that a shipped order has arrived.
#[utoipa::path(
    post, path = "/api/v1/orders/{id}/deliver", operation_id = "deliverOrder", tag = "orders", params(IdParam, KeyParam),
    request_body = EmptyBody,
    responses(
        (status = 200, description = "The order as it is now", body = OrderAnswer, headers(("ETag" = String))),
        (status = 409, description = "The order is not shipped, or the Idempotency-Key is in use"),
    ),
)]
async fn deliver_order(
    State(app): State<App>,
    admin: Admin,
    Id(id): Id<OrderId>,
    submission: Submission<EmptyBody>,
) -> ApiResult {
    let command = DeliverOrder { id };
    Ok(to_response(
        app.execute(command, admin.actor(), submission.request, accept)
            .await?,
    ))
}

fn accept(outcome: &OrderOutcome) -> Answer {
    represent(outcome).ok()
}
