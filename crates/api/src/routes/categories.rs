//! Categories.

use axum::extract::State;
use axum::http::Uri;
use daybook_commands::{ChangeCategory, CreateCategory, DeleteCategory};
use daybook_contract::Timestamp;
use daybook_domain::category::{Category, CategoryName};
use daybook_domain::{CategoryId, StreamId, Versioned};
use daybook_projections::catalog;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa::openapi::ObjectBuilder;
use utoipa_axum::routes;

use super::headers::{IdParam, IfMatchParam, IfNoneMatchParam, KeyParam};
use crate::answer::{Representation, no_content, to_response};
use crate::app::{App, BASE};
use crate::auth::{Access, Admin, Effect, Routes};
use crate::bounds::{line, optional_line, optional_prose};
use crate::cache::{CachedAnswer, Question};
use crate::etag::ETag;
use crate::extract::{
    CacheDirectives, CommandRequest, Id, IfMatch, Json, MinPosition, PageParams, Query, Submission,
};
use crate::problem::{ApiResult, Problem};

pub(super) fn router() -> Routes<App> {
    Routes::new()
        .open_to(Access::Anyone, Effect::Reads, routes!(list_categories))
        .open_to(Access::Admin, Effect::Appends, routes!(create_category))
        .open_to(Access::Anyone, Effect::Reads, routes!(get_category))
        .open_to(
            Access::Admin,
            Effect::Appends,
            routes!(change_category, delete_category),
        )
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct CreateCategoryBody {
    #[schema(schema_with = unique_name)]
    name: String,
    #[schema(schema_with = optional_prose::<{ Category::DESCRIPTION_MAX_CHARS }>)]
    description: Option<String>,
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct ChangeCategoryBody {
    #[schema(schema_with = optional_line::<{ CategoryName::MAX_CHARS }>)]
    name: Option<String>,
    #[schema(schema_with = optional_prose::<{ Category::DESCRIPTION_MAX_CHARS }>)]
    description: Option<String>,
}

fn unique_name() -> ObjectBuilder {
    line::<{ CategoryName::MAX_CHARS }>().description(Some("Unique, whatever its case and spaces."))
}

#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = Category)]
struct CategoryAnswer {
    #[schema(value_type = Uuid)]
    id: CategoryId,
    name: String,
    description: String,
    created_at: Timestamp,
    updated_at: Timestamp,
}

/// All categories by name.
#[utoipa::path(
    get, path = "/api/v1/categories", operation_id = "listCategories", tag = "catalog",
    params(PageParams, IfNoneMatchParam),
    responses((
        status = 200, description = "A page of categories", body = Vec<CategoryAnswer>, headers(("ETag" = String)),
    )),
)]
async fn list_categories(
    State(app): State<App>,
    min_position: MinPosition,
    directives: CacheDirectives,
    uri: Uri,
    Query(page): Query<PageParams>,
) -> ApiResult {
    let paging = page.paging()?;
    min_position.reached(&app, catalog::NAME).await?;
    let read = async {
        let found = app.read_models.catalog().list_categories(&paging).await?;
        found.try_map(|page| CachedAnswer::page(page, CategoryAnswer::from))
    };
    let answer = app.answers.get(Question::of(&uri), read).await?;
    answer.respond(&uri, &directives)
}

/// One category.
#[utoipa::path(
    get, path = "/api/v1/categories/{id}", operation_id = "getCategory", tag = "catalog",
    params(IdParam, IfNoneMatchParam),
    responses((status = 200, description = "The category", body = CategoryAnswer, headers(("ETag" = String)))),
)]
async fn get_category(
    State(app): State<App>,
    Id(id): Id<CategoryId>,
    min_position: MinPosition,
    directives: CacheDirectives,
    uri: Uri,
) -> ApiResult {
    min_position.reached(&app, catalog::NAME).await?;
    let read = async {
        let found = app.read_models.catalog().get_category(id).await?;
        found.try_map(|category| {
            let category = category.ok_or_else(Problem::nothing_here)?;
            let etag = ETag::of(category.version);
            CachedAnswer::tagged(&CategoryAnswer::from(category), etag)
        })
    };
    let answer = app.answers.get(Question::of_path(&uri), read).await?;
    answer.respond(&uri, &directives)
}

