//! The progress of a build, as server-sent events.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::time::Duration;

use axum::extract::State;
use axum::response::IntoResponse;
use axum::response::sse::{Event, KeepAlive, Sse};
use daybook_projections::operate::{Outcome, last_outcomes, outcome};
use daybook_projections::{ProjectionState, ProjectionStatus, status_of};
use futures::{Stream, stream};
use serde::Deserialize;
use tokio::time::sleep;
use tracing::debug;
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

use super::answer::ProjectionAnswer;
use super::named::{NameParam, Named};
use crate::app::App;
use crate::auth::Admin;
use crate::extract::Query;
use crate::problem::{ApiResult, Problem};

/// How often the status is read.
const EVERY: Duration = Duration::from_millis(250);

/// After how many readings without a trace of a build it counts as ended with its process, unrecorded.
const LOST_AFTER: u32 = 8;

/// Proxies close connections that have been silent for a minute.
const HEARTBEAT: Duration = Duration::from_secs(15);

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct ProgressQuery {
    /// Until this build has ended, as its beginning was answered.
    build: Option<Uuid>,
}

#[derive(ToSchema)]
#[allow(dead_code, reason = "only describes")]
struct ProgressEvent {
    #[schema(inline)]
    event: ProgressEventName,
    /// A `Projection` as JSON.
    #[schema(content_media_type = "application/json")]
    data: String,
}

#[derive(ToSchema)]
#[schema(rename_all = "kebab-case")]
#[allow(dead_code, reason = "only describes")]
enum ProgressEventName {
    Status,
    Done,
}

/// The projection with each change, until its build has ended or it has caught up.
///
/// `event: status` with the projection as `data` at the beginning and whenever something about it has
/// changed, then `event: done` with how it stands at the end.
#[utoipa::path(
    get, path = "/api/v1/projections/{name}/progress", operation_id = "watchProjection", tag = "operations",
    params(NameParam, ProgressQuery),
    responses((status = 200, description = "Server-sent events, each of this form", body = ProgressEvent,
        content_type = "text/event-stream")),
)]
pub(super) async fn watch(
    State(app): State<App>,
    _: Admin,
    Named(projection): Named,
    Query(query): Query<ProgressQuery>,
) -> ApiResult {
    let name = projection.name();
    if let Some(id) = query.build {
        let recorded = outcome(&app.pool, name, id).await?.is_some();
        // A build is recorded a moment after its id was answered.
        let known = recorded || app.builds.has(id);
        if !known {
            return Err(Problem::not_found(
                "No build of this projection has this id.",
            ));
        }
    }
    let watching = Watching {
        app,
        name,
        build: query.build,
        last: None,
        ready: VecDeque::new(),
        quiet: 0,
        is_done: false,
    };
    let alive = KeepAlive::new().interval(HEARTBEAT);
    Ok(Sse::new(watching.events())
        .keep_alive(alive)
        .into_response())
}

struct Watching {
    app: App,
    name: &'static str,
    build: Option<Uuid>,
    last: Option<(ProjectionStatus, Option<Outcome>)>,
    /// Events that were made and not yet sent.
    ready: VecDeque<Event>,
    /// How many readings in a row showed no build.
    quiet: u32,
    is_done: bool,
}

impl Watching {
    fn events(self) -> impl Stream<Item = Result<Event, Infallible>> {
        stream::unfold(self, |mut watching| async move {
            let event = watching.next().await?;
            Some((Ok(event), watching))
        })
    }

    async fn next(&mut self) -> Option<Event> {
        loop {
            if let Some(event) = self.ready.pop_front() {
                return Some(event);
            }
            if self.is_done {
                return None;
            }
            if self.last.is_some() {
                // A process that is about to end closes its clients' streams; they reconnect to another one.
                let closing = self.app.builds.closing();
                closing.run_until_cancelled(sleep(EVERY)).await?;
            }
            if let Err(error) = self.look().await {
                debug!(code = error.code(), "could not look at a projection");
                return None;
            }
        }
    }

    /// Makes the events for what has changed.
    async fn look(&mut self) -> ApiResult<()> {
        // Read before the status, so that the status includes a build that has ended by now.
        let has_ended = self.has_ended().await?;
        let found = status_of(&self.app.pool, &self.app.feed, self.name).await?;
        let status = found.ok_or_else(Problem::nothing_here)?;
        let outcomes = last_outcomes(&self.app.pool).await;
        let last_build = outcomes?.remove(self.name);
        self.is_done = match self.build {
            Some(id) => has_ended || self.is_lost(id, &status),
            None => !is_moving(&status),
        };
        let seen = Some((status.clone(), last_build.clone()));
        if seen != self.last || self.is_done {
            let answer = ProjectionAnswer::of(status, last_build);
            if seen != self.last {
                self.ready.push_back(event("status", &answer));
            }
            if self.is_done {
                self.ready.push_back(event("done", &answer));
            }
            self.last = seen;
        }
        Ok(())
    }

    /// Whether the build that the client waits for has ended, successfully or not.
    async fn has_ended(&self) -> ApiResult<bool> {
        let Some(id) = self.build else {
            return Ok(false);
        };
        let found = outcome(&self.app.pool, self.name, id).await?;
        Ok(found.flatten().is_some())
    }

    fn is_lost(&mut self, id: Uuid, status: &ProjectionStatus) -> bool {
        let is_seen = status.build.is_some() || self.app.builds.has(id);
        self.quiet = if is_seen { 0 } else { self.quiet + 1 };
        self.quiet >= LOST_AFTER
    }
}

/// Whether waiting will show something new.
fn is_moving(status: &ProjectionStatus) -> bool {
    let catches_up = matches!(
        status.state,
        ProjectionState::CatchingUp | ProjectionState::Rebuilding
    );
    status.build.is_some() || catches_up
}

fn event(name: &str, answer: &ProjectionAnswer) -> Event {
    let event = Event::default().event(name);
    // Strings and numbers only, which always serialise.
    event.json_data(answer).unwrap_or_default()
}
