//! Exports everything about a person.

use axum::body::Body;
use axum::extract::State;
use axum::http::header;
use axum::response::IntoResponse;
use daybook_accounts::{
    Action, ApiKeyRecord, IdentityProvider, SecurityEventRecord, SignIn, VisitorEvent,
};
use daybook_contract::Timestamp;
use daybook_domain::UserId;
use daybook_history::trail::Entry;
use daybook_identity::security::Kind;
use utoipa::ToSchema;
use uuid::Uuid;

use super::super::headers::IdParam;
use crate::app::App;
use crate::auth::{Customer, RequestOrigin};
use crate::extract::{Id, MinPosition};
use crate::problem::{ApiResult, Problem};

#[derive(ToSchema)]
#[schema(as = PersonExport, rename_all = "camelCase")]
#[allow(dead_code, reason = "only describes")]
struct ExportAnswer {
    id: Uuid,
    exported_at: Timestamp,
    /// Of the log; nothing later is told.
    position: i64,
    /// As it is; erased personal data is null.
    #[schema(value_type = Object)]
    account: (),
    password_set_at: Option<Timestamp>,
    sign_ins: Vec<SignIn>,
    api_keys: Vec<ApiKeyRecord>,
    /// What the person is called by those at which they have signed in.
    identity_providers: Vec<IdentityProvider>,
    /// Every event of the account, the oldest first.
    events: Vec<Entry>,
    /// Each with its address, parcel, history and events; the newest first.
    #[schema(value_type = Vec<Object>)]
    orders: (),
    /// What the person did, here and elsewhere, the oldest first.
    actions: Vec<Action>,
    usage_events: Vec<VisitorEvent>,
    /// What happened to the account, the oldest first.
    security_events: Vec<SecurityEventRecord>,
}

/// Everything that is known of a person, for themself or an administrator.
///
/// A document of any size, sent as it is read. One that breaks off is no JSON: ask again.
#[utoipa::path(
    get, path = "/api/v1/users/{id}/export", operation_id = "exportUser", tag = "users", params(IdParam),
    responses((status = 200, description = "The person's data", body = ExportAnswer, content_type = "application/json",
        headers(("Content-Disposition" = String)))),
)]
pub(super) async fn export_user(
    State(app): State<App>,
    caller: Customer,
    origin: RequestOrigin,
    Id(id): Id<UserId>,
    min_position: MinPosition,
) -> ApiResult {
    caller.may_see(id)?;
    min_position.reached_by_the_log(&app).await?;
    let export = app.accounts.export(id).await?;
    let export = export.ok_or_else(Problem::nothing_here)?;
    app.security.record(
        origin
            .context()
            .event(Kind::Exported)
            .about(id)
            .by(caller.id),
    );
    let headers = [
        (header::CONTENT_TYPE, "application/json".to_owned()),
        (header::CACHE_CONTROL, "no-store".to_owned()),
        (
            header::CONTENT_DISPOSITION,
            format!("attachment; filename=\"{id}.json\""),
        ),
    ];
    Ok((headers, Body::from_stream(export.document())).into_response())
}
