//! Building, comparing and exchanging read models, recorded when it begins and when it ends.

use std::sync::Arc;

use daybook_log::Position;
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::{ActionKind, Operator, Reason, actions::record};
use crate::{
    projection::Projection,
    rebuild::{self, BuildError, Builder, Built, Report, Results},
    schema::SchemaName,
};

/// Who has something built, and why.
#[derive(Clone, Debug)]
pub struct Order {
    /// By which [`super::outcome`] finds what came of it.
    pub id: Uuid,
    pub operator: Operator,
    pub reason: Option<Reason>,
}

/// Builds anew, compares and, unless it is a dry run, switches in.
pub async fn rebuild(
    builder: &Builder,
    projections: &[Arc<dyn Projection>],
    dry_run: bool,
    order: &Order,
    report: &Report<'_>,
    stop: &CancellationToken,
) -> Results {
    let deed = Deed {
        builder,
        order,
        action: ActionKind::Rebuild,
        detail: json!({ "dryRun": dry_run, "reason": order.why() }),
    };
    if let Err(error) = deed.begin_all(projections).await {
        return refuse(projections, error);
    }
    let results = rebuild::rebuild(builder, projections, dry_run, report, stop).await;
    deed.end_all(results).await
}

/// Builds aside and compares.
pub async fn verify(
    builder: &Builder,
    projections: &[Arc<dyn Projection>],
    order: &Order,
    report: &Report<'_>,
    stop: &CancellationToken,
) -> Results {
    let deed = Deed {
        builder,
        order,
        action: ActionKind::Verify,
        detail: json!({ "reason": order.why() }),
    };
    if let Err(error) = deed.begin_all(projections).await {
        return refuse(projections, error);
    }
    let results = rebuild::verify(builder, projections, report, stop).await;
    deed.end_all(results).await
}

/// Switches the previous version back in.
pub async fn rollback(
    builder: &Builder,
    projection: &Arc<dyn Projection>,
    order: &Order,
    report: &Report<'_>,
    stop: &CancellationToken,
) -> Result<Built, BuildError> {
    let deed = Deed {
        builder,
        order,
        action: ActionKind::Rollback,
        detail: json!({ "reason": order.why() }),
    };
    deed.begin(projection.name()).await?;
    let result = rebuild::rollback(builder, projection, report, stop).await;
    deed.end(projection.name(), &result).await;
    result
}

/// Builds the read model as it was at a position, beside the live one.
pub async fn as_of(
    builder: &Builder,
    projection: &Arc<dyn Projection>,
    position: Position,
    schema: &SchemaName,
    order: &Order,
    report: &Report<'_>,
    stop: &CancellationToken,
) -> Result<Built, BuildError> {
    let deed = Deed {
        builder,
        order,
        action: ActionKind::AsOf,
        detail: json!({ "position": position, "schema": schema.as_str(), "reason": order.why() }),
    };
    deed.begin(projection.name()).await?;
    let result = rebuild::build_as_of(builder, projection, position, schema, report, stop).await;
    deed.end(projection.name(), &result).await;
    result
}

impl Order {
    pub fn new(operator: Operator, reason: Option<Reason>) -> Order {
        Order {
            id: Uuid::now_v7(),
            operator,
            reason,
        }
    }

    fn why(&self) -> Option<&str> {
        self.reason.as_ref().map(Reason::as_str)
    }
}

/// What is being done, for the record.
struct Deed<'a> {
    builder: &'a Builder,
    order: &'a Order,
    action: ActionKind,
    detail: Value,
}

impl Deed<'_> {
    async fn begin_all(&self, projections: &[Arc<dyn Projection>]) -> Result<(), sqlx::Error> {
        for projection in projections {
            self.begin(projection.name()).await?;
        }
        Ok(())
    }

    async fn end_all(&self, results: Results) -> Results {
        for (name, result) in &results {
            self.end(name, result).await;
        }
        results
    }

    async fn begin(&self, name: &str) -> Result<(), sqlx::Error> {
        self.record(name, self.order.id, self.action, &self.detail)
            .await
    }

    /// What was done stands, recorded or not.
    async fn end(&self, name: &str, result: &Result<Built, BuildError>) {
        let (began, of) = (self.order.id, self.action.as_str());
        let outcome = match result {
            Ok(built) => json!({ "began": began, "of": of, "result": built }),
            Err(error) => {
                json!({ "began": began, "of": of, "error": error_reporter::Report::new(error).to_string() })
            }
        };
        let recorded = self
            .record(name, Uuid::now_v7(), ActionKind::Finished, &outcome)
            .await;
        if let Err(error) = recorded {
            tracing::warn!(%error, projection = name, "could not record how a build ended");
        }
    }

    async fn record(
        &self,
        name: &str,
        id: Uuid,
        action: ActionKind,
        detail: &Value,
    ) -> Result<(), sqlx::Error> {
        let mut conn = self.builder.pool.acquire().await?;
        record(&mut conn, id, &self.order.operator, action, name, detail).await
    }
}

/// The database does not answer: told once, for the first of them.
fn refuse(projections: &[Arc<dyn Projection>], error: sqlx::Error) -> Results {
    let mut error = Some(BuildError::from(error));
    let results = projections.iter().map(|projection| {
        let error = error.take().unwrap_or(BuildError::Stopped);
        (projection.name(), Err(error))
    });
    results.collect()
}
