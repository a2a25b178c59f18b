//! The table of persons' keys, with a cache before it.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use moka::sync::Cache;
use sqlx::{PgPool, query_as};
use uuid::Uuid;

use crate::seal::{self, PersonKey};
use crate::{LogError, Secrets};

/// Bounds how long a process that hears of no erasures can still read data of an erased person.
const CACHED_FOR: Duration = Duration::from_secs(30);
/// Longer than a key that was read before its erasure can take to get into the cache.
const FORGOTTEN_FOR: Duration = Duration::from_secs(300);
const CACHED_KEYS: u64 = 100_000;

#[derive(Clone)]
pub(crate) struct PersonKeys {
    pool: PgPool,
    secrets: Arc<Secrets>,
    cache: Cache<Uuid, Arc<PersonKey>>,
    forgotten: Cache<Uuid, ()>,
}

impl PersonKeys {
    pub(crate) fn new(pool: PgPool, secrets: Arc<Secrets>) -> PersonKeys {
        let cache = Cache::builder()
            .max_capacity(CACHED_KEYS)
            .time_to_live(CACHED_FOR)
            .build();
        let forgotten = Cache::builder().time_to_live(FORGOTTEN_FOR).build();
        PersonKeys {
            pool,
            secrets,
            cache,
            forgotten,
        }
    }

    pub(crate) fn forget(&self, person: Uuid) {
        self.forgotten.insert(person, ());
        self.cache.invalidate(&person);
    }

    /// A key for a person who has none yet, and its wrapped form, to be stored with their first event.
    pub(crate) fn create(&self, person: Uuid) -> Result<(Arc<PersonKey>, Vec<u8>), LogError> {
        let bytes = seal::random_key()?;
        Ok((
            Arc::new(PersonKey::from_bytes(&bytes)),
            self.secrets.wrap(&bytes, person)?,
        ))
    }

    /// The keys of those `persons` who have one.
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
        // Checked last: an erasure may have been announced since the keys were read.
        keys.retain(|person, _| !self.forgotten.contains_key(person));
        self.forget_again(&missing);
        Ok(keys)
    }

    /// Removes keys that were put into the cache after they had been forgotten.
    fn forget_again(&self, persons: &[Uuid]) {
        for person in persons {
            if self.forgotten.contains_key(person) {
                self.cache.invalidate(person);
            }
        }
    }
}
