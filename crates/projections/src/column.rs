//! Rows turned into the columns that `unnest` takes, and columns read back.

use std::{error::Error, str::FromStr};

use sqlx::{Row, postgres::PgRow};

/// One column of `rows`.
pub(crate) fn column<'a, R, T>(rows: &[&'a R], value: impl Fn(&'a R) -> T) -> Vec<T> {
    rows.iter().map(|row| value(row)).collect()
}

/// A column whose text stands for a value.
pub(crate) fn parsed<T>(row: &PgRow, name: &str) -> Result<T, sqlx::Error>
where
    T: FromStr<Err: Error + Send + Sync + 'static>,
{
    row.try_get::<&str, _>(name)?
        .parse()
        .map_err(|error| sqlx::Error::Decode(Box::new(error)))
}
