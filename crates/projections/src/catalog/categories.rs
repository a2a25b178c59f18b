//! Rows of `categories`.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Utc};
use daybook_database::from_row;
use daybook_domain::{Event, category::CategoryEvent};
use daybook_log::RecordedEvent;
use sqlx::PgConnection;
use uuid::Uuid;

use crate::{
    column::{column, rows_by_id},
    projection::{Target, Unfoldable, is_next},
};

/// The rows that a batch changes.
pub(super) struct Categories {
    rows: BTreeMap<Uuid, CategoryRow>,
    changed: BTreeSet<Uuid>,
}

struct CategoryRow {
    id: Uuid,
    name: String,
    description: String,
    created_at: DateTime<Utc>,
    updated_at: DateTime<Utc>,
    version: i64,
    deleted: bool,
}

from_row!(CategoryRow {
    id,
    name,
    description,
    created_at,
    updated_at,
    version,
    deleted
});

impl CategoryRow {
    fn blank(id: Uuid, at: DateTime<Utc>) -> CategoryRow {
        CategoryRow {
            id,
            name: String::new(),
            description: String::new(),
            created_at: at,
            updated_at: at,
            version: 0,
            deleted: false,
        }
    }

    fn category(&mut self, event: &CategoryEvent) {
        match event {
            CategoryEvent::Created { name, description }
            | CategoryEvent::Changed { name, description } => {
                self.name = name.to_string();
                self.description.clone_from(description);
            }
            CategoryEvent::Deleted => self.deleted = true,
        }
    }
}

impl Categories {
    pub(super) async fn load(
        conn: &mut PgConnection,
        target: &Target,
        events: &[RecordedEvent],
    ) -> Result<Categories, sqlx::Error> {
        let concerned = events
            .iter()
            .filter(|event| matches!(event.event, Event::Category(_)));
        let ids: BTreeSet<Uuid> = concerned.map(|event| event.stream.id).collect();
        let statement = format!(
            "select id, name, description, created_at, updated_at, version, deleted
             from {target}.categories where id = any($1)"
        );
        let rows = rows_by_id(conn, &statement, ids, |row: &CategoryRow| row.id).await?;
        Ok(Categories {
            rows,
            changed: BTreeSet::new(),
        })
    }

    pub(super) fn event(
        &mut self,
        event: &RecordedEvent,
        follows: i64,
        category: &CategoryEvent,
    ) -> Result<(), Unfoldable> {
        let id = event.stream.id;
        let row = self
            .rows
            .entry(id)
            .or_insert_with(|| CategoryRow::blank(id, event.occurred_at));
        if !is_next(row.version, follows, event)? {
            return Ok(());
        }
        row.category(category);
        row.version = event.sequence;
        row.updated_at = event.occurred_at;
        self.changed.insert(id);
        Ok(())
    }

    pub(super) async fn write(
        &self,
        conn: &mut PgConnection,
        target: &Target,
    ) -> Result<(), sqlx::Error> {
        let rows = Vec::from_iter(self.changed.iter().filter_map(|id| self.rows.get(id)));
        if rows.is_empty() {
            return Ok(());
        }
        let statement = format!(
            "insert into {target}.categories
                 (id, name, sort_name, description, created_at, updated_at, version, deleted)
             select * from unnest($1::uuid[], $2::text[], $3::text[], $4::text[], $5::timestamptz[],
                 $6::timestamptz[], $7::int8[], $8::bool[])
             on conflict (id) do update set
                 name = excluded.name, sort_name = excluded.sort_name, description = excluded.description,
                 updated_at = excluded.updated_at, version = excluded.version, deleted = excluded.deleted"
        );
        sqlx::query(&statement)
            .bind(column(&rows, |row| row.id))
            .bind(column(&rows, |row| row.name.as_str()))
            .bind(column(&rows, |row| row.name.to_lowercase()))
            .bind(column(&rows, |row| row.description.as_str()))
            .bind(column(&rows, |row| row.created_at))
            .bind(column(&rows, |row| row.updated_at))
            .bind(column(&rows, |row| row.version))
            .bind(column(&rows, |row| row.deleted))
            .execute(conn)
            .await?;
        Ok(())
    }
}
