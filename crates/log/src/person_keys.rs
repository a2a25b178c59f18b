//! The table of persons' keys, with a cache before it.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use moka::sync::Cache;
use sqlx::{PgPool, query_as};
use uuid::Uuid;

use crate::seal::{self, PersonKey};
use crate::{LogError, Secrets};

/// Bounds how long another process may still open what an erasure has closed.
const CACHED_FOR: Duration = Duration::from_secs(30);
const CACHED_KEYS: u64 = 100_000;

#[derive(Clone)]
pub(crate) struct PersonKeys {
    pool: PgPool,
    secrets: Arc<Secrets>,
    cache: Cache<Uuid, Arc<PersonKey>>,
}

impl PersonKeys {
    pub(crate) fn new(pool: PgPool, secrets: Arc<Secrets>) -> PersonKeys {
        let cache = Cache::builder()
            .max_capacity(CACHED_KEYS)
            .time_to_live(CACHED_FOR)
            .build();
        PersonKeys {
            pool,
            secrets,
            cache,
        }
    }

    /// A key for a person who has none yet, and its wrapped form, to be stored with their first event.
    pub(crate) fn create(&self, person: Uuid) -> Result<(Arc<PersonKey>, Vec<u8>), LogError> {
        let bytes = seal::random_key()?;
        Ok((
            Arc::new(PersonKey::from_bytes(&bytes)),
            self.secrets.wrap(&bytes, person)?,
        ))
    }

    /// The keys of those of `persons` who have one.
    pub(crate) async fn load(
        &self,
        persons: &[Uuid],
    ) -> Result<HashMap<Uuid, Arc<PersonKey>>, LogError> {
        let mut keys = HashMap::new();
        let mut missing = Vec::new();
        for &person in persons {
            match self.cache.get(&person) {
                Some(key) => drop(keys.insert(person, key)),
                None => missing.push(person),
            }
        }
        if missing.is_empty() {
            return Ok(keys);
        }
        let rows: Vec<(Uuid, Vec<u8>)> = query_as(
            "select person_id, wrapped_key from log.person_keys where person_id = any($1)",
        )
        .bind(&missing)
        .fetch_all(&self.pool)
        .await?;
        for (person, wrapped) in rows {
            let key = Arc::new(self.secrets.unwrap(&wrapped, person)?);
            self.cache.insert(person, Arc::clone(&key));
            keys.insert(person, key);
        }
        Ok(keys)
    }
}
