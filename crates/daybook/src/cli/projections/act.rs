//! The actions that take effect at once: pause, resume, reset, retry, skip.

use std::sync::Arc;

use clap::Args;
use daybook_log::Position;
use daybook_projections::operate::{self, OperateError, Reason};
use daybook_projections::projection::Projection;
use daybook_projections::registry::projection;
use daybook_projections::{ProjectionState, ProjectionStatus, status_of};

use crate::cli::open_shop::{DatabaseArguments, OpenShop, operator};
use crate::cli::values::positive;
use crate::failure::Failure;

/// Pause a projector: its read model stays as it is and is still answered from, until it is resumed.
///
/// Until then it is neither rebuilt nor rolled back. One that is paused already stays so.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  daybook projections pause orders
  daybook projections pause orders --reason 'its disk is being replaced'")]
pub(crate) struct PauseArguments {
    #[command(flatten)]
    target: Target,
}

/// Let a paused projector continue; one that is not paused goes on
#[derive(Args, Debug)]
#[command(after_help = "\
Example:
  daybook projections resume orders")]
pub(crate) struct ResumeArguments {
    #[command(flatten)]
    target: Target,
}

/// Let a halted projector try again, after the cause was fixed
#[derive(Args, Debug)]
#[command(after_help = "\
Example:
  daybook projections retry orders --reason 'the new release takes the event'")]
pub(crate) struct RetryArguments {
    #[command(flatten)]
    target: Target,
}

/// Empty a read model and fill it again from the first event, while readers see it.
///
/// Until it is filled again, queries find only a part of it. `rebuild` builds it anew beside the live one instead, and
/// readers notice nothing. While its projector is paused, a read model that was emptied stays empty.
#[derive(Args, Debug)]
#[command(after_help = "\
Example:
  daybook projections reset orders --yes")]
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
    #[arg(long, value_parser = positive::<Position>)]
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
    let target = arguments.target;
    target.act(at_position, async |shop, projection, reason| {
        let pool = &shop.database.pool;
        let paused = operate::pause(pool, projection, &operator(), reason).await;
        unless_already("paused", paused, "is paused", "is paused already")
    })
}

pub(super) fn resume(arguments: ResumeArguments) -> Result<(), Failure> {
    let target = arguments.target;
    target.act(at_position, async |shop, projection, reason| {
        let pool = &shop.database.pool;
        let resumed = operate::resume(pool, projection, &operator(), reason).await;
        unless_already("live", resumed, "goes on", "goes on already")
    })
}

pub(super) fn retry(arguments: RetryArguments) -> Result<(), Failure> {
    let target = arguments.target;
    target.act(at_position, async |shop, projection, reason| {
        let pool = &shop.database.pool;
        let retried = operate::retry(pool, projection, &operator(), reason).await;
        retried.map(|()| "tries again")
    })
}

pub(super) fn reset(arguments: ResetArguments) -> Result<(), Failure> {
    if !arguments.yes {
        let name = &arguments.target.name;
        return Err(Failure::Arguments(format!(
            "this empties the read model {name} until it is filled again, which it is not while its projector is \
             paused; say --yes, or use `rebuild`, which readers don't notice"
        )));
    }
    let target = arguments.target;
    target.act(emptied, async |shop, projection, reason| {
        let pool = &shop.database.pool;
        let reset = operate::reset(pool, projection, &operator(), reason).await;
        reset.map(|()| "was emptied")
    })
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
    target.act(at_position, async move |shop, projection, _| {
        let pool = &shop.database.pool;
        let skipped = operate::skip(pool, projection, position, &operator(), &reason).await;
        skipped.map(|()| "skips that event")
    })
}

/// It is no failure if the projector is in the state already that it was to be brought to.
fn unless_already(
    wanted: &str,
    acted: Result<(), OperateError>,
    done: &'static str,
    already: &'static str,
) -> Result<&'static str, OperateError> {
    match acted {
        Ok(()) => Ok(done),
        Err(OperateError::WrongState { state, .. }) if state == wanted => Ok(already),
        Err(error) => Err(error),
    }
}

fn at_position(status: &ProjectionStatus, done: &str) -> String {
    format!("{} {done}, at position {}.\n", status.name, status.position)
}

fn emptied(status: &ProjectionStatus, done: &str) -> String {
    let ProjectionStatus { name, head, .. } = status;
    match status.state {
        ProjectionState::Paused => format!(
            "{name} {done} and stays empty, because its projector is paused: \
             `daybook projections resume {name}` has it filled again.\n"
        ),
        _ => format!(
            "{name} {done} and is filled again from the first event; the log ends at position {head}.\n"
        ),
    }
}

impl Target {
    /// Performs the action, which says what was done, and prints that with the projection's state after it.
    fn act(
        self,
        words: fn(&ProjectionStatus, &str) -> String,
        action: impl AsyncFn(
            &OpenShop,
            &dyn Projection,
            Option<&Reason>,
        ) -> Result<&'static str, OperateError>,
    ) -> Result<(), Failure> {
        let projection: Arc<dyn Projection> = projection(&self.name)?;
        self.database.run(|shop, _stop| {
            let (target, projection) = (&self, &projection);
            async move {
                let done = action(&shop, &**projection, target.reason.as_ref()).await?;
                let name = projection.name();
                let found = status_of(&shop.database.pool, &shop.blind_feed(), name).await?;
                let told = found.as_ref().map(|status| words(status, done));
                target.database.tell(&found, || told.unwrap_or_default())
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_so_already_is_no_failure() {
        let wrong = |state| {
            Err(OperateError::WrongState {
                name: "orders",
                state,
                needed: "live",
            })
        };
        let pause = |acted| unless_already("paused", acted, "is paused", "is paused already").ok();
        assert_eq!(pause(Ok(())), Some("is paused"));
        assert_eq!(pause(wrong("paused")), Some("is paused already"));
        assert_eq!(pause(wrong("halted")), None);
    }
}
