//! The filters of the products' list, and how many matching products each category has.

use std::str::FromStr;

use axum::extract::State;
use axum::http::Uri;
use daybook_domain::CategoryId;
use daybook_projections::catalog::{self, Facet, ProductFilter, ProductSort};
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::routes;

use super::headers::IfNoneMatchParam;
use crate::app::App;
use crate::auth::{Access, Effect, Routes};
use crate::cache::{CachedAnswer, Question};
use crate::extract::{CacheDirectives, MinPosition, Query, invalid_parameter};
use crate::problem::ApiResult;

pub(super) fn router() -> Routes<App> {
    Routes::new().open_to(Access::Anyone, Effect::Reads, routes!(list_facets))
}

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
#[into_params(parameter_in = Query)]
pub(super) struct ProductQuery {
    /// Full-text search in names and descriptions.
    #[param(max_length = 200)]
    q: Option<String>,
    #[param(value_type = Option<Uuid>)]
    category: Option<CategoryId>,
    #[param(value_type = Option<f64>, minimum = 0, maximum = 9_999_999_999.0)]
    min_price: Option<String>,
    #[param(value_type = Option<f64>, minimum = 0, maximum = 9_999_999_999.0)]
    max_price: Option<String>,
    in_stock: Option<bool>,
    /// Without it: by relevance when searching, else the newest first.
    #[param(inline)]
    sort: Option<Sort>,
}

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
#[into_params(parameter_in = Query)]
struct FacetQuery {
    #[param(max_length = 200)]
    q: Option<String>,
    /// Taken, but without effect: the facets are the other categories that could be chosen.
    #[param(value_type = Option<Uuid>)]
    category: Option<CategoryId>,
    #[param(value_type = Option<f64>, minimum = 0, maximum = 9_999_999_999.0)]
    min_price: Option<String>,
    #[param(value_type = Option<f64>, minimum = 0, maximum = 9_999_999_999.0)]
    max_price: Option<String>,
    in_stock: Option<bool>,
}

#[derive(Clone, Copy, Deserialize, ToSchema)]
enum Sort {
    #[serde(rename = "name")]
    Name,
    #[serde(rename = "-name")]
    NameDescending,
    #[serde(rename = "price")]
    Price,
    #[serde(rename = "-price")]
    PriceDescending,
    #[serde(rename = "newest")]
    Newest,
}

#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = Facet)]
struct FacetAnswer {
    #[schema(value_type = Uuid)]
    category_id: CategoryId,
    name: String,
    count: i64,
}

/// How many products that fit the filters are in each category, the fullest first.
#[utoipa::path(
    get, path = "/api/v1/products/facets", operation_id = "listFacets", tag = "catalog",
    params(FacetQuery, IfNoneMatchParam),
    responses((
        status = 200, description = "Categories and how many products each has", body = Vec<FacetAnswer>,
        headers(("ETag" = String)),
    )),
)]
async fn list_facets(
    State(app): State<App>,
    min_position: MinPosition,
    directives: CacheDirectives,
    uri: Uri,
    Query(query): Query<FacetQuery>,
) -> ApiResult {
    let FacetQuery {
        q,
        category,
        min_price,
        max_price,
        in_stock,
    } = query;
    let filter = filter(q, category, min_price, max_price, in_stock)?;
    min_position.reached(&app, catalog::NAME).await?;
    let read = async {
        let found = app.read_models.catalog().facets(&filter).await?;
        found.try_map(|facets| {
            let facets: Vec<FacetAnswer> = facets.into_iter().map(FacetAnswer::from).collect();
            CachedAnswer::of(&facets)
        })
    };
    let answer = app.answers.get(Question::of(&uri), read).await?;
    answer.respond(&uri, &directives)
}

impl ProductQuery {
    pub(super) fn filter(&self) -> ApiResult<ProductFilter> {
        let Self {
            q,
            category,
            min_price,
            max_price,
            in_stock,
            ..
        } = self;
        filter(
            q.clone(),
            *category,
            min_price.clone(),
            max_price.clone(),
            *in_stock,
        )
    }

    pub(super) fn sort(&self) -> Option<ProductSort> {
        self.sort.map(|sort| match sort {
            Sort::Name => ProductSort::Name,
            Sort::NameDescending => ProductSort::NameDescending,
            Sort::Price => ProductSort::Price,
            Sort::PriceDescending => ProductSort::PriceDescending,
            Sort::Newest => ProductSort::Newest,
        })
    }
}

const MAX_SEARCH_CHARS: usize = 200;
/// The highest price in a currency without decimal places.
const MAX_PRICE: Decimal = Decimal::from_parts(1_410_065_407, 2, 0, false, 0);

fn filter(
    q: Option<String>,
    category: Option<CategoryId>,
    min_price: Option<String>,
    max_price: Option<String>,
    in_stock: Option<bool>,
) -> ApiResult<ProductFilter> {
    if q.as_ref()
        .is_some_and(|q| q.chars().count() > MAX_SEARCH_CHARS)
    {
        return Err(invalid_parameter(
            "/q",
            "too-long",
            format!("Search for {MAX_SEARCH_CHARS} characters at most."),
        ));
    }
    Ok(ProductFilter {
        q: q.filter(|q| !q.trim().is_empty()),
        category,
        min_price: price("/minPrice", min_price)?,
        max_price: price("/maxPrice", max_price)?,
        in_stock,
    })
}

/// A price limit may be any number; it is compared, never stored.
fn price(pointer: &str, text: Option<String>) -> ApiResult<Option<Decimal>> {
    let Some(text) = text else { return Ok(None) };
    let number = Decimal::from_str(&text).or_else(|_| Decimal::from_scientific(&text));
    match number
        .ok()
        .filter(|number| (Decimal::ZERO..=MAX_PRICE).contains(number))
    {
        Some(number) => Ok(Some(number)),
        None => Err(invalid_parameter(
            pointer,
            "invalid-value",
            "Give a number from 0 to 9999999999.",
        )),
    }
}

impl From<Facet> for FacetAnswer {
    fn from(facet: Facet) -> FacetAnswer {
        FacetAnswer {
            category_id: facet.category_id,
            name: facet.name,
            count: facet.count,
        }
    }
}

#[cfg(test)]
mod tests {
    use daybook_domain::product::Product;
    use serde_json::json;

    use super::*;

    #[test]
    fn the_documents_bounds_are_those_that_are_checked() {
        assert_eq!(MAX_PRICE, Decimal::from(Product::PRICE_MAX_MINOR));
        let highest = Some(Product::PRICE_MAX_MINOR as f64);
        for parameters in [
            ProductQuery::into_params(|| None),
            FacetQuery::into_params(|| None),
        ] {
            let parameters = serde_json::to_value(parameters).unwrap();
            let named = |name: &str| {
                let mut parameters = parameters.as_array().unwrap().iter();
                parameters
                    .find(|parameter| parameter["name"] == name)
                    .unwrap()["schema"]
                    .clone()
            };
            assert_eq!(named("q")["maxLength"], json!(MAX_SEARCH_CHARS));
            assert_eq!(named("minPrice")["maximum"].as_f64(), highest);
            assert_eq!(named("maxPrice")["maximum"].as_f64(), highest);
        }
    }
}
