//! Products, as everyone sees them and as administrators keep them.

use std::sync::Arc;

use axum::extract::State;
use axum::http::Uri;
use chrono::{DateTime, Utc};
use daybook_commands::{ChangeProduct, CreateProduct, ProductOutcome, RetireProduct};
use daybook_contract::{Amount, DecimalNumber, Timestamp};
use daybook_domain::product::Product;
use daybook_domain::{CategoryId, Currency, Money, ProductId, StreamId, Versioned};
use daybook_history::past::{PastProduct, product_at};
use daybook_projections::catalog::{self, ProductAt};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa::openapi::ObjectBuilder;
use utoipa_axum::routes;

use super::facets::ProductQuery;
use super::headers::{IdParam, IfMatchParam, IfNoneMatchParam, KeyParam};
use crate::answer::{Representation, json, no_content, to_response};
use crate::app::{App, BASE};
use crate::auth::{Access, Admin, Effect, Routes};
use crate::bounds::{line, optional_line, optional_prose, or_null};
use crate::cache::{CachedAnswer, CachedProduct, Question};
use crate::etag::ETag;
use crate::extract::{
    AdminAsOf, AsOfParam, CacheDirectives, CommandRequest, Id, IfMatch, Json, MinPosition,
    PageParams, Paged, Query, Submission, position_as_of,
};
use crate::problem::{ApiResult, Problem};

pub(super) fn router() -> Routes<App> {
    Routes::new()
        .open_to(Access::Anyone, Effect::Reads, routes!(list_products))
        .open_to(Access::Admin, Effect::Appends, routes!(create_product))
        .open_to(Access::Anyone, Effect::Reads, routes!(get_product))
        .open_to(
            Access::Admin,
            Effect::Appends,
            routes!(change_product, retire_product),
        )
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct CreateProductBody {
    #[schema(schema_with = line::<{ Product::NAME_MAX_CHARS }>)]
    name: String,
    #[schema(schema_with = optional_prose::<{ Product::DESCRIPTION_MAX_CHARS }>)]
    description: Option<String>,
    price: DecimalNumber,
    /// ISO 4217; the shop's own where left out.
    #[schema(pattern = "^[A-Z]{3}$")]
    currency: Option<String>,
    /// Units received at once.
    #[schema(minimum = 0, maximum = 1_000_000_000)]
    stock: Option<u64>,
    #[schema(value_type = Option<Uuid>)]
    category_id: Option<CategoryId>,
    #[schema(schema_with = sku)]
    sku: Option<String>,
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct ChangeProductBody {
    #[schema(schema_with = optional_line::<{ Product::NAME_MAX_CHARS }>)]
    name: Option<String>,
    #[schema(schema_with = optional_prose::<{ Product::DESCRIPTION_MAX_CHARS }>)]
    description: Option<String>,
    /// In the product's currency.
    price: Option<DecimalNumber>,
    /// Null takes the product out of its category.
    #[serde(default, deserialize_with = "present")]
    #[schema(value_type = Option<Uuid>)]
    category_id: Option<Option<CategoryId>>,
}

fn sku() -> ObjectBuilder {
    let sku = ObjectBuilder::new()
        .min_length(Some(1))
        .max_length(Some(Product::SKU_MAX_CHARS))
        .pattern(Some("^[!-~]([ -~]*[!-~])?$"))
        .description(Some("Unique; printable ASCII."));
    or_null(sku)
}

#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = Product)]
struct ProductAnswer {
    #[schema(value_type = Uuid)]
    id: ProductId,
    name: String,
    description: String,
    price: Amount,
    currency: &'static str,
    /// Units that can be ordered.
    #[schema(minimum = 0)]
    stock: u64,
    #[schema(value_type = Option<Uuid>)]
    category_id: Option<CategoryId>,
    sku: Option<String>,
    created_at: Timestamp,
    updated_at: Timestamp,
}

/// Products that can be ordered, filtered and sorted.
#[utoipa::path(
    get, path = "/api/v1/products", operation_id = "listProducts", tag = "catalog",
    params(ProductQuery, PageParams, IfNoneMatchParam),
    responses((status = 200, description = "A page of products", body = Vec<ProductAnswer>, headers(("ETag" = String)))),
)]
async fn list_products(
    State(app): State<App>,
    min_position: MinPosition,
    directives: CacheDirectives,
    uri: Uri,
    Query(Paged { list: query, page }): Query<Paged<ProductQuery>>,
) -> ApiResult {
    let (filter, sort) = (query.filter()?, query.sort());
    let paging = page.paging()?;
    min_position.reached(&app, catalog::NAME).await?;
    let read = async {
        let catalog = app.read_models.catalog();
        let found = catalog.list_products(&filter, sort, &paging).await?;
        found.try_map(|page| CachedAnswer::page(page, |product| ProductAnswer::from(&product)))
    };
    let answer = app.answers.get(Question::of(&uri), read).await?;
    answer.respond(&uri, &directives)
}

