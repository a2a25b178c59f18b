//! Orders, as customers place and see them.

use axum::extract::State;
use axum::http::Uri;
use axum::response::IntoResponse;
use daybook_commands::{OrderOutcome, PlaceOrder};
use daybook_domain::order::{Address, OrderLine, OrderStatus};
use daybook_domain::{OrderId, ProductId, UserId};
use daybook_projections::orders::{self, HistoryEntry, OrderFilter, Viewer};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::headers::{IdParam, IfNoneMatchParam, KeyParam};
use crate::answer::{Representation, json, tagged, to_response};
use crate::app::{App, BASE};
use crate::auth::Customer;
use crate::decimal::Amount;
use crate::etag::ETag;
use crate::extract::{Id, IfNoneMatch, MinPosition, Object, Query, Submission, list, paging};
use crate::problem::{ApiResult, Problem};
use crate::timestamp::Timestamp;

pub(super) fn router() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(list_orders, place_order))
        .routes(routes!(get_order))
        .routes(routes!(get_history))
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct PlaceOrderBody {
    /// Each product once.
    #[schema(value_type = Vec<ItemBody>, min_items = 1, max_items = 100)]
    items: Vec<Object<ItemBody>>,
    #[schema(value_type = Option<AddressBody>)]
    shipping_address: Option<Object<AddressBody>>,
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
#[schema(as = OrderItemBody)]
struct ItemBody {
    #[schema(value_type = Uuid)]
    product_id: ProductId,
    #[schema(minimum = 1, maximum = 10_000)]
    quantity: u32,
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
#[schema(as = Address)]
struct AddressBody {
    #[schema(
        min_length = 1,
        max_length = 200,
        pattern = "^[^\\u0000-\\u001f\\u007f-\\u009f]+$"
    )]
    name: String,
    #[schema(
        min_length = 1,
        max_length = 200,
        pattern = "^[^\\u0000-\\u001f\\u007f-\\u009f]+$"
    )]
    line1: String,
    #[schema(
        min_length = 1,
        max_length = 200,
        pattern = "^[^\\u0000-\\u001f\\u007f-\\u009f]+$"
    )]
    line2: Option<String>,
    #[schema(
        min_length = 1,
        max_length = 200,
        pattern = "^[^\\u0000-\\u001f\\u007f-\\u009f]+$"
    )]
    city: String,
    #[schema(
        min_length = 1,
        max_length = 200,
        pattern = "^[^\\u0000-\\u001f\\u007f-\\u009f]+$"
    )]
    postal_code: String,
    #[schema(
        min_length = 1,
        max_length = 200,
        pattern = "^[^\\u0000-\\u001f\\u007f-\\u009f]+$"
    )]
    region: Option<String>,
    /// ISO 3166-1, two capital letters.
    #[schema(pattern = "^[A-Z]{2}$")]
    country: String,
}

#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = Order)]
pub(super) struct OrderAnswer {
    #[schema(value_type = Uuid)]
    id: OrderId,
    /// Null for an imported order of nobody in particular.
    #[schema(value_type = Option<Uuid>)]
    user_id: Option<UserId>,
    #[schema(value_type = Status)]
    status: OrderStatus,
    items: Vec<OrderItem>,
    total_amount: Amount,
    currency: &'static str,
    created_at: Timestamp,
    updated_at: Timestamp,
}

#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct OrderItem {
    #[schema(value_type = Uuid)]
    product_id: ProductId,
    /// As it was when it was ordered, like the price.
    name: String,
    /// Below zero for what came back, in imported orders.
    quantity: i64,
    unit_price: Amount,
}

#[derive(ToSchema)]
#[schema(as = OrderStatus, rename_all = "lowercase")]
#[allow(dead_code, reason = "only describes the domain's type")]
enum Status {
    Pending,
    Processing,
    Shipped,
    Delivered,
    Cancelled,
    Imported,
}

#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = OrderHistoryEntry)]
struct HistoryAnswer {
    #[schema(value_type = Status)]
    status: OrderStatus,
    at: Timestamp,
    /// `user:` and an id, `system:` and a part, or `anonymous`.
    actor: String,
    /// Of a shipment.
    #[serde(skip_serializing_if = "Option::is_none")]
    carrier: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tracking_number: Option<String>,
    /// Of a cancellation.
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
    /// Of an import: the system that the order comes from, and its number there.
    #[serde(skip_serializing_if = "Option::is_none")]
    source: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    number: Option<String>,
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
    #[param(minimum = 1, maximum = 1_000_000)]
    page: Option<u32>,
    #[param(minimum = 1, maximum = 100)]
    limit: Option<u32>,
    /// From a `Link` header; stands above `page`.
    #[param(min_length = 1, pattern = "^[A-Za-z0-9_-]+$")]
    cursor: Option<String>,
}

