//! The actions that take effect at once: pause, resume, reset, retry, skip.

use std::sync::Arc;

use clap::Args;
use daybook_log::Position;
use daybook_projections::operate::{self, OperateError, Reason};
use daybook_projections::projection::Projection;
use daybook_projections::registry::projection;
use daybook_projections::status_of;

use crate::cli::open_shop::{DatabaseArguments, OpenShop, operator};
use crate::failure::Failure;

/// Pause a projector: its read model stays as it is and is still answered from, until it is resumed
#[derive(Args, Debug)]
pub(crate) struct PauseArguments {
    #[command(flatten)]
    target: Target,
}

/// Let a paused projector continue
#[derive(Args, Debug)]
pub(crate) struct ResumeArguments {
    #[command(flatten)]
    target: Target,
}

/// Let a halted projector try again, after the cause was fixed
#[derive(Args, Debug)]
pub(crate) struct RetryArguments {
    #[command(flatten)]
    target: Target,
}

/// Empty a read model and fill it again from the first event, while readers see it.
///
/// Until it is filled again, queries find only a part of it. `rebuild` builds it anew beside the live one instead, and
/// readers notice nothing.
#[derive(Args, Debug)]
pub(crate) struct ResetArguments {
    #[command(flatten)]
    target: Target,
    /// Confirms that the read model is emptied
    #[arg(long)]
    yes: bool,
}

/// Let a halted projector skip the event that it is halted at.
///
/// From then on the event has no effect on the read model, live or rebuilt. The rest of its stream is still processed
/// without it, or is skipped too if it was the stream's first event. This cannot be undone.
#[derive(Args, Debug)]
#[command(after_help = "\
Example:
  daybook projections skip orders --position 4711 --reason 'written by a defect, see ticket 12'")]
pub(crate) struct SkipArguments {
    /// The projection
    name: String,
    /// The event's position, as `status` shows it
    #[arg(long)]
    position: Position,
    /// The reason, for the record
    #[arg(long)]
    reason: Reason,
    #[command(flatten)]
    database: DatabaseArguments,
}

#[derive(Args, Debug)]
struct Target {
    /// The projection
    name: String,
    /// The reason, for the record
    #[arg(long)]
    reason: Option<Reason>,
    #[command(flatten)]
    database: DatabaseArguments,
}

pub(super) fn pause(arguments: PauseArguments) -> Result<(), Failure> {
    arguments
        .target
        .act("is paused", async |shop, projection, reason| {
            operate::pause(&shop.database.pool, projection, &operator(), reason).await
        })
}

pub(super) fn resume(arguments: ResumeArguments) -> Result<(), Failure> {
    arguments
        .target
        .act("goes on", async |shop, projection, reason| {
            operate::resume(&shop.database.pool, projection, &operator(), reason).await
        })
}

pub(super) fn retry(arguments: RetryArguments) -> Result<(), Failure> {
    arguments
        .target
        .act("tries again", async |shop, projection, reason| {
            operate::retry(&shop.database.pool, projection, &operator(), reason).await
        })
}

pub(super) fn reset(arguments: ResetArguments) -> Result<(), Failure> {
    if !arguments.yes {
        let name = &arguments.target.name;
        return Err(Failure::Arguments(format!(
            "this empties the read model {name} until it is filled again; say --yes, or use `rebuild`, which readers don't notice"
        )));
    }
    arguments.target.act(
        "is empty and starts from the first event",
        async |shop, projection, reason| {
            operate::reset(&shop.database.pool, projection, &operator(), reason).await
        },
    )
}

pub(super) fn skip(arguments: SkipArguments) -> Result<(), Failure> {
    let SkipArguments {
        name,
        position,
        reason,
        database,
    } = arguments;
    let target = Target {
        name,
        reason: Some(reason.clone()),
        database,
    };
    target.act("skips that event", async move |shop, projection, _| {
        operate::skip(
            &shop.database.pool,
            projection,
            position,
            &operator(),
            &reason,
        )
        .await
    })
}

impl Target {
    /// Performs the action, and prints the projection's state after it.
    fn act(
        self,
        done: &str,
        action: impl AsyncFn(&OpenShop, &dyn Projection, Option<&Reason>) -> Result<(), OperateError>,
    ) -> Result<(), Failure> {
        let projection: Arc<dyn Projection> = projection(&self.name)?;
        self.database.run(|shop, _stop| {
            let (target, projection) = (&self, &projection);
            async move {
                action(&shop, &**projection, target.reason.as_ref()).await?;
                let name = projection.name();
                let found = status_of(&shop.database.pool, &shop.blind_feed(), name).await?;
                target.database.tell(&found, || {
                    let position = found.as_ref().map_or(0, |status| status.position);
                    format!("{name} {done}, at position {position}.\n")
                })
            }
        })
    }
}
