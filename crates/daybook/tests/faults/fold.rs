//! The read models computed from the log, in plain SQL that shares nothing with the projectors: each table is computed
//! from the whole log at once, and compared row by row with the projectors' table.

use sqlx::{Executor, PgConnection, PgPool, query_as, query_scalar};

/// A table of a read model and the query for its rows.
struct Table {
    projection: &'static str,
    name: &'static str,
    fold: &'static str,
    /// Columns that carry no information of their own, or that need a person's key.
    without: &'static [&'static str],
}

macro_rules! table {
    ($projection:literal . $name:literal, without $without:expr) => {
        Table {
            projection: $projection,
            name: $name,
            fold: include_str!(concat!("fold/", $projection, ".", $name, ".sql")),
            without: &$without,
        }
    };
    ($projection:literal . $name:literal) => {
        table!($projection . $name, without [])
    };
}

const TABLES: [Table; 13] = [
    table!("catalog"."products", without ["search"]),
    table!("catalog"."categories"),
    table!("orders"."orders"),
    table!("orders"."order_lines"),
    table!("orders"."order_history"),
    table!("users"."users", without ["email", "first_name", "last_name", "external_id"]),
    table!("analytics"."orders"),
    table!("analytics"."lines"),
    table!("analytics"."products"),
    table!("analytics"."sales"),
    table!("analytics"."product_months"),
    table!("analytics"."customers"),
    table!("trail"."events"),
];

/// The projections that are compared.
pub const PROJECTIONS: [&str; 5] = ["catalog", "orders", "users", "analytics", "trail"];

/// How many different rows are shown.
const SHOWN: i64 = 5;

/// Compares every table of every read model with the log. Neither may change meanwhile.
pub async fn equals_the_read_models(pool: &PgPool) {
    no_table_is_left_out(pool).await;
    let mut connection = pool.acquire().await.unwrap();
    let mut wrong = Vec::new();
    for projection in PROJECTIONS {
        let sources = include_str!("fold/sources.sql").replace("{projection}", projection);
        connection.execute(sources.as_str()).await.unwrap();
        for table in TABLES.iter().filter(|table| table.projection == projection) {
            wrong.extend(table.differences(&mut connection).await);
        }
    }
    assert!(
        wrong.is_empty(),
        "read models differ from the log:\n{}",
        wrong.join("\n")
    );
}

async fn no_table_is_left_out(pool: &PgPool) {
    let there: Vec<String> = query_scalar(
        "select schemaname || '.' || tablename from pg_tables where schemaname = any($1) order by 1",
    )
    .bind(&PROJECTIONS[..])
    .fetch_all(pool)
    .await
    .unwrap();
    let mut compared: Vec<String> = TABLES
        .iter()
        .map(|table| format!("{}.{}", table.projection, table.name))
        .collect();
    compared.sort();
    assert_eq!(compared, there);
}

impl Table {
    /// Rows that only one side has, as text; a row that differs appears on both sides.
    async fn differences(&self, connection: &mut PgConnection) -> Vec<String> {
        let statement = format!(
            "with folded as (select to_jsonb(f) as row from ({fold}) f),
                  found as (select to_jsonb(t) - $1::text[] as row from {projection}.{name} t)
             (select 'lacks', row::text from (select row from folded except all select row from found) f limit $2)
             union all
             (select 'has', row::text from (select row from found except all select row from folded) f limit $2)",
            fold = self.fold,
            projection = self.projection,
            name = self.name,
        );
        let rows: Vec<(String, String)> = query_as(&statement)
            .bind(self.without)
            .bind(SHOWN)
            .fetch_all(connection)
            .await
            .unwrap();
        rows.into_iter()
            .map(|(verb, row)| format!("{}.{} {verb} {row}", self.projection, self.name))
            .collect()
    }
}
