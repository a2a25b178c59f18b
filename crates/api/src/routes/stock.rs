//! The stock in the warehouse.

use axum::extract::State;
use daybook_commands::{ChangeStock, StockOutcome};
use daybook_contract::Timestamp;
use daybook_domain::stock::Stock;
use daybook_domain::{ProductId, StreamId, Versioned};
use daybook_history::past::{stock_at, was_there};
use daybook_log::Position;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::routes;

use super::headers::{IdParam, KeyParam};
use crate::answer::{Representation, json, to_response};
use crate::app::App;
use crate::auth::{Access, Admin, Effect, Routes};
use crate::bounds::optional_prose;
use crate::etag::ETag;
use crate::extract::{AsOf, AsOfParam, Id, MinPosition, Submission, position_as_of};
use crate::problem::{ApiResult, Problem};

pub(super) fn router() -> Routes<App> {
    Routes::new()
        .open_to(Access::Admin, Effect::Reads, routes!(get_stock))
        .open_to(Access::Admin, Effect::Appends, routes!(change_stock))
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct ChangeStockBody {
    /// Units received, or with a minus written off; not 0.
    #[schema(minimum = -1_000_000_000, maximum = 1_000_000_000)]
    change: i64,
    #[schema(schema_with = optional_prose::<{ Stock::REASON_MAX_CHARS }>)]
    reason: Option<String>,
}

#[derive(Serialize, ToSchema)]
#[schema(as = Stock)]
struct StockAnswer {
    #[schema(value_type = Uuid)]
    id: ProductId,
    /// Units that can be ordered.
    #[schema(minimum = 0)]
    stock: u64,
}

#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = StockLevels)]
struct LevelsAnswer {
    #[schema(value_type = Uuid)]
    id: ProductId,
    /// Units that can be ordered.
    #[schema(minimum = 0)]
    stock: u64,
    /// In the warehouse and promised to nobody, which is what can be ordered: `onHand`, `reserved` and `shipped` add
    /// up to what was `received` less what was `writtenOff`.
    #[schema(minimum = 0)]
    on_hand: u64,
    /// In the warehouse, promised to orders.
    #[schema(minimum = 0)]
    reserved: u64,
    #[schema(minimum = 0)]
    shipped: u64,
    #[schema(minimum = 0)]
    received: u64,
    #[schema(minimum = 0)]
    written_off: u64,
    /// Null where there never were any units.
    updated_at: Option<Timestamp>,
}

/// What is in the warehouse, of a retired product too; from the log, so never behind.
#[utoipa::path(
    get, path = "/api/v1/products/{id}/stock", operation_id = "getStock", tag = "catalog",
    params(IdParam, AsOfParam),
    responses((status = 200, description = "The units", body = LevelsAnswer)),
)]
async fn get_stock(
    State(app): State<App>,
    _: Admin,
    Id(id): Id<ProductId>,
    AsOf(moment): AsOf,
    min_position: MinPosition,
) -> ApiResult {
    let position = match moment {
        Some(moment) => position_as_of(&app, moment, min_position).await?,
        None => {
            min_position.reached_by_the_log(&app).await?;
            Position::MAX
        }
    };
    if !was_there(&app.feed, StreamId::product(id), position).await? {
        return Err(Problem::nothing_here());
    }
    let stock = stock_at(&app.feed, id, position).await?;
    json(&LevelsAnswer::of(id, &stock))
}

/// Receives units or writes them off.
#[utoipa::path(
    put, path = "/api/v1/products/{id}/stock", operation_id = "changeStock", tag = "catalog", params(IdParam, KeyParam),
    request_body = ChangeStockBody,
    responses(
        (status = 200, description = "What is left", body = StockAnswer, headers(("ETag" = String))),
        (status = 409, description = "There are fewer units than were to be written off, or the Idempotency-Key is in use"),
    ),
)]
async fn change_stock(
    State(app): State<App>,
    admin: Admin,
    Id(product_id): Id<ProductId>,
    submission: Submission<ChangeStockBody>,
) -> ApiResult {
    let ChangeStockBody { change, reason } = submission.body;
    refuse_no_change(change)?;
    let command = ChangeStock {
        product_id,
        change,
        reason,
        expected_version: None,
    };
    Ok(to_response(
        app.execute(command, admin.actor(), submission.request, represent)
            .await?,
    ))
}

impl LevelsAnswer {
    fn of(id: ProductId, stock: &Versioned<Stock>) -> LevelsAnswer {
        let levels = &stock.state;
        LevelsAnswer {
            id,
            stock: levels.available(),
            on_hand: levels.on_hand,
            reserved: levels.reserved,
            shipped: levels.shipped,
            received: levels.received,
            written_off: levels.written_off,
            updated_at: (stock.version > 0).then(|| stock.updated_at.into()),
        }
    }
}

fn represent(outcome: &StockOutcome) -> daybook_commands::Answer {
    let answer = StockAnswer {
        id: outcome.product_id,
        stock: outcome.available,
    };
    let etag = ETag::with(outcome.product_version, outcome.stock_version);
    Representation::of(&answer).tagged(etag).ok()
}

fn refuse_no_change(change: i64) -> ApiResult<()> {
    if change == 0 {
        return Err(Problem::invalid_field(
            "/change",
            "out-of-range",
            "Receive or write off at least one unit.",
        ));
    }
    Ok(())
}
