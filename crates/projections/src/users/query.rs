//! The queries on the users.

use daybook_domain::UserId;
use sqlx::{FromRow, PgPool, QueryBuilder, Row, postgres::PgRow};
use uuid::Uuid;

use super::User;
use crate::{
    paging::{KeyKind, Keyset, Page, Paging, QueryError, fetch_page},
    schema::SchemaName,
};

/// The users' queries.
#[derive(Clone)]
pub struct UserQueries {
    pool: PgPool,
    schema: SchemaName,
}

const COLUMNS: &str = "u.id, u.email, u.first_name, u.last_name, u.roles, u.external_id, u.email_verified, \
     u.deactivated_at, u.created_at, u.updated_at, u.version";

const NEWEST: Keyset = Keyset {
    order: "users by newest",
    key: "u.created_at",
    kind: KeyKind::Instant,
    id: "u.id",
    descending: true,
};

impl UserQueries {
    pub(crate) fn new(pool: PgPool, schema: SchemaName) -> UserQueries {
        UserQueries { pool, schema }
    }

    /// All users, the newest first.
    pub async fn list(&self, paging: &Paging) -> Result<Page<User>, QueryError> {
        let mut conn = self.pool.acquire().await?;
        let total: i64 =
            sqlx::query_scalar(&format!("select count(*) from {}.users u", self.schema))
                .fetch_one(&mut *conn)
                .await?;
        let columns = NEWEST.columns();
        let query = QueryBuilder::new(format!(
            "select {COLUMNS}, {columns} from {}.users u where true",
            self.schema
        ));
        fetch_page(&mut conn, query, &NEWEST, paging, total).await
    }

    pub async fn get(&self, id: UserId) -> Result<Option<User>, QueryError> {
        let statement = format!(
            "select {COLUMNS} from {}.users u where u.id = $1",
            self.schema
        );
        Ok(sqlx::query_as(&statement)
            .bind(id.as_uuid())
            .fetch_optional(&self.pool)
            .await?)
    }
}

impl FromRow<'_, PgRow> for User {
    fn from_row(row: &PgRow) -> Result<User, sqlx::Error> {
        let roles: Vec<String> = row.try_get("roles")?;
        Ok(User {
            id: row.try_get::<Uuid, _>("id")?.into(),
            email: row.try_get("email")?,
            first_name: row.try_get("first_name")?,
            last_name: row.try_get("last_name")?,
            roles: roles
                .iter()
                .map(|role| role.parse())
                .collect::<Result<_, _>>()
                .map_err(|error| sqlx::Error::Decode(Box::new(error)))?,
            external_id: row.try_get("external_id")?,
            email_verified: row.try_get("email_verified")?,
            deactivated_at: row.try_get("deactivated_at")?,
            created_at: row.try_get("created_at")?,
            updated_at: row.try_get("updated_at")?,
            version: row.try_get("version")?,
        })
    }
}
