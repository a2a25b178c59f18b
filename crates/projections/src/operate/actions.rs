//! The record of what operators did.

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use serde::Serialize;
use serde_json::Value;
use sqlx::{FromRow, PgConnection, PgPool, QueryBuilder, Row, postgres::PgRow};
use uuid::Uuid;

use super::Operator;
use crate::paging::{KeyKind, Keyset, Page, Paging, QueryError, fetch_page};

/// One thing that an operator did.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Action {
    pub id: Uuid,
    pub at: DateTime<Utc>,
    /// `cli:<user of the system>` or `user:<id>`.
    pub actor: String,
    pub action: String,
    /// The projection.
    pub name: String,
    /// What this action was about: a position, a reason, a schema, an outcome.
    pub detail: Detail,
}

impl FromRow<'_, PgRow> for Action {
    fn from_row(row: &PgRow) -> Result<Action, sqlx::Error> {
        let detail: String = row.try_get("detail")?;
        let detail = Detail::try_from(detail).map_err(|error| sqlx::Error::Decode(error.into()))?;
        Ok(Action {
            id: row.try_get("id")?,
            at: row.try_get("at")?,
            actor: row.try_get("actor")?,
            action: row.try_get("action")?,
            name: row.try_get("name")?,
            detail,
        })
    }
}

/// A JSON object.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(transparent)]
pub struct Detail(pub Value);

impl TryFrom<String> for Detail {
    type Error = serde_json::Error;

    fn try_from(text: String) -> Result<Detail, serde_json::Error> {
        serde_json::from_str(&text).map(Detail)
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ActionKind {
    Pause,
    Resume,
    Reset,
    Retry,
    Skip,
    Rebuild,
    Verify,
    Rollback,
    AsOf,
    /// One of the last four has ended, with success or not.
    Finished,
}

impl ActionKind {
    pub fn as_str(self) -> &'static str {
        match self {
            ActionKind::Pause => "pause",
            ActionKind::Resume => "resume",
            ActionKind::Reset => "reset",
            ActionKind::Retry => "retry",
            ActionKind::Skip => "skip",
            ActionKind::Rebuild => "rebuild",
            ActionKind::Verify => "verify",
            ActionKind::Rollback => "rollback",
            ActionKind::AsOf => "as-of",
            ActionKind::Finished => "finished",
        }
    }
}

pub(super) async fn record(
    conn: &mut PgConnection,
    id: Uuid,
    operator: &Operator,
    action: ActionKind,
    name: &str,
    detail: &Value,
) -> Result<(), sqlx::Error> {
    sqlx::query(
        "insert into projections.operator_actions (id, actor, action, name, detail) values ($1, $2, $3, $4, $5::jsonb)",
    )
    .bind(id)
    .bind(operator.to_string())
    .bind(action.as_str())
    .bind(name)
    .bind(detail.to_string())
    .execute(conn)
    .await?;
    Ok(())
}

const NEWEST: Keyset = Keyset {
    order: "operator actions by newest",
    key: "at",
    kind: KeyKind::Instant,
    id: "id",
    descending: true,
};

/// The actions on one projection or on all, the newest first.
pub async fn actions(
    pool: &PgPool,
    name: Option<&str>,
    paging: &Paging,
) -> Result<Page<Action>, QueryError> {
    let mut conn = pool.acquire().await?;
    let total = sqlx::query_scalar(
        "select count(*) from projections.operator_actions where $1::text is null or name = $1",
    )
    .bind(name)
    .fetch_one(&mut *conn)
    .await?;
    let mut query = QueryBuilder::new(format!(
        "select id, at, actor, action, name, detail::text as detail, {}
         from projections.operator_actions where true",
        NEWEST.columns()
    ));
    if let Some(name) = name {
        query.push(" and name = ").push_bind(name.to_owned());
    }
    fetch_page(&mut conn, query, &NEWEST, paging, total).await
}

/// The result of a rebuild, a verification, a rollback or a build as of a position.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Outcome {
    /// The id of the action that began it.
    pub id: Uuid,
    /// `rebuild`, `verify`, `rollback`, `as-of`.
    pub purpose: String,
    pub actor: String,
    pub ended_at: DateTime<Utc>,
    /// [`crate::rebuild::Built`], if it succeeded.
    pub result: Option<Value>,
    /// Why it failed.
    pub error: Option<String>,
}

impl Outcome {
    /// Reads the outcome from an action of the kind [`ActionKind::Finished`].
    fn of(action: &Action) -> Option<Outcome> {
        let Detail(detail) = &action.detail;
        let text = |field: &str| detail[field].as_str().map(str::to_owned);
        Some(Outcome {
            id: text("began")?.parse().ok()?,
            purpose: text("of")?,
            actor: action.actor.clone(),
            ended_at: action.at,
            result: detail.get("result").cloned(),
            error: text("error"),
        })
    }
}

/// The last outcome of each projection.
pub async fn last_outcomes(pool: &PgPool) -> Result<HashMap<String, Outcome>, sqlx::Error> {
    let actions: Vec<Action> = sqlx::query_as(
        "select distinct on (name) id, at, actor, action, name, detail::text as detail
         from projections.operator_actions where action = 'finished' order by name, at desc, id desc",
    )
    .fetch_all(pool)
    .await?;
    let outcomes = actions
        .iter()
        .filter_map(|action| Some((action.name.clone(), Outcome::of(action)?)));
    Ok(outcomes.collect())
}

/// The outcome of the build of this projection that began under `id`. `None`: there is no such build;
/// `Some(None)`: it has not ended.
pub async fn outcome(
    pool: &PgPool,
    name: &str,
    id: Uuid,
) -> Result<Option<Option<Outcome>>, sqlx::Error> {
    let actions: Vec<Action> = sqlx::query_as(
        "select id, at, actor, action, name, detail::text as detail from projections.operator_actions
         where name = $1 and (id = $2 or action = 'finished' and detail ->> 'began' = $2::text)",
    )
    .bind(name)
    .bind(id)
    .fetch_all(pool)
    .await?;
    let began = actions.iter().any(|action| action.id == id);
    Ok(began.then(|| actions.iter().find_map(Outcome::of)))
}
