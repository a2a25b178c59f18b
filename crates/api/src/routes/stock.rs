//! What is in the warehouse.

use axum::extract::State;
use daybook_commands::{ChangeStock, StockOutcome};
use daybook_domain::ProductId;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::headers::{IdParam, KeyParam};
use crate::answer::{Representation, to_response};
use crate::app::App;
use crate::auth::Admin;
use crate::etag::ETag;
use crate::extract::{Id, Submission};
use crate::problem::{ApiResult, Problem};

pub(super) fn router() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(change_stock))
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct ChangeStockBody {
    /// Units received, or with a minus written off; not 0.
    #[schema(minimum = -1_000_000_000, maximum = 1_000_000_000)]
    change: i64,
    #[schema(
        max_length = 500,
        pattern = "^[^\\u0000-\\u0008\\u000b-\\u001f\\u007f-\\u009f]*$"
    )]
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

/// Receives units or writes them off.
#[utoipa::path(
    put, path = "/api/v1/products/{id}/stock", operation_id = "changeStock", tag = "catalog", params(IdParam, KeyParam),
    request_body = ChangeStockBody, security(("bearer" = ["admin"])),
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
