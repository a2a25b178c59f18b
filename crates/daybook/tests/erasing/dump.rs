//! Everything that a database contains, as text.

use daybook_private_postgres::testing::TestDatabase;
use sqlx::query_scalar;
use tokio::process::Command;

use crate::process::run;

/// The output of `pg_dump` for the whole database.
pub(crate) async fn dump(database: &TestDatabase) -> String {
    let pool = database.superuser_pool().unwrap();
    let programs: String = query_scalar("select setting from pg_config() where name = 'BINDIR'")
        .fetch_one(&pool)
        .await
        .unwrap();
    let mut command = Command::new(format!("{programs}/pg_dump"));
    let dumped = run(command.arg("--dbname").arg(database.superuser_url())).await;
    assert!(dumped.status.success(), "{dumped:?}");
    String::from_utf8(dumped.stdout).unwrap()
}

/// The `markers` that occur in `text`, in any case, as plain text or as a dump writes bytes.
pub(crate) fn found<'m>(markers: &[&'m str], text: &str) -> Vec<&'m str> {
    let text = text.to_lowercase();
    let stands = |marker: &&&str| {
        let marker = marker.to_lowercase();
        let bytes: String = marker.bytes().map(|byte| format!("{byte:02x}")).collect();
        text.contains(&marker) || text.contains(&bytes)
    };
    markers.iter().filter(stands).copied().collect()
}
