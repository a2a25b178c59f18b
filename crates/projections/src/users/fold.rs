//! Rows of `users`.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Utc};
use daybook_database::from_row;
use daybook_domain::{
    Event,
    user::{Role, UserEvent},
};
use daybook_log::RecordedEvent;
use futures::future::BoxFuture;
use sqlx::PgConnection;
use uuid::Uuid;

use crate::{
    column::{column, rows_by_id},
    projection::{Fold, Target, Unfoldable, is_next},
};

/// The rows that a batch changes.
pub(super) struct UserFold {
    rows: BTreeMap<Uuid, UserRow>,
    changed: BTreeSet<Uuid>,
}

struct UserRow {
    id: Uuid,
    email: Option<String>,
    first_name: Option<String>,
    last_name: Option<String>,
    roles: Vec<String>,
    external_id: Option<String>,
    email_verified: bool,
    deactivated_at: Option<DateTime<Utc>>,
    created_at: DateTime<Utc>,
    updated_at: DateTime<Utc>,
    version: i64,
}

from_row!(UserRow {
    id,
    email,
    first_name,
    last_name,
    roles,
    external_id,
    email_verified,
    deactivated_at,
    created_at,
    updated_at,
    version
});

impl UserRow {
    fn blank(id: Uuid, at: DateTime<Utc>) -> UserRow {
        UserRow {
            id,
            email: None,
            first_name: None,
            last_name: None,
            roles: Vec::new(),
            external_id: None,
            email_verified: false,
            deactivated_at: None,
            created_at: at,
            updated_at: at,
            version: 0,
        }
    }

    fn user(&mut self, event: &UserEvent, at: DateTime<Utc>) {
        match event {
            UserEvent::Registered {
                email,
                first_name,
                last_name,
                roles,
            } => {
                self.email = email.known().map(ToString::to_string);
                self.first_name = first_name.known().cloned();
                self.last_name = last_name.known().cloned();
                self.set_roles(roles);
            }
            UserEvent::Imported {
                source: _,
                external_id,
            } => {
                self.external_id = external_id.known().cloned();
                self.set_roles(&BTreeSet::from([Role::User]));
            }
            UserEvent::Renamed {
                first_name,
                last_name,
            } => {
                self.first_name = first_name.known().cloned();
                self.last_name = last_name.known().cloned();
            }
            UserEvent::RolesChanged { roles } => self.set_roles(roles),
            UserEvent::Deactivated {} => self.deactivated_at = Some(at),
            UserEvent::Reactivated {} => self.deactivated_at = None,
            UserEvent::EmailVerified {} => self.email_verified = true,
            UserEvent::Erased {} => {
                self.email = None;
                self.first_name = None;
                self.last_name = None;
                self.external_id = None;
                self.roles.clear();
                self.email_verified = false;
                self.deactivated_at = None;
            }
        }
    }

    fn set_roles(&mut self, roles: &BTreeSet<Role>) {
        self.roles = roles.iter().map(ToString::to_string).collect();
    }
}

impl UserFold {
    pub(super) async fn load(
        conn: &mut PgConnection,
        target: &Target,
        events: &[RecordedEvent],
    ) -> Result<UserFold, sqlx::Error> {
        let concerned = events
            .iter()
            .filter(|event| matches!(event.event, Event::User(_)));
        let ids: BTreeSet<Uuid> = concerned.map(|event| event.stream.id).collect();
        let statement = format!(
            "select id, email, first_name, last_name, roles, external_id, email_verified, deactivated_at, created_at,
                 updated_at, version
             from {target}.users where id = any($1)"
        );
        let rows = rows_by_id(conn, &statement, ids, |row: &UserRow| row.id).await?;
        Ok(UserFold {
            rows,
            changed: BTreeSet::new(),
        })
    }
}

impl Fold for UserFold {
    fn event(&mut self, event: &RecordedEvent, follows: i64) -> Result<(), Unfoldable> {
        let Event::User(user_event) = &event.event else {
            return Ok(());
        };
        let id = event.stream.id;
        let row = self
            .rows
            .entry(id)
            .or_insert_with(|| UserRow::blank(id, event.occurred_at));
        if !is_next(row.version, follows, event)? {
            return Ok(());
        }
        row.user(user_event, event.occurred_at);
        row.version = event.sequence;
        row.updated_at = event.occurred_at;
        self.changed.insert(id);
        Ok(())
    }

    fn write<'a>(
        &'a self,
        conn: &'a mut PgConnection,
        target: &'a Target,
    ) -> BoxFuture<'a, Result<(), sqlx::Error>> {
        Box::pin(async move {
            let rows = Vec::from_iter(self.changed.iter().filter_map(|id| self.rows.get(id)));
            if rows.is_empty() {
                return Ok(());
            }
            // unnest flattens nested arrays, so the roles travel as text.
            let statement = format!(
                "insert into {target}.users (id, email, first_name, last_name, roles, external_id, email_verified,
                     deactivated_at, created_at, updated_at, version)
                 select u.id, u.email, u.first_name, u.last_name, string_to_array(u.roles, ','),
                     u.external_id, u.email_verified, u.deactivated_at, u.created_at, u.updated_at, u.version
                 from unnest($1::uuid[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[],
                     $7::bool[], $8::timestamptz[], $9::timestamptz[], $10::timestamptz[], $11::int8[])
                     as u (id, email, first_name, last_name, roles, external_id, email_verified, deactivated_at,
                         created_at, updated_at, version)
                 on conflict (id) do update set
                     email = excluded.email, first_name = excluded.first_name, last_name = excluded.last_name,
                     roles = excluded.roles, external_id = excluded.external_id, email_verified = excluded.email_verified,
                     deactivated_at = excluded.deactivated_at, updated_at = excluded.updated_at, version = excluded.version"
            );
            sqlx::query(&statement)
                .bind(column(&rows, |row| row.id))
                .bind(column(&rows, |row| row.email.as_deref()))
                .bind(column(&rows, |row| row.first_name.as_deref()))
                .bind(column(&rows, |row| row.last_name.as_deref()))
                .bind(column(&rows, |row| row.roles.join(",")))
                .bind(column(&rows, |row| row.external_id.as_deref()))
                .bind(column(&rows, |row| row.email_verified))
                .bind(column(&rows, |row| row.deactivated_at))
                .bind(column(&rows, |row| row.created_at))
                .bind(column(&rows, |row| row.updated_at))
                .bind(column(&rows, |row| row.version))
                .execute(conn)
                .await?;
            Ok(())
        })
    }
}