/// Places an order at the shop's prices and reserves its units, all or none.
#[utoipa::path(
    post, path = "/api/v1/orders", operation_id = "placeOrder", tag = "orders", params(KeyParam),
    request_body = PlaceOrderBody, security(("bearer" = [])),
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
    get, path = "/api/v1/orders", operation_id = "listOrders", tag = "orders", params(ListQuery),
    security(("bearer" = [])),
    responses((status = 200, description = "A page of orders", body = Vec<OrderAnswer>)),
)]
async fn list_orders(
    State(app): State<App>,
    caller: Customer,
    min_position: MinPosition,
    uri: Uri,
    Query(query): Query<ListQuery>,
) -> ApiResult {
    let paging = paging(query.page, query.limit, query.cursor)?;
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
    get, path = "/api/v1/orders/{id}", operation_id = "getOrder", tag = "orders", params(IdParam, IfNoneMatchParam),
    security(("bearer" = [])),
    responses((status = 200, description = "The order", body = OrderAnswer, headers(("ETag" = String)))),
)]
async fn get_order(
    State(app): State<App>,
    caller: Customer,
    Id(id): Id<OrderId>,
    min_position: MinPosition,
    held: IfNoneMatch,
) -> ApiResult {
    min_position.reached(&app, orders::NAME).await?;
    let found = app.read_models.orders().get(id, viewer(caller)).await?;
    let order = found.ok_or_else(Problem::nothing_here)?.order;
    let etag = ETag::of(order.version);
    tagged(&OrderAnswer::from(order), etag, &held)
}

/// What happened to an order, the oldest first.
#[utoipa::path(
    get, path = "/api/v1/orders/{id}/history", operation_id = "getOrderHistory", tag = "orders", params(IdParam),
    security(("bearer" = [])),
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

impl PlaceOrderBody {
    fn into_command(self, id: OrderId, user_id: UserId) -> PlaceOrder {
        PlaceOrder {
            id,
            user_id,
            items: self
                .items
                .into_iter()
                .map(|Object(item)| (item.product_id, item.quantity))
                .collect(),
            shipping_address: self.shipping_address.map(|Object(address)| address.into()),
        }
    }
}

impl From<AddressBody> for Address {
    fn from(body: AddressBody) -> Address {
        let AddressBody {
            name,
            line1,
            line2,
            city,
            postal_code,
            region,
            country,
        } = body;
        Address {
            name,
            line1,
            line2,
            city,
            postal_code,
            region,
            country,
        }
    }
}

/// An order as a command leaves it. Where it is shipped to is not part of it.
pub(super) fn represent(outcome: &OrderOutcome) -> Representation {
    let order = &outcome.order;
    let answer = OrderAnswer {
        id: outcome.id,
        user_id: order.state.user_id,
        status: order.state.status,
        items: order
            .state
            .lines
            .iter()
            .cloned()
            .map(OrderItem::from)
            .collect(),
        total_amount: Amount(order.state.total),
        currency: order.state.total.currency.code(),
        created_at: order.created_at.into(),
        updated_at: order.updated_at.into(),
    };
    Representation::of(&answer).tagged(ETag::of(order.version))
}

impl From<orders::Order> for OrderAnswer {
    fn from(order: orders::Order) -> OrderAnswer {
        OrderAnswer {
            id: order.id,
            user_id: order.user_id,
            status: order.status,
            items: order.lines.into_iter().map(OrderItem::from).collect(),
            total_amount: Amount(order.total),
            currency: order.total.currency.code(),
            created_at: order.created_at.into(),
            updated_at: order.updated_at.into(),
        }
    }
}

impl From<OrderLine> for OrderItem {
    fn from(line: OrderLine) -> OrderItem {
        let OrderLine {
            product_id,
            name,
            quantity,
            unit_price,
        } = line;
        OrderItem {
            product_id,
            name,
            quantity: i64::from(quantity),
            unit_price: Amount(unit_price),
        }
    }
}

impl From<orders::Line> for OrderItem {
    fn from(line: orders::Line) -> OrderItem {
        OrderItem {
            product_id: line.product_id,
            name: line.name,
            quantity: line.quantity,
            unit_price: Amount(line.unit_price),
        }
    }
}

impl From<HistoryEntry> for HistoryAnswer {
    fn from(entry: HistoryEntry) -> HistoryAnswer {
        let detail = |name: &str| {
            entry
                .details
                .get(name)
                .and_then(Value::as_str)
                .map(str::to_owned)
        };
        HistoryAnswer {
            status: entry.status,
            at: entry.at.into(),
            carrier: detail("carrier"),
            tracking_number: detail("trackingNumber"),
            reason: detail("reason"),
            source: detail("source"),
            number: detail("number"),
            actor: entry.actor,
        }
    }
}
