//! Converts rows to the columns that `unnest` takes, and reads rows and columns back.

use std::{
    collections::{BTreeMap, BTreeSet},
    error::Error,
    str::FromStr,
};

use sqlx::{FromRow, PgConnection, Row, postgres::PgRow};
use uuid::Uuid;

/// One column of `rows`.
pub(crate) fn column<'a, R, T>(rows: &[&'a R], value: impl Fn(&'a R) -> T) -> Vec<T> {
    rows.iter().map(|row| value(row)).collect()
}

/// A column of values that are stored as text.
pub(crate) fn parsed<T>(row: &PgRow, name: &str) -> Result<T, sqlx::Error>
where
    T: FromStr<Err: Error + Send + Sync + 'static>,
{
    row.try_get::<&str, _>(name)?
        .parse()
        .map_err(|error| sqlx::Error::Decode(Box::new(error)))
}

/// The rows that `statement` finds for the ids bound to `$1`. Without ids the database isn't asked.
pub(crate) async fn rows_by_id<R>(
    conn: &mut PgConnection,
    statement: &str,
    ids: BTreeSet<Uuid>,
    id: impl Fn(&R) -> Uuid,
) -> Result<BTreeMap<Uuid, R>, sqlx::Error>
where
    R: for<'r> FromRow<'r, PgRow> + Send + Unpin,
{
    if ids.is_empty() {
        return Ok(BTreeMap::new());
    }
    let rows: Vec<R> = sqlx::query_as(statement)
        .bind(Vec::from_iter(ids))
        .fetch_all(conn)
        .await?;
    Ok(rows.into_iter().map(|row| (id(&row), row)).collect())
}
