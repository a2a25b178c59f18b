//! Changing the master key, without touching an event.
//!
//! Persons' keys and the HMAC keys are wrapped anew in one transaction: the database belongs to the old master key or
//! to the new one, never to both. Nobody may use the database meanwhile, since a server goes on wrapping with the key
//! that it was started with. A server that starts during the rotation waits for it and is then refused.

use sqlx::{Connection, PgConnection, query, query_as, query_scalar};
use uuid::Uuid;

use crate::secrets::{CHECK, HMAC_KEYS};
use crate::{APPEND_LOCK, DATABASE_REMEDY, SealError, Secrets};

const CHUNK: i64 = 5_000;

/// What a rotation found or did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rotated {
    /// The database now belongs to the new key, and this many persons' keys were wrapped anew.
    Now { persons: i64 },
    /// The database belonged to the new key already.
    Before,
}

#[derive(Debug, thiserror::Error)]
pub enum RotationError {
    #[error("the database did not answer as expected")]
    Database(#[from] sqlx::Error),
    #[error("a wrapped key cannot be opened with the present master key")]
    Seal(#[from] SealError),
    #[error("the database belongs neither to the present master key nor to the new one")]
    NeitherKey,
    #[error("another process of Daybook is at work on this database ({sessions} sessions)")]
    InUse { sessions: i64 },
    #[error("the role {role} may not change the master key")]
    NotPermitted { role: String },
}

impl RotationError {
    /// How to mend it, for the line that an operator reads.
    pub fn remedy(&self) -> &'static str {
        match self {
            RotationError::Database(_) => DATABASE_REMEDY,
            RotationError::Seal(_) | RotationError::NeitherKey => {
                "give the master key that the database belongs to; nothing was changed"
            }
            RotationError::InUse { .. } => "stop it, then try again; nothing was changed",
            RotationError::NotPermitted { .. } => {
                "set DATABASE_MIGRATION_URL to the role that migrates the database"
            }
        }
    }
}

/// Makes the database belong to `new` instead of `old`; done already, it changes nothing. `connection` is one of
/// the role that migrates.
pub async fn rotate(
    connection: &mut PgConnection,
    old: &[u8; 32],
    new: &[u8; 32],
) -> Result<Rotated, RotationError> {
    let (role, may): (String, bool) =
        query_as("select current_user::text, has_table_privilege('log.settings', 'update')")
            .fetch_one(&mut *connection)
            .await?;
    if !may {
        return Err(RotationError::NotPermitted { role });
    }
    let mut transaction = connection.begin().await?;
    match change_alone(&mut transaction, old, new).await {
        Ok(rotated) => {
            transaction.commit().await?;
            Ok(rotated)
        }
        Err(error) => {
            // Fail at once if it is taken: a process that starts would wait for the lock.
            transaction.rollback().await?;
            Err(error)
        }
    }
}

async fn change_alone(
    connection: &mut PgConnection,
    old: &[u8; 32],
    new: &[u8; 32],
) -> Result<Rotated, RotationError> {
    // A process that starts now waits when it asks for the master key's check.
    query("lock table log.settings in access exclusive mode")
        .execute(&mut *connection)
        .await?;
    nobody_else(connection).await?;
    query("select pg_advisory_xact_lock($1)")
        .bind(APPEND_LOCK)
        .execute(&mut *connection)
        .await?;
    change_key(connection, old, new).await
}

/// Counts every session but this one, also others of the same process.
async fn nobody_else(connection: &mut PgConnection) -> Result<(), RotationError> {
    let sessions: i64 = query_scalar(
        "select count(*) from pg_stat_activity
         where datname = current_database() and application_name = 'daybook' and pid <> pg_backend_pid()",
    )
    .fetch_one(connection)
    .await?;
    match sessions {
        0 => Ok(()),
        sessions => Err(RotationError::InUse { sessions }),
    }
}

async fn change_key(
    connection: &mut PgConnection,
    old: &[u8; 32],
    new: &[u8; 32],
) -> Result<Rotated, RotationError> {
    let (old, new) = (Secrets::from_master_key(old), Secrets::from_master_key(new));
    // A database that no server was ever started on has no master key yet: the new key may take it.
    match setting(connection, CHECK).await? {
        Some(check) if check == new.check_value() => return Ok(Rotated::Before),
        Some(check) if check != old.check_value() => return Err(RotationError::NeitherKey),
        _ => {}
    }
    let persons = wrap_persons_keys(connection, &old, &new).await?;
    let hmac_keys = match setting(connection, HMAC_KEYS).await? {
        Some(wrapped) => old.unwrap_hmac_keys(&wrapped)?,
        None => old.into_hmac_keys(),
    };
    set(connection, HMAC_KEYS, &new.wrap_hmac_keys(&hmac_keys)?).await?;
    set(connection, CHECK, &new.check_value()).await?;
    Ok(Rotated::Now { persons })
}

async fn wrap_persons_keys(
    connection: &mut PgConnection,
    old: &Secrets,
    new: &Secrets,
) -> Result<i64, RotationError> {
    let (mut last, mut persons) = (Uuid::nil(), 0);
    loop {
        let keys: Vec<(Uuid, Vec<u8>)> = query_as(
            "select person_id, wrapped_key from log.person_keys
             where person_id > $1 order by person_id limit $2",
        )
        .bind(last)
        .bind(CHUNK)
        .fetch_all(&mut *connection)
        .await?;
        let Some((person, _)) = keys.last() else {
            return Ok(persons);
        };
        last = *person;
        persons += keys.len() as i64;
        let (mut ids, mut wrapped) = (Vec::new(), Vec::new());
        for (person, key) in keys {
            wrapped.push(new.wrap(&old.unwrap_bytes(&key, person)?, person)?);
            ids.push(person);
        }
        query(
            "update log.person_keys k set wrapped_key = n.wrapped_key
             from unnest($1::uuid[], $2::bytea[]) as n (person_id, wrapped_key)
             where k.person_id = n.person_id",
        )
        .bind(&ids)
        .bind(&wrapped)
        .execute(&mut *connection)
        .await?;
    }
}

async fn setting(
    connection: &mut PgConnection,
    name: &str,
) -> Result<Option<Vec<u8>>, sqlx::Error> {
    query_scalar("select value from log.settings where name = $1")
        .bind(name)
        .fetch_optional(connection)
        .await
}

async fn set(connection: &mut PgConnection, name: &str, value: &[u8]) -> Result<(), sqlx::Error> {
    query(
        "insert into log.settings (name, value) values ($1, $2)
         on conflict (name) do update set value = excluded.value",
    )
    .bind(name)
    .bind(value)
    .execute(connection)
    .await?;
    Ok(())
}