/// One product; as it was, for administrators.
#[utoipa::path(
    get, path = "/api/v1/products/{id}", operation_id = "getProduct", tag = "catalog",
    params(IdParam, AsOfParam, IfNoneMatchParam), security((), ("bearer" = ["admin"])),
    responses(
        (status = 200, description = "The product", body = ProductAnswer, headers(("ETag" = String))),
        (status = 401, description = "No access token, or one that is invalid or expired"),
        (status = 403, description = "This is for administrators"),
    ),
)]
async fn get_product(
    State(app): State<App>,
    Id(id): Id<ProductId>,
    AdminAsOf(moment): AdminAsOf,
    min_position: MinPosition,
    directives: CacheDirectives,
) -> ApiResult {
    if let Some(moment) = moment {
        let position = position_as_of(&app, moment, min_position).await?;
        let product = product_at(&app.feed, id, position).await?;
        return json(&ProductAnswer::from(
            &product.ok_or_else(Problem::nothing_here)?,
        ));
    }
    min_position.reached(&app, catalog::NAME).await?;
    let product = match app.products.get(id) {
        Some(product) => product,
        None => read_product(&app, id).await?,
    };
    Ok(directives.answer(product.etag.clone(), product.body.clone()))
}

/// Adds a product.
#[utoipa::path(
    post, path = "/api/v1/products", operation_id = "createProduct", tag = "catalog", params(KeyParam),
    request_body = CreateProductBody,
    responses(
        (status = 201, description = "The product", body = ProductAnswer, headers(("ETag" = String))),
        (status = 409, description = "The SKU is taken, or the Idempotency-Key is in use"),
    ),
)]
async fn create_product(
    State(app): State<App>,
    admin: Admin,
    submission: Submission<CreateProductBody>,
) -> ApiResult {
    let id = app.new_id();
    let command = submission.body.into_command(id, app.http.currency)?;
    let accept =
        move |made: &ProductOutcome| represent(made).created_at(format!("{BASE}/products/{id}"));
    Ok(to_response(
        app.execute(command, admin.actor(), submission.request, accept)
            .await?,
    ))
}

/// Changes what is given, and nothing else.
#[utoipa::path(
    put, path = "/api/v1/products/{id}", operation_id = "changeProduct", tag = "catalog", params(IdParam, IfMatchParam),
    request_body = ChangeProductBody,
    responses(
        (status = 200, description = "The product as it is now", body = ProductAnswer, headers(("ETag" = String))),
        (status = 409, description = "Another change got in between"),
        (status = 412, description = "The product has changed since"),
    ),
)]
async fn change_product(
    State(app): State<App>,
    admin: Admin,
    Id(id): Id<ProductId>,
    if_match: IfMatch,
    request: CommandRequest,
    Json { value: body, .. }: Json<ChangeProductBody>,
) -> ApiResult {
    let expected_version = if_match
        .expected(&app.commands, StreamId::product(id))
        .await?;
    let command = body.into_command(&app, id, expected_version).await?;
    let accept = |changed: &ProductOutcome| represent(changed).ok();
    Ok(to_response(
        app.execute(command, admin.actor(), request, accept).await?,
    ))
}

/// Retires a product: gone from lists and not to be ordered; its history stays.
#[utoipa::path(
    delete, path = "/api/v1/products/{id}", operation_id = "retireProduct", tag = "catalog",
    params(IdParam, IfMatchParam),
    responses(
        (status = 204, description = "The product is retired"),
        (status = 412, description = "The product has changed since"),
    ),
)]
async fn retire_product(
    State(app): State<App>,
    admin: Admin,
    Id(id): Id<ProductId>,
    if_match: IfMatch,
    request: CommandRequest,
) -> ApiResult {
    let expected_version = if_match
        .expected(&app.commands, StreamId::product(id))
        .await?;
    let command = RetireProduct {
        id,
        expected_version,
    };
    Ok(to_response(
        app.execute(command, admin.actor(), request, |_| no_content())
            .await?,
    ))
}