/// Makes a category.
#[utoipa::path(
    post, path = "/api/v1/categories", operation_id = "createCategory", tag = "catalog", params(KeyParam),
    request_body = CreateCategoryBody,
    responses(
        (status = 201, description = "The category", body = CategoryAnswer, headers(("ETag" = String))),
        (status = 409, description = "The name is taken, or the Idempotency-Key is in use"),
    ),
)]
async fn create_category(
    State(app): State<App>,
    admin: Admin,
    submission: Submission<CreateCategoryBody>,
) -> ApiResult {
    let CreateCategoryBody { name, description } = submission.body;
    let id: CategoryId = app.new_id();
    let command = CreateCategory {
        id,
        name,
        description: description.unwrap_or_default(),
    };
    let accept = move |category: &Versioned<Category>| {
        represent(id, category).created_at(format!("{BASE}/categories/{id}"))
    };
    Ok(to_response(
        app.execute(command, admin.actor(), submission.request, accept)
            .await?,
    ))
}

/// Changes a category's name or description.
#[utoipa::path(
    put, path = "/api/v1/categories/{id}", operation_id = "changeCategory", tag = "catalog",
    params(IdParam, IfMatchParam), request_body = ChangeCategoryBody,
    responses(
        (status = 200, description = "The category as it is now", body = CategoryAnswer, headers(("ETag" = String))),
        (status = 409, description = "The name is taken"),
        (status = 412, description = "The category has changed since"),
    ),
)]
async fn change_category(
    State(app): State<App>,
    admin: Admin,
    Id(id): Id<CategoryId>,
    if_match: IfMatch,
    request: CommandRequest,
    Json { value: body, .. }: Json<ChangeCategoryBody>,
) -> ApiResult {
    let expected_version = if_match
        .expected(&app.commands, StreamId::category(id))
        .await?;
    let ChangeCategoryBody { name, description } = body;
    let command = ChangeCategory {
        id,
        name,
        description,
        expected_version,
    };
    let accept = move |category: &Versioned<Category>| represent(id, category).ok();
    Ok(to_response(
        app.execute(command, admin.actor(), request, accept).await?,
    ))
}

/// Removes a category that no product is in.
#[utoipa::path(
    delete, path = "/api/v1/categories/{id}", operation_id = "deleteCategory", tag = "catalog",
    params(IdParam, IfMatchParam),
    responses(
        (status = 204, description = "The category is gone"),
        (status = 409, description = "There are products in the category"),
        (status = 412, description = "The category has changed since"),
    ),
)]
async fn delete_category(
    State(app): State<App>,
    admin: Admin,
    Id(id): Id<CategoryId>,
    if_match: IfMatch,
    request: CommandRequest,
) -> ApiResult {
    let expected_version = if_match
        .expected(&app.commands, StreamId::category(id))
        .await?;
    let command = DeleteCategory {
        id,
        expected_version,
    };
    Ok(to_response(
        app.execute(command, admin.actor(), request, |_| no_content())
            .await?,
    ))
}

fn represent(id: CategoryId, category: &Versioned<Category>) -> Representation {
    let answer = CategoryAnswer {
        id,
        name: category.state.name.to_string(),
        description: category.state.description.clone(),
        created_at: category.created_at.into(),
        updated_at: category.updated_at.into(),
    };
    Representation::of(&answer).tagged(ETag::of(category.version))
}

impl From<catalog::Category> for CategoryAnswer {
    fn from(category: catalog::Category) -> CategoryAnswer {
        CategoryAnswer {
            id: category.id,
            name: category.name,
            description: category.description,
            created_at: category.created_at.into(),
            updated_at: category.updated_at.into(),
        }
    }
}
