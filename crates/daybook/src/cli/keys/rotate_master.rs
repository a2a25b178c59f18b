use std::time::{Duration, Instant};

use clap::Args;
use daybook_keys::{MasterKey, NextMasterKey};
use daybook_log::rotation::{self, Rotated, RotationError};
use secrecy::SecretString;
use sqlx::{ConnectOptions, Connection};
use tokio::time::sleep;

use crate::cli::runtime;
use crate::config::{DataConfig, DatabaseConfig, LogConfig, given, secret};
use crate::failure::Failure;
use crate::seed;
use crate::site::database::{Database, IfRunning};
use crate::site::schema;

/// The name of this command's database sessions. The rotation cannot start while Daybook has any other session.
const NAME: &str = "daybook keys";
/// How long to wait for sessions that are just ending.
const PATIENCE: Duration = Duration::from_secs(5);
const PAUSE: Duration = Duration::from_millis(100);

/// Replace the master key by a new one; no event is changed.
///
/// Wraps the keys of personal data anew in one transaction. Stop everything that uses the database first. If a rotation
/// was interrupted, run this again to finish it. If the present key is a file, the new one is a file too, generated or
/// taken from DAYBOOK_NEW_MASTER_KEY. If the present key is DAYBOOK_MASTER_KEY, the new one must be given, and must be
/// set there afterwards. Backups from before the rotation need the previous key.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  daybook keys rotate master
  DAYBOOK_MASTER_KEY=$OLD DAYBOOK_NEW_MASTER_KEY=$(openssl rand -base64 32) daybook keys rotate master")]
pub(crate) struct Arguments {
    /// The new key, 32 bytes in base64
    #[arg(
        long,
        env = "DAYBOOK_NEW_MASTER_KEY",
        hide_env_values = true,
        value_name = "BASE64",
        value_parser = secret()
    )]
    new_master_key: Option<SecretString>,
    #[command(flatten)]
    database: DatabaseConfig,
    #[command(flatten)]
    data: DataConfig,
    #[command(flatten)]
    log: LogConfig,
}

pub(super) fn run(arguments: Arguments) -> Result<(), Failure> {
    let log = arguments.log.clone();
    runtime::run_quietly(&log, |_| async move {
        let data = &arguments.data;
        Database::must_exist(&arguments.database, data)?;
        let present = MasterKey::existing(&data.folder, data.master_key())?;
        let next = MasterKey::next(
            &data.folder,
            given(arguments.new_master_key.as_ref()),
            data.master_key().is_some(),
        )?;
        let next = next.ok_or_else(|| {
            Failure::Arguments(
                "DAYBOOK_MASTER_KEY is set, so DAYBOOK_NEW_MASTER_KEY must be set too".to_owned(),
            )
        })?;
        let mut database = Database::open(&arguments.database, data, IfRunning::Refuse).await?;
        database.rename(NAME);
        let rotated = rotate(&database, &present, next).await;
        let demo = database.is_private();
        database.close().await;
        tell(rotated?, data, demo);
        Ok(())
    })
}

async fn rotate(
    database: &Database,
    present: &MasterKey,
    next: NextMasterKey,
) -> Result<Rotated, Failure> {
    schema::ready(database).await?;
    let rotated = change(database, present, next.key()).await?;
    // Only after the database uses the new key, and never without it.
    let new = next.take_over()?;
    if database.is_private() {
        seed::renew_passwords(&database.worker_pool(1), present, &new).await?;
    }
    Ok(rotated)
}

async fn change(
    database: &Database,
    present: &MasterKey,
    next: &MasterKey,
) -> Result<Rotated, Failure> {
    let mut connection = database
        .migration
        .connect()
        .await
        .map_err(Failure::database("connecting as DATABASE_MIGRATION_URL"))?;
    let deadline = Instant::now() + PATIENCE;
    let rotated = loop {
        match rotation::rotate(&mut connection, present.expose(), next.expose()).await {
            Err(RotationError::InUse { .. }) if Instant::now() < deadline => sleep(PAUSE).await,
            rotated => break rotated,
        }
    };
    let _ = connection.close().await;
    Ok(rotated?)
}

fn tell(rotated: Rotated, data: &DataConfig, demo: bool) {
    match rotated {
        Rotated::Now { persons } => {
            println!(
                "The database belongs to the new master key ({persons} persons' keys wrapped anew)."
            );
        }
        Rotated::Before => println!("The database belonged to the new master key already."),
    }
    match data.master_key() {
        Some(_) => println!("Set DAYBOOK_MASTER_KEY to what DAYBOOK_NEW_MASTER_KEY is now."),
        None => println!(
            "It is in {}.",
            data.folder.join("keys/master.key").display()
        ),
    }
    if demo {
        println!(
            "Passwords that Daybook made up for the demo shop and its administrator follow from the master key: \
             the next start shows the new ones."
        );
    }
}
