//! How the users follow from events.

use daybook_domain::{AggregateType, Event};
use daybook_log::RecordedEvent;
use futures::future::BoxFuture;
use sqlx::PgConnection;
use uuid::Uuid;

use super::fold::UserFold;
use crate::{
    projection::{Fold, Projection, Target},
    table::Table,
};

pub const NAME: &str = "users";

const TABLES: &[Table] = &[Table::keyed("users")];

/// The projection `users`.
pub struct Users;

impl Projection for Users {
    fn name(&self) -> &'static str {
        NAME
    }

    fn version(&self) -> i32 {
        2
    }

    fn tables(&self) -> &'static [Table] {
        TABLES
    }

    fn aggregates(&self) -> &'static [AggregateType] {
        &[AggregateType::User]
    }

    fn key(&self, event: &RecordedEvent) -> Option<Uuid> {
        match &event.event {
            Event::User(_) => Some(event.stream.id),
            Event::Category(_) | Event::Product(_) | Event::Stock(_) | Event::Order(_) => None,
        }
    }

    fn load<'a>(
        &'a self,
        conn: &'a mut PgConnection,
        target: &'a Target,
        events: &'a [RecordedEvent],
    ) -> BoxFuture<'a, Result<Box<dyn Fold>, sqlx::Error>> {
        Box::pin(async move {
            Ok(Box::new(UserFold::load(conn, target, events).await?) as Box<dyn Fold>)
        })
    }
}
