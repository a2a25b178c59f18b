//! Orders, as customers place and see them.

mod answer;
mod body;

use axum::extract::State;
use axum::http::Uri;
use axum::response::IntoResponse;
use daybook_commands::OrderOutcome;
use daybook_domain::order::OrderStatus;
use daybook_domain::{OrderId, UserId};
use daybook_history::past::order_at;
use daybook_log::Position;
use daybook_projections::orders::{self, OrderFilter, Viewer};
use serde::Deserialize;
use utoipa::IntoParams;
use utoipa_axum::routes;

use self::answer::{HistoryAnswer, Status};
pub(super) use self::answer::{OrderAnswer, represent};
use self::body::PlaceOrderBody;
use super::headers::{IdParam, IfNoneMatchParam, KeyParam};
use crate::answer::{json, to_response};
use crate::app::{App, BASE};
use crate::auth::{Access, Customer, Effect, Routes};
use crate::etag::ETag;
use crate::extract::{
    AsOf, AsOfParam, Id, IfNoneMatch, MinPosition, PageParams, Paged, Query, Submission, list,
    position_as_of, tagged,
};
use crate::problem::{ApiResult, Problem};

pub(super) fn router() -> Routes<App> {
    Routes::new()
        .open_to(Access::SignedIn, Effect::Reads, routes!(list_orders))
        .open_to(Access::SignedIn, Effect::Appends, routes!(place_order))
        .open_to(Access::Owner, Effect::Reads, routes!(get_order))
        .open_to(Access::Owner, Effect::Reads, routes!(get_history))
}

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
#[into_params(parameter_in = Query)]
struct ListQuery {
    /// For administrators; a customer sees only their own in any case.
    #[param(value_type = Option<Uuid>)]
    user_id: Option<UserId>,
    #[param(value_type = Option<Status>, inline)]
    status: Option<OrderStatus>,
}

/// Places an order at the shop's prices and reserves its units, all or none.
#[utoipa::path(
    post, path = "/api/v1/orders", operation_id = "placeOrder", tag = "orders", params(KeyParam),
    request_body = PlaceOrderBody,
    responses(
        (status = 201, description = "The order", body = OrderAnswer, headers(("ETag" = String))),
        (status = 409, description = "Out of stock: nothing is reserved, `products` says what is left; or the Idempotency-Key is in use"),
    ),
)]
async fn place_order(
    State(app): State<App>,
    customer: Customer,
    submission: Submission<PlaceOrderBody>,
) -> ApiResult {
    let id: OrderId = app.new_id();
    let command = submission.body.into_command(id, customer.id);
    let accept =
        move |placed: &OrderOutcome| represent(placed).created_at(format!("{BASE}/orders/{id}"));
    Ok(to_response(
        app.execute(command, customer.actor(), submission.request, accept)
            .await?,
    ))
}

/// One's own orders, for administrators everyone's; the newest first.
#[utoipa::path(
    get, path = "/api/v1/orders", operation_id = "listOrders", tag = "orders", params(ListQuery, PageParams),
    responses((status = 200, description = "A page of orders", body = Vec<OrderAnswer>)),
)]
async fn list_orders(
    State(app): State<App>,
    caller: Customer,
    min_position: MinPosition,
    uri: Uri,
    Query(Paged { list: query, page }): Query<Paged<ListQuery>>,
) -> ApiResult {
    let paging = page.paging()?;
    let filter = OrderFilter {
        user_id: query.user_id,
        statuses: query.status.into_iter().collect(),
    };
    min_position.reached(&app, orders::NAME).await?;
    let page = app
        .read_models
        .orders()
        .list(viewer(caller), &filter, &paging)
        .await?;
    list(&uri, page, OrderAnswer::from)
}

/// One order.
#[utoipa::path(
    get, path = "/api/v1/orders/{id}", operation_id = "getOrder", tag = "orders", params(IdParam, AsOfParam, IfNoneMatchParam),
    responses((status = 200, description = "The order", body = OrderAnswer, headers(("ETag" = String)))),
)]
async fn get_order(
    State(app): State<App>,
    caller: Customer,
    Id(id): Id<OrderId>,
    AsOf(moment): AsOf,
    min_position: MinPosition,
    held: IfNoneMatch,
) -> ApiResult {
    if let Some(moment) = moment {
        let position = position_as_of(&app, moment, min_position).await?;
        return order_as_of(&app, caller, id, position).await;
    }
    min_position.reached(&app, orders::NAME).await?;
    let found = app.read_models.orders().get(id, viewer(caller)).await?;
    let order = found.ok_or_else(Problem::nothing_here)?.order;
    let etag = ETag::of(order.version);
    tagged(&OrderAnswer::from(order), etag, &held)
}

/// What happened to an order, the oldest first.
#[utoipa::path(
    get, path = "/api/v1/orders/{id}/history", operation_id = "getOrderHistory", tag = "orders", params(IdParam),
    responses((status = 200, description = "The order's history", body = Vec<HistoryAnswer>)),
)]
async fn get_history(
    State(app): State<App>,
    caller: Customer,
    Id(id): Id<OrderId>,
    min_position: MinPosition,
) -> ApiResult {
    min_position.reached(&app, orders::NAME).await?;
    let found = app.read_models.orders().history(id, viewer(caller)).await?;
    let entries = found.ok_or_else(Problem::nothing_here)?;
    let answers: Vec<HistoryAnswer> = entries.into_iter().map(HistoryAnswer::from).collect();
    Ok(json(&answers)?.into_response())
}

fn viewer(caller: Customer) -> Viewer {
    if caller.is_admin {
        Viewer::Admin
    } else {
        Viewer::Customer(caller.id)
    }
}

async fn order_as_of(app: &App, caller: Customer, id: OrderId, position: Position) -> ApiResult {
    let found = order_at(&app.feed, id, position).await?;
    let order = found.filter(|past| may_see(caller, past.order.state.user_id));
    json(&OrderAnswer::from(order.ok_or_else(Problem::nothing_here)?))
}

/// Somebody else's order is answered as if it did not exist. An order without a customer, such as an imported one, is
/// for administrators.
fn may_see(caller: Customer, owner: Option<UserId>) -> bool {
    caller.is_admin || owner == Some(caller.id)
}
