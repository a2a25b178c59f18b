//! Building, comparing and exchanging read models, on the record: each is recorded when it begins and when it ends.

use std::sync::Arc;

use daybook_log::Position;
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::{ActionKind, Operator, Reason, actions::record};
use crate::{
    projection::Projection,
    rebuild::{self, Anew, BuildError, Builder, Built, Report, Results, build_anew},
    schema::SchemaName,
};

/// Who has something built, and why.
#[derive(Clone, Debug)]
pub struct Instruction {
    /// [`super::outcome`] finds the result by this id.
    pub id: Uuid,
    pub operator: Operator,
    pub reason: Option<Reason>,
}

/// Builds anew, compares and, unless it is a dry run, switches in what was built.
pub async fn rebuild(
    builder: &Builder,
    projections: &[Arc<dyn Projection>],
    dry_run: bool,
    instruction: &Instruction,
    report: &Report<'_>,
    stop: &CancellationToken,
) -> Results {
    let build = RecordedBuild {
        builder,
        instruction,
        action: ActionKind::Rebuild,
        detail: json!({ "dryRun": dry_run, "reason": instruction.why() }),
    };
    let anew = if dry_run { Anew::DryRun } else { Anew::Rebuild };
    build.carry_out(projections, anew, report, stop).await
}

/// Builds aside and compares.
pub async fn verify(
    builder: &Builder,
    projections: &[Arc<dyn Projection>],
    instruction: &Instruction,
    report: &Report<'_>,
    stop: &CancellationToken,
) -> Results {
    let build = RecordedBuild {
        builder,
        instruction,
        action: ActionKind::Verify,
        detail: json!({ "reason": instruction.why() }),
    };
    build
        .carry_out(projections, Anew::Verify, report, stop)
        .await
}

/// Switches the previous version back in.
pub async fn rollback(
    builder: &Builder,
    projection: &Arc<dyn Projection>,
    instruction: &Instruction,
    report: &Report<'_>,
    stop: &CancellationToken,
) -> Result<Built, BuildError> {
    let build = RecordedBuild {
        builder,
        instruction,
        action: ActionKind::Rollback,
        detail: json!({ "reason": instruction.why() }),
    };
    build.begin(projection.name()).await?;
    let result = rebuild::rollback(builder, projection, report, stop).await;
    build.end(projection.name(), &result).await;
    result
}

/// Builds the read model as it was at a position, beside the live one.
pub async fn build_as_of(
    builder: &Builder,
    projection: &Arc<dyn Projection>,
    position: Position,
    schema: &SchemaName,
    instruction: &Instruction,
    report: &Report<'_>,
    stop: &CancellationToken,
) -> Result<Built, BuildError> {
    let build = RecordedBuild {
        builder,
        instruction,
        action: ActionKind::AsOf,
        detail: json!({ "position": position, "schema": schema.as_str(), "reason": instruction.why() }),
    };
    build.begin(projection.name()).await?;
    let result = rebuild::build_as_of(builder, projection, position, schema, report, stop).await;
    build.end(projection.name(), &result).await;
    result
}

impl Instruction {
    pub fn new(operator: Operator, reason: Option<Reason>) -> Instruction {
        Instruction {
            id: Uuid::now_v7(),
            operator,
            reason,
        }
    }

    fn why(&self) -> Option<&str> {
        self.reason.as_ref().map(Reason::as_str)
    }
}

/// A build whose beginning and end are recorded.
struct RecordedBuild<'a> {
    builder: &'a Builder,
    instruction: &'a Instruction,
    action: ActionKind,
    detail: Value,
}

impl RecordedBuild<'_> {
    async fn carry_out(
        &self,
        projections: &[Arc<dyn Projection>],
        anew: Anew,
        report: &Report<'_>,
        stop: &CancellationToken,
    ) -> Results {
        for projection in projections {
            if let Err(error) = self.begin(projection.name()).await {
                return refuse(projections, error);
            }
        }
        let results = build_anew(self.builder, projections, anew, report, stop).await;
        for (name, result) in &results {
            self.end(name, result).await;
        }
        results
    }

    async fn begin(&self, name: &str) -> Result<(), sqlx::Error> {
        self.record(name, self.instruction.id, self.action, &self.detail)
            .await
    }

    /// What was done remains done, even if it cannot be recorded.
    async fn end(&self, name: &str, result: &Result<Built, BuildError>) {
        let (began, of) = (self.instruction.id, self.action.as_str());
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
            tracing::warn!(
                error = %error_reporter::Report::new(&error),
                projection = name,
                "could not record how a build ended"
            );
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
        record(
            &mut conn,
            id,
            &self.instruction.operator,
            action,
            name,
            detail,
        )
        .await
    }
}

/// The database does not answer: the error is reported once, for the first projection.
fn refuse(projections: &[Arc<dyn Projection>], error: sqlx::Error) -> Results {
    let mut error = Some(BuildError::from(error));
    let results = projections.iter().map(|projection| {
        let error = error.take().unwrap_or(BuildError::Stopped);
        (projection.name(), Err(error))
    });
    results.collect()
}
