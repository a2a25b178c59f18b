//! What a product cost, for customers who want to judge a reduction.

use axum::extract::State;
use axum::http::Uri;
use chrono::{DateTime, Utc};
use daybook_contract::{Amount, Timestamp};
use daybook_domain::ProductId;
use daybook_history::past::{Period, PriceHistory, price_history};
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::routes;

use super::headers::{IdParam, IfNoneMatchParam};
use crate::app::App;
use crate::auth::{Access, Effect, Routes};
use crate::cache::CachedAnswer;
use crate::extract::{CacheDirectives, Id, MinPosition};
use crate::problem::{ApiResult, Problem};

/// The most periods in one answer.
const MAX_PERIODS: usize = 1_000;

pub(super) fn router() -> Routes<App> {
    Routes::new().open_to(Access::Anyone, Effect::Reads, routes!(get_price_history))
}

#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = PriceHistory)]
struct HistoryAnswer {
    #[schema(value_type = Uuid)]
    id: ProductId,
    /// What it costs now.
    price: Amount,
    currency: &'static str,
    /// The lowest price that applied at any time in the last 30 days, today's included.
    #[serde(rename = "lowestPrice30Days")]
    lowest_price_30_days: Amount,
    /// The newest first, at most 1,000.
    prices: Vec<PeriodAnswer>,
}

#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = PricePeriod)]
struct PeriodAnswer {
    from: Timestamp,
    /// Not included; null while it applies.
    until: Option<Timestamp>,
    price: Amount,
    currency: &'static str,
    /// Where the price before it was higher: the lowest price that applied at any time in the 30 days before `from`,
    /// which is what a reduction has to be measured by (Directive 98/6/EC, article 6a). Where it is not above `price`,
    /// this is no reduction that may be announced as one.
    #[serde(skip_serializing_if = "Option::is_none")]
    prior_price: Option<Amount>,
}

/// A product's prices, and the lowest of the last 30 days.
#[utoipa::path(
    get, path = "/api/v1/products/{id}/price-history", operation_id = "getPriceHistory", tag = "catalog",
    params(IdParam, IfNoneMatchParam),
    responses((status = 200, description = "The prices", body = HistoryAnswer, headers(("ETag" = String)))),
)]
async fn get_price_history(
    State(app): State<App>,
    Id(id): Id<ProductId>,
    min_position: MinPosition,
    directives: CacheDirectives,
    uri: Uri,
) -> ApiResult {
    min_position.reached_by_the_log(&app).await?;
    let found = price_history(&app.feed, id).await?;
    let answer = found.and_then(|history| HistoryAnswer::of(id, &history, app.now()));
    // Not cached: it is read from the log, and the lowest price changes as days go by.
    CachedAnswer::of(&answer.ok_or_else(Problem::nothing_here)?)?.respond(&uri, &directives)
}

impl HistoryAnswer {
    fn of(id: ProductId, history: &PriceHistory, now: DateTime<Utc>) -> Option<HistoryAnswer> {
        let current = history.current()?;
        let newest_first = history.periods().iter().rev();
        Some(HistoryAnswer {
            id,
            price: Amount(current.price),
            currency: current.price.currency.code(),
            lowest_price_30_days: Amount(history.lowest_of_30_days(now)?),
            prices: newest_first
                .take(MAX_PERIODS)
                .map(PeriodAnswer::from)
                .collect(),
        })
    }
}

impl From<&Period> for PeriodAnswer {
    fn from(period: &Period) -> PeriodAnswer {
        PeriodAnswer {
            from: period.from.into(),
            until: period.until.map(Timestamp::from),
            price: Amount(period.price),
            currency: period.price.currency.code(),
            prior_price: period.prior_price.map(Amount),
        }
    }
}