impl CreateProductBody {
    fn into_command(self, id: ProductId, default: Currency) -> ApiResult<CreateProduct> {
        let currency = match self.currency {
            Some(code) => {
                code.parse()
                    .map_err(|unknown: daybook_domain::money::UnknownCurrency| {
                        Problem::invalid_field("/currency", "unknown-currency", unknown.to_string())
                    })?
            }
            None => default,
        };
        Ok(CreateProduct {
            id,
            name: self.name,
            description: self.description.unwrap_or_default(),
            price: to_price(&self.price, currency)?,
            stock: self.stock.unwrap_or_default(),
            category_id: self.category_id,
            sku: self.sku,
        })
    }
}

impl ChangeProductBody {
    async fn into_command(
        self,
        app: &App,
        id: ProductId,
        expected_version: Option<i64>,
    ) -> ApiResult<ChangeProduct> {
        let price = match self.price {
            Some(price) => Some(to_price(&price, currency_of(app, id).await?)?),
            None => None,
        };
        let ChangeProductBody {
            name,
            description,
            category_id,
            ..
        } = self;
        Ok(ChangeProduct {
            id,
            name,
            description,
            price,
            category_id,
            expected_version,
        })
    }
}

fn to_price(number: &DecimalNumber, currency: Currency) -> ApiResult<Money> {
    number.to_money(currency).map_err(|error| {
        Problem::invalid_field(
            "/price",
            error.code(),
            format!("A price in {currency}: {error}."),
        )
    })
}

/// A product's currency never changes, so it may be read before the command is decided. For a product that does not
/// exist this is the shop's currency, and the command then reports that it does not exist.
async fn currency_of(app: &App, id: ProductId) -> ApiResult<Currency> {
    let product = app.commands.load(StreamId::product(id)).await?;
    let known = product
        .state
        .as_product()
        .filter(|product| product.exists());
    Ok(known.map_or(app.http.currency, |product| product.price.currency))
}

async fn read_product(app: &App, id: ProductId) -> ApiResult<Arc<CachedProduct>> {
    let ticket = app.products.ticket();
    let found = app.read_models.catalog().get_product(id).await?;
    let ProductAt { product, position } = found.ok_or_else(Problem::nothing_here)?;
    let etag = ETag::with(product.product_version, product.stock_version);
    let body =
        serde_json::to_vec(&ProductAnswer::from(&product)).map_err(|_| Problem::internal())?;
    let answer = Arc::new(CachedProduct {
        body: body.into(),
        etag: etag.into(),
    });
    app.products.keep(ticket, id, position, answer.clone());
    Ok(answer)
}

fn represent(outcome: &ProductOutcome) -> Representation {
    let etag = ETag::with(outcome.product.version, outcome.stock_version);
    Representation::of(&ProductAnswer::from(outcome)).tagged(etag)
}

impl ProductAnswer {
    fn of(
        id: ProductId,
        product: &Versioned<Product>,
        available: u64,
        updated_at: DateTime<Utc>,
    ) -> ProductAnswer {
        let created_at = product.created_at.into();
        let product = &product.state;
        ProductAnswer {
            id,
            name: product.name.clone(),
            description: product.description.clone(),
            price: Amount(product.price),
            currency: product.price.currency.code(),
            stock: available,
            category_id: product.category_id,
            sku: product.sku.clone(),
            created_at,
            updated_at: updated_at.into(),
        }
    }
}

impl From<&ProductOutcome> for ProductAnswer {
    fn from(outcome: &ProductOutcome) -> ProductAnswer {
        let ProductOutcome { id, product, .. } = outcome;
        ProductAnswer::of(*id, product, outcome.available, outcome.updated_at)
    }
}

impl From<&PastProduct> for ProductAnswer {
    fn from(past: &PastProduct) -> ProductAnswer {
        ProductAnswer::of(past.id, &past.product, past.available, past.updated_at)
    }
}

impl From<&catalog::Product> for ProductAnswer {
    fn from(product: &catalog::Product) -> ProductAnswer {
        ProductAnswer {
            id: product.id,
            name: product.name.clone(),
            description: product.description.clone(),
            price: Amount(product.price),
            currency: product.price.currency.code(),
            stock: product.stock.unsigned_abs(),
            category_id: product.category_id,
            sku: product.sku.clone(),
            created_at: product.created_at.into(),
            updated_at: product.updated_at.into(),
        }
    }
}

/// Distinguishes `null` from a missing field.
fn present<'de, D, T>(deserializer: D) -> Result<Option<T>, D::Error>
where
    D: serde::Deserializer<'de>,
    T: Deserialize<'de>,
{
    T::deserialize(deserializer).map(Some)
}
