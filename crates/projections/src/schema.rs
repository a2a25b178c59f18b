//! The database schema that a read model lives in.
//!
//! A projection's live tables are in the schema that has its name; another build of the same read model
//! is in a schema of its own. So every statement takes the schema as a parameter, and because an
//! identifier can't be a bound parameter, only validated names get into SQL.

use std::{borrow::Cow, fmt, str::FromStr};

use sqlx::PgConnection;

use crate::table::Table;

/// A schema name that is safe to put into a statement: `[a-z][a-z0-9_]*`, at most 63 bytes, and none
/// of the schemas that hold something other than a read model.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct SchemaName(Cow<'static, str>);

/// PostgreSQL truncates longer identifiers without an error.
const MAX_BYTES: usize = 63;

const NOT_READ_MODELS: [&str; 7] = [
    "auth",
    "commands",
    "information_schema",
    "log",
    "projections",
    "public",
    "usage",
];

impl SchemaName {
    /// The schema of a projection's live read model.
    pub fn live(projection: &'static str) -> SchemaName {
        debug_assert!(is_valid(projection));
        SchemaName(Cow::Borrowed(projection))
    }

    /// A schema for another build of a projection's read model, such as `catalog_build`.
    pub(crate) fn beside(projection: &'static str, suffix: &str) -> SchemaName {
        let name = format!("{projection}_{suffix}");
        debug_assert!(is_valid(&name));
        SchemaName(Cow::Owned(name))
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

fn is_valid(name: &str) -> bool {
    name.len() <= MAX_BYTES
        && name.starts_with(|first: char| first.is_ascii_lowercase())
        && name
            .bytes()
            .all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'_'))
        && !name.starts_with("pg_")
        && !NOT_READ_MODELS.contains(&name)
}

impl FromStr for SchemaName {
    type Err = InvalidSchemaName;

    fn from_str(name: &str) -> Result<SchemaName, InvalidSchemaName> {
        if is_valid(name) {
            Ok(SchemaName(Cow::Owned(name.to_owned())))
        } else {
            Err(InvalidSchemaName(name.to_owned()))
        }
    }
}

impl fmt::Display for SchemaName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[derive(Debug, thiserror::Error)]
#[error(
    "{0:?} cannot be the schema of a read model: lower-case letters, digits and _ up to 63, and no schema in other use"
)]
pub struct InvalidSchemaName(String);

/// Creates `target` with empty tables like those of `source`: columns, defaults, generated columns,
/// checks and indices. Needs the right to create schemas.
pub async fn create_like(
    conn: &mut PgConnection,
    source: &SchemaName,
    target: &SchemaName,
    tables: &[Table],
) -> Result<(), sqlx::Error> {
    sqlx::query(&format!("create schema {target}"))
        .execute(&mut *conn)
        .await?;
    for Table { name: table, .. } in tables {
        let statement =
            format!("create table {target}.{table} (like {source}.{table} including all)");
        sqlx::query(&statement).execute(&mut *conn).await?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn takes_plain_names_and_nothing_else() {
        for good in ["catalog", "catalog_2", "a"] {
            assert!(good.parse::<SchemaName>().is_ok(), "{good}");
        }
        let long = "a".repeat(64);
        for bad in [
            "",
            "Catalog",
            "2catalog",
            "a-b",
            "a\"b",
            "a;drop",
            "pg_catalog",
            "log",
            "é",
            &long,
        ] {
            assert!(bad.parse::<SchemaName>().is_err(), "{bad}");
        }
    }
}
