//! One read model that is being built.

use std::sync::Arc;

use daybook_log::{Poison, Position};
use parking_lot::Mutex;
use sqlx::{PgConnection, Row};

use super::{BuildError, Built, Purpose, progress::Tracker, session::Fence};
use crate::{
    projection::{Projection, Target},
    schema::SchemaName,
    skipped::Skipped,
};

pub(super) struct Unit {
    pub(super) projection: Arc<dyn Projection>,
    pub(super) purpose: Purpose,
    /// The schema where it is built.
    pub(super) schema: SchemaName,
    /// The schema of the tables that it copies.
    pub(super) live_schema: SchemaName,
    pub(super) fence: Fence,
    pub(super) live: Live,
    /// The position up to which the bulk builds it.
    pub(super) target: Position,
    pub(super) tracker: Tracker,
    failure: Mutex<Option<BuildError>>,
}

/// The live read model, as it was found.
#[derive(Clone, Debug)]
pub(super) struct Live {
    pub(super) version: i32,
    pub(super) position: Position,
    pub(super) generation: i64,
    /// An operator wants it to stay as it is.
    pub(super) is_paused: bool,
    pub(super) skipped: Skipped,
}

impl Live {
    /// Finds or creates the checkpoint: a projector that never ran is before the first event.
    pub(super) async fn find(
        conn: &mut PgConnection,
        projection: &dyn Projection,
    ) -> Result<Live, sqlx::Error> {
        let (name, version) = (projection.name(), projection.version());
        sqlx::query(
            "insert into projections.checkpoints (name, version, schema_name) values ($1, $2, $1)
             on conflict (name) do nothing",
        )
        .bind(name)
        .bind(version)
        .execute(&mut *conn)
        .await?;
        let found = Live::load(conn, name).await?;
        Ok(found.unwrap_or(Live {
            version,
            position: 0,
            generation: 0,
            is_paused: false,
            skipped: Skipped::default(),
        }))
    }

    /// `None` if there is no checkpoint.
    pub(super) async fn load(
        conn: &mut PgConnection,
        name: &str,
    ) -> Result<Option<Live>, sqlx::Error> {
        Live::look(conn, name, "").await
    }

    /// Like `load`, and keeps the projector from committing until the transaction ends.
    pub(super) async fn lock(
        conn: &mut PgConnection,
        name: &str,
    ) -> Result<Option<Live>, sqlx::Error> {
        Live::look(conn, name, "for update").await
    }

    async fn look(
        conn: &mut PgConnection,
        name: &str,
        lock: &str,
    ) -> Result<Option<Live>, sqlx::Error> {
        let statement = format!(
            "select version, position, generation, state = 'paused' as is_paused
             from projections.checkpoints where name = $1 {lock}"
        );
        let row = sqlx::query(&statement)
            .bind(name)
            .fetch_optional(&mut *conn)
            .await?;
        let Some(row) = row else {
            return Ok(None);
        };
        Ok(Some(Live {
            version: row.try_get("version")?,
            position: row.try_get("position")?,
            generation: row.try_get("generation")?,
            is_paused: row.try_get("is_paused")?,
            skipped: Skipped::load(conn, name).await?,
        }))
    }
}

impl Unit {
    pub(super) fn new(
        projection: Arc<dyn Projection>,
        purpose: Purpose,
        schema: SchemaName,
        fence: Fence,
        live: Live,
        target: Position,
    ) -> Unit {
        Unit {
            live_schema: SchemaName::live(projection.name()),
            projection,
            purpose,
            schema,
            fence,
            live,
            target,
            tracker: Tracker::new(target),
            failure: Mutex::new(None),
        }
    }

    pub(super) fn name(&self) -> &'static str {
        self.projection.name()
    }

    pub(super) fn building(&self) -> Target {
        Target::building(self.schema.clone())
    }

    /// Gives this build up; others continue. The first error is the one that is reported.
    pub(super) fn fail(&self, error: BuildError) {
        self.failure.lock().get_or_insert(error);
    }

    pub(super) fn has_failed(&self) -> bool {
        self.failure.lock().is_some()
    }

    pub(super) fn take_failure(&self) -> Option<BuildError> {
        self.failure.lock().take()
    }

    /// The result when there is neither a comparison nor a switch to report.
    pub(super) fn built(&self, position: Position) -> Built {
        Built {
            name: self.name(),
            version: self.projection.version(),
            position,
            events: self.target,
            events_per_second: 0.0,
            comparison: None,
            switched: false,
        }
    }

    /// Passes over an event that cannot be decoded, if it does not concern this projection or was
    /// skipped.
    pub(super) fn pass(&self, poison: &Poison, skipped: &Skipped) -> Result<(), BuildError> {
        let aggregate = poison
            .stream
            .split('/')
            .next()
            .and_then(|name| name.parse().ok());
        let concerned =
            aggregate.is_some_and(|aggregate| self.projection.aggregates().contains(&aggregate));
        if !concerned || skipped.passes_over(poison) {
            return Ok(());
        }
        Err(BuildError::Obstacle {
            position: poison.position,
            reason: poison.error.clone(),
        })
    }
}
